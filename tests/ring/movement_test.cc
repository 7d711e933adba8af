// SPDX-License-Identifier: Apache-2.0
//
// What moves when the membership changes, and how even the shares are.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "src/ring/ring_rep.h"
#include "tests/ring/model.h"
#include "trivet/ring/hash_ring.h"
#include "trivet/ring/ring_diff.h"

namespace trivet {
namespace {

std::vector<Token> PointsOf(const HashRing& ring, const std::string& id) {
  const internal::RingAccess::Rep& rep = internal::RingAccess::Of(ring);
  std::vector<Token> points;
  for (size_t v = 0; v < rep.vnodes.size(); ++v)
    if (rep.nodes[rep.vnodes.owner(v)].id == id)
      points.push_back(rep.vnodes.token(v));
  return points;
}

// Neither who else is there, nor their weights, nor any zone changes them.
TEST(RingMovement, PointsDependOnTheirNodeAlone) {
  std::mt19937_64 random(4);
  for (int i = 0; i < 20; ++i) {
    const HashRing ring =
        MustBuild(RandomNodes(&random, random() % 30 + 1, 9), Vnodes(7));
    for (const RingNode& node : ring.nodes()) {
      const HashRing alone = MustBuild({{node.id, node.weight, ""}}, Vnodes(7));
      ASSERT_EQ(PointsOf(ring, node.id), PointsOf(alone, node.id));
      ASSERT_EQ(PointsOf(ring, node.id).size(), node.weight * 7);
    }
  }
}

// Compares the owners of every arc of both rings: an arc that changes hands
// must come from, or go to, `changed`.
void ExpectOnlyMovesOf(const std::string& changed,
                       const std::vector<RingNode>& before,
                       const std::vector<RingNode>& after,
                       const HashRingOptions& options) {
  std::vector<Token> ends = ModelRing(before, options).Tokens();
  for (const Token token : ModelRing(after, options).Tokens())
    ends.push_back(token);
  const HashRing b = MustBuild(before, options);
  const HashRing a = MustBuild(after, options);
  for (const Token token : ends) {
    const std::string& from = b.LookupToken(token).id;
    const std::string& to = a.LookupToken(token).id;
    ASSERT_TRUE(from == to || from == changed || to == changed);
  }
  for (const RangeTransfer& t : Diff(b, a))
    ASSERT_TRUE(t.from == changed || t.to == changed);
}

TEST(RingMovement, AChangeOfOneNodeMovesNoKeyBetweenTwoOthers) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 100; ++i) {
    HashRingOptions options = Vnodes(static_cast<uint32_t>(random() % 20 + 1));
    options.secret = std::string(random() % 2, 's');
    const std::vector<RingNode> nodes =
        RandomNodes(&random, random() % 20 + 2, i % 2 == 0 ? 1 : 10);
    const size_t which = random() % nodes.size();
    const std::string& id = nodes[which].id;

    std::vector<RingNode> without = nodes;
    without.erase(without.begin() + static_cast<long>(which));
    ExpectOnlyMovesOf(id, nodes, without, options);  // Leaves.
    ExpectOnlyMovesOf(id, without, nodes, options);  // Joins.

    std::vector<RingNode> heavier = nodes;
    heavier[which].weight += static_cast<uint32_t>(random() % 20 + 1);
    ExpectOnlyMovesOf(id, nodes, heavier, options);
    ExpectOnlyMovesOf(id, heavier, nodes, options);
  }
}

// A heavier node only gains, a lighter one only gives.
TEST(RingMovement, TheFirstPointsOfAHeavierNodeAreThoseOfALighter) {
  std::mt19937_64 random(2);
  std::vector<RingNode> nodes = RandomNodes(&random, 12, 3);
  nodes[0] = {"it", 2, ""};
  const HashRing before = MustBuild(nodes, Vnodes(40));
  nodes[0].weight = 3;
  const HashRing after = MustBuild(nodes, Vnodes(40));
  const std::vector<RangeTransfer> grown = Diff(before, after);
  EXPECT_FALSE(grown.empty());
  for (const RangeTransfer& t : grown) EXPECT_EQ(t.to, "it");
  for (const RangeTransfer& t : Diff(after, before)) EXPECT_EQ(t.from, "it");
}

// The share that `id` owns.
double ShareOf(const HashRing& ring, const std::string& id) {
  const std::vector<double> shares = ring.Shares();
  for (size_t i = 0; i < shares.size(); ++i)
    if (ring.nodes()[i].id == id) return shares[i];
  ADD_FAILURE() << id << " is not a member";
  return 0;
}

double Width(const RangeTransfer& t) {
  return std::ldexp(static_cast<double>(t.range.through - t.range.after), -64);
}

// The share of one of N + 1 nodes of V points each has the distribution
// Beta(V, N V). Of 200 newcomers about one may be more than 3 sigma off.
TEST(RingMovement, ANewcomerMovesItsShareWithin3Sigma) {
  const double n = 50;
  const double v = 160;
  const double mean = 1 / (n + 1);
  const double sigma =
      std::sqrt(n * v * v / ((v + n * v) * (v + n * v) * (v + n * v + 1)));
  HashRing::Builder builder;
  for (int i = 0; i < n; ++i) builder.Add("node-" + std::to_string(i));
  const HashRing before = MustBuild(builder);
  int far = 0;
  double sum = 0;
  const int newcomers = 200;
  for (int i = 0; i < newcomers; ++i) {
    const std::string id = "newcomer-" + std::to_string(i);
    const HashRing after = MustBuild(HashRing::Builder(before).Add(id));
    double moved = 0;
    for (const RangeTransfer& t : Diff(before, after)) moved += Width(t);
    EXPECT_NEAR(moved, ShareOf(after, id), 1e-12);
    far += std::abs(moved - mean) > 3 * sigma;
    sum += moved;
  }
  EXPECT_LE(far, 3);
  EXPECT_NEAR(sum / newcomers, mean, 3 * sigma / std::sqrt(newcomers));
}

TEST(RingShares, AreExactAndSumToOne) {
  std::mt19937_64 random(3);
  for (int i = 0; i < 50; ++i) {
    const std::vector<RingNode> nodes =
        RandomNodes(&random, random() % 20 + 1, 4);
    const ModelRing model(nodes, Vnodes(10));
    const HashRing ring = MustBuild(nodes, Vnodes(10));
    const std::vector<double> shares = ring.Shares();
    ASSERT_EQ(shares.size(), nodes.size());
    EXPECT_NEAR(std::accumulate(shares.begin(), shares.end(), 0.0), 1, 1e-12);
    const std::vector<Token> tokens = model.Tokens();
    for (size_t n = 0; n < shares.size(); ++n) {
      long double share = nodes.size() == 1 ? 1 : 0;
      Token previous = tokens.back();
      for (const Token token : tokens) {
        if (nodes.size() > 1 && model.Owner(token) == ring.nodes()[n].id)
          share += std::ldexp(static_cast<long double>(token - previous), -64);
        previous = token;
      }
      ASSERT_NEAR(shares[n], static_cast<double>(share), 1e-15);
    }
  }
}

TEST(RingShares, OneNodeHasAll) {
  EXPECT_EQ(MustBuild({{"a", 1, ""}}).Shares(), std::vector<double>{1.0});
}

TEST(RingShares, FollowTheWeights) {
  const HashRing ring =
      MustBuild({{"a", 1, ""}, {"b", 10, ""}, {"c", 89, ""}}, Vnodes(1000));
  EXPECT_NEAR(ring.Shares()[0], 0.01, 0.002);
  EXPECT_NEAR(ring.Shares()[1], 0.10, 0.005);
  EXPECT_NEAR(ring.Shares()[2], 0.89, 0.005);
}

double MaxToMean(const std::string& prefix, int nodes, uint32_t vnodes) {
  HashRing::Builder builder(Vnodes(vnodes));
  for (int i = 0; i < nodes; ++i) builder.Add(prefix + std::to_string(i));
  const std::vector<double> shares = MustBuild(builder).Shares();
  return *std::max_element(shares.begin(), shares.end()) * nodes;
}

// placement.h quotes these figures. They are those of ideal random points: the
// largest of 1000 shares, each of distribution Gamma(160) or Gamma(1000).
TEST(RingShares, AreAsEvenAsPlacementSays) {
  const std::vector<std::string> prefixes = {"node-", "node", "cache-", "n",
                                             "10.0.0.1:"};
  double of_160 = 0;
  double of_1000 = 0;
  for (const std::string& prefix : prefixes) {
    of_160 += MaxToMean(prefix, 1000, 160) / 5;
    of_1000 += MaxToMean(prefix, 1000, 1000) / 5;
  }
  EXPECT_LE(of_160, 1.30);
  EXPECT_LE(of_1000, 1.11);
}

// Ids that hardly differ, as real ones do.
TEST(RingShares, AreEvenForIdsThatDifferInOneByte) {
  HashRing::Builder builder;
  for (int i = 0; i < 256; ++i) builder.Add(std::string(1, char(i)));
  const std::vector<double> shares = MustBuild(builder).Shares();
  EXPECT_LE(*std::max_element(shares.begin(), shares.end()) * 256, 1.35);
  EXPECT_GE(*std::min_element(shares.begin(), shares.end()) * 256, 0.70);
}

}  // namespace
}  // namespace trivet
