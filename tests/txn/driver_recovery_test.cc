// SPDX-License-Identifier: Apache-2.0
//
// Crashes of each role, fail-over, and operators who decide themselves.

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/txn/driver_fixture.h"
#include "trivet/host/transport.h"
#include "trivet/txn/coordinator.h"
#include "trivet/txn/participant.h"
#include "trivet/txn/transaction.h"

namespace trivet {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// A world in which "a" and "b" have voted yes and no decision comes: the
// coordinator's log does not answer.
class DriverInDoubtTest : public ::testing::Test {
 protected:
  void SetUp() override {
    world_.log.Hold();
    answer_ = world_.Run({{"a", "debit"}, {"b", "credit"}});
    ASSERT_FALSE(answer_.has_come());
    ASSERT_THAT(world_.shards["a"].resource.prepared, SizeIs(1));
    id_ = world_.shards["a"].resource.prepared.begin()->first;
  }
  TestResource& resource(const std::string& name) {
    return world_.shards[name].resource;
  }
  Participant& shard(const std::string& name) {
    return *world_.shards[name].role;
  }

  DriverWorld world_{{"a", "b"}};
  Answer answer_;
  TxnId id_;
};

TEST_F(DriverInDoubtTest, IsListedWithItsCoordinatorAndAge) {
  world_.executor.AdvanceBy(absl::Seconds(90));
  const std::vector<Participant::Doubt> doubts = shard("a").InDoubt();
  ASSERT_THAT(doubts, SizeIs(1));
  EXPECT_EQ(doubts[0].id, id_);
  EXPECT_EQ(doubts[0].age, absl::Seconds(90));
}

TEST_F(DriverInDoubtTest, P2_NeverDecidesAlone) {
  world_.executor.AdvanceBy(absl::Hours(24));
  EXPECT_THAT(resource("a").prepared, SizeIs(1));
  EXPECT_THAT(resource("b").prepared, SizeIs(1));
}

TEST_F(DriverInDoubtTest, ACoordinatorThatNeverDecidedAborts) {
  world_.CrashBank();
  EXPECT_EQ(answer_.status().code(), absl::StatusCode::kCancelled);
  world_.OpenBank();
  world_.executor.AdvanceBy(absl::Minutes(2));
  EXPECT_THAT(resource("a").aborted, ElementsAre(id_));
  EXPECT_THAT(resource("b").aborted, ElementsAre(id_));
  EXPECT_EQ(world_.bank->OutcomeOf(id_).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(DriverInDoubtTest, ACoordinatorThatDecidedDeliversAfterItsCrash) {
  world_.net.lose = [](const Envelope& e) { return e.from == "bank"; };
  world_.log.Release();  // Durable, and nobody hears of it.
  world_.CrashBank();
  world_.net.lose = nullptr;
  world_.OpenBank();
  world_.executor.RunUntilIdle();
  EXPECT_THAT(resource("a").committed, ElementsAre(id_));
  EXPECT_THAT(resource("b").committed, ElementsAre(id_));
  // Its caller heard the outcome or kCancelled from the one before; this one
  // cannot know, and keeps it until told to forget.
  EXPECT_THAT(world_.bank->Untold(), ElementsAre(id_));
  const auto outcome = world_.bank->OutcomeOf(id_);
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(*outcome, Decision::kCommit);
  world_.bank->Forget(id_);
  world_.executor.RunUntilIdle();
  EXPECT_THAT(world_.bank->Untold(), IsEmpty());
  world_.OpenBank();
  EXPECT_EQ(world_.bank->OutcomeOf(id_).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(DriverInDoubtTest, AParticipantRemembersItsVoteOverACrash) {
  world_.CrashShard("a");
  world_.OpenShard("a");
  world_.executor.RunUntilIdle();
  EXPECT_THAT(shard("a").InDoubt(), SizeIs(1));
  world_.log.Release();
  world_.executor.AdvanceBy(absl::Minutes(1));
  EXPECT_EQ(answer_.decision(), Decision::kCommit);
  EXPECT_THAT(resource("a").committed, ElementsAre(id_));
  EXPECT_THAT(shard("a").InDoubt(), IsEmpty());
}

TEST(DriverRecoveryTest, WhatWasPreparedButNeverWrittenDownIsAborted) {
  DriverWorld world({"a", "b"});
  world.shards["a"].log.Hold();
  const Answer answer = world.Run({{"a", "debit"}, {"b", "credit"}});
  EXPECT_THAT(world.shards["a"].resource.prepared, SizeIs(1));
  world.CrashShard("a");
  world.CrashBank();
  world.OpenShard("a");
  world.executor.RunUntilIdle();
  EXPECT_THAT(world.shards["a"].resource.prepared, IsEmpty());
  EXPECT_THAT(world.shards["a"].resource.aborted, SizeIs(1));
}

TEST(DriverRecoveryTest, WhatIsListedUnderAnUnfitNameIsLeftAloneAndCounted) {
  DriverWorld world({"a"});
  world.CrashShard("a");
  TestResource& resource = world.shards["a"].resource;
  const TxnId unfit{std::string(513, 'x'), {1, 1}};
  const TxnId orphan{"bank#1", {1, 1}};
  resource.prepared = {{unfit, "1"}, {{"", {1, 1}}, "2"}, {orphan, "3"}};
  world.OpenShard("a");
  world.executor.RunUntilIdle();
  EXPECT_EQ(world.shards["a"].role->Counters().bad_names, 2u);
  EXPECT_THAT(resource.aborted, ElementsAre(orphan));
}

TEST(DriverRecoveryTest, AppliesAgainWhatWasNotKnownToBeApplied) {
  DriverWorld world({"a"});
  TestResource& resource = world.shards["a"].resource;
  resource.apply_status = absl::UnavailableError("not now");
  EXPECT_EQ(world.Run({{"a", "debit"}}).decision(), Decision::kCommit);
  EXPECT_THAT(resource.committed, IsEmpty());
  world.executor.AdvanceBy(absl::Minutes(1));
  EXPECT_THAT(resource.committed, IsEmpty());
  world.CrashShard("a");
  world.OpenShard("a");
  world.executor.RunUntilIdle();
  EXPECT_THAT(resource.prepared, SizeIs(1)) << "no orphan, though it is listed";
  resource.apply_status = absl::OkStatus();
  world.executor.AdvanceBy(absl::Minutes(1));
  EXPECT_THAT(resource.committed, SizeIs(1));
}

TEST(DriverRecoveryTest, AParticipantWhoseLogWasLostStops) {
  DriverWorld world({"a", "b"});
  world.log.Hold();
  const Answer answer = world.Run({{"a", "debit"}, {"b", "credit"}});
  world.CrashShard("a");
  DriverWorld::Shard& lost = world.shards["a"];
  MemoryLogStore empty;
  auto opened = Participant::Open(&world.executor, &world.net, &empty,
                                  &lost.resource, "a", {});
  ASSERT_TRUE(opened.ok());
  lost.role = *std::move(opened);
  world.net.Connect("a", [&](Envelope e) { lost.role->Receive(std::move(e)); });
  world.log.Release();
  world.executor.AdvanceBy(absl::Minutes(1));
  EXPECT_EQ(answer.decision(), Decision::kCommit);
  EXPECT_FALSE(lost.role->Health().ok());
  const auto resolve = lost.role->Resolve(answer.id(), Decision::kCommit);
  EXPECT_EQ(resolve.code(), absl::StatusCode::kFailedPrecondition);
  lost.role.reset();
}

TEST(DriverRecoveryTest, AFailedForceStopsAParticipantAndTheNextStartTells) {
  for (const auto written :
       {MemoryLogStore::Written::kYes, MemoryLogStore::Written::kNo}) {
    DriverWorld world({"a", "b"});
    world.shards["a"].log.FailNextAppend(absl::UnavailableError("disk gone"),
                                         written);
    const Answer answer = world.Run({{"a", "debit"}, {"b", "credit"}});
    EXPECT_THAT(world.shards["a"].role->Health().ToString(),
                HasSubstr("disk gone"));
    world.executor.AdvanceBy(absl::Seconds(1));
    EXPECT_FALSE(answer.has_come()) << "it must not vote no";
    world.CrashShard("a");
    world.OpenShard("a");
    world.executor.AdvanceBy(absl::Minutes(2));
    ASSERT_TRUE(answer.decision().has_value());
    const bool committed = *answer.decision() == Decision::kCommit;
    EXPECT_THAT(world.shards["a"].resource.committed, SizeIs(committed));
    EXPECT_THAT(world.shards["b"].resource.committed, SizeIs(committed));
    EXPECT_THAT(world.shards["a"].resource.prepared, IsEmpty());
  }
}

TEST(DriverRecoveryTest, LogsStaySmallWhateverRanOverThem) {
  constexpr int kTransactions = 3000;
  DriverWorld world({"a", "b"});
  for (int i = 0; i < kTransactions; ++i) {
    ASSERT_EQ(world.Run({{"a", "1"}, {"b", "2"}}).decision(),
              Decision::kCommit);
    if (i % 10 == 0) world.Run({{"a", "1"}, {"b", "no: shut"}});
  }
  world.executor.AdvanceBy(absl::Minutes(10));
  EXPECT_THAT(world.log.Records(), SizeIs(testing::Le(1100u)));
  for (const char* name : {"a", "b"}) {  // Whose copies ride along.
    EXPECT_THAT(world.shards[name].log.Records(), SizeIs(testing::Le(100u)));
    world.CrashShard(name);
    world.OpenShard(name);
    EXPECT_TRUE(world.shards[name].role->Health().ok());
  }
}

// --- Operators --------------------------------------------------------------

TEST_F(DriverInDoubtTest, AnOperatorDecidesAndIsToldWhatTheCoordinatorSaid) {
  Participant& a = shard("a");
  EXPECT_EQ(a.Resolve({id_.coordinator, {9, 9}}, Decision::kAbort).code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(a.Resolve({"stranger#1", {1, 1}}, Decision::kAbort).code(),
            absl::StatusCode::kNotFound);

  ASSERT_TRUE(a.Resolve(id_, Decision::kAbort).ok());
  world_.executor.RunUntilIdle();
  EXPECT_THAT(resource("a").aborted, ElementsAre(id_));
  ASSERT_THAT(a.Verdicts(), SizeIs(1));
  EXPECT_EQ(a.Verdicts()[0].id, id_);
  EXPECT_EQ(a.Verdicts()[0].decision, Decision::kAbort);
  EXPECT_EQ(a.Verdicts()[0].answer, std::nullopt);
  EXPECT_EQ(a.Resolve(id_, Decision::kAbort).code(),
            absl::StatusCode::kFailedPrecondition);

  // It is kept over a crash.
  world_.CrashShard("a");
  world_.OpenShard("a");
  world_.executor.RunUntilIdle();
  EXPECT_THAT(shard("a").Verdicts(), SizeIs(1));

  // The coordinator is back, and had decided otherwise.
  world_.log.Release();
  world_.executor.AdvanceBy(absl::Minutes(2));
  EXPECT_EQ(answer_.decision(), Decision::kCommit);
  ASSERT_THAT(shard("a").Verdicts(), SizeIs(1));
  EXPECT_EQ(shard("a").Verdicts()[0].answer, Decision::kCommit);
  EXPECT_THAT(resource("a").committed, IsEmpty());
  EXPECT_THAT(resource("b").committed, ElementsAre(id_));

  EXPECT_TRUE(shard("a").Resolve(id_, Decision::kAbort).ok());  // Forgets it.
  EXPECT_THAT(shard("a").Verdicts(), IsEmpty());
  EXPECT_EQ(shard("a").Resolve(id_, Decision::kAbort).code(),
            absl::StatusCode::kNotFound);
}

TEST_F(DriverInDoubtTest, AnOperatorIsAnsweredForTheTransactionHeNames) {
  Participant& a = shard("a");
  ASSERT_TRUE(a.Resolve(id_, Decision::kAbort).ok());
  world_.log.Release();
  world_.executor.AdvanceBy(absl::Minutes(2));
  ASSERT_THAT(a.Verdicts(), SizeIs(1));
  EXPECT_EQ(a.Verdicts()[0].answer, Decision::kCommit);

  world_.log.Hold();
  world_.Run({{"a", "debit"}});
  ASSERT_THAT(a.InDoubt(), SizeIs(1));
  const TxnId second = a.InDoubt()[0].id;
  ASSERT_TRUE(a.Resolve(second, Decision::kAbort).ok());
  ASSERT_THAT(a.Verdicts(), SizeIs(2));
  EXPECT_EQ(a.Resolve(second, Decision::kAbort).code(),
            absl::StatusCode::kFailedPrecondition)
      << "only the first was answered";
  EXPECT_TRUE(a.Resolve(id_, Decision::kAbort).ok());
  ASSERT_THAT(a.Verdicts(), SizeIs(1));
  EXPECT_EQ(a.Verdicts()[0].id, second);
}

// --- Fail-over --------------------------------------------------------------

// Another process that bears the same name, over the same log.
class DriverFailOverTest : public DriverInDoubtTest {
 protected:
  void OpenSuccessor(Epoch epoch) {
    CoordinatorOptions options;
    options.epoch = epoch;
    auto opened = Coordinator::Open(&world_.executor, &world_.net, &world_.log,
                                    "bank", options);
    ASSERT_TRUE(opened.ok()) << opened.status();
    successor_ = *std::move(opened);
    // The name is its own now; but what is under way may still reach the other.
    world_.net.Connect("bank", [this](const Envelope& e) {
      successor_->Receive(e);
      world_.bank->Receive(e);
    });
  }

  std::unique_ptr<Coordinator> successor_;
};

TEST_F(DriverFailOverTest, ASuccessorEndsTheDoubtAndTheLogStopsTheDeposed) {
  OpenSuccessor(7);
  world_.executor.AdvanceBy(absl::Minutes(1));
  EXPECT_THAT(resource("a").aborted, ElementsAre(id_));
  EXPECT_THAT(resource("b").aborted, ElementsAre(id_));
  EXPECT_FALSE(answer_.has_come()) << "its append may have been written";

  world_.log.Release();  // Refused: the record will never be there.
  world_.executor.RunUntilIdle();
  EXPECT_EQ(answer_.decision(), Decision::kAbort);
  EXPECT_EQ(world_.bank->Health().code(), absl::StatusCode::kAborted);
  EXPECT_TRUE(successor_->Health().ok());

  Answer next;
  successor_->RunAsync({{"a", "1"}, {"b", "2"}}, next.Done());
  world_.executor.RunUntilIdle();
  EXPECT_EQ(next.decision(), Decision::kCommit);
  EXPECT_EQ(next.id().number.epoch, 7u);
  EXPECT_EQ(next.id().coordinator, id_.coordinator);
}

TEST_F(DriverFailOverTest, ASuccessorDeliversWhatTheDeposedHadDecided) {
  world_.net.lose = [](const Envelope& e) { return e.from == "bank"; };
  world_.log.Release();  // Decided, and nobody hears of it.
  world_.executor.RunUntilIdle();
  EXPECT_EQ(answer_.decision(), Decision::kCommit);
  world_.net.lose = nullptr;
  OpenSuccessor(2);
  world_.executor.RunUntilIdle();
  EXPECT_THAT(resource("a").committed, ElementsAre(id_));
  EXPECT_THAT(resource("b").committed, ElementsAre(id_));
}

TEST_F(DriverFailOverTest, TheDeposedDecidesNothingMore) {
  world_.log.Release();
  world_.executor.RunUntilIdle();
  OpenSuccessor(9);
  world_.net.Connect(
      "bank", [this](Envelope e) { world_.bank->Receive(std::move(e)); });
  const Answer answer = world_.Run({{"a", "1"}, {"b", "2"}});
  EXPECT_EQ(answer.decision(), Decision::kAbort);
  EXPECT_EQ(world_.bank->Health().code(), absl::StatusCode::kAborted);
  EXPECT_THAT(resource("a").committed, SizeIs(1));
}

}  // namespace
}  // namespace trivet
