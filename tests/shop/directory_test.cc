// SPDX-License-Identifier: Apache-2.0
//
// Where rows are while they move.

#include "directory.h"

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/temp_dir.h"
#include "trivet/adapters/file/file_versioned_store.h"

namespace shop {
namespace {

std::string Row(int i) { return absl::StrCat("customer/c-", i); }
constexpr int kRows = 500;

class DirectoryTest : public testing::Test {
 protected:
  DirectoryTest() {
    registers_ =
        trivet::FileVersionedStore::Create(dir_.Sub("registers")).value();
    EXPECT_TRUE(Directory::Create(registers_.get(), {"n1", "n2", "n3"}).ok());
    Reopen();
  }
  void Reopen() { directory_ = Directory::Open(registers_.get()).value(); }

  trivet::TempDir dir_;
  std::unique_ptr<trivet::FileVersionedStore> registers_;
  std::unique_ptr<Directory> directory_;
};

TEST_F(DirectoryTest, EveryRowHasTwoNodes) {
  for (int i = 0; i < kRows; ++i) {
    const absl::StatusOr<Place> place = directory_->Route(Row(i));
    ASSERT_TRUE(place.ok());
    ASSERT_EQ(place->nodes.size(), kReplicas);
    EXPECT_NE(place->nodes[0], place->nodes[1]);
    EXPECT_TRUE(directory_->Check(*place).ok());
  }
}

TEST_F(DirectoryTest, RowsMoveStepByStepAlsoAcrossRestarts) {
  const trivet::HashRing before = directory_->plan()->after();
  ASSERT_TRUE(directory_->Begin(Change::kJoined, "n4").ok());
  const trivet::HashRing after = directory_->plan()->after();
  while (directory_->plan()->moving() != nullptr) {
    const std::shared_ptr<const Plan> plan = directory_->plan();
    for (int i = 0; i < kRows; ++i) {
      const size_t step = plan->StepOf(Row(i));
      const bool moved =
          step == Plan::kNowhere || step < plan->moving()->steps_done;
      EXPECT_EQ(*directory_->Route(Row(i)),
                PlaceOf(moved ? after : before, Row(i)));
    }
    ASSERT_TRUE(directory_->Switch(1).ok());
    Reopen();
  }
  for (int i = 0; i < kRows; ++i)
    EXPECT_EQ(*directory_->Route(Row(i)), PlaceOf(after, Row(i)));
  const Change change = directory_->plan()->membership().changes.at(0);
  EXPECT_EQ(change.rows_moved, static_cast<int64_t>(change.steps));
}

TEST_F(DirectoryTest, ExactlyTheRowsWithANewNodeAreInAStep) {
  const trivet::HashRing before = directory_->plan()->after();
  ASSERT_TRUE(directory_->Begin(Change::kJoined, "n4").ok());
  const std::shared_ptr<const Plan> plan = directory_->plan();
  for (int i = 0; i < kRows; ++i) {
    const bool gets_new_node = PlaceOf(plan->after(), Row(i)).Names("n4");
    EXPECT_EQ(plan->StepOf(Row(i)) != Plan::kNowhere, gets_new_node) << i;
    if (gets_new_node) {
      const trivet::RangeTransfer& transfer =
          plan->transfers()[plan->TransferOf(Row(i))];
      EXPECT_EQ(transfer.to, "n4");
      EXPECT_TRUE(PlaceOf(before, Row(i)).Names(transfer.from));
    }
  }
}

TEST_F(DirectoryTest, FrozenRowsTakeNoWorkUntilSwitched) {
  ASSERT_TRUE(directory_->Begin(Change::kJoined, "n4").ok());
  const std::shared_ptr<const Plan> plan = directory_->plan();
  directory_->Freeze();
  for (int i = 0; i < kRows; ++i)
    EXPECT_EQ(directory_->Route(Row(i)).ok(), plan->StepOf(Row(i)) != 0);
  ASSERT_TRUE(directory_->Switch(0).ok());
  for (int i = 0; i < kRows; ++i) EXPECT_TRUE(directory_->Route(Row(i)).ok());
}

TEST_F(DirectoryTest, NothingTakesWorkOnceClosed) {
  const Place place = *directory_->Route(Row(0));
  directory_->Close();
  EXPECT_TRUE(absl::IsUnavailable(directory_->Route(Row(0)).status()));
  EXPECT_FALSE(directory_->Check(place).ok());
}

TEST_F(DirectoryTest, WorkForTheOldNodesIsRefusedAfterTheSwitch) {
  const Place old = *directory_->Route(Row(0));
  ASSERT_TRUE(directory_->Begin(Change::kJoined, "n4").ok());
  while (directory_->plan()->moving() != nullptr)
    ASSERT_TRUE(directory_->Switch(0).ok());
  for (int i = 0; i < kRows; ++i) {
    Place stale = *directory_->Route(Row(i));
    EXPECT_TRUE(directory_->Check(stale).ok());
    stale.nodes[1] = "n9";
    EXPECT_FALSE(directory_->Check(stale).ok());
  }
}

TEST_F(DirectoryTest, RowsOfALostNodeWaitUntilRebuilt) {
  ASSERT_TRUE(directory_->Begin(Change::kLost, "n2").ok());
  const std::shared_ptr<const Plan> plan = directory_->plan();
  int waiting = 0;
  for (int i = 0; i < kRows; ++i) {
    const bool had_it = PlaceOf(plan->before(), Row(i)).Names("n2");
    EXPECT_EQ(directory_->Route(Row(i)).ok(), !had_it);
    waiting += had_it ? 1 : 0;
  }
  EXPECT_GT(waiting, 0);
  for (const trivet::RangeTransfer& transfer : plan->transfers())
    EXPECT_NE(transfer.from, "n2");
}

TEST_F(DirectoryTest, RefusesARegisterThatHoldsSomethingElse) {
  EXPECT_TRUE(absl::IsDataLoss(Membership::Parse("first a\nmoon").status()));
  EXPECT_TRUE(absl::IsDataLoss(Membership::Parse("joined a 1").status()));
}

}  // namespace
}  // namespace shop
