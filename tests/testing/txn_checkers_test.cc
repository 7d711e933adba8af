// SPDX-License-Identifier: Apache-2.0

#include <string>
#include <string_view>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "trivet/testing/atomicity_checker.h"
#include "trivet/testing/told_checker.h"
#include "trivet/testing/violations.h"
#include "trivet/txn/transaction.h"

namespace trivet {
namespace {

using testing::AtomicityChecker;
using ::testing::HasSubstr;
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

TEST_F(AtomicityTest, WhoVotedReadOnlyBindsNobody) {
  Vote("a", Vote::kYes);
  Vote("b", Vote::kReadOnly);
  Vote("b", Vote::kYes);  // Asked again, it knows nothing of its first vote.
  checker_.Committed(kId, "a");
  checker_.Aborted(kId, "b");
  EXPECT_EQ(violations_.ToString(), "");
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

TEST_F(ToldTest, CL_ACommitThatNeverComesIsReported) {
  checker_.Told(kId, Decision::kCommit);
  checker_.Committed(kId, "a");
  checker_.Finish();
  EXPECT_THAT(violations_.ToString(), HasSubstr("b never committed"));
}

TEST_F(ToldTest, CL_WhoIsGoneForGoodIsExcused) {
  checker_.Told(kId, Decision::kCommit);
  checker_.Finish([](const TxnId&, std::string_view participant) {
    return participant == "b";
  });
  EXPECT_THAT(violations_.ToString(), HasSubstr("a never committed"));
  EXPECT_THAT(violations_.ToString(), Not(HasSubstr("b never committed")));
}

}  // namespace
}  // namespace trivet
