// SPDX-License-Identifier: Apache-2.0
//
// What a transaction decides, and what it costs when nothing goes wrong.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "gtest/gtest.h"
#include "src/internal/backoff.h"
#include "tests/txn/direct_world.h"
#include "trivet/txn/transaction.h"

namespace trivet {
namespace {

constexpr Vote::Kind kKinds[] = {Vote::kYes, Vote::kReadOnly, Vote::kNo};

bool Agrees(const Vote& vote) { return vote.kind != Vote::kNo; }

// decision = P1 and P2 and ... and PN.
Decision Conjunction(const std::vector<Vote>& votes) {
  return std::all_of(votes.begin(), votes.end(), Agrees) ? Decision::kCommit
                                                         : Decision::kAbort;
}

TEST(DecisionTest, IsTheConjunctionOfEveryCombinationOfThreeVotes) {
  DirectWorld world(3);
  for (const Vote::Kind a : kKinds) {
    for (const Vote::Kind b : kKinds) {
      for (const Vote::Kind c : kKinds) {
        const std::vector<Vote> votes = {a, b, c};
        EXPECT_EQ(world.Run(votes), Conjunction(votes)) << a << b << c;
      }
    }
  }
}

TEST(DecisionTest, IsTheConjunctionOfRandomVotes) {
  internal::SplitMix64 random(17);
  for (size_t n = 1; n <= 40; ++n) {
    DirectWorld world(n);
    for (int run = 0; run < 20; ++run) {
      std::vector<Vote> votes;
      const uint64_t noes = random.Next() % 3;  // A third has none.
      for (size_t p = 0; p < n; ++p) {
        const uint64_t roll = random.Next() % n;
        votes.push_back(roll < noes     ? Vote::kNo
                        : roll % 5 == 0 ? Vote::kReadOnly
                                        : Vote::kYes);
      }
      EXPECT_EQ(world.Run(votes), Conjunction(votes)) << n << " votes";
      EXPECT_EQ(world.coordinator().in_flight(), 0u);
    }
  }
}

TEST(DecisionTest, AC4_CommitsWhenAllVoteYesAndNothingFails) {
  DirectWorld world(5);
  for (int run = 0; run < 5; ++run) {
    EXPECT_EQ(world.Run(std::vector<Vote>(5, Vote::kYes)), Decision::kCommit);
  }
  EXPECT_EQ(world.applied_commits, 25u);
  EXPECT_EQ(world.applied_aborts, 0u);
}

TEST(DecisionTest, MemoryIsBoundedByWhatIsInFlight) {
  DirectWorld world(2);
  for (int run = 0; run < 3000; ++run) {
    world.Run({Vote::kYes, Vote::kYes});
    ASSERT_EQ(world.coordinator().in_flight(), 0u);
    ASSERT_EQ(world.participant(0).in_flight(), 0u);
    // The last one waits for the next one's horizon.
    ASSERT_EQ(world.participant(0).remembered(), 1u);
  }
}

// The table of counts in txn.md, N participants.
TEST(CountsTest, CommitCostsOneAndTwoNForcedAppendsAndFourNMessages) {
  for (const size_t n : {1u, 2u, 3u, 10u}) {
    DirectWorld world(n);
    world.messages = world.coordinator_forced = world.participants_forced = 0;
    world.Run(std::vector<Vote>(n, Vote::kYes));
    EXPECT_EQ(world.coordinator_forced, 1u);
    EXPECT_EQ(world.participants_forced, 2 * n);
    EXPECT_EQ(world.messages, 4 * n);
  }
}

TEST(CountsTest, AnAbortByVoteForcesNothingMoreAndNeedsNoAck) {
  const size_t n = 4;
  DirectWorld world(n);
  world.Run({Vote::kYes, Vote::kYes, Vote::kYes, Vote::kNo});
  EXPECT_EQ(world.coordinator_forced, 0u);
  EXPECT_EQ(world.participants_forced, n - 1);  // Prepared.
  EXPECT_EQ(world.messages, 3 * n - 1);         // No notice to the no.
  EXPECT_EQ(world.applied_aborts, n - 1);
}

TEST(CountsTest, AReadOnlyVoterCostsTwoMessagesAndNothingElse) {
  const size_t n = 5;
  const size_t r = 2;
  DirectWorld world(n);
  world.Run(
      {Vote::kYes, Vote::kReadOnly, Vote::kYes, Vote::kReadOnly, Vote::kYes});
  EXPECT_EQ(world.coordinator_forced, 1u);
  EXPECT_EQ(world.participants_forced, 2 * (n - r));
  EXPECT_EQ(world.messages, 4 * n - 2 * r);
}

TEST(CountsTest, AllReadOnlyForcesNothingAtAll) {
  DirectWorld world(3);
  world.Run(std::vector<Vote>(3, Vote::kReadOnly));
  EXPECT_EQ(world.coordinator_forced, 0u);
  EXPECT_EQ(world.participants_forced, 0u);
  EXPECT_EQ(world.messages, 6u);
}

}  // namespace
}  // namespace trivet
