// SPDX-License-Identifier: Apache-2.0
//
// LockClient and Lease in virtual time. Giving back is in
// lock_client_release_test.cc, and their ends in lock_client_lifetime_test.cc.

#include "trivet/lock/lock_client.h"

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/lock/support/lock_client_fixture.h"
#include "trivet/lock/fencing_token.h"

namespace trivet {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class LockClientTest : public LockClientFixture {};

// --- Taking ------------------------------------------------------------------

TEST_F(LockClientTest, LocksAndGivesBack) {
  const auto client = MakeClient();
  {
    const Lease lease = Take(*client);
    EXPECT_EQ(lease.lock_name(), "jobs");
    EXPECT_EQ(lease.fencing_token(), (FencingToken{0, 1}));
    EXPECT_TRUE(lease.CheckHeld().ok());
    EXPECT_GT(lease.ValidFor(), absl::Seconds(14));
    EXPECT_FALSE(IsFree("jobs"));
  }
  EXPECT_TRUE(IsFree("jobs"));
}

TEST_F(LockClientTest, EachLeaseHasALargerToken) {
  const auto client = MakeClient();
  FencingGate gate;
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(gate.Admit(Take(*client).fencing_token()).ok());
  }
  EXPECT_EQ(gate.highest()->value, 5);
}

TEST_F(LockClientTest, CallsBackOnTheExecutorNeverInsideTheCall) {
  const auto client = MakeClient();
  const Locked good = Start(*client, "jobs", absl::Seconds(1));
  const Locked bad = Start(*client, "", absl::Seconds(1));
  EXPECT_FALSE(good->has_value() || bad->has_value());
  executor_.RunUntilIdle();
  EXPECT_TRUE(good->has_value() && bad->has_value());
}

TEST_F(LockClientTest, AWaiterGetsTheLockAsSoonAsItIsReleased) {
  const auto client = MakeClient();
  std::optional<Lease> first = Take(*client);
  const Locked second = Start(*client, "jobs", absl::Seconds(30));
  executor_.AdvanceBy(absl::Seconds(10));
  ASSERT_FALSE(second->has_value());
  first.reset();
  executor_.RunUntilIdle();  // By the hint: no time has passed.
  ASSERT_TRUE(second->has_value());
  EXPECT_TRUE((*second)->ok());
}

TEST_F(LockClientTest, L6_AWaiterGetsTheLockWithAllHintsLost) {
  flaky_.hints = false;
  const auto client = MakeClient();
  std::optional<Lease> first = Take(*client);
  const Locked second = Start(*client, "jobs", absl::Seconds(30));
  executor_.AdvanceBy(absl::Seconds(10));
  first.reset();
  executor_.AdvanceBy(absl::Seconds(2));  // retry_max
  ASSERT_TRUE(second->has_value());
  EXPECT_TRUE((*second)->ok());
}

TEST_F(LockClientTest, L6_DoesNotAskForHintsWhereThereAreNone) {
  flaky_.traits.notifies = false;
  const auto client = MakeClient();
  const Lease first = Take(*client);
  const Locked second = Start(*client, "jobs", absl::Seconds(30));
  executor_.AdvanceBy(absl::Seconds(10));
  EXPECT_EQ(flaky_.Count(Op::kAwait), 0);
}

TEST_F(LockClientTest, WaitersAreServedInLine) {
  const auto client = MakeClient();
  std::vector<int> order;
  std::optional<Lease> held = Take(*client);
  for (int i = 0; i < 5; ++i) {
    client->LockAsync("jobs", absl::Minutes(5),
                      [&order, i](absl::StatusOr<Lease> lease) {
                        ASSERT_TRUE(lease.ok()) << lease.status();
                        order.push_back(i);  // And gives it back.
                      });
  }
  executor_.AdvanceBy(absl::Minutes(1));
  held.reset();
  executor_.RunUntilIdle();
  EXPECT_THAT(order, ::testing::ElementsAre(0, 1, 2, 3, 4));
}

TEST_F(LockClientTest, TheDeadlineSaysThatSomeoneElseKeptIt) {
  const auto client = MakeClient();
  const Lease first = Take(*client);
  const Locked second = Start(*client, "jobs", absl::Seconds(30));
  executor_.AdvanceBy(absl::Seconds(30));
  ASSERT_TRUE(second->has_value());
  EXPECT_TRUE(absl::IsDeadlineExceeded((*second)->status()));
  EXPECT_THAT(std::string((*second)->status().message()),
              AllOf(HasSubstr("jobs"), HasSubstr("someone else")));
  EXPECT_TRUE(first.CheckHeld().ok());
}

TEST_F(LockClientTest, TheDeadlineSaysThatTheBackendDidNotAnswer) {
  flaky_.fate = [](Op) { return Fate::kLoseRequest; };
  const auto client = MakeClient();
  const Locked locked = Start(*client, "jobs", absl::Seconds(30));
  executor_.AdvanceBy(absl::Seconds(30));
  ASSERT_TRUE(locked->has_value());
  EXPECT_TRUE(absl::IsUnavailable((*locked)->status()));
}

TEST_F(LockClientTest, L4_AWaiterThatGivesUpLeavesTheLine) {
  const auto client = MakeClient();
  std::optional<Lease> first = Take(*client);
  const Locked second = Start(*client, "jobs", absl::Seconds(30));
  executor_.AdvanceBy(absl::Seconds(30));
  ASSERT_TRUE(second->has_value());
  first.reset();
  EXPECT_TRUE(IsFree("jobs"));
}

TEST_F(LockClientTest, L4_ALockGrantedWithoutTheClientsKnowledgeIsReleased) {
  flaky_.fate = [](Op op) {
    return op == Op::kRelease ? Fate::kAnswer : Fate::kLoseReply;
  };
  const auto client = MakeClient();
  const Locked locked = Start(*client, "jobs", absl::Seconds(10));
  executor_.AdvanceBy(absl::Seconds(9));
  EXPECT_FALSE(IsFree("jobs"));
  executor_.AdvanceBy(absl::Seconds(1));
  EXPECT_TRUE(absl::IsUnavailable((*locked)->status()));
  EXPECT_TRUE(IsFree("jobs"));
}

TEST_F(LockClientTest, L5_AGrantThatArrivesAfterGivingUpIsReleased) {
  flaky_.fate = [](Op op) {
    return op == Op::kAcquire ? Fate::kHoldRequest : Fate::kAnswer;
  };
  const auto client = MakeClient();
  const Locked locked = Start(*client, "jobs", absl::Seconds(1));
  executor_.AdvanceBy(absl::Seconds(1));
  EXPECT_TRUE(absl::IsUnavailable((*locked)->status()));
  EXPECT_TRUE(IsFree("jobs"));
  flaky_.DeliverHeld();  // Only now does it reach the backend.
  executor_.RunUntilIdle();
  EXPECT_TRUE(IsFree("jobs"));
}

TEST_F(LockClientTest, L3_RetriesRepeatTheLeaseIdAndAcquisitionsDoNot) {
  int lost = 3;
  flaky_.fate = [&](Op op) {
    return op == Op::kAcquire && lost-- > 0 ? Fate::kLoseReply : Fate::kAnswer;
  };
  const auto client = MakeClient();
  std::set<std::string> ids;
  for (int i = 0; i < 10; ++i) {
    flaky_.calls.clear();
    lost = 3;
    const Locked locked = Start(*client, "jobs", absl::Seconds(30));
    executor_.AdvanceBy(absl::Seconds(5));
    ASSERT_TRUE(locked->has_value() && (*locked)->ok());
    EXPECT_EQ(flaky_.Count(Op::kAcquire), 4);
    for (const FlakyBackend::Call& call : flaky_.calls) {
      EXPECT_EQ(call.key.lease_id, flaky_.calls[0].key.lease_id);
      EXPECT_EQ(call.key.owner, "tests");
    }
    EXPECT_EQ(flaky_.calls[0].key.lease_id.size(), 32);
    ids.insert(flaky_.calls[0].key.lease_id);
  }
  EXPECT_EQ(ids.size(), 10);
}

TEST_F(LockClientTest, TryLockIsOneAttempt) {
  const auto client = MakeClient();
  const Tried first = StartTry(*client, "jobs");
  executor_.RunUntilIdle();
  ASSERT_TRUE(first->has_value() && (*first)->ok());
  ASSERT_TRUE((*first)->value().has_value());
  EXPECT_TRUE((*first)->value()->CheckHeld().ok());
  const Tried second = StartTry(*client, "jobs");
  executor_.RunUntilIdle();
  ASSERT_TRUE(second->has_value() && (*second)->ok());
  EXPECT_FALSE((*second)->value().has_value());
  EXPECT_EQ(flaky_.Count(Op::kAcquire), 2);
}

TEST_F(LockClientTest, TryLockReportsAnUnknownOutcomeAndReleases) {
  flaky_.fate = [](Op op) {
    return op == Op::kAcquire ? Fate::kLoseReply : Fate::kAnswer;
  };
  const auto client = MakeClient();
  const Tried tried = StartTry(*client, "jobs");
  executor_.RunUntilIdle();
  EXPECT_TRUE(absl::IsUnavailable((*tried)->status()));
  EXPECT_TRUE(IsFree("jobs"));
}

TEST_F(LockClientTest, AZeroTimeoutTriesOnce) {
  const auto client = MakeClient();
  const Locked first = Start(*client, "jobs", absl::ZeroDuration());
  const Locked second = Start(*client, "jobs", absl::ZeroDuration());
  executor_.RunUntilIdle();
  EXPECT_TRUE((*first)->ok());
  EXPECT_TRUE(absl::IsDeadlineExceeded((*second)->status()));
}

TEST_F(LockClientTest, CancelEndsTheWait) {
  const auto client = MakeClient();
  std::optional<Lease> first = Take(*client);
  std::optional<absl::StatusOr<Lease>> result;
  LockClient::Waiting waiting = client->LockAsync(
      "jobs", absl::InfiniteDuration(),
      [&](absl::StatusOr<Lease> lease) { result = std::move(lease); });
  executor_.AdvanceBy(absl::Hours(1));
  ASSERT_FALSE(result.has_value());
  waiting.Cancel();
  EXPECT_FALSE(result.has_value());
  executor_.RunUntilIdle();
  EXPECT_TRUE(absl::IsCancelled(result->status()));
  first.reset();
  EXPECT_TRUE(IsFree("jobs"));
}

TEST_F(LockClientTest, CancelComesTooLateForALeaseThatWasGranted) {
  const auto client = MakeClient();
  std::optional<absl::StatusOr<Lease>> result;
  LockClient::Waiting waiting = client->LockAsync(
      "jobs", absl::Seconds(1),
      [&](absl::StatusOr<Lease> lease) { result = std::move(lease); });
  waiting.Cancel();  // Granted inside LockAsync, not called back yet.
  executor_.RunUntilIdle();
  ASSERT_TRUE(result->ok());
  EXPECT_TRUE((*result)->CheckHeld().ok());
  waiting.Cancel();
  executor_.AdvanceBy(absl::Minutes(1));
  EXPECT_TRUE((*result)->CheckHeld().ok());
  LockClient::Waiting nothing;
  nothing.Cancel();
}

// --- Holding -----------------------------------------------------------------

TEST_F(LockClientTest, RenewsItselfForAsLongAsItIsHeld) {
  const auto client = MakeClient();
  const Lease lease = Take(*client);
  for (int i = 0; i < 100; ++i) {
    executor_.AdvanceBy(absl::Seconds(7));
    EXPECT_TRUE(lease.CheckHeld().ok());
    EXPECT_FALSE(IsFree("jobs"));
  }
  EXPECT_EQ(flaky_.Count(Op::kRenew), 140);
}

TEST_F(LockClientTest, L2_IsLostWhenRenewalsAreNotAnswered) {
  const auto client = MakeClient();
  Lease lease = Take(*client);
  std::vector<std::string> lost;
  lease.OnLost([&](const absl::Status& why) {
    EXPECT_TRUE(absl::IsFailedPrecondition(why));
    lost.emplace_back(why.message());
  });
  flaky_.fate = [](Op) { return Fate::kLoseRequest; };
  executor_.AdvanceBy(absl::Seconds(14));
  EXPECT_TRUE(lease.CheckHeld().ok());
  executor_.AdvanceBy(absl::Seconds(1));
  EXPECT_TRUE(absl::IsFailedPrecondition(lease.CheckHeld()));
  EXPECT_EQ(lease.ValidFor(), absl::ZeroDuration());
  ASSERT_EQ(lost.size(), 1);
  EXPECT_THAT(lost[0], AllOf(HasSubstr("jobs"), HasSubstr("ran out"),
                             HasSubstr("lost on the way")));
  executor_.AdvanceBy(absl::Minutes(5));
  EXPECT_EQ(lost.size(), 1);
}

TEST_F(LockClientTest, L2_CheckHeldIsRightAfterAPauseBeforeAnyTick) {
  const auto client = MakeClient();
  const Lease lease = Take(*client);
  EXPECT_TRUE(lease.CheckHeld().ok());
  executor_.JumpBy(absl::Seconds(20));  // Nothing has run.
  EXPECT_TRUE(absl::IsFailedPrecondition(lease.CheckHeld()));
  EXPECT_EQ(lease.ValidFor(), absl::ZeroDuration());
}

TEST_F(LockClientTest, L2_OnLostOfALeaseThatWasLostIsCalledSoon) {
  const auto client = MakeClient();
  Lease lease = Take(*client);
  executor_.JumpBy(absl::Seconds(20));
  executor_.RunUntilIdle();
  absl::Status why;
  lease.OnLost([&](absl::Status status) { why = std::move(status); });
  EXPECT_TRUE(why.ok());
  executor_.RunUntilIdle();
  EXPECT_TRUE(absl::IsFailedPrecondition(why));
}

TEST_F(LockClientTest, L2_ALaterOnLostReplacesTheEarlier) {
  const auto client = MakeClient();
  Lease lease = Take(*client);
  int lost = 0;
  lease.OnLost([](const absl::Status&) { ADD_FAILURE(); });
  lease.OnLost([&](const absl::Status&) { ++lost; });
  executor_.JumpBy(absl::Seconds(20));
  executor_.RunUntilIdle();
  EXPECT_EQ(lost, 1);
}

TEST_F(LockClientTest, L2_LossTellsTheBackendSoThatOthersNeedNotWait) {
  const auto client = MakeClient();
  const Lease lease = Take(*client);
  flaky_.fate = [](Op op) {
    return op == Op::kRenew ? Fate::kLoseReply : Fate::kAnswer;
  };
  executor_.AdvanceBy(absl::Seconds(14));
  EXPECT_FALSE(IsFree("jobs"));
  executor_.AdvanceBy(absl::Seconds(1));
  EXPECT_FALSE(lease.CheckHeld().ok());
  EXPECT_TRUE(IsFree("jobs"));
}

TEST_F(LockClientTest, L1_ARenewalOfUnknownOutcomeDoesNotExtend) {
  const auto client = MakeClient();
  const Lease lease = Take(*client);
  flaky_.fate = [](Op op) {
    return op == Op::kRenew ? Fate::kHoldReply : Fate::kAnswer;
  };
  executor_.AdvanceBy(absl::Seconds(6));
  EXPECT_LT(lease.ValidFor(), absl::Seconds(9));
  flaky_.DeliverHeld();  // Sent at 5 s, answered at 6 s: counts from 5 s.
  EXPECT_LT(lease.ValidFor(), absl::Seconds(14));
  EXPECT_GT(lease.ValidFor(), absl::Seconds(13));
}

TEST_F(LockClientTest, L5_ALateRenewalDoesNotRevive) {
  const auto client = MakeClient();
  const Lease lease = Take(*client);
  flaky_.fate = [](Op op) {
    return op == Op::kRenew ? Fate::kHoldReply : Fate::kAnswer;
  };
  executor_.AdvanceBy(absl::Seconds(15));
  ASSERT_FALSE(lease.CheckHeld().ok());
  while (flaky_.held() > 0) flaky_.DeliverHeld();
  EXPECT_FALSE(lease.CheckHeld().ok());
}

TEST_F(LockClientTest, L8_IsLostWhenTheBackendHasEndedIt) {
  const auto client = MakeClient();
  Lease lease = Take(*client);
  bool lost = false;
  lease.OnLost([&](const absl::Status&) { lost = true; });
  memory_.Release(flaky_.calls[0].key, executor_.Now(), [](auto) {});
  executor_.AdvanceBy(absl::Seconds(5));
  EXPECT_TRUE(lost);
  EXPECT_FALSE(lease.CheckHeld().ok());
}

TEST_F(LockClientTest, ADroppedReplyIsAnUnknownOutcome) {
  const auto client = MakeClient();
  const Lease lease = Take(*client);
  flaky_.fate = [](Op op) {
    return op == Op::kRenew ? Fate::kHoldReply : Fate::kAnswer;
  };
  executor_.AdvanceBy(absl::Seconds(5));
  flaky_.fate = nullptr;
  flaky_.DropHeld();
  executor_.AdvanceBy(absl::Milliseconds(100));  // Long before the time-out.
  EXPECT_EQ(flaky_.Count(Op::kRenew), 2);
}

// --- Arguments ---------------------------------------------------------------

TEST_F(LockClientTest, BadNamesAndTimeoutsAreNamed) {
  const auto client = MakeClient();
  const auto why = [&](const std::string& lock, absl::Duration timeout) {
    const Locked locked = Start(*client, lock, timeout);
    executor_.RunUntilIdle();
    EXPECT_TRUE(absl::IsInvalidArgument((*locked)->status()));
    return std::string((*locked)->status().message());
  };
  EXPECT_THAT(why("", absl::Seconds(1)), HasSubstr("lock name has 0 bytes"));
  EXPECT_THAT(why(std::string(513, 'x'), absl::Seconds(1)),
              AllOf(HasSubstr("513 bytes"), HasSubstr("1 to 512")));
  EXPECT_THAT(why("jobs", -absl::Seconds(1)), HasSubstr("timeout is -1s"));
  EXPECT_TRUE(flaky_.calls.empty());
}

TEST_F(LockClientTest, WhatTheBackendWillNotChangeEndsTheWaitAsItIs) {
  flaky_.traits.lock_name_max = 1000;  // Longer than the one behind allows.
  const auto client = MakeClient();
  const Locked locked =
      Start(*client, std::string(600, 'x'), absl::InfiniteDuration());
  executor_.RunUntilIdle();
  ASSERT_TRUE(locked->has_value());
  EXPECT_TRUE(absl::IsInvalidArgument((*locked)->status()));
}

TEST_F(LockClientTest, BadOptionsAreRefusedAtConstruction) {
  const auto why = [&](const LockClientOptions& options,
                       const std::string& owner) {
    const auto client = LockClient::Create(&executor_, &flaky_, owner, options);
    EXPECT_TRUE(absl::IsInvalidArgument(client.status()));
    return std::string(client.status().message());
  };
  LockClientOptions options;
  EXPECT_THAT(why(options, ""), HasSubstr("owner has 0 bytes"));
  EXPECT_THAT(why(options, std::string(513, 'x')), HasSubstr("513 bytes"));
  options.lease.renew_after = absl::ZeroDuration();
  EXPECT_THAT(why(options, "me"), HasSubstr("renew_after"));
  options = LockClientOptions();
  flaky_.traits.ttl_min = absl::Seconds(20);
  EXPECT_THAT(why(options, "me"),
              AllOf(HasSubstr("ttl is 15s"), HasSubstr("20s")));
  flaky_.traits.ttl_min = absl::ZeroDuration();
  flaky_.traits.ttl_max = absl::Seconds(10);
  EXPECT_THAT(why(options, "me"),
              AllOf(HasSubstr("ttl is 15s"), HasSubstr("10s")));
}

TEST_F(LockClientTest, RequireFenceRefusesAWeakerBackend) {
  LockClientOptions options;
  options.require_fence = FenceStrength::kMonotonic;
  EXPECT_TRUE(LockClient::Create(&executor_, &flaky_, "me", options).ok());
  flaky_.traits.fence = FenceStrength::kMonotonicUnlessDataLost;
  const auto weak = LockClient::Create(&executor_, &flaky_, "me", options);
  EXPECT_TRUE(absl::IsFailedPrecondition(weak.status()));
  EXPECT_THAT(std::string(weak.status().message()),
              AllOf(HasSubstr("require_fence"), HasSubstr("data is lost")));
}

TEST_F(LockClientTest, ManyLeasesNeedOneChainOfTimers) {
  const auto client = MakeClient();
  std::vector<Lease> leases;
  for (int i = 0; i < 500; ++i) {
    leases.push_back(Take(*client, "lock " + std::to_string(i)));
    executor_.AdvanceBy(absl::Milliseconds(1));
  }
  EXPECT_LE(executor_.pending(), 2);
  executor_.AdvanceBy(absl::Minutes(1));
  EXPECT_LE(executor_.pending(), 2);
  for (const Lease& lease : leases) EXPECT_TRUE(lease.CheckHeld().ok());
}

// The jitter comes from no generator, or no simulation could be repeated.
TEST(LockClientHistory, IsTheSameEachTime) {
  const auto run = [] {
    ManualExecutor executor;
    MemoryLockBackend memory(&executor);
    FlakyBackend flaky(&memory);
    flaky.hints = false;
    auto client = LockClient::Create(&executor, &flaky, "me", {});
    for (int i = 0; i < 5; ++i) {
      (*client)->LockAsync("jobs", absl::Seconds(20), [](const auto&) {});
    }
    executor.AdvanceBy(absl::Seconds(30));
    std::vector<std::pair<FlakyBackend::Op, absl::Duration>> history;
    for (const FlakyBackend::Call& call : flaky.calls) {
      history.emplace_back(call.op, call.deadline - MonotonicTime());
    }
    return history;
  };
  EXPECT_EQ(run(), run());
}

}  // namespace
}  // namespace trivet
