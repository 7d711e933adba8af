// SPDX-License-Identifier: Apache-2.0

#include <string>
#include <string_view>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "trivet/testing/atomicity_checker.h"
#include "trivet/testing/isolation_checker.h"
#include "trivet/testing/told_checker.h"
#include "trivet/testing/violations.h"
#include "trivet/txn/transaction.h"

namespace trivet {
namespace {

using testing::AtomicityChecker;
using ::testing::HasSubstr;
using testing::IsolationChecker;
using ::testing::Not;
using testing::ToldChecker;
using testing::Violations;

const TxnId kId{"bank#1", {1, 7}};

class AtomicityTest : public ::testing::Test {
 protected:
  AtomicityTest() { checker_.Knows(kId, {"a", "b"}); }
  void Vote(const char* participant, Vote::Kind vote) {
    checker_.Asked(kId, participant);
    checker_.Voted(kId, participant, vote);
  }
  Violations violations_;
  AtomicityChecker checker_{&violations_};
};

TEST_F(AtomicityTest, HonestCommitsAndAbortsPass) {
  Vote("a", Vote::kYes);
  Vote("b", Vote::kYes);
  checker_.Committed(kId, "a");
  checker_.Committed(kId, "b");
  const TxnId other{"bank#1", {1, 8}};
  checker_.Knows(other, {"a", "b"});
  checker_.Voted(other, "a", Vote::kYes);
  checker_.Voted(other, "b", Vote::kNo);
  checker_.Aborted(other, "a");
  EXPECT_EQ(violations_.ToString(), "");
}

TEST_F(AtomicityTest, AnOrphanMayBeAbortedAndPreparedAgain) {
  Vote("a", Vote::kYes);
  Vote("b", Vote::kYes);
  checker_.Aborted(kId, "b");
  Vote("b", Vote::kYes);
  checker_.Committed(kId, "a");
  checker_.Committed(kId, "b");
  EXPECT_EQ(violations_.ToString(), "");
}

TEST_F(AtomicityTest, AC1_WhoIsCountedOnMustNotAbortThoughItPreparesAgain) {
  Vote("a", Vote::kYes);
  Vote("b", Vote::kYes);
  checker_.Counted(kId, "a", Vote::kYes);
  checker_.Counted(kId, "b", Vote::kYes);
  checker_.Aborted(kId, "a");
  Vote("a", Vote::kYes);
  checker_.Committed(kId, "b");
  EXPECT_EQ(violations_.ToString(),
            "AC1: bank#1/1.7: b commits, and a has aborted\n");
}

TEST_F(AtomicityTest, WhoVotedReadOnlyBindsNobody) {
  Vote("a", Vote::kYes);
  Vote("b", Vote::kReadOnly);
  Vote("b", Vote::kYes);  // Asked again, it knows nothing of its first vote.
  checker_.Committed(kId, "a");
  checker_.Aborted(kId, "b");
  EXPECT_EQ(violations_.ToString(), "");
}

TEST_F(AtomicityTest, WhoseLaterVoteCountedIsBoundByIt) {
  Vote("a", Vote::kYes);
  Vote("b", Vote::kReadOnly);  // Lost, and it is asked again.
  Vote("b", Vote::kYes);
  checker_.Counted(kId, "a", Vote::kYes);
  checker_.Counted(kId, "b", Vote::kYes);
  checker_.Counted(kId, "b", Vote::kReadOnly);  // Found its way after all.
  checker_.Committed(kId, "a");
  checker_.Aborted(kId, "b");
  EXPECT_EQ(violations_.ToString(),
            "AC1: bank#1/1.7: b aborts, and a has committed\n");
}

TEST_F(AtomicityTest, AC3_WhoLeftAsReadOnlyMustNotCommit) {
  Vote("a", Vote::kYes);
  Vote("b", Vote::kReadOnly);
  checker_.Counted(kId, "b", Vote::kReadOnly);
  Vote("b", Vote::kYes);
  checker_.Counted(kId, "b", Vote::kYes);
  checker_.Committed(kId, "a");
  EXPECT_EQ(violations_.ToString(), "");
  checker_.Committed(kId, "b");
  EXPECT_EQ(violations_.ToString(),
            "AC3: bank#1/1.7: b commits, and has left as read-only\n");
}

TEST_F(AtomicityTest, AC3_AVoteThatTheResourceNeverGaveIsReported) {
  checker_.Counted(kId, "b", Vote::kNo);
  Vote("a", Vote::kYes);
  checker_.Counted(kId, "a", Vote::kYes);
  EXPECT_EQ(violations_.ToString(), "");
  const TxnId other{"bank#1", {1, 8}};
  checker_.Voted(other, "a", Vote::kReadOnly);
  checker_.Counted(other, "a", Vote::kYes);
  checker_.Counted(other, "b", Vote::kReadOnly);
  EXPECT_EQ(violations_.ToString(),
            "AC3: bank#1/1.8: a is counted for what it never voted\n"
            "AC3: bank#1/1.8: b is counted for what it never voted\n");
}

TEST_F(AtomicityTest, AC3_CommitAgainstANoThatCountedIsReported) {
  Vote("a", Vote::kYes);
  Vote("b", Vote::kNo);
  checker_.Counted(kId, "b", Vote::kNo);
  Vote("b", Vote::kYes);
  checker_.Committed(kId, "a");
  EXPECT_THAT(violations_.ToString(), HasSubstr("b never voted for it"));
}

TEST_F(AtomicityTest, AC1_CommitBesideAbortIsReportedInEitherOrder) {
  Vote("a", Vote::kYes);
  Vote("b", Vote::kYes);
  checker_.Aborted(kId, "b");
  checker_.Committed(kId, "a");
  EXPECT_EQ(violations_.ToString(),
            "AC1: bank#1/1.7: a commits, and b has aborted\n");
  Violations more;
  AtomicityChecker again(&more);
  again.Voted(kId, "a", Vote::kYes);
  again.Voted(kId, "b", Vote::kYes);
  again.Committed(kId, "a");
  again.Aborted(kId, "b");
  EXPECT_EQ(more.ToString(),
            "AC1: bank#1/1.7: b aborts, and a has committed\n");
}

TEST_F(AtomicityTest, AC2_UndoneOrUnpreparedIsReported) {
  checker_.Knows(kId, {"a"});
  Vote("a", Vote::kYes);
  Vote("b", Vote::kYes);
  checker_.Committed(kId, "a");
  checker_.Aborted(kId, "a");
  EXPECT_THAT(violations_.ToString(),
              HasSubstr("AC2: bank#1/1.7: a aborts what it has committed"));
  checker_.Committed(kId, "a");
  EXPECT_THAT(violations_.ToString(),
              HasSubstr("AC2: bank#1/1.7: a commits what it does not hold"));
}

TEST_F(AtomicityTest, AC3_CommitWithoutEveryVoteIsReported) {
  Vote("a", Vote::kYes);
  checker_.Committed(kId, "a");
  EXPECT_EQ(violations_.ToString(),
            "AC3: bank#1/1.7: a commits, and b never voted for it\n");
}

TEST_F(AtomicityTest, P4_PrepareAfterCommitIsReported) {
  Vote("a", Vote::kYes);
  Vote("b", Vote::kYes);
  checker_.Committed(kId, "a");
  checker_.Asked(kId, "a");
  EXPECT_THAT(violations_.ToString(), HasSubstr("P4: bank#1/1.7: a is asked"));
}

class ToldTest : public ::testing::Test {
 protected:
  ToldTest() { checker_.Knows(kId, {"a", "b"}); }
  Violations violations_;
  ToldChecker checker_{&violations_};
};

TEST_F(ToldTest, CL_WhatWasToldAndDonePasses) {
  checker_.Voted(kId, "b", Vote::kReadOnly);
  checker_.Told(kId, Decision::kCommit);
  checker_.Committed(kId, "a");
  checker_.Told(kId, Decision::kCommit);
  checker_.Aborted(kId, "b");
  checker_.Finish();
  EXPECT_EQ(violations_.ToString(), "");
}

TEST_F(ToldTest, CL_ToldBothIsReported) {
  checker_.Told(kId, Decision::kCommit);
  checker_.Told(kId, Decision::kAbort);
  EXPECT_THAT(violations_.ToString(), HasSubstr("both commit and abort"));
}

TEST_F(ToldTest, CL_ACommitAgainstWhatWasToldIsReported) {
  checker_.Told(kId, Decision::kAbort);
  checker_.Committed(kId, "a");
  EXPECT_THAT(violations_.ToString(), HasSubstr("a commits, and a caller"));
}

TEST_F(ToldTest, CL_AnAbortAgainstWhatWasToldIsReported) {
  checker_.Told(kId, Decision::kCommit);
  checker_.Aborted(kId, "a");
  EXPECT_THAT(violations_.ToString(), HasSubstr("a aborts, and a caller"));
}

TEST_F(ToldTest, CL_ToldCommitAfterAnAbortIsReported) {
  checker_.Voted(kId, "a", Vote::kYes);
  checker_.Counted(kId, "a", Vote::kYes);
  checker_.Aborted(kId, "a");
  checker_.Voted(kId, "a", Vote::kYes);  // Too late: the first one counts.
  checker_.Told(kId, Decision::kCommit);
  EXPECT_EQ(violations_.ToString(),
            "CL: bank#1/1.7: a caller was told commit, and a has aborted\n");
}

TEST_F(ToldTest, AnOrphanMayBeAbortedAndVoteAgainBeforeACallerIsTold) {
  for (const char* const participant : {"a", "b"}) {
    checker_.Voted(kId, participant, Vote::kYes);
    checker_.Aborted(kId, participant);
  }
  checker_.Voted(kId, "a", Vote::kYes);
  checker_.Voted(kId, "b", Vote::kReadOnly);
  checker_.Told(kId, Decision::kCommit);
  EXPECT_EQ(violations_.ToString(), "");
}

TEST_F(ToldTest, CL_ACommitThatNeverComesIsReported) {
  checker_.Told(kId, Decision::kCommit);
  checker_.Committed(kId, "a");
  checker_.Finish();
  EXPECT_THAT(violations_.ToString(), HasSubstr("b never committed"));
}

TEST_F(ToldTest, CL_AReadOnlyVoteThatDidNotCountExcusesNobody) {
  checker_.Voted(kId, "b", Vote::kReadOnly);
  checker_.Counted(kId, "b", Vote::kYes);
  checker_.Voted(kId, "b", Vote::kReadOnly);
  checker_.Told(kId, Decision::kCommit);
  checker_.Committed(kId, "a");
  checker_.Finish();
  EXPECT_THAT(violations_.ToString(), HasSubstr("b never committed"));
}

TEST_F(ToldTest, CL_ACommitThatNobodyWasToldOfIsReported) {
  checker_.Committed(kId, "a");
  checker_.Committed(kId, "b");
  const auto excused = [](const TxnId&, std::string_view participant) {
    return !participant.empty();
  };
  checker_.Finish(excused);
  EXPECT_THAT(violations_.ToString(), HasSubstr("nobody was told, and a has"));
}

TEST_F(ToldTest, CL_ACoordinatorThatIsGoneTellsNobody) {
  checker_.Committed(kId, "a");
  checker_.Finish([](const TxnId&, std::string_view participant) {
    return participant.empty();
  });
  EXPECT_EQ(violations_.ToString(), "");
}

TEST_F(ToldTest, CL_WhoIsGoneForGoodIsExcused) {
  checker_.Told(kId, Decision::kCommit);
  checker_.Finish([](const TxnId&, std::string_view participant) {
    return participant == "b";
  });
  EXPECT_THAT(violations_.ToString(), HasSubstr("a never committed"));
  EXPECT_THAT(violations_.ToString(), Not(HasSubstr("b never committed")));
}

class IsolationTest : public ::testing::Test {
 protected:
  IsolationTest() { checker_.Knows(kId, {"a", "b"}); }
  Violations violations_;
  IsolationChecker checker_{&violations_};
};

TEST_F(IsolationTest, AllOrNothingPasses) {
  checker_.Read(kId, {{"a", true}, {"b", true}, {"c", false}});
  checker_.Read(kId, {{"a", false}, {"b", false}});
  checker_.Read(kId, {{"a", true}});
  checker_.Read({"bank#1", {1, 8}}, {{"a", true}, {"b", false}});
  EXPECT_EQ(violations_.ToString(), "");
}

TEST_F(IsolationTest, IS_OneHalfIsReported) {
  checker_.Read(kId, {{"a", true}, {"b", false}});
  EXPECT_EQ(violations_.ToString(),
            "IS: bank#1/1.7: a reader sees it at a and not at b\n");
}

TEST_F(IsolationTest, WhoLeftAsReadOnlyHasNothingToShow) {
  checker_.Voted(kId, "b", Vote::kReadOnly);
  checker_.Read(kId, {{"a", true}, {"b", false}});
  EXPECT_EQ(violations_.ToString(), "");
  checker_.Counted(kId, "b", Vote::kYes);
  checker_.Voted(kId, "b", Vote::kReadOnly);
  checker_.Read(kId, {{"a", true}, {"b", false}});
  EXPECT_THAT(violations_.ToString(), HasSubstr("not at b"));
}

}  // namespace
}  // namespace trivet
