// SPDX-License-Identifier: Apache-2.0
//
// Each checker is shown what it must report, and what it must let pass.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "trivet/host/log_store.h"
#include "trivet/testing/exclusion_checker.h"
#include "trivet/testing/log_checker.h"
#include "trivet/testing/progress_checker.h"
#include "trivet/testing/simulation.h"
#include "trivet/testing/violations.h"

namespace trivet {
namespace {

using testing::CheckedLog;
using ::testing::ElementsAre;
using testing::ExclusionChecker;
using ::testing::HasSubstr;
using testing::LogChecker;
using testing::ProgressChecker;
using testing::SimHost;
using testing::Simulation;
using ::testing::StartsWith;
using testing::Violations;

TEST(Violations, CountsAllAndKeepsTheFirst) {
  Violations violations;
  EXPECT_TRUE(violations.empty());
  for (int i = 0; i < 250; ++i) violations.Add("X", std::to_string(i));
  EXPECT_EQ(violations.count(), 250U);
  EXPECT_EQ(violations.list().size(), 100U);
  EXPECT_THAT(violations.ToString(), StartsWith("X: 0\nX: 1\n"));
}

TEST(ExclusionChecker, TwoWhoBelieveAtOnceAreReported) {
  Violations violations;
  ExclusionChecker exclusion(&violations);
  bool ann = true;
  bool bob = false;
  exclusion.Believes("jobs", "ann", [&] { return ann; });
  exclusion.Believes("jobs", "bob", [&] { return bob; });
  exclusion.Believes("mail", "bob", [&] { return true; });
  exclusion.Check();
  std::swap(ann, bob);
  exclusion.Check();
  EXPECT_TRUE(violations.empty());
  ann = true;
  exclusion.Check();
  EXPECT_THAT(violations.list(),
              ElementsAre("Exclusion: lock jobs is held by ann and by bob"));
  exclusion.Forget("jobs", "ann");
  exclusion.Check();
  EXPECT_EQ(violations.count(), 1U);
}

TEST(ProgressChecker, WhatNeverHoldsIsReportedByName) {
  Violations violations;
  Simulation sim(1);
  bool done = false;
  SimHost& host = sim.AddHost("h");
  host.executor()->PostAt(host.executor()->Now() + absl::Seconds(1),
                          [&] { done = true; });
  ProgressChecker progress(&violations);
  progress.Expect("it is done", [&] { return done; });
  EXPECT_TRUE(progress.Await(&sim, absl::Seconds(5)));
  EXPECT_LT(sim.Elapsed(), absl::Seconds(2));
  progress.Expect("pigs fly", [] { return false; });
  EXPECT_FALSE(progress.Await(&sim, absl::Seconds(5)));
  EXPECT_THAT(violations.list(),
              ElementsAre("AC5: it never came to this: pigs fly"));
}

std::vector<uint64_t> Hashes(const std::vector<std::string>& records) {
  std::vector<uint64_t> hashes;
  for (const std::string& record : records) {
    hashes.push_back(LogChecker::Hash(record));
  }
  return hashes;
}

class LogCheckerTest : public ::testing::Test {
 protected:
  void Force(Epoch epoch, const std::vector<std::string>& records,
             LogIndex last) {
    checker_.Appended(epoch, Hashes(records), Durability::kForced, last);
  }
  void Lazy(Epoch epoch, const std::vector<std::string>& records,
            LogIndex last) {
    checker_.Appended(epoch, Hashes(records), Durability::kLazy, last);
  }
  Violations violations_;
  LogChecker checker_{"l", &violations_};
};

TEST_F(LogCheckerTest, AHonestLogPasses) {
  checker_.Claimed(1, 0, {});
  Force(1, {"a", "b"}, 2);
  Lazy(1, {"c"}, 3);
  checker_.Claimed(2, 1, {"a", "b"});  // c was lazy, and is lost.
  Force(2, {"d"}, 3);
  checker_.Trimmed(2, 3);
  checker_.Claimed(3, 3, {"d"});
  checker_.Claimed(5, 2, {"b", "d"});  // Kept more than it had to.
  EXPECT_THAT(violations_.list(), ElementsAre());
  EXPECT_EQ(checker_.epoch(), 5U);
  EXPECT_THAT(checker_.visited(), ElementsAre("b", "d"));
}

TEST_F(LogCheckerTest, FN_ADeposedEpochThatAppendsIsReported) {
  checker_.Claimed(1, 0, {});
  checker_.Claimed(2, 0, {});
  Force(1, {"a"}, 1);
  EXPECT_THAT(violations_.ToString(), HasSubstr("FN: log l: epoch 1"));
}

TEST_F(LogCheckerTest, FN_ALateReportOfWhatTheClaimVisitedPasses) {
  checker_.Claimed(1, 0, {});
  checker_.Claimed(2, 1, {"a"});
  Force(1, {"a"}, 1);
  EXPECT_TRUE(violations_.empty());
}

TEST_F(LogCheckerTest, FN_AnAppendThatTheClaimSawAnotherOneAtIsReported) {
  checker_.Claimed(1, 0, {});
  checker_.Claimed(2, 1, {"a", "b"});
  Force(1, {"a", "x"}, 2);
  EXPECT_EQ(violations_.ToString(),
            "FN: log l: epoch 1 appended record 2, where the claim of epoch 2 "
            "had visited another one\n");
}

TEST_F(LogCheckerTest, FN_WhatALaterOwnerAppendedIsNotTheDeposedOnes) {
  checker_.Claimed(1, 0, {});
  checker_.Claimed(2, 0, {});
  Force(2, {"b"}, 1);
  checker_.Claimed(3, 1, {"b"});
  Force(1, {"a"}, 1);
  EXPECT_THAT(violations_.ToString(), HasSubstr("visited another one"));
}

TEST_F(LogCheckerTest, FN_TheEpochOfAClaimWhoseVisitFailedStaysClaimed) {
  checker_.Claimed(1, 0, {});
  Force(1, {"a", "b"}, 2);
  checker_.ClaimFailed(2, 1, {"a"});
  Force(1, {"c"}, 3);  // Told late; how much the claim would have seen is open.
  EXPECT_EQ(violations_.ToString(), "");
  Force(1, {"x"}, 1);
  EXPECT_THAT(violations_.ToString(), HasSubstr("visited another one"));
  checker_.Claimed(2, 1, {"a", "b"});
  EXPECT_THAT(violations_.ToString(), HasSubstr("epoch 2 was claimed after 2"));
}

TEST_F(LogCheckerTest, WhatAFailedClaimVisitedMustStay) {
  checker_.Claimed(1, 0, {});
  Lazy(1, {"a"}, 1);
  checker_.ClaimFailed(std::nullopt, 1, {"a"});
  checker_.Claimed(2, 0, {});
  EXPECT_THAT(violations_.ToString(), HasSubstr("Prefix"));
}

TEST_F(LogCheckerTest, FN_EpochsOnlyRise) {
  checker_.Claimed(2, 0, {});
  checker_.Claimed(2, 0, {});
  EXPECT_THAT(violations_.ToString(), HasSubstr("FN"));
}

TEST_F(LogCheckerTest, ALostForcedRecordIsReported) {
  checker_.Claimed(1, 0, {});
  Force(1, {"a", "b"}, 2);
  checker_.Claimed(2, 1, {"a"});
  EXPECT_THAT(violations_.ToString(), HasSubstr("Prefix"));
}

TEST_F(LogCheckerTest, AChangedRecordIsReported) {
  checker_.Claimed(1, 0, {});
  Force(1, {"a", "b"}, 2);
  checker_.Claimed(2, 1, {"a", "x"});
  EXPECT_THAT(violations_.ToString(), HasSubstr("record 2 has changed"));
}

TEST_F(LogCheckerTest, WhatAClaimVisitedMustStay) {
  checker_.Claimed(1, 0, {});
  Lazy(1, {"a"}, 1);
  checker_.Claimed(2, 1, {"a"});
  checker_.Claimed(3, 0, {});
  EXPECT_THAT(violations_.ToString(), HasSubstr("Prefix"));
}

TEST_F(LogCheckerTest, ATrimOfADeposedEpochExcusesNothing) {
  checker_.Claimed(1, 0, {});
  Force(1, {"a", "b"}, 2);
  checker_.Claimed(2, 1, {"a", "b"});
  Force(2, {"c"}, 3);
  checker_.Trimmed(1, 9);
  checker_.Claimed(3, 0, {});
  EXPECT_THAT(violations_.ToString(), HasSubstr("Prefix"));
}

TEST_F(LogCheckerTest, ATrimExcusesNothingThatCameLater) {
  checker_.Claimed(1, 0, {});
  Force(1, {"a"}, 1);
  checker_.Trimmed(1, 9);
  Force(1, {"b"}, 2);
  checker_.Claimed(2, 0, {});
  EXPECT_THAT(violations_.ToString(), HasSubstr("Prefix"));
}

TEST_F(LogCheckerTest, AHoleAtTheFrontIsReported) {
  checker_.Claimed(1, 0, {});
  Force(1, {"a", "b", "c"}, 3);
  checker_.Trimmed(1, 2);
  checker_.Claimed(2, 3, {"c"});
  EXPECT_THAT(violations_.ToString(), HasSubstr("Contiguous"));
}

// A log that tells of two appends in the wrong order.
class Backwards : public LogStore {
 public:
  absl::StatusOr<Epoch> Claim(Epoch, Visitor) override { return 1; }
  void Append(Epoch, std::vector<std::string>, Durability,
              AppendDone done) override {
    pending_.push_back(std::move(done));
    if (pending_.size() < 2) return;
    std::move(pending_[1])(2);
    std::move(pending_[0])(1);
  }
  void Trim(Epoch, LogIndex) override {}

 private:
  std::vector<AppendDone> pending_;
};

TEST_F(LogCheckerTest, CompletionsOutOfOrderAreReported) {
  Backwards backwards;
  CheckedLog log(&backwards, &checker_);
  EXPECT_TRUE(
      log.Claim(0, [](LogIndex, std::string_view) { return absl::OkStatus(); })
          .ok());
  for (int i = 0; i < 2; ++i) {
    log.Append(1, {"a"}, Durability::kLazy, [](absl::StatusOr<LogIndex>) {});
  }
  EXPECT_THAT(violations_.ToString(), HasSubstr("Order"));
}

// A log that forgets an epoch if the visit fails.
class Forgetful : public LogStore {
 public:
  absl::StatusOr<Epoch> Claim(Epoch, Visitor visit) override {
    absl::Status seen = visit(1, "a");
    if (!seen.ok()) return seen;
    return 1;
  }
  void Append(Epoch, std::vector<std::string>, Durability,
              AppendDone) override {}
  void Trim(Epoch, LogIndex) override {}
};

TEST_F(LogCheckerTest, FN_AnEpochThatIsGivenOutAgainIsReported) {
  Forgetful forgetful;
  CheckedLog log(&forgetful, &checker_);
  const auto claim = [&](absl::Status seen) {
    return log.Claim(0, [&](LogIndex, std::string_view) { return seen; }).ok();
  };
  EXPECT_FALSE(claim(absl::DataLossError("not ours")));
  EXPECT_EQ(violations_.ToString(), "");
  EXPECT_TRUE(claim(absl::OkStatus()));
  EXPECT_THAT(violations_.ToString(), HasSubstr("epoch 1 was claimed after 1"));
}

}  // namespace
}  // namespace trivet
