// SPDX-License-Identifier: Apache-2.0

#include "trivet/txn/transaction.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "absl/hash/hash_testing.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "trivet/txn/coordinator_machine.h"
#include "trivet/txn/participant_machine.h"
#include "trivet/txn/txn_effects.h"
#include "trivet/txn/txn_message.h"
#include "trivet/txn/txn_record.h"

namespace trivet {
namespace {

using testing::HasSubstr;

TEST(TxnIdTest, TextAndBack) {
  for (const TxnId& id : {TxnId{"bank-1#9f3c", {3, 17}}, TxnId{"a/b#1", {0, 0}},
                          TxnId{"x", {UINT64_MAX, UINT64_MAX}}}) {
    const auto parsed = TxnId::Parse(id.ToString());
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(*parsed, id);
  }
  EXPECT_EQ((TxnId{"bank-1#9f3c", {3, 17}}).ToString(), "bank-1#9f3c/3.17");
}

TEST(TxnIdTest, NothingElseIsAnId) {
  for (const char* text :
       {"", "/", "a", "a/", "a/1", "a/1.", "a/.1", "/1.2", "a/1.2.3", "a/01.2",
        "a/1.02", "a/+1.2", "a/-1.2", "a/ 1.2", "a/1.2 ", "a/1,2",
        "a/18446744073709551616.1"}) {
    const auto parsed = TxnId::Parse(text);
    EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument)
        << text;
  }
  EXPECT_THAT(std::string(TxnId::Parse("a\nb").status().message()),
              HasSubstr("\"a\\nb\""));
}

TEST(TxnIdTest, OrdersByCoordinatorThenEpochThenSequence) {
  const TxnId ids[] = {{"a", {1, 9}}, {"a", {2, 1}}, {"a", {2, 2}}, {"b", {}}};
  for (size_t i = 0; i < 4; ++i) {
    for (size_t k = 0; k < 4; ++k) {
      EXPECT_EQ(ids[i] < ids[k], i < k);
      EXPECT_EQ(ids[i] == ids[k], i == k);
      EXPECT_EQ(ids[i] != ids[k], i != k);
    }
  }
}

TEST(TxnIdTest, HashesAgreeWithEquality) {
  EXPECT_TRUE(absl::VerifyTypeImplementsAbslHashCorrectly(
      {TxnId{"a", {1, 2}}, TxnId{"a", {2, 1}}, TxnId{"b", {1, 2}}}));
  const std::unordered_set<TxnId> set = {{"a", {1, 2}}, {"a", {1, 2}}};
  EXPECT_EQ(set.size(), 1u);
}

TEST(TxnKeyTest, IsEqualIfCoordinatorAndNumberAre) {
  const TxnKey keys[] = {{PeerId{1}, {1, 9}},
                         {PeerId{1}, {2, 9}},
                         {PeerId{1}, {2, 1}},
                         {PeerId{2}, {1, 9}}};
  for (size_t i = 0; i < 4; ++i) {
    for (size_t k = 0; k < 4; ++k) {
      EXPECT_EQ(keys[i] == keys[k], i == k);
      EXPECT_EQ(keys[i] != keys[k], i != k);
      EXPECT_EQ(keys[i] < keys[k] || keys[k] < keys[i], i != k);
    }
  }
  EXPECT_TRUE(keys[0].number != keys[1].number);
  EXPECT_TRUE(keys[1].number != keys[2].number);
  EXPECT_FALSE(keys[0].number != keys[3].number);
}

TEST(MachineTest, KeepsWhatItKnowsWhenItIsMoved) {
  CoordinatorMachine begun({"bank#1", PeerId{0}, 2}, {}, 1, {});
  CoordinatorMachine::Effects effects;
  begun.Step({}, CoordinatorMachine::Begun{7, {}, {{PeerId{1}, "w"}}},
             &effects);
  CoordinatorMachine coordinator({"bank#1", PeerId{0}, 3}, {}, 1, {});
  coordinator = std::move(begun);
  EXPECT_EQ(coordinator.in_flight(), 1u);
  EXPECT_TRUE(coordinator.OutcomeOf({2, 1}).ok()) << "its epoch came along";

  const TxnKey txn{PeerId{0}, {2, 1}};
  const std::vector<LoggedRecord> records = {{1, LogOwner{"a"}},
                                             {2, Prepared{txn, "w"}}};
  ParticipantMachine in_doubt({"a", PeerId{1}, 1}, {}, 1, records);
  ParticipantMachine participant({"a", PeerId{1}, 2}, {}, 1, {});
  participant = std::move(in_doubt);
  EXPECT_TRUE(participant.IsInDoubt(txn));
}

template <typename Options>
std::string Complaint(Options options) {
  const absl::Status status = options.Validate();
  EXPECT_TRUE(status.ok() || absl::IsInvalidArgument(status));
  return std::string(status.message());
}

TEST(OptionsTest, TheComplaintNamesFieldValueAndLimit) {
  CoordinatorOptions c;
  EXPECT_TRUE(c.Validate().ok());
  c.prepare_timeout = absl::ZeroDuration();
  EXPECT_EQ(Complaint(c),
            "CoordinatorOptions.prepare_timeout is 0, must be positive and "
            "finite");
  c = {};
  c.resend_min = absl::Seconds(11);
  EXPECT_EQ(Complaint(c),
            "CoordinatorOptions.resend_min is 11s, must be at most resend_max, "
            "10s");
  c = {};
  c.max_in_flight = 0;
  EXPECT_EQ(Complaint(c),
            "CoordinatorOptions.max_in_flight is 0, must be 1 to 16777216");
  c = {};
  c.max_work_bytes = (size_t{1} << 30) + 1;
  EXPECT_THAT(Complaint(c), HasSubstr("max_work_bytes is 1073741825"));
  c = {};
  c.max_branches = 65537;
  EXPECT_EQ(Complaint(c),
            "CoordinatorOptions.max_branches is 65537, must be 1 to 65536");
}

TEST(OptionsTest, EveryFieldOfAParticipantIsChecked) {
  EXPECT_TRUE(ParticipantOptions().Validate().ok());
  const auto complaint = [](void (*change)(ParticipantOptions*)) {
    ParticipantOptions options;
    change(&options);
    return Complaint(options);
  };
  EXPECT_THAT(complaint([](auto* o) { o->inquire_min = -absl::Seconds(1); }),
              HasSubstr("inquire_min is -1s"));
  EXPECT_THAT(complaint([](auto* o) { o->inquire_max = absl::Seconds(0); }),
              HasSubstr("inquire_max is 0"));
  EXPECT_THAT(
      complaint([](auto* o) { o->apply_retry_min = absl::Seconds(20); }),
      HasSubstr("apply_retry_min is 20s, must be at most apply_retry_max"));
  EXPECT_THAT(
      complaint([](auto* o) { o->horizon_delay = absl::InfiniteDuration(); }),
      HasSubstr("horizon_delay is inf"));
  EXPECT_THAT(complaint([](auto* o) { o->orphan_scan = absl::Seconds(0); }),
              HasSubstr("orphan_scan is 0"));
  EXPECT_THAT(complaint([](auto* o) { o->max_in_flight = 1 << 25; }),
              HasSubstr("max_in_flight is 33554432, must be 1 to 16777216"));
}

}  // namespace
}  // namespace trivet
