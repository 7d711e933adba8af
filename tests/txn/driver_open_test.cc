// SPDX-License-Identifier: Apache-2.0
//
// Opening: options, names, and logs of every kind.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "src/txn/codec.h"
#include "src/txn/peer_table.h"
#include "tests/support/manual_executor.h"
#include "tests/support/memory_log_store.h"
#include "tests/txn/driver_fixture.h"
#include "trivet/host/log_store.h"
#include "trivet/host/transport.h"
#include "trivet/txn/coordinator.h"
#include "trivet/txn/participant.h"
#include "trivet/txn/txn_record.h"

namespace trivet {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class DriverOpenTest : public ::testing::Test {
 protected:
  absl::Status OpenCoordinator(CoordinatorOptions options = {},
                               std::string name = "bank") {
    auto opened =
        Coordinator::Open(&executor_, &net_, &log_, std::move(name), options);
    if (opened.ok()) coordinator_ = *std::move(opened);
    executor_.RunUntilIdle();
    return opened.status();
  }
  absl::Status OpenParticipant(ParticipantOptions options = {},
                               std::string name = "shard") {
    auto opened = Participant::Open(&executor_, &net_, &log_, &resource_,
                                    std::move(name), options);
    if (opened.ok()) participant_ = *std::move(opened);
    executor_.RunUntilIdle();
    return opened.status();
  }

  // The name by which the coordinator that is open calls itself.
  std::string FullName() {
    Answer answer;
    coordinator_->RunAsync({{"nobody", ""}}, {absl::Nanoseconds(1)},
                           answer.Done());
    executor_.AdvanceBy(absl::Seconds(1));
    return answer.id().coordinator;
  }

  ManualExecutor executor_;
  TestNet net_{&executor_};
  MemoryLogStore log_;
  TestResource resource_;
  std::unique_ptr<Coordinator> coordinator_;
  std::unique_ptr<Participant> participant_;
};

std::string Text(const absl::Status& status) { return status.ToString(); }

TEST_F(DriverOpenTest, RefusesOptionsOutOfRangeAndClaimsNothing) {
  CoordinatorOptions options;
  options.max_in_flight = 0;
  EXPECT_THAT(Text(OpenCoordinator(options)),
              AllOf(HasSubstr("INVALID_ARGUMENT"), HasSubstr("max_in_flight")));
  options = {};
  options.epoch = 0;
  EXPECT_THAT(Text(OpenCoordinator(options)),
              AllOf(HasSubstr("INVALID_ARGUMENT"), HasSubstr("epoch is 0")));
  ParticipantOptions shard_options;
  shard_options.inquire_min = absl::ZeroDuration();
  EXPECT_THAT(Text(OpenParticipant(shard_options)),
              AllOf(HasSubstr("INVALID_ARGUMENT"), HasSubstr("inquire_min")));
  EXPECT_EQ(*log_.Claim(0, [](auto, auto) { return absl::OkStatus(); }), 1u);
}

TEST_F(DriverOpenTest, RefusesALogOfSmallerRecordsThanItsOptionsNeed) {
  class SmallRecords final : public MemoryLogStore {
   public:
    size_t RecordSizeMax() const override { return 512 << 10; }
  };
  SmallRecords log;
  CoordinatorOptions options;
  EXPECT_THAT(
      Text(
          Coordinator::Open(&executor_, &net_, &log, "bank", options).status()),
      AllOf(HasSubstr("INVALID_ARGUMENT: CoordinatorOptions.max_branches is "
                      "1024, which takes records of 527360 bytes"),
            HasSubstr("RecordSizeMax of the log is 524288")));
  options.max_branches = 1018;
  EXPECT_TRUE(Coordinator::Open(&executor_, &net_, &log, "bank", options).ok());

  SmallRecords other;
  ParticipantOptions shard_options;
  shard_options.max_work_bytes = (512 << 10) - 1023;
  EXPECT_THAT(Text(Participant::Open(&executor_, &net_, &other, &resource_,
                                     "shard", shard_options)
                       .status()),
              AllOf(HasSubstr("INVALID_ARGUMENT: ParticipantOptions."
                              "max_work_bytes is 523265"),
                    HasSubstr("RecordSizeMax of the log is 524288")));
  EXPECT_EQ(*other.Claim(0, [](auto, auto) { return absl::OkStatus(); }), 1u);
  --shard_options.max_work_bytes;
  EXPECT_TRUE(Participant::Open(&executor_, &net_, &other, &resource_, "shard",
                                shard_options)
                  .ok());
}

TEST_F(DriverOpenTest, RefusesNamesThatAreEmptyOrTooLong) {
  EXPECT_THAT(Text(OpenCoordinator({}, "")), HasSubstr("name is empty"));
  EXPECT_THAT(Text(OpenCoordinator({}, std::string(480, 'x'))),
              HasSubstr("name has 480 bytes; at most 479"));
  EXPECT_TRUE(OpenCoordinator({}, std::string(479, 'x')).ok());
  coordinator_.reset();
  EXPECT_THAT(Text(OpenParticipant({}, "")), HasSubstr("name is empty"));
  EXPECT_THAT(Text(OpenParticipant({}, std::string(513, 'x'))),
              HasSubstr("name has 513 bytes; at most 512"));
}

TEST_F(DriverOpenTest, ANewLogGetsAnIdentityThatItKeeps) {
  ASSERT_TRUE(OpenCoordinator().ok());
  EXPECT_THAT(log_.Records(), SizeIs(1));
  const std::string name = FullName();
  EXPECT_THAT(name, AllOf(HasSubstr("bank#"), SizeIs(5 + 32)));
  for (int i = 0; i < 3; ++i) {
    coordinator_.reset();
    log_.Crash();
    ASSERT_TRUE(OpenCoordinator().ok());
    EXPECT_EQ(FullName(), name);
  }
  EXPECT_THAT(log_.Records(), SizeIs(1));
}

TEST_F(DriverOpenTest, AnotherLogGetsAnotherIdentity) {
  ASSERT_TRUE(OpenCoordinator().ok());
  const std::string name = FullName();
  MemoryLogStore other;
  auto opened = Coordinator::Open(&executor_, &net_, &other, "bank", {});
  ASSERT_TRUE(opened.ok());
  executor_.RunUntilIdle();
  coordinator_ = *std::move(opened);
  EXPECT_NE(FullName(), name);
}

TEST_F(DriverOpenTest, AsksNobodyBeforeTheIdentityIsDurable) {
  log_.Hold();
  ASSERT_TRUE(OpenCoordinator().ok());
  Answer answer;
  coordinator_->RunAsync({{"a", "debit"}}, answer.Done());
  executor_.AdvanceBy(absl::Seconds(1));
  EXPECT_EQ(coordinator_->Counters().messages_sent, 0u);
  log_.Release();
  executor_.RunUntilIdle();
  EXPECT_GT(coordinator_->Counters().messages_sent, 0u);
}

TEST_F(DriverOpenTest, AnIdentityThatWasNeverDurableMayChange) {
  log_.Hold();
  ASSERT_TRUE(OpenCoordinator().ok());
  coordinator_.reset();
  log_.Crash();
  EXPECT_THAT(log_.Records(), SizeIs(0));
  ASSERT_TRUE(OpenCoordinator().ok());
  EXPECT_THAT(log_.Records(), SizeIs(1));
  EXPECT_THAT(FullName(), SizeIs(5 + 32));
}

// Records as a driver writes them.
class Records {
 public:
  TxnKey Key(uint64_t sequence) {
    return {peers_.Intern("bank#0123456789abcdef0123456789abcdef"),
            {1, sequence}};
  }
  std::string operator()(const TxnRecord& record) {
    return internal::EncodeRecord(record, peers_);
  }
  std::string Decided() {
    return (*this)(CommitDecided{Key(1), {peers_.Intern("a")}});
  }

 private:
  internal::PeerTable peers_;
};

TEST_F(DriverOpenTest, RecordsWithoutAnIdentityAreDataLoss) {
  log_.Plant(Records().Decided());
  const absl::Status status = OpenCoordinator();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(Text(status),
              AllOf(HasSubstr("coordinator \"bank\""), HasSubstr("identity")));
}

TEST_F(DriverOpenTest, TwoIdentitiesInOneLogAreDataLoss) {
  Records records;
  log_.Plant(records(LogIdentity{std::string(32, 'a')}));
  log_.Plant(records(LogIdentity{std::string(32, 'a')}));  // Compaction.
  log_.Plant(records(LogIdentity{std::string(32, 'b')}));
  const absl::Status status = OpenCoordinator();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(Text(status), HasSubstr("record 3"));
}

TEST_F(DriverOpenTest, ForeignBytesAreDataLossAndAreNamed) {
  log_.Plant(Records()(LogIdentity{std::string(32, 'a')}));
  log_.Plant("");
  absl::Status status = OpenCoordinator();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(Text(status), AllOf(HasSubstr("the log of coordinator \"bank\""),
                                  HasSubstr("record 2")));
  status = OpenParticipant();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(Text(status), HasSubstr("the log of participant \"shard\""));
}

TEST_F(DriverOpenTest, ANewerRecordIsUnimplemented) {
  Records records;
  log_.Plant(records(LogIdentity{std::string(32, 'a')}));
  std::string newer = records.Decided();
  newer[0] = 2;  // Its version.
  log_.Plant(newer);
  const absl::Status status = OpenCoordinator();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(Text(status), HasSubstr("record 2"));
}

TEST_F(DriverOpenTest, TheLogOfTheOtherRoleIsRefused) {
  Records records;
  log_.Plant(records(LogIdentity{std::string(32, 'a')}));
  EXPECT_EQ(OpenParticipant().code(), absl::StatusCode::kDataLoss);
  log_.Plant(records(Prepared{records.Key(1), "debit"}));
  const absl::Status status = OpenCoordinator();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(Text(status), HasSubstr("record 2 is of the other role"));
}

TEST_F(DriverOpenTest, NoRecordOfTheOtherRoleIsPassedOver) {
  Records records;
  const TxnKey txn = records.Key(1);
  for (const TxnRecord& record :
       {TxnRecord(LogIdentity{std::string(32, 'a')}),
        TxnRecord(CommitDecided{txn, {}}), TxnRecord(Ended{txn})}) {
    MemoryLogStore log;
    log.Plant(records(LogOwner{"shard"}));
    log.Plant(records(record));
    EXPECT_THAT(
        Text(Participant::Open(&executor_, &net_, &log, &resource_, "shard", {})
                 .status()),
        HasSubstr("record 2 is of the other role"));
  }
  for (const TxnRecord& record :
       {TxnRecord(LogOwner{"shard"}), TxnRecord(Prepared{txn, "debit"}),
        TxnRecord(Resolved{txn, Decision::kCommit}), TxnRecord(Applied{txn}),
        TxnRecord(HorizonPassed{txn.coordinator, txn.number}),
        TxnRecord(Heuristic{txn, Decision::kCommit})}) {
    MemoryLogStore log;
    log.Plant(
        records(LogIdentity{std::string("0123456789abcdef0123456789abcdef")}));
    log.Plant(records(record));
    EXPECT_THAT(
        Text(Coordinator::Open(&executor_, &net_, &log, "bank", {}).status()),
        HasSubstr("record 2 is of the other role"));
  }
}

// Its commits would be told under this one's name, and those who hear of a
// commit that they never voted for stop.
TEST_F(DriverOpenTest, TheLogOfACoordinatorOfAnotherNameIsRefused) {
  Records records;
  const TxnKey txn = records.Key(1);
  for (const TxnRecord& record :
       {TxnRecord(CommitDecided{txn, {}}), TxnRecord(Ended{txn}),
        TxnRecord(Forgotten{txn})}) {
    MemoryLogStore log;
    log.Plant(records(LogIdentity{"0123456789abcdef0123456789abcdef"}));
    log.Plant(records(record));
    const absl::Status status =
        Coordinator::Open(&executor_, &net_, &log, "till", {}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(Text(status),
                AllOf(HasSubstr("the log of coordinator \"till\""),
                      HasSubstr("record 2 is of \"bank#0123"),
                      HasSubstr("this is \"till#0123")));
    EXPECT_EQ(executor_.RunUntilIdle(), 0u);
  }
}

// Its coordinators would be asked in the wrong name, would say "abort", and
// what was committed would be undone.
TEST_F(DriverOpenTest, PA33_TheLogOfAParticipantOfAnotherNameIsRefused) {
  ASSERT_TRUE(OpenParticipant().ok());
  participant_.reset();
  EXPECT_THAT(log_.Records(), SizeIs(1));
  const absl::Status status = OpenParticipant({}, "other");
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(
      Text(status),
      AllOf(HasSubstr("the log of participant \"other\""),
            HasSubstr(
                "record 1 says that it is the log of participant \"shard\"")));
  EXPECT_EQ(resource_.lists, 1) << "the refused one asked nothing";
  EXPECT_TRUE(OpenParticipant().ok());
  EXPECT_THAT(log_.Records(), SizeIs(1)) << "it says so already";
}

TEST_F(DriverOpenTest, PA33_NoVoteSurvivesWithoutTheNameOfWhoGaveIt) {
  DriverWorld world({"a", "b"});
  world.net.lose = [](const Envelope& envelope) {
    return envelope.from == "a";  // Its vote.
  };
  const Answer answer = world.Begin({{"a", "debit"}, {"b", "credit"}});
  world.executor.RunUntilIdle();
  ASSERT_THAT(world.shards["a"].resource.prepared, SizeIs(1));
  world.CrashShard("a");
  DriverWorld::Shard& shard = world.shards["a"];
  const absl::Status status =
      Participant::Open(&world.executor, &world.net, &shard.log,
                        &shard.resource, "b", {})
          .status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(
      Text(status),
      AllOf(
          HasSubstr("participant \"b\""),
          HasSubstr("record 1 says that it is the log of participant \"a\"")));
  world.OpenShard("a");
  EXPECT_THAT(shard.role->InDoubt(), SizeIs(1));
}

TEST_F(DriverOpenTest, PA33_ANameThatWasNeverDurableMayChange) {
  ASSERT_TRUE(OpenParticipant().ok());
  participant_.reset();
  log_.Crash();  // Nothing had been promised with this log.
  EXPECT_TRUE(OpenParticipant({}, "other").ok());
}

TEST_F(DriverOpenTest, PA33_OneWhoseNameCannotBeWrittenDownStops) {
  for (const auto written :
       {MemoryLogStore::Written::kNo, MemoryLogStore::Written::kYes}) {
    MemoryLogStore log;
    log.FailNextAppend(absl::UnavailableError("disk"), written);
    auto opened =
        Participant::Open(&executor_, &net_, &log, &resource_, "shard", {});
    ASSERT_TRUE(opened.ok());
    executor_.RunUntilIdle();
    EXPECT_EQ((*opened)->Health().code(), absl::StatusCode::kUnavailable);
    opened =
        Participant::Open(&executor_, &net_, &log, &resource_, "shard", {});
    ASSERT_TRUE(opened.ok()) << opened.status();
    executor_.RunUntilIdle();
    EXPECT_TRUE((*opened)->Health().ok());
    EXPECT_THAT(log.Records(), SizeIs(1));
  }
}

TEST_F(DriverOpenTest, PA33_RecordsOfNobodyAndOfTwoAreDataLoss) {
  Records records;
  log_.Plant(records(Prepared{records.Key(1), "debit"}));
  absl::Status status = OpenParticipant();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(Text(status), AllOf(HasSubstr("the log of participant \"shard\""),
                                  HasSubstr("none says whose they are")));
  log_.Plant(records(LogOwner{"shard"}));
  log_.Plant(records(LogOwner{"shard"}));  // Compaction.
  EXPECT_TRUE(OpenParticipant().ok());
  participant_.reset();
  log_.Plant(records(LogOwner{"other"}));
  status = OpenParticipant();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(
      Text(status),
      HasSubstr("record 4 says that it is the log of participant \"other\""));
}

// It would give out ids that were given out before.
TEST_F(DriverOpenTest, ALogThatGivesOutAnEpochAgainIsRefused) {
  Records records;
  log_.Plant(records(LogIdentity{"0123456789abcdef0123456789abcdef"}));
  log_.Plant(records.Decided());  // In epoch 1.
  TxnKey later = records.Key(1);
  later.number.epoch = 2;
  MemoryLogStore log;
  log.Plant(log_.Records()[0]);
  log.Plant(records(Ended{later}));
  EXPECT_EQ(
      Coordinator::Open(&executor_, &net_, &log, "bank", {}).status().code(),
      absl::StatusCode::kAborted)
      << "another has claimed it meanwhile";

  const absl::Status status = OpenCoordinator();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(Text(status),
              HasSubstr("record 2 is of epoch 1, but the epoch just claimed is "
                        "1"));
  EXPECT_TRUE(OpenCoordinator().ok()) << "the next epoch is a new one";
}

TEST_F(DriverOpenTest, TheEpochOfALeaseIsClaimedOnceAndNumbersTransactions) {
  CoordinatorOptions options;
  options.epoch = 40;
  ASSERT_TRUE(OpenCoordinator(options).ok());
  Answer answer;
  coordinator_->RunAsync({{"nobody", ""}}, {absl::Nanoseconds(1)},
                         answer.Done());
  executor_.AdvanceBy(absl::Seconds(1));
  EXPECT_EQ(answer.id().number.epoch, 40u);
  coordinator_.reset();
  const absl::Status status = OpenCoordinator(options);
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_THAT(Text(status), HasSubstr("coordinator \"bank\""));
  options.epoch = 41;
  EXPECT_TRUE(OpenCoordinator(options).ok());
}

// C4: a commit that waits to be delivered does not leave before the claim, and
// not at all if the claim fails.
TEST_F(DriverOpenTest, C4_SendsNothingUnderAnEpochThatItHasNotClaimed) {
  class ClaimingLog final : public LogStore {
   public:
    absl::StatusOr<Epoch> Claim(Epoch wanted, Visitor visit) override {
      absl::StatusOr<Epoch> epoch = inner.Claim(wanted, visit);
      is_claimed = result.ok();
      return result.ok() ? epoch : result;
    }
    void Append(Epoch epoch, std::vector<std::string> records,
                Durability durability, AppendDone done) override {
      inner.Append(epoch, std::move(records), durability, std::move(done));
    }
    void Trim(Epoch epoch, LogIndex first) override {
      inner.Trim(epoch, first);
    }
    MemoryLogStore inner;
    absl::Status result;
    bool is_claimed = false;
  };
  ClaimingLog log;
  Records records;
  log.inner.Plant(records(LogIdentity{"0123456789abcdef0123456789abcdef"}));
  log.inner.Plant(records.Decided());
  int sent = 0;
  net_.on_send = [&](const Envelope&) {
    EXPECT_TRUE(log.is_claimed);
    ++sent;
  };
  log.result = absl::UnavailableError("no answer");
  const auto failed = Coordinator::Open(&executor_, &net_, &log, "bank", {});
  EXPECT_EQ(failed.status().code(), absl::StatusCode::kUnavailable);
  executor_.AdvanceBy(absl::Minutes(1));
  EXPECT_EQ(sent, 0);
  log.result = absl::OkStatus();
  const auto opened = Coordinator::Open(&executor_, &net_, &log, "bank", {});
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(sent, 1) << "the commit notice";
}

TEST_F(DriverOpenTest, NamesInErrorsAreEscaped) {
  log_.Plant("junk");
  EXPECT_THAT(Text(OpenCoordinator({}, "b\n\xff")), HasSubstr(R"("b\n\xff")"));
}

}  // namespace
}  // namespace trivet
