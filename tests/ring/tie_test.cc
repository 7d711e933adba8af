// SPDX-License-Identifier: Apache-2.0
//
// Points of two nodes may meet on one token. Ids for which they do can be found
// by whoever searches for two minutes, one tie at a time. For rings that are
// full of ties, points are put in by hand, on a few tokens of the circle.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "src/ring/ring_rep.h"
#include "src/ring/vnodes_build.h"
#include "tests/ring/model.h"
#include "trivet/ring/hash_ring.h"
#include "trivet/ring/ring_diff.h"

namespace trivet {
namespace {

using Points = std::vector<std::pair<Token, NodeIndex>>;

constexpr Token kTokens = 8;
const std::vector<Token>& Everywhere() {
  static const auto& tokens = *new std::vector<Token>(Probes({2, 4, 6, 8}));
  return tokens;
}

HashRing WithPoints(const Points& points, size_t nodes) {
  std::vector<RingNode> members;
  for (size_t i = 0; i < nodes; ++i)
    members.push_back({"node-" + std::to_string(i), 1, ""});
  auto rep = std::make_shared<internal::RingAccess::Rep>(
      internal::RingAccess::Of(MustBuild(members, Vnodes(1))));
  rep->vnodes = {};
  rep->vnodes.Build(nodes, points.size(), [&](auto visit) {
    for (const auto& [token, owner] : points) visit(token, owner);
  });
  return internal::RingAccess::Make(std::move(rep));
}

// Every node has one to three points, most of them on a token with others.
Points RandomPoints(std::mt19937_64* random, size_t nodes) {
  Points points;
  for (NodeIndex node = 0; node < nodes; ++node)
    for (uint64_t i = (*random)() % 3 + 1; i > 0; --i)
      points.push_back({(*random)() % kTokens, node});
  std::sort(points.begin(), points.end());
  return points;
}

std::vector<std::string> List(const Points& points, Token token, size_t count) {
  std::vector<std::string> list;
  for (const bool past_zero : {false, true})
    for (const auto& [at, node] : points) {
      const std::string id = "node-" + std::to_string(node);
      if ((at < token) == past_zero && list.size() < count &&
          std::find(list.begin(), list.end(), id) == list.end())
        list.push_back(id);
    }
  return list;
}

TEST(RingTies, GoToTheSmallestId) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 300; ++i) {
    const Points points = RandomPoints(&random, random() % 6 + 1);
    const HashRing ring = WithPoints(points, 6);
    for (const Token token : Everywhere())
      ASSERT_EQ(ring.LookupToken(token).id, List(points, token, 1)[0]);
  }
}

TEST(RingTies, DiffSeesEveryPointOfAToken) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 300; ++i) {
    const size_t nodes = random() % 5 + 1;
    const Points before = RandomPoints(&random, nodes);
    const Points after = RandomPoints(&random, nodes);
    for (const size_t replicas : std::vector<size_t>{1, 2, 3, 9}) {
      const std::vector<RangeTransfer> diff =
          Diff(WithPoints(before, nodes), WithPoints(after, nodes), replicas);
      for (const Token token : Everywhere()) {
        const std::vector<std::string> had = List(before, token, replicas);
        size_t newcomers = 0;
        for (const std::string& id : List(after, token, replicas))
          newcomers += std::find(had.begin(), had.end(), id) == had.end();
        for (const RangeTransfer& t : diff) {
          if (!t.range.Contains(token)) continue;
          --newcomers;
          ASSERT_EQ(std::find(had.begin(), had.end(), t.to), had.end());
          ASSERT_NE(std::find(had.begin(), had.end(), t.from), had.end());
        }
        ASSERT_EQ(newcomers, 0u) << "at " << token << " of " << replicas;
      }
    }
  }
}

// The high halves of their XXH3-128 are equal, so their first points are.
constexpr char kSmaller[] = "2e9e453ffa30e41c";
constexpr char kLarger[] = "9b584463e48abdf6";

TEST(RingTies, OfIdsThatWereSearchedForGoToTheSmaller) {
  const Token tie = ModelPoint("", kSmaller, 0);
  ASSERT_EQ(ModelPoint("", kLarger, 0), tie);
  for (const bool larger_first : {false, true}) {
    std::vector<RingNode> nodes = {{kSmaller, 2, ""}, {kLarger, 2, ""}};
    if (larger_first) std::swap(nodes[0], nodes[1]);
    const HashRing ring = MustBuild(nodes, Vnodes(1));
    EXPECT_EQ(ring.LookupToken(tie).id, kSmaller);
    for (const Token token :
         Probes({tie, ModelPoint("", kSmaller, 1), ModelPoint("", kLarger, 1)}))
      EXPECT_EQ(ring.LookupToken(token).id,
                ModelRing(nodes, Vnodes(1)).Owner(token));
  }
}

TEST(RingTies, ANodeWhosePointsAreAllTakenIsStillANode) {
  const HashRing one = MustBuild({{kSmaller, 1, ""}}, Vnodes(1));
  const HashRing two =
      MustBuild({{kSmaller, 1, ""}, {kLarger, 1, ""}}, Vnodes(1));
  EXPECT_EQ(two.Shares(), (std::vector<double>{1, 0}));
  EXPECT_TRUE(Diff(one, two).empty());
  const Token tie = ModelPoint("", kSmaller, 0);
  EXPECT_EQ(Diff(one, two, 2),
            (std::vector<RangeTransfer>{{{tie, tie}, kSmaller, kLarger}}));
}

TEST(RingTies, AKeyOnAPointBelongsToIt) {
  std::vector<std::string> keys;
  for (int i = 0; i < 40; ++i) keys.push_back(std::to_string(i));
  const HashRing any = MustBuild({{"a", 1, ""}});
  Points points;
  for (NodeIndex i = 0; i < 40; ++i)
    points.push_back({any.TokenOf(keys[i]), i});
  std::sort(points.begin(), points.end());
  const HashRing ring = WithPoints(points, 40);
  const std::vector<std::string_view> views(keys.begin(), keys.end());
  std::vector<NodeIndex> owners(40);
  ring.LookupBatch(views, absl::MakeSpan(owners));
  for (NodeIndex i = 0; i < 40; ++i) {
    EXPECT_EQ(owners[i], i);
    EXPECT_EQ(ring.LookupIndex(keys[i]), i);
  }
}

TEST(RingTies, SharesCountATokenOnce) {
  // Tokens 0..8 belong to node 0, the rest of the circle wraps to it as well.
  const HashRing ring = WithPoints({{8, 0}, {8, 1}}, 2);
  EXPECT_EQ(ring.Shares(), (std::vector<double>{1, 0}));
}

TEST(RingTies, WalksAndBatchesAgreeWithLookups) {
  std::mt19937_64 random(3);
  for (int i = 0; i < 100; ++i) {
    const size_t nodes = random() % 6 + 1;
    Points points = RandomPoints(&random, nodes);
    const Token scale = ~Token{0} / kTokens;
    for (auto& [token, owner] : points) token *= scale;
    const HashRing ring = WithPoints(points, nodes);
    for (int k = 0; k < 20; ++k) {
      const std::string key = std::to_string(k);
      std::vector<std::string> ids;
      for (const RingNode& node : ring.Walk(key)) ids.push_back(node.id);
      ASSERT_EQ(ids, List(points, ring.TokenOf(key), nodes));
      const std::vector<std::string_view> keys = {key};
      std::vector<NodeIndex> owners(1);
      ring.LookupBatch(keys, absl::MakeSpan(owners));
      ASSERT_EQ(ring.nodes()[owners[0]].id, ids[0]);
    }
  }
}

}  // namespace
}  // namespace trivet
