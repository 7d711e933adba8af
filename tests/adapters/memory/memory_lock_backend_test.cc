// SPDX-License-Identifier: Apache-2.0
//
// What is MemoryLockBackend's own: its line and its hints, in virtual time.

#include "trivet/adapters/memory/memory_lock_backend.h"

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/manual_executor.h"
#include "trivet/lock/lock_backend.h"

namespace trivet {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr absl::Duration kTtl = absl::Seconds(10);

class MemoryLockBackendTest : public ::testing::Test {
 protected:
  bool Acquire(const std::string& id, const std::string& lock = "lock",
               absl::Duration ttl = kTtl) {
    bool granted = false;
    backend_->Acquire(Key(id, lock), ttl, executor_.Now(), [&](auto grant) {
      granted = grant.ok() && grant->has_value();
    });
    return granted;
  }
  void Release(const std::string& id, const std::string& lock = "lock") {
    backend_->Release(Key(id, lock), executor_.Now(), [](auto) {});
  }
  // Notes the id when the hint is given.
  void Await(const std::string& id, const std::string& lock = "lock") {
    backend_->AwaitRelease(Key(id, lock), [this, id] { told_.push_back(id); });
  }
  const LeaseKey& Key(const std::string& id, const std::string& lock) {
    keys_.push_back({lock, id, "owner"});
    return keys_.back();
  }

  ManualExecutor executor_;
  std::deque<LeaseKey> keys_;
  std::vector<std::string> told_;
  std::unique_ptr<MemoryLockBackend> backend_ =
      std::make_unique<MemoryLockBackend>(&executor_);
};

TEST_F(MemoryLockBackendTest, TokensCountGrantsFromOne) {
  for (uint64_t grant = 1; grant <= 3; ++grant) {
    backend_->Acquire(Key("a", "lock"), kTtl, executor_.Now(), [&](auto got) {
      EXPECT_EQ((*got)->token, (FencingToken{0, grant}));
    });
    Release("a");
  }
}

TEST_F(MemoryLockBackendTest, OnlyTheFirstInLineIsTold) {
  ASSERT_TRUE(Acquire("a"));
  for (const char* const id : {"b", "c"}) {
    ASSERT_FALSE(Acquire(id));
    Await(id);
  }
  Release("a");
  EXPECT_THAT(told_, IsEmpty());  // On the executor, not inside the call.
  executor_.RunUntilIdle();
  EXPECT_THAT(told_, ElementsAre("b"));
  ASSERT_TRUE(Acquire("b"));
  Release("b");
  executor_.RunUntilIdle();
  EXPECT_THAT(told_, ElementsAre("b", "c"));
}

TEST_F(MemoryLockBackendTest, ExpiryIsToldWhenItHappens) {
  ASSERT_TRUE(Acquire("a"));
  ASSERT_FALSE(Acquire("b", "lock", 3 * kTtl));
  Await("b");
  executor_.AdvanceBy(kTtl - absl::Milliseconds(1));
  EXPECT_THAT(told_, IsEmpty());
  executor_.AdvanceBy(absl::Milliseconds(1));
  EXPECT_THAT(told_, ElementsAre("b"));
  EXPECT_TRUE(Acquire("b"));
}

TEST_F(MemoryLockBackendTest, ARenewalPutsTheHintOff) {
  ASSERT_TRUE(Acquire("a"));
  ASSERT_FALSE(Acquire("b", "lock", 3 * kTtl));
  Await("b");
  executor_.AdvanceBy(kTtl / 2);
  backend_->Renew(Key("a", "lock"), kTtl, executor_.Now(), [](auto) {});
  executor_.AdvanceBy(kTtl - absl::Milliseconds(1));
  EXPECT_THAT(told_, IsEmpty());
  executor_.AdvanceBy(absl::Milliseconds(1));
  EXPECT_THAT(told_, ElementsAre("b"));
}

TEST_F(MemoryLockBackendTest, TheNextIsToldWhenTheFirstDoesNotCome) {
  ASSERT_TRUE(Acquire("a", "lock", 3 * kTtl));
  ASSERT_FALSE(Acquire("b"));
  ASSERT_FALSE(Acquire("c", "lock", 2 * kTtl));
  Await("b");
  Await("c");
  Release("a");
  executor_.AdvanceBy(kTtl - absl::Milliseconds(1));
  EXPECT_THAT(told_, ElementsAre("b"));
  EXPECT_FALSE(Acquire("c", "lock", 2 * kTtl));
  executor_.AdvanceBy(absl::Milliseconds(1));  // b's place has run out.
  EXPECT_THAT(told_, ElementsAre("b", "c"));
  EXPECT_TRUE(Acquire("c"));
}

TEST_F(MemoryLockBackendTest, WhoWaitsForAFreeLockIsToldAtOnce) {
  Await("nobody");  // Not in line.
  ASSERT_TRUE(Acquire("a"));
  ASSERT_FALSE(Acquire("b"));
  Release("a");
  Await("b");  // The release came between the refusal and this.
  executor_.RunUntilIdle();
  EXPECT_THAT(told_, ElementsAre("nobody", "b"));
}

TEST_F(MemoryLockBackendTest, ReleaseEndsTheWait) {
  ASSERT_TRUE(Acquire("a"));
  ASSERT_FALSE(Acquire("b"));
  Await("b");
  Release("b");
  Release("a");
  executor_.AdvanceBy(absl::Minutes(1));
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(MemoryLockBackendTest, ANewHintReplacesTheOld) {
  ASSERT_TRUE(Acquire("a"));
  ASSERT_FALSE(Acquire("b"));
  Await("b");
  Await("b");
  Release("a");
  executor_.RunUntilIdle();
  EXPECT_THAT(told_, ElementsAre("b"));
}

TEST_F(MemoryLockBackendTest, AskingAgainKeepsThePlace) {
  ASSERT_TRUE(Acquire("a", "lock", 10 * kTtl));
  ASSERT_FALSE(Acquire("b"));
  executor_.AdvanceBy(kTtl / 2);
  ASSERT_FALSE(Acquire("c"));
  for (int i = 0; i < 5; ++i) {
    EXPECT_FALSE(Acquire("b"));
    EXPECT_FALSE(Acquire("c"));
    executor_.AdvanceBy(kTtl / 2);
  }
  Release("a");
  EXPECT_FALSE(Acquire("c"));
  EXPECT_TRUE(Acquire("b"));
}

TEST_F(MemoryLockBackendTest, NeedsOneTimerWhateverWaits) {
  for (int i = 0; i < 100; ++i) {
    const std::string lock = std::to_string(i);
    ASSERT_TRUE(Acquire("a", lock));
    ASSERT_FALSE(Acquire("b", lock, 3 * kTtl));
    Await("b", lock);
    executor_.AdvanceBy(absl::Milliseconds(1));
  }
  EXPECT_LE(executor_.pending(), 2);
  executor_.AdvanceBy(kTtl);
  EXPECT_EQ(told_.size(), 100);
  executor_.AdvanceBy(3 * kTtl);
  EXPECT_EQ(executor_.pending(), 0);
}

TEST_F(MemoryLockBackendTest, NoHintIsGivenAfterDestruction) {
  auto witness = std::make_shared<int>();
  ASSERT_TRUE(Acquire("a"));
  ASSERT_FALSE(Acquire("b"));
  ASSERT_FALSE(Acquire("c"));
  const auto hint = [this, witness] { told_.emplace_back("?"); };
  backend_->AwaitRelease(Key("b", "lock"), hint);
  backend_->AwaitRelease(Key("c", "lock"), hint);
  Release("a");  // b's hint is on its way.
  backend_.reset();
  EXPECT_EQ(witness.use_count(), 3) << "c's is destroyed, b's not yet";
  executor_.AdvanceBy(absl::Minutes(1));
  EXPECT_THAT(told_, IsEmpty());
  EXPECT_EQ(witness.use_count(), 2);
}

TEST_F(MemoryLockBackendTest, MayBeDestroyedInsideAHint) {
  ASSERT_TRUE(Acquire("a"));
  ASSERT_FALSE(Acquire("b"));
  backend_->AwaitRelease(Key("b", "lock"), [this] { backend_.reset(); });
  Release("a");
  executor_.RunUntilIdle();
  EXPECT_EQ(backend_, nullptr);
}

}  // namespace
}  // namespace trivet
