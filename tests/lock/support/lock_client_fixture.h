// SPDX-License-Identifier: Apache-2.0
//
// A LockClient over a MemoryLockBackend in virtual time, with a FlakyBackend
// between them.

#ifndef TRIVET_TESTS_LOCK_SUPPORT_LOCK_CLIENT_FIXTURE_H_
#define TRIVET_TESTS_LOCK_SUPPORT_LOCK_CLIENT_FIXTURE_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "tests/lock/support/flaky_backend.h"
#include "tests/support/manual_executor.h"
#include "trivet/adapters/memory/memory_lock_backend.h"
#include "trivet/lock/lock_client.h"

namespace trivet {

class LockClientFixture : public ::testing::Test {
 protected:
  using Op = FlakyBackend::Op;
  using Locked = std::shared_ptr<std::optional<absl::StatusOr<Lease>>>;
  using Tried =
      std::shared_ptr<std::optional<absl::StatusOr<std::optional<Lease>>>>;

  std::unique_ptr<LockClient> MakeClient(LockClientOptions options = {},
                                         const std::string& owner = "tests") {
    auto client = LockClient::Create(&executor_, &flaky_, owner, options);
    EXPECT_TRUE(client.ok()) << client.status();
    return *std::move(client);
  }

  static Locked Start(LockClient& client, const std::string& lock,
                      absl::Duration timeout) {
    const auto result =
        std::make_shared<std::optional<absl::StatusOr<Lease>>>();
    client.LockAsync(lock, timeout, [result](absl::StatusOr<Lease> lease) {
      *result = std::move(lease);
    });
    return result;
  }

  static Tried StartTry(LockClient& client, const std::string& lock) {
    const auto result =
        std::make_shared<std::optional<absl::StatusOr<std::optional<Lease>>>>();
    client.TryLockAsync(lock,
                        [result](absl::StatusOr<std::optional<Lease>> lease) {
                          *result = std::move(lease);
                        });
    return result;
  }

  // Takes a lock that is free.
  Lease Take(LockClient& client, const std::string& lock = "jobs") {
    const Locked locked = Start(client, lock, absl::Seconds(30));
    executor_.RunUntilIdle();
    EXPECT_TRUE(locked->has_value() && (*locked)->ok());
    return **std::move(*locked);
  }

  // The lock is free for somebody else.
  bool IsFree(const std::string& lock) {
    bool free = false;
    const LeaseKey key{lock, "a passer-by", ""};
    memory_.Acquire(key, absl::Seconds(1), executor_.Now(), [&](auto grant) {
      free = grant.ok() && grant->has_value();
    });
    memory_.Release(key, executor_.Now(), [](auto) {});
    return free;
  }

  ManualExecutor executor_;
  MemoryLockBackend memory_{&executor_};
  FlakyBackend flaky_{&memory_};
};

}  // namespace trivet

#endif  // TRIVET_TESTS_LOCK_SUPPORT_LOCK_CLIENT_FIXTURE_H_
