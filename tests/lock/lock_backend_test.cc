// SPDX-License-Identifier: Apache-2.0
//
// What trivet's own backends say to arguments that no backend can take. What
// every backend promises is tried in tests/conformance.

#include "trivet/lock/lock_backend.h"

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/lock/support/fake_store.h"
#include "tests/support/manual_executor.h"
#include "trivet/adapters/memory/memory_lock_backend.h"
#include "trivet/lock/cas_lock_backend.h"

namespace trivet {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// The three calls, which are answered inside.
class Calls {
 public:
  explicit Calls(LockBackend* backend) : backend_(backend) {}

  std::string Acquire(const std::string& lock, const std::string& id,
                      absl::Duration ttl) {
    backend_->Acquire({lock, id, "owner"}, ttl, kNoDeadline, Note());
    return message_;
  }
  std::string Renew(const std::string& lock, const std::string& id) {
    backend_->Renew({lock, id, "owner"}, kTtl, kNoDeadline, Note());
    return message_;
  }
  std::string Release(const std::string& lock, const std::string& id) {
    backend_->Release({lock, id, "owner"}, kNoDeadline, Note());
    return message_;
  }

  static constexpr absl::Duration kTtl = absl::Seconds(10);

 private:
  static constexpr MonotonicTime kNoDeadline = MonotonicTime::InfiniteFuture();

  struct Noted {
    Calls* calls;
    template <typename T>
    void operator()(const absl::StatusOr<T>& reply) {
      EXPECT_TRUE(absl::IsInvalidArgument(reply.status())) << reply.status();
      calls->message_ = std::string(reply.status().message());
    }
  };
  Noted Note() {
    message_.clear();
    return {this};
  }

  LockBackend* const backend_;
  std::string message_;
};

void ExpectArgumentsAreCheckedAndNamed(LockBackend* backend) {
  Calls calls(backend);
  EXPECT_THAT(calls.Acquire("", "a", Calls::kTtl),
              AllOf(HasSubstr("LeaseKey.lock"), HasSubstr("0 bytes")));
  EXPECT_THAT(calls.Renew(std::string(513, 'x'), "a"),
              AllOf(HasSubstr("513 bytes"), HasSubstr("512")));
  EXPECT_THAT(calls.Release("lock", ""), HasSubstr("LeaseKey.lease_id"));
  EXPECT_THAT(calls.Acquire("lock", "a", -absl::Seconds(1)),
              AllOf(HasSubstr("ttl is -1s"), HasSubstr("positive")));
}

TEST(MemoryLockBackend, ArgumentsAreCheckedAndNamed) {
  ManualExecutor executor;
  MemoryLockBackend backend(&executor);
  ExpectArgumentsAreCheckedAndNamed(&backend);
}

TEST(CasLockBackend, ArgumentsAreCheckedAndNamed) {
  ManualExecutor executor;
  FakeStore store;
  CasLockBackend backend(&executor, &store);
  ExpectArgumentsAreCheckedAndNamed(&backend);
}

TEST(LockBackend, ThatDoesNotNotifyLetsGoOfWhoeverWaits) {
  ManualExecutor executor;
  FakeStore store;
  CasLockBackend backend(&executor, &store);
  ASSERT_FALSE(backend.Traits().notifies);
  auto alive = std::make_shared<int>();
  backend.AwaitRelease({"lock", "a", "owner"}, [alive] { ADD_FAILURE(); });
  EXPECT_EQ(alive.use_count(), 1);
}

}  // namespace
}  // namespace trivet
