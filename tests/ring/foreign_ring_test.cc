// SPDX-License-Identifier: Apache-2.0
//
// What a HashRing promises holds with the points of other programs too: where
// tokens tie, where nodes have no points, and where the order of nodes counts.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/ring/foreign_model.h"
#include "tests/ring/model.h"
#include "trivet/ring/bounded_load.h"
#include "trivet/ring/hash_ring.h"
#include "trivet/ring/ring_diff.h"
#include "trivet/ring/shared_ring.h"

namespace trivet {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Ten heavy nodes, not in the order of their ids; and "light", which gets no
// point from anybody: too little weight, too small a ring, or the same points
// as a node before it.
constexpr NodeIndex kLight = 9;
std::vector<RingNode> Nodes() {
  std::vector<RingNode> nodes;
  for (int i = 0; i < 10; ++i)
    nodes.push_back({absl::StrCat("10.0.0.", (i * 7) % 10, ":11212"), 100,
                     absl::StrCat("zone-", i % 3)});
  nodes.insert(nodes.begin() + kLight, {"unix:10.0.0.5", 1, "zone-of-its-own"});
  return nodes;
}

class RingForeignRing : public ::testing::TestWithParam<Placement> {
 protected:
  RingForeignRing() : nodes_(Nodes()) {
    options_.placement = GetParam();
    options_.ring_size_min = 1;
    options_.ring_size_max = 205;
    if (GetParam() == Placement::kNginx) {
      options_.vnodes_per_weight = 1;
      nodes_[0].id = "10.0.0.5";  // As nginx hashes the id of `light`.
    }
  }

  HashRing Ring() const { return MustBuild(nodes_, options_); }

  std::vector<RingNode> nodes_;
  HashRingOptions options_;
};

INSTANTIATE_TEST_SUITE_P(All, RingForeignRing,
                         ::testing::Values(Placement::kEnvoy,
                                           Placement::kKetama,
                                           Placement::kKetamaWeighted,
                                           Placement::kNginx));

// The owners from a token on, each once.
std::vector<size_t> ModelList(const ModelPoints& points, Token token) {
  const auto at = std::lower_bound(points.begin(), points.end(),
                                   ModelPoints::value_type(token, 0));
  std::vector<size_t> list;
  const auto append = [&list](auto from, auto to) {
    for (; from != to; ++from)
      if (std::find(list.begin(), list.end(), from->second) == list.end())
        list.push_back(from->second);
  };
  append(at, points.end());
  append(points.begin(), at);
  return list;
}

TEST_P(RingForeignRing, AnswersAsTheModel) {
  const HashRing ring = Ring();
  const ModelPoints points = ModelForeignPoints(options_, nodes_);
  EXPECT_EQ(ring.vnode_count(), points.size());
  EXPECT_EQ(std::vector<RingNode>(ring.nodes().begin(), ring.nodes().end()),
            nodes_);
  std::vector<Token> boundaries;
  for (const auto& [token, owner] : points) boundaries.push_back(token);
  for (const Token token : Probes(boundaries))
    ASSERT_EQ(ring.LookupToken(token).id,
              nodes_[ModelList(points, token).front()].id)
        << token;

  for (int i = 0; i < 300; ++i) {
    const std::string key = absl::StrCat("user:", i);
    const Token token = ModelForeignKeyToken(GetParam(), key);
    EXPECT_EQ(ring.TokenOf(key), token);
    std::vector<size_t> walk;
    for (const RingNode& node : ring.Walk(key))
      walk.push_back(static_cast<size_t>(&node - ring.nodes().data()));
    ASSERT_EQ(walk, ModelList(points, token));
    std::string_view keys[] = {key};
    NodeIndex owners[1];
    ring.LookupBatch(keys, absl::MakeSpan(owners));
    EXPECT_EQ(owners[0], walk[0]);
    EXPECT_EQ(ring.LookupIndex(key), walk[0]);
  }
}

TEST_P(RingForeignRing, ANodeWithoutPointsIsOnNoList) {
  const HashRing ring = Ring();
  const RingNode* const light = &ring.nodes()[kLight];
  std::vector<const RingNode*> into(nodes_.size());
  for (int i = 0; i < 100; ++i) {
    const std::string key = absl::StrCat("user:", i);
    const auto room = absl::MakeSpan(into);
    EXPECT_EQ(ring.PreferenceList(key, room).size(), 10u);
    const auto zones = ring.PreferZones(key, room);
    EXPECT_EQ(zones.size(), 10u);
    EXPECT_EQ(std::find(zones.begin(), zones.end(), light), zones.end());
    EXPECT_EQ(zones[0], &ring.Lookup(key));
    // Three zones have nodes that can be chosen, and lists begin with them.
    EXPECT_NE(zones[0]->zone, zones[1]->zone);
    EXPECT_NE(zones[0]->zone, zones[2]->zone);
    EXPECT_NE(zones[1]->zone, zones[2]->zone);
    EXPECT_EQ(ring.FirstWhere(
                  key, [&](const RingNode& node) { return &node == light; }),
              nullptr);
  }
  const std::vector<double> shares = ring.Shares();
  EXPECT_EQ(shares[kLight], 0);
  EXPECT_NEAR(std::accumulate(shares.begin(), shares.end(), 0.0), 1, 1e-12);
}

// 20 heavy nodes and 320 light ones, which have no point, or next to none; with
// nginx because it takes "unix:" in any case for the same.
std::vector<RingNode> HeavyAndLightNodes() {
  std::vector<RingNode> nodes;
  for (int i = 0; i < 20; ++i)
    nodes.push_back({absl::StrCat("n", i), 1000, ""});
  for (size_t upper = 0; upper < 16; ++upper) {
    std::string scheme = "unix:";
    for (size_t i = 0; i < 4; ++i)
      if ((upper >> i & 1) != 0)
        scheme[i] = static_cast<char>(scheme[i] - 'a' + 'A');
    for (int i = 0; i < 20; ++i)
      nodes.push_back({absl::StrCat(scheme, "n", i), 1, ""});
  }
  return nodes;
}

TEST_P(RingForeignRing, ManyNodesWithoutPointsEndAWalkToo) {
  const HashRing ring = MustBuild(HeavyAndLightNodes(), options_);
  const std::vector<double> shares = ring.Shares();
  const auto none = std::count(shares.begin(), shares.end(), 0.0);
  EXPECT_GE(none, 310);
  std::vector<std::string> met;
  for (const RingNode& node : ring.Walk("user:1")) met.push_back(node.id);
  EXPECT_EQ(met.size(), shares.size() - static_cast<size_t>(none));
}

TEST_P(RingForeignRing, NodesKeepTheOrderInWhichTheyWereAdded) {
  const auto ids = [](const HashRing& ring) {
    std::vector<std::string> all;
    for (const RingNode& node : ring.nodes()) all.push_back(node.id);
    return all;
  };
  HashRing::Builder builder(options_);
  builder.Add("c").Add("a").Add("d").Add("b");
  const HashRing ring = MustBuild(builder);
  EXPECT_THAT(ids(ring), ElementsAre("c", "a", "d", "b"));
  HashRing::Builder change(ring);
  change.Set({"a", 2, ""}).Remove("c").Remove("b").Add("e").Add("c");
  const HashRing changed = MustBuild(change);
  EXPECT_THAT(ids(changed), ElementsAre("a", "d", "e", "c"));
  EXPECT_EQ(changed.Fingerprint(),
            MustBuild({{"a", 2, ""}, {"d", 1, ""}, {"e", 1, ""}, {"c", 1, ""}},
                      options_)
                .Fingerprint());
}

TEST_P(RingForeignRing, FingerprintsTellApartWhatDiffers) {
  std::vector<uint64_t> all = {Ring().Fingerprint()};
  EXPECT_EQ(Ring().Fingerprint(), all[0]);
  const auto with = [&](auto change) {
    auto nodes = nodes_;
    auto options = options_;
    change(&nodes, &options);
    all.push_back(MustBuild(nodes, options).Fingerprint());
  };
  using Nodes = std::vector<RingNode>*;
  using Options = HashRingOptions*;
  with([](Nodes nodes, Options) { std::swap((*nodes)[1], (*nodes)[2]); });
  with([](Nodes nodes, Options) { (*nodes)[3].weight = 101; });
  with([](Nodes nodes, Options) { (*nodes)[3].zone = "other"; });
  with([](Nodes nodes, Options) { nodes->pop_back(); });
  with([](Nodes, Options options) { options->placement = Placement::kTrivet; });
  if (GetParam() == Placement::kEnvoy) {
    with([](Nodes, Options options) { options->ring_size_min = 100; });
    with([](Nodes, Options options) { options->ring_size_max = 206; });
  } else {
    with([](Nodes, Options options) { options->vnodes_per_weight = 80; });
  }
  const size_t count = all.size();
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  EXPECT_EQ(all.size(), count);
}

// Nodes come, go, change places and lose their last point.
TEST_P(RingForeignRing, DiffIsWhatMoves) {
  const HashRing before = Ring();
  std::vector<RingNode> nodes = nodes_;
  std::swap(nodes[1], nodes[8]);
  nodes.erase(nodes.begin() + 3);
  nodes[4].weight = 1;
  nodes.push_back({"new:11212", 100, ""});
  const HashRing after = MustBuild(nodes, options_);
  const std::vector<RangeTransfer> plan = Diff(before, after);
  EXPECT_FALSE(plan.empty());
  std::vector<Token> ends;
  for (const RangeTransfer& transfer : plan)
    ends.insert(ends.end(), {transfer.range.after, transfer.range.through});
  std::mt19937_64 random(11);
  for (int i = 0; i < 500; ++i) ends.push_back(random());
  for (const Token token : Probes(ends)) {
    const std::string from = before.LookupToken(token).id;
    const std::string to = after.LookupToken(token).id;
    std::vector<RangeTransfer> of_token;
    for (const RangeTransfer& transfer : plan)
      if (transfer.range.Contains(token)) of_token.push_back(transfer);
    ASSERT_EQ(of_token.size(), from == to ? 0u : 1u) << token;
    if (from == to) continue;
    EXPECT_EQ(of_token[0].from, from);
    EXPECT_EQ(of_token[0].to, to);
  }
}

TEST_P(RingForeignRing, DiffWithReplicasMovesNothingBetweenEqualRings) {
  EXPECT_TRUE(Diff(Ring(), Ring(), 20).empty());
  std::vector<RingNode> nodes = nodes_;
  nodes.erase(nodes.begin());
  const HashRing after = MustBuild(nodes, options_);
  for (const RangeTransfer& transfer : Diff(Ring(), after, 3)) {
    EXPECT_NE(transfer.from, nodes_[0].id);
    EXPECT_NE(transfer.to, nodes_[0].id);
  }
}

// What has no points counts for nothing in the capacities of others: else all
// that have some could be full, and a unit would look for room for ever.
TEST_P(RingForeignRing, BoundedLoadFindsRoomAmongNodesWithPoints) {
  const std::vector<RingNode> nodes = HeavyAndLightNodes();
  const HashRing ring = MustBuild(nodes, options_);
  const std::vector<double> shares = ring.Shares();
  absl::StatusOr<BoundedLoad> load = BoundedLoad::Create(ring, 0x1p-20);
  ASSERT_TRUE(load.ok());
  uint64_t weights = 0;
  for (size_t n = 0; n < nodes.size(); ++n)
    weights += shares[n] > 0 ? nodes[n].weight : 0;
  for (uint64_t units = 1; units <= 1000; ++units) {
    const auto unit = load->Assign(absl::StrCat("user:", units));
    ASSERT_GT(shares[unit.node()], 0);
    const uint64_t weight = nodes[unit.node()].weight;
    ASSERT_LE(static_cast<double>((load->LoadOf(unit.node()) - 1) * weights),
              (1 + 0x1p-20) * static_cast<double>(units * weight));
  }
  EXPECT_EQ(load->TotalLoad(), 1000u);
}

TEST_P(RingForeignRing, SharedRingUpdatesAsABuilderWould) {
  SharedRing shared(Ring());
  std::vector<RingNode> nodes = nodes_;
  for (int i = 0; i < 5; ++i) {
    const RingNode node = {absl::StrCat("new-", i, ":11212"), 100, ""};
    const absl::Status status = shared.Update([&](const HashRing& ring) {
      return HashRing::Builder(ring).Add(node).Build();
    });
    ASSERT_TRUE(status.ok()) << status;
    nodes.push_back(node);
    const HashRing fresh = MustBuild(nodes, options_);
    const HashRing now = shared.Load();
    EXPECT_EQ(now.Fingerprint(), fresh.Fingerprint());
    EXPECT_EQ(now.vnode_count(), fresh.vnode_count());
    EXPECT_EQ(now.Shares(), fresh.Shares());
  }
}

TEST_P(RingForeignRing, WhatItCannotDoIsAnErrorOfBuild) {
  options_.secret = "s";
  const absl::Status secret =
      HashRing::Builder(options_).Add("a").Build().status();
  EXPECT_EQ(secret.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(secret.message()), HasSubstr("secret has 1 bytes"));
  options_.secret.clear();
  const absl::Status none = HashRing::Builder(options_).Build().status();
  EXPECT_EQ(std::string(none.message()), "nodes: there are 0; a ring needs 1");
}

}  // namespace
}  // namespace trivet
