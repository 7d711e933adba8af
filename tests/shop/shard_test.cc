// SPDX-License-Identifier: Apache-2.0
//
// What a shard promises about its journal: nothing is said before it is
// durable, and a shard that is opened again knows everything it said.

#include "shard.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/manual_executor.h"
#include "tests/support/memory_log_store.h"

namespace shop {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using trivet::Decision;
using trivet::TxnId;
using trivet::Vote;

constexpr char kAccount[] = "customer/c";
constexpr char kStock[] = "sku/s";

TxnId Id(uint64_t sequence) { return {"shop#0", {1, sequence}}; }

std::string Order(const std::string& id, int64_t cents) {
  return Encode({id, cents, 1, {kAccount, {"a"}}, {kStock, {"a"}}});
}

class ShardTest : public testing::Test {
 protected:
  ShardTest() {
    Open();
    std::vector<NamedRow> rows = {{kAccount, Row{100, 0, {}}},
                                  {kStock, Row{1 << 20, 0, {}}}};
    shard_->Install(std::move(rows), [](absl::Status) {});
    executor_.RunUntilIdle();
  }

  void Open() {
    shard_ = Shard::Open(&executor_, &journal_, "a", [this](const Place&) {
               return may_serve_;
             }).value();
  }
  // What was not forced is gone.
  void CrashAndOpen() {
    journal_.Crash();
    executor_.RunUntilIdle();
    Open();
  }

  void Prepare(uint64_t id, const std::string& work) {
    vote_.reset();
    shard_->Prepare(Id(id), work, [this](Vote vote) { vote_ = vote; });
    executor_.RunUntilIdle();
  }
  void Apply(uint64_t id, Decision decision, const std::string& work) {
    applied_.reset();
    shard_->Apply(Id(id), decision, work,
                  [this](absl::Status status) { applied_ = status; });
    executor_.RunUntilIdle();
  }
  int64_t left() { return shard_->Look(kAccount, "").left; }
  std::vector<TxnId> Prepared() {
    std::vector<TxnId> ids;
    shard_->ListPrepared([&](absl::StatusOr<std::vector<TxnId>> listed) {
      ids = *std::move(listed);
    });
    return ids;
  }

  trivet::ManualExecutor executor_;
  trivet::MemoryLogStore journal_;
  absl::Status may_serve_;
  std::unique_ptr<Shard> shard_;
  std::optional<Vote> vote_;
  std::optional<absl::Status> applied_;
};

TEST_F(ShardTest, VotesYesOnlyWhenTheReservationIsDurable) {
  journal_.Hold();
  Prepare(1, Order("o", 30));
  EXPECT_FALSE(vote_.has_value());
  journal_.Release();
  executor_.RunUntilIdle();
  ASSERT_TRUE(vote_.has_value());
  EXPECT_EQ(vote_->kind, Vote::kYes);
  CrashAndOpen();
  EXPECT_THAT(Prepared(), ElementsAre(Id(1)));
  Prepare(1, Order("o", 30));  // Asked again: what was promised stays promised.
  EXPECT_EQ(vote_->kind, Vote::kYes);
}

TEST_F(ShardTest, AnswersOkOnlyWhenTheApplicationIsDurable) {
  Prepare(1, Order("o", 30));
  journal_.Hold();
  Apply(1, Decision::kCommit, Order("o", 30));
  EXPECT_FALSE(applied_.has_value());
  journal_.Release();
  executor_.RunUntilIdle();
  ASSERT_TRUE(applied_.has_value());
  EXPECT_TRUE(applied_->ok());
  CrashAndOpen();
  EXPECT_EQ(left(), 70);
  Apply(1, Decision::kCommit, Order("o", 30));  // A repeat changes nothing.
  EXPECT_TRUE(applied_->ok());
  EXPECT_EQ(left(), 70);
}

TEST_F(ShardTest, VotesNoWhenItsJournalFails) {
  journal_.FailNextAppend(absl::UnavailableError("the disk is gone"),
                          trivet::MemoryLogStore::Written::kNo);
  Prepare(1, Order("o", 30));
  ASSERT_TRUE(vote_.has_value());
  EXPECT_EQ(vote_->kind, Vote::kNo);
}

TEST_F(ShardTest, ACommitOfWhatWasNeverReservedIsNoSuccess) {
  Apply(1, Decision::kCommit, Order("o", 30));
  ASSERT_TRUE(applied_.has_value());
  EXPECT_TRUE(absl::IsDataLoss(*applied_));
}

TEST_F(ShardTest, AnAbortThatACrashTookIsFoundAgain) {
  Prepare(1, Order("o", 30));
  Apply(1, Decision::kAbort, "");
  EXPECT_TRUE(applied_->ok());
  EXPECT_THAT(Prepared(), IsEmpty());
  CrashAndOpen();
  EXPECT_THAT(Prepared(), ElementsAre(Id(1)));
  Apply(1, Decision::kAbort, "");
  EXPECT_THAT(Prepared(), IsEmpty());
  EXPECT_EQ(left(), 100);
}

TEST_F(ShardTest, TakesNoNewWorkOnRowsThatItMayNotServe) {
  Prepare(1, Order("o", 30));
  may_serve_ = absl::UnavailableError("the row is moving");
  Prepare(2, Order("p", 30));
  EXPECT_EQ(vote_->kind, Vote::kNo);
  EXPECT_EQ(vote_->reason, "the row is moving");
  Prepare(1, Order("o", 30));  // Reserved before: that stands.
  EXPECT_EQ(vote_->kind, Vote::kYes);
}

TEST_F(ShardTest, WorkThatIsNoneIsRefused) {
  Prepare(1, "nonsense");
  EXPECT_EQ(vote_->kind, Vote::kNo);
}

TEST_F(ShardTest, ALongJournalIsRewrittenAndSaysTheSame) {
  Prepare(1, Order("kept", 10));
  Prepare(2, Order("applied", 10));
  Apply(2, Decision::kCommit, Order("applied", 10));
  for (uint64_t id = 3; id < 10100; ++id) {
    Prepare(id, Order(absl::StrCat("o-", id), 1));
    Apply(id, Decision::kAbort, "");
  }
  EXPECT_LT(journal_.Records().size(), 1000u);
  Open();
  EXPECT_EQ(left(), 90);
  EXPECT_EQ(shard_->Look(kStock, "applied").standing, Standing::kApplied);
  EXPECT_THAT(Prepared(), ElementsAre(Id(1)));
}

}  // namespace
}  // namespace shop
