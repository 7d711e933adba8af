// SPDX-License-Identifier: Apache-2.0
//
// What is CasLockBackend's own: watching a register, and a store whose answers
// get lost. What every backend must do stands in lock_backend_test.cc.

#include "trivet/lock/cas_lock_backend.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "src/lock/cas_register.h"
#include "tests/lock/support/fake_store.h"
#include "tests/support/manual_executor.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/lock/lock_backend.h"

namespace trivet {
namespace {

using ::testing::HasSubstr;
using Op = FakeStore::Op;

constexpr absl::Duration kTtl = absl::Seconds(10);

class CasLockBackendTest : public ::testing::Test {
 protected:
  using Grant = absl::StatusOr<std::optional<LeaseGrant>>;

  // Starts an Acquire; the result is there once it was answered.
  std::shared_ptr<std::optional<Grant>> Start(CasLockBackend& backend,
                                              const std::string& id) {
    const auto result = std::make_shared<std::optional<Grant>>();
    const auto key = std::make_shared<LeaseKey>(LeaseKey{"lock", id, "me"});
    backend.Acquire(*key, kTtl, MonotonicTime::InfiniteFuture(),
                    [result, key](Grant grant) { *result = std::move(grant); });
    return result;
  }

  Grant Acquire(CasLockBackend& backend, const std::string& id) {
    const auto result = Start(backend, id);
    EXPECT_TRUE(result->has_value()) << "not answered";
    return **result;
  }

  Grant Renew(CasLockBackend& backend, const std::string& id) {
    std::optional<Grant> result;
    const LeaseKey key{"lock", id, "me"};
    backend.Renew(key, kTtl, MonotonicTime::InfiniteFuture(),
                  [&](Grant grant) { result = std::move(grant); });
    return *result;
  }

  absl::StatusOr<bool> Release(CasLockBackend& backend, const std::string& id) {
    std::optional<absl::StatusOr<bool>> result;
    const LeaseKey key{"lock", id, "me"};
    backend.Release(
        key, MonotonicTime::InfiniteFuture(),
        [&](absl::StatusOr<bool> released) { result = std::move(released); });
    return *result;
  }

  static bool Granted(const Grant& grant) {
    EXPECT_TRUE(grant.ok()) << grant.status();
    return grant.ok() && grant->has_value();
  }

  // The first `fates` calls of kind `op` meet these, later ones are answered.
  void Fates(Op op, std::vector<Fate> fates) {
    store_.fate = [op, fates = std::move(fates),
                   next = size_t{0}](Op called) mutable {
      if (called != op || next == fates.size()) return Fate::kAnswer;
      return fates[next++];
    };
  }

  const std::string register_key_ = internal::CasRegisterKey("lock");
  ManualExecutor executor_;
  FakeStore store_;
  CasLockBackend a_{&executor_, &store_};
  CasLockBackend b_{&executor_, &store_};  // Another process.
};

TEST_F(CasLockBackendTest, TheTokenIsTheReplacedVersionPlusOne) {
  store_.Put(register_key_, internal::EncodeCasRegister({}));
  store_.Put(register_key_, internal::EncodeCasRegister({}));
  ASSERT_EQ(store_.Now(register_key_).version, 2);
  EXPECT_EQ((*Acquire(a_, "a"))->token.value, 3);
  EXPECT_EQ((*Renew(a_, "a"))->token.value, 3);
  EXPECT_EQ((*Renew(a_, "a"))->token.value, 3);
  EXPECT_TRUE(Release(a_, "a").ok());
  EXPECT_EQ(store_.Now(register_key_).version, 6);
  EXPECT_EQ((*Acquire(b_, "b"))->token.value, 7);
}

TEST_F(CasLockBackendTest, TheCountStartsWithTheReplyToTheFirstRead) {
  ASSERT_TRUE(Granted(Acquire(a_, "a")));
  // The contender's first read takes 3 s to be sent, done and answered.
  Fates(Op::kGet, {Fate::kHoldReply});
  const auto first = Start(b_, "b");
  executor_.AdvanceBy(absl::Seconds(3));
  store_.DeliverHeld();
  EXPECT_FALSE(Granted(**first));
  executor_.AdvanceBy(kTtl - absl::Milliseconds(1));
  EXPECT_FALSE(Granted(Acquire(b_, "b")));
  executor_.AdvanceBy(absl::Milliseconds(1));
  EXPECT_TRUE(Granted(Acquire(b_, "b")));
}

TEST_F(CasLockBackendTest, AGrantYoungerThanTheReadIsNotOvertaken) {
  // The read is sent at 0 s, but done at 9 s, when a has just been granted.
  Fates(Op::kGet, {Fate::kHoldRequest});
  const auto first = Start(b_, "b");
  executor_.AdvanceBy(absl::Seconds(9));
  ASSERT_TRUE(Granted(Acquire(a_, "a")));
  store_.DeliverHeld();
  EXPECT_FALSE(Granted(**first));
  executor_.AdvanceBy(absl::Seconds(2));
  EXPECT_FALSE(Granted(Acquire(b_, "b"))) << "a's lease is 2 s old";
}

TEST_F(CasLockBackendTest, TheTtlInTheRegisterCountsNotTheContendersOwn) {
  const LeaseKey key{"lock", "a", "me"};
  a_.Acquire(key, 3 * kTtl, MonotonicTime::InfiniteFuture(), [](auto) {});
  EXPECT_FALSE(Granted(Acquire(b_, "b")));
  executor_.AdvanceBy(2 * kTtl);
  EXPECT_FALSE(Granted(Acquire(b_, "b")));
  executor_.AdvanceBy(kTtl);
  EXPECT_TRUE(Granted(Acquire(b_, "b")));
}

TEST_F(CasLockBackendTest, EveryRenewalStartsTheCountAnew) {
  ASSERT_TRUE(Granted(Acquire(a_, "a")));
  for (int i = 0; i < 10; ++i) {
    EXPECT_FALSE(Granted(Acquire(b_, "b")));
    executor_.AdvanceBy(kTtl - absl::Seconds(1));
    EXPECT_TRUE(Granted(Renew(a_, "a")));
  }
}

TEST_F(CasLockBackendTest, AReadThatOvertookAnotherDoesNotConfuseTheCount) {
  ASSERT_TRUE(Granted(Acquire(a_, "a")));
  Fates(Op::kGet, {Fate::kHoldReply});
  const auto slow = Start(b_, "b");  // Shows the first version.
  ASSERT_TRUE(Granted(Renew(a_, "a")));
  EXPECT_FALSE(Granted(Acquire(b_, "b")));  // Shows the second.
  executor_.AdvanceBy(kTtl / 2);
  store_.DeliverHeld();
  EXPECT_FALSE(Granted(**slow));
  executor_.AdvanceBy(kTtl / 2);
  EXPECT_TRUE(Granted(Acquire(b_, "b")));
}

TEST_F(CasLockBackendTest, AConflictWithOurOwnLeaseIsNotALoss) {
  // The grant is written, but the answer is lost and the store says conflict
  // to the repeat: its own first write has moved the version.
  Fates(Op::kCompareAndSet, {Fate::kHoldRequest, Fate::kHoldRequest});
  const auto first = Start(a_, "a");
  const auto again = Start(a_, "a");
  store_.DeliverHeld();
  store_.DeliverHeld();
  ASSERT_TRUE(Granted(**first));
  ASSERT_TRUE(Granted(**again));
  EXPECT_EQ((**first)->value().token, (**again)->value().token);
}

TEST_F(CasLockBackendTest, OnlyTheHolderRenewsAndReleases) {
  ASSERT_TRUE(Granted(Acquire(a_, "a")));
  EXPECT_FALSE(Granted(Renew(b_, "b")));
  EXPECT_TRUE(Release(b_, "b").ok());
  EXPECT_EQ(store_.writes(), 1);
}

TEST_F(CasLockBackendTest, AConflictWithAnotherLeaseIsALoss) {
  Fates(Op::kCompareAndSet, {Fate::kHoldRequest});
  const auto slow = Start(a_, "a");
  ASSERT_TRUE(Granted(Acquire(b_, "b")));
  store_.DeliverHeld();
  EXPECT_FALSE(Granted(**slow));
}

TEST_F(CasLockBackendTest, AnUnknownWriteIsReportedAsUnknown) {
  Fates(Op::kCompareAndSet, {Fate::kLoseReply, Fate::kLoseRequest});
  EXPECT_TRUE(absl::IsUnavailable(Acquire(a_, "a").status()));
  // It was done, and the repeat finds it, although that is lost before.
  EXPECT_TRUE(absl::IsUnavailable(Acquire(a_, "a").status()));
  const Grant found = Acquire(a_, "a");
  ASSERT_TRUE(Granted(found));
  EXPECT_EQ((*found)->token.value, 1);
}

TEST_F(CasLockBackendTest, AFailedReadIsReportedAsUnknown) {
  Fates(Op::kGet, {Fate::kLoseRequest});
  EXPECT_TRUE(absl::IsUnavailable(Acquire(a_, "a").status()));
  EXPECT_EQ(store_.writes(), 0);
}

TEST_F(CasLockBackendTest, AForeignValueIsNeverOverwritten) {
  store_.Put(register_key_, "somebody's notes");
  for (const absl::Status& status :
       {Acquire(a_, "a").status(), Renew(a_, "a").status(),
        Release(a_, "a").status()}) {
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  }
  executor_.AdvanceBy(10 * kTtl);
  EXPECT_TRUE(absl::IsDataLoss(Acquire(a_, "a").status()));
  EXPECT_EQ(store_.Now(register_key_).value, "somebody's notes");
}

TEST_F(CasLockBackendTest, EndlessConflictsEnd) {
  store_.fate = [this](Op op) {
    if (op == Op::kCompareAndSet) {
      store_.Put(register_key_, internal::EncodeCasRegister({}));
    }
    return Fate::kAnswer;
  };
  const Grant grant = Acquire(a_, "a");
  EXPECT_TRUE(absl::IsUnavailable(grant.status()));
  EXPECT_THAT(std::string(grant.status().message()), HasSubstr("writing"));
}

TEST_F(CasLockBackendTest, AConflictAfterTheDeadlineIsTheLast) {
  Fates(Op::kCompareAndSet, {Fate::kHoldRequest});
  const LeaseKey key{"lock", "a", "me"};
  std::optional<Grant> result;
  a_.Acquire(key, kTtl, executor_.Now() + absl::Seconds(1),
             [&](Grant grant) { result = std::move(grant); });
  ASSERT_TRUE(Granted(Acquire(b_, "b")));
  executor_.AdvanceBy(absl::Seconds(1));
  store_.DeliverHeld();
  EXPECT_TRUE(absl::IsUnavailable(result->status()));
}

TEST_F(CasLockBackendTest, ATtlIsWhatARegisterCanHold) {
  const MonotonicTime never = MonotonicTime::InfiniteFuture();
  const LeaseKey key{"lock", "a", "me"};
  std::optional<Grant> result;
  const auto keep = [&](Grant grant) { result = std::move(grant); };
  a_.Acquire(key, absl::InfiniteDuration(), never, keep);
  EXPECT_TRUE(absl::IsInvalidArgument(result->status()));
  EXPECT_THAT(std::string(result->status().message()), HasSubstr("ttl is inf"));
  const absl::Duration longest = a_.Traits().ttl_max;
  a_.Acquire(key, longest, never, keep);
  ASSERT_TRUE(Granted(*result));
  EXPECT_EQ((*result)->value().granted_ttl, longest);
  EXPECT_EQ((*Renew(b_, "a"))->granted_ttl, longest) << "read back";
}

TEST_F(CasLockBackendTest, DestructionCallsBackWhatIsPending) {
  for (const Op op : {Op::kGet, Op::kCompareAndSet}) {
    auto backend = std::make_unique<CasLockBackend>(&executor_, &store_);
    Fates(op, {Fate::kHoldReply});
    const auto pending = Start(*backend, "a");
    backend.reset();
    ASSERT_TRUE(pending->has_value());
    EXPECT_TRUE(absl::IsUnavailable((*pending)->status()));
    const uint64_t writes = store_.writes();
    store_.DeliverHeld();  // Finds nobody.
    EXPECT_EQ(store_.writes(), writes);
  }
}

TEST_F(CasLockBackendTest, WhatIsAnsweredDuringDestructionIsNotHeard) {
  for (const Op op : {Op::kGet, Op::kCompareAndSet}) {
    auto backend = std::make_unique<CasLockBackend>(&executor_, &store_);
    Fates(op, {Fate::kHoldReply, Fate::kHoldReply});
    const LeaseKey key{"lock " + std::to_string(static_cast<int>(op)), "a", ""};
    bool destroyed = false;
    backend->Acquire(key, kTtl, MonotonicTime::InfiniteFuture(), [&](Grant) {
      backend.reset();
      destroyed = true;
      const uint64_t writes = store_.writes();
      store_.DeliverHeld();
      EXPECT_EQ(store_.writes(), writes);
    });
    int answers = 0;
    const LeaseKey other{key.lock + " too", "b", ""};
    backend->Acquire(other, kTtl, MonotonicTime::InfiniteFuture(),
                     [&](const Grant& grant) {
                       EXPECT_TRUE(absl::IsUnavailable(grant.status()));
                       EXPECT_FALSE(destroyed) << "called back first";
                       ++answers;
                     });
    store_.DeliverHeld();
    EXPECT_TRUE(destroyed);
    EXPECT_EQ(answers, 1);
  }
}

TEST_F(CasLockBackendTest, WhatIsAskedDuringDestructionIsAnsweredAtOnce) {
  auto backend = std::make_unique<CasLockBackend>(&executor_, &store_);
  CasLockBackend& dying = *backend;
  Fates(Op::kGet, {Fate::kHoldReply});
  const LeaseKey key{"lock", "a", "me"};
  std::shared_ptr<std::optional<Grant>> last;
  dying.Acquire(key, kTtl, MonotonicTime::InfiniteFuture(),
                [&](const Grant&) { last = Start(dying, "b"); });
  backend.reset();
  ASSERT_TRUE(last->has_value());
  EXPECT_TRUE(absl::IsUnavailable((*last)->status()));
  EXPECT_EQ(store_.writes(), 0);
}

TEST_F(CasLockBackendTest, MayBeDestroyedByItsOwnAnswer) {
  auto backend = std::make_unique<CasLockBackend>(&executor_, &store_);
  const LeaseKey key{"lock", "a", "me"};
  bool granted = false;
  backend->Acquire(key, kTtl, MonotonicTime::InfiniteFuture(), [&](Grant g) {
    granted = Granted(g);
    backend.reset();
  });
  EXPECT_TRUE(granted);
}

TEST_F(CasLockBackendTest, ForgetsTheLocksLookedAtLongestAgo) {
  // Bounded memory: 16,384 locks are watched. Looking at more of them pushes
  // out the first, whose count then starts anew.
  ASSERT_TRUE(Granted(Acquire(a_, "a")));
  EXPECT_FALSE(Granted(Acquire(b_, "b")));
  for (int i = 0; i < 16'384; ++i) {
    const LeaseKey holder{"other" + std::to_string(i), "a", "me"};
    const LeaseKey waiter{holder.lock, "b", "me"};
    const MonotonicTime never = MonotonicTime::InfiniteFuture();
    a_.Acquire(holder, kTtl, never, [](auto) {});
    b_.Acquire(waiter, kTtl, never, [](auto) {});
  }
  executor_.AdvanceBy(kTtl);
  EXPECT_FALSE(Granted(Acquire(b_, "b"))) << "it was forgotten";
  executor_.AdvanceBy(kTtl);
  EXPECT_TRUE(Granted(Acquire(b_, "b")));
}

}  // namespace
}  // namespace trivet
