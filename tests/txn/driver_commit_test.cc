// SPDX-License-Identifier: Apache-2.0
//
// What a caller of Coordinator::RunAsync sees, and what it costs.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "src/internal/backoff.h"
#include "tests/txn/driver_fixture.h"
#include "trivet/host/transport.h"
#include "trivet/txn/coordinator.h"
#include "trivet/txn/transaction.h"
#include "trivet/txn/txn_counters.h"

namespace trivet {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::SizeIs;

TEST(DriverCommitTest, CommitsWhatAllVotedFor) {
  DriverWorld world({"a", "b"});
  const Answer answer = world.Run({{"a", "debit"}, {"b", "credit"}});
  EXPECT_EQ(answer.decision(), Decision::kCommit) << answer.reason();
  EXPECT_THAT(answer.id().ToString(), MatchesRegex("bank#[0-9a-f]*/1\\.1"));
  EXPECT_THAT(world.shards["a"].resource.committed, ElementsAre(answer.id()));
  EXPECT_THAT(world.shards["b"].resource.committed, ElementsAre(answer.id()));
  EXPECT_THAT(world.bank->Untold(), IsEmpty());
  EXPECT_TRUE(world.bank->Health().ok());
}

TEST(DriverCommitTest, AbortsWithTheReasonOfANo) {
  DriverWorld world({"a", "b"});
  const Answer answer = world.Run({{"a", "debit"}, {"b", "no: account shut"}});
  EXPECT_EQ(answer.decision(), Decision::kAbort);
  EXPECT_THAT(answer.reason(), HasSubstr("account shut"));
  EXPECT_THAT(world.shards["a"].resource.aborted, ElementsAre(answer.id()));
  EXPECT_THAT(world.shards["a"].resource.committed, IsEmpty());
  EXPECT_THAT(world.shards["b"].resource.prepared, IsEmpty());
}

TEST(DriverCommitTest, RunsOneBranchLikeAnyNumber) {
  DriverWorld world({"a"});
  EXPECT_EQ(world.Run({{"a", "debit"}}).decision(), Decision::kCommit);
  EXPECT_EQ(world.Run({{"a", "no: shut"}}).decision(), Decision::kAbort);
  EXPECT_EQ(world.Run({{"a", "read only"}}).decision(), Decision::kCommit);
  EXPECT_THAT(world.shards["a"].resource.committed, SizeIs(1));
}

TEST(DriverCommitTest, AbortsAtTheTimeOutOfTheCoordinatorOrOfTheCall) {
  DriverWorld world({"a"});
  const Answer ordinary = world.Begin({{"a", "debit"}, {"nobody", "credit"}});
  const Answer hasty =
      world.Begin({{"a", "debit"}, {"nobody", "credit"}}, {absl::Seconds(1)});
  world.executor.AdvanceBy(absl::Milliseconds(999));
  EXPECT_FALSE(hasty.has_come());
  world.executor.AdvanceBy(absl::Milliseconds(1));
  EXPECT_EQ(hasty.decision(), Decision::kAbort);
  world.executor.AdvanceBy(absl::Milliseconds(3999));
  EXPECT_FALSE(ordinary.has_come());
  world.executor.AdvanceBy(absl::Milliseconds(1));
  EXPECT_EQ(ordinary.decision(), Decision::kAbort);
  EXPECT_THAT(world.shards["a"].resource.aborted, SizeIs(2));
}

TEST(DriverCommitTest, CommitsThroughALossyNetwork) {
  DriverWorld world({"a", "b"});
  uint64_t envelopes = 0;
  world.net.lose = [&](const Envelope&) {
    return internal::SplitMix64::Mix(++envelopes) % 3 != 0;
  };
  std::vector<Answer> answers;
  for (int i = 0; i < 20; ++i) {
    answers.push_back(
        world.Begin({{"a", "debit"}, {"b", "credit"}}, {absl::Minutes(10)}));
  }
  world.executor.AdvanceBy(absl::Minutes(10));
  for (const Answer& answer : answers) {
    EXPECT_EQ(answer.decision(), Decision::kCommit) << answer.reason();
  }
  EXPECT_THAT(world.shards["a"].resource.committed, SizeIs(20));
  EXPECT_THAT(world.shards["b"].resource.committed, SizeIs(20));
}

TEST(DriverCommitTest, AnInlineTransportServesAsWell) {
  DriverWorld world({"a", "b"}, TestNet::Delivery::kInline);
  for (int i = 0; i < 50; ++i) {
    const Answer answer = world.Run({{"a", "debit"}, {"b", "credit"}});
    EXPECT_EQ(answer.decision(), Decision::kCommit) << answer.reason();
  }
}

// --- What it costs ----------------------------------------------------------

// Everything that costs a disk or a wire, of all roles together.
struct Cost {
  size_t bank_forced = 0;
  size_t shards_forced = 0;
  uint64_t messages = 0;
};

Cost CostSoFar(DriverWorld& world) {
  Cost cost;
  cost.bank_forced = world.log.forced_appends();
  cost.messages = world.bank->Counters().messages_sent;
  for (auto& [name, shard] : world.shards) {
    cost.shards_forced += shard.log.forced_appends();
    cost.messages += shard.role->Counters().messages_sent;
  }
  return cost;
}

// The cost of the second transaction of a pair, so that nothing of the start is
// in it.
Cost CostOf(size_t yes, size_t read_only, size_t no, Decision expected) {
  std::vector<std::string> names;
  std::vector<Branch> branches;
  const auto add = [&](size_t count, std::string_view kind,
                       const std::string& work) {
    for (size_t i = 0; i < count; ++i) {
      names.push_back(absl::StrCat(std::string(kind), i));
      branches.push_back({names.back(), work});
    }
  };
  add(yes, "yes", "debit");
  add(read_only, "read", "read only");
  add(no, "no", "no: shut");
  DriverWorld world(names);
  world.Run(branches);
  const Cost before = CostSoFar(world);
  EXPECT_EQ(world.Run(branches).decision(), expected);
  const Cost after = CostSoFar(world);
  return {after.bank_forced - before.bank_forced,
          after.shards_forced - before.shards_forced,
          after.messages - before.messages};
}

TEST(DriverCostTest, ACommitForcesOnceHereTwiceThereAndSendsFourMessages) {
  for (size_t n = 1; n <= 5; ++n) {
    const Cost cost = CostOf(n, 0, 0, Decision::kCommit);
    EXPECT_EQ(cost.bank_forced, 1u) << n;
    EXPECT_EQ(cost.shards_forced, 2 * n) << n;
    EXPECT_EQ(cost.messages, 4 * n) << n;
  }
}

TEST(DriverCostTest, ReadOnlyParticipantsForceNothingAndSendOneMessage) {
  for (size_t n = 2; n <= 4; ++n) {
    for (size_t r = 1; r < n; ++r) {
      const Cost cost = CostOf(n - r, r, 0, Decision::kCommit);
      EXPECT_EQ(cost.bank_forced, 1u);
      EXPECT_EQ(cost.shards_forced, 2 * (n - r));
      EXPECT_EQ(cost.messages, 4 * n - 2 * r);
    }
  }
}

TEST(DriverCostTest, ReadingAllAroundForcesNothing) {
  for (size_t n = 1; n <= 3; ++n) {
    const Cost cost = CostOf(0, n, 0, Decision::kCommit);
    EXPECT_EQ(cost.bank_forced, 0u);
    EXPECT_EQ(cost.shards_forced, 0u);
    EXPECT_EQ(cost.messages, 2 * n);
  }
}

TEST(DriverCostTest, AnAbortIsNotForcedByTheCoordinatorNorAcknowledged) {
  const Cost cost = CostOf(2, 0, 1, Decision::kAbort);
  EXPECT_EQ(cost.bank_forced, 0u);
  EXPECT_LE(cost.shards_forced, 2u);
  EXPECT_LE(cost.messages, 3u * 3u);
}

TEST(DriverCostTest, OneEnvelopeAndOneAppendCarryAllThatWaits) {
  constexpr size_t kTransactions = 20;
  DriverWorld world({"a"});
  world.net.lose = [](const Envelope&) { return true; };
  std::vector<Answer> answers;
  for (size_t i = 0; i < kTransactions; ++i) {
    answers.push_back(world.Begin({{"a", "debit"}}, {absl::Hours(1)}));
  }
  world.executor.RunUntilIdle();
  world.net.lose = nullptr;
  world.executor.JumpBy(absl::Minutes(1));  // All are due for a resend.

  const TxnCounters bank = world.bank->Counters();
  const TxnCounters shard = world.shards["a"].role->Counters();
  const size_t bank_forced = world.log.forced_appends();
  const size_t shard_forced = world.shards["a"].log.forced_appends();
  world.executor.RunUntilIdle();
  for (const Answer& answer : answers) {
    EXPECT_EQ(answer.decision(), Decision::kCommit) << answer.reason();
  }
  const TxnCounters bank_now = world.bank->Counters();
  EXPECT_EQ(bank_now.messages_sent - bank.messages_sent, 2 * kTransactions);
  EXPECT_EQ(bank_now.envelopes_sent - bank.envelopes_sent, 2u);
  const TxnCounters shard_now = world.shards["a"].role->Counters();
  EXPECT_EQ(shard_now.messages_sent - shard.messages_sent, 2 * kTransactions);
  EXPECT_EQ(shard_now.envelopes_sent - shard.envelopes_sent, 2u);
  EXPECT_EQ(world.log.forced_appends() - bank_forced, 1u);
  EXPECT_EQ(world.shards["a"].log.forced_appends() - shard_forced, 2u);
}

// --- When the log fails under it --------------------------------------------

TEST(DriverUnknownTest, AnAppendOfUnknownFateGivesNoOutcomeAndStops) {
  for (const auto written :
       {MemoryLogStore::Written::kYes, MemoryLogStore::Written::kNo}) {
    const bool is_written = written == MemoryLogStore::Written::kYes;
    DriverWorld world({"a", "b"});
    world.log.FailNextAppend(absl::UnavailableError("disk gone"), written);
    const Answer unknown = world.Run({{"a", "debit"}, {"b", "credit"}});
    ASSERT_TRUE(unknown.status().ok()) << unknown.status();
    EXPECT_EQ(unknown.decision(), std::nullopt);
    EXPECT_THAT(world.bank->Health().ToString(), HasSubstr("disk gone"));

    const uint64_t sent = world.bank->Counters().messages_sent;
    EXPECT_EQ(world.Run({{"a", "debit"}}).status().code(),
              absl::StatusCode::kFailedPrecondition);
    world.executor.AdvanceBy(absl::Seconds(20));
    EXPECT_EQ(world.bank->Counters().messages_sent, sent);
    EXPECT_THAT(world.shards["a"].role->InDoubt(), SizeIs(1));

    // Only a new claim of the log tells.
    world.CrashBank();
    world.OpenBank();
    world.executor.AdvanceBy(absl::Minutes(2));
    const auto outcome = world.bank->OutcomeOf(unknown.id());
    for (const char* name : {"a", "b"}) {
      const TestResource& resource = world.shards[name].resource;
      EXPECT_THAT(resource.committed, SizeIs(is_written ? 1 : 0));
      EXPECT_THAT(resource.aborted, SizeIs(is_written ? 0 : 1));
      EXPECT_THAT(world.shards[name].role->InDoubt(), IsEmpty());
    }
    if (is_written) {
      ASSERT_TRUE(outcome.ok()) << outcome.status();
      EXPECT_EQ(*outcome, Decision::kCommit);
      EXPECT_THAT(world.bank->Untold(), ElementsAre(unknown.id()));
      world.bank->Forget(unknown.id());
      EXPECT_THAT(world.bank->Untold(), IsEmpty());
    } else {
      EXPECT_EQ(outcome.status().code(), absl::StatusCode::kNotFound);
      EXPECT_THAT(world.bank->Untold(), IsEmpty());
    }
  }
}

// The stop and the decision of another transaction come in one batch of events:
// the second record is refused by the log, and its caller is told so.
TEST(DriverUnknownTest, WhatIsDecidedBesideTheStopIsAnsweredToo) {
  DriverWorld world({"a"});
  world.log.Hold();
  const Answer first = world.Run({{"a", "1"}});  // Its record waits.
  std::vector<Envelope> votes;
  world.net.lose = [&](const Envelope& e) {
    if (e.to == "bank") votes.push_back(e);
    return e.to == "bank";
  };
  const Answer second = world.Run({{"a", "2"}});  // Its vote waits.
  ASSERT_THAT(votes, SizeIs(1));
  world.log.FailNextAppend(absl::UnavailableError("disk gone"),
                           MemoryLogStore::Written::kNo);
  world.net.on_send = [&](const Envelope&) {
    world.net.on_send = nullptr;
    world.bank->Receive(votes[0]);
    world.log.Release();
  };
  const Answer third = world.Run({{"a", "3"}});
  EXPECT_FALSE(world.bank->Health().ok());
  ASSERT_TRUE(first.status().ok()) << first.status();
  EXPECT_EQ(first.decision(), std::nullopt);
  ASSERT_TRUE(second.status().ok()) << second.status();
  EXPECT_EQ(second.decision(), std::nullopt);
  EXPECT_EQ(third.decision(), Decision::kAbort);
}

TEST(DriverUnknownTest, OutcomeOfIsOpenWhileTheRecordIsOnItsWay) {
  DriverWorld world({"a"});
  std::optional<TxnId> id;
  world.shards["a"].resource.on_call = [&](const std::string&) {
    if (!world.shards["a"].resource.prepared.empty()) {
      id = world.shards["a"].resource.prepared.begin()->first;
    }
  };
  world.log.Hold();
  const Answer answer = world.Run({{"a", "debit"}});
  EXPECT_FALSE(answer.has_come());
  ASSERT_TRUE(id.has_value());
  const auto undecided = world.bank->OutcomeOf(*id);
  ASSERT_TRUE(undecided.ok()) << undecided.status();
  EXPECT_EQ(*undecided, std::nullopt);
  world.bank->Forget(*id);  // Does nothing.
  world.log.Release();
  world.executor.RunUntilIdle();
  EXPECT_EQ(answer.decision(), Decision::kCommit);
  EXPECT_EQ(answer.id(), *id);
}

}  // namespace
}  // namespace trivet
