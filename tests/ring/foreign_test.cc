// SPDX-License-Identifier: Apache-2.0
//
// The foreign placements against what the programs themselves answered, which
// tests/golden has, and against a model in exact numbers.

#include "src/ring/foreign.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <ostream>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "src/ring/point.h"
#include "tests/ring/foreign_model.h"
#include "tests/ring/model.h"
#include "trivet/ring/hash_ring.h"
#include "trivet/ring/placement.h"

namespace trivet {
namespace {

using internal::ForeignPoints;
using internal::ForeignTokenOf;
using internal::Point;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

HashRingOptions Foreign(Placement placement, uint32_t vnodes_per_weight = 160) {
  HashRingOptions options = Vnodes(vnodes_per_weight);
  options.placement = placement;
  return options;
}

HashRingOptions Envoy(uint32_t ring_size_min, uint32_t ring_size_max) {
  HashRingOptions options = Foreign(Placement::kEnvoy);
  options.ring_size_min = ring_size_min;
  options.ring_size_max = ring_size_max;
  return options;
}

std::vector<Point> MustPlace(const HashRingOptions& options,
                             const std::vector<RingNode>& nodes) {
  absl::StatusOr<std::vector<Point>> points = ForeignPoints(options, nodes);
  EXPECT_TRUE(points.ok()) << points.status();
  return points.ok() ? *points : std::vector<Point>{{0, 0}};
}

const Point& AtOrAfter(const std::vector<Point>& points, Token token) {
  const auto at = std::lower_bound(points.begin(), points.end(),
                                   Point{token, NodeIndex{0}});
  return at == points.end() ? points.front() : *at;
}

std::vector<uint64_t> CountsOf(const std::vector<Point>& points, size_t nodes) {
  std::vector<uint64_t> counts(nodes);
  for (const Point& point : points) ++counts[point.owner];
  return counts;
}

std::vector<RingNode> EqualNodes(size_t count, const std::string& suffix) {
  std::vector<RingNode> nodes;
  for (size_t i = 1; i <= count; ++i)
    nodes.push_back({absl::StrCat("10.0.2.", i, suffix), 1, ""});
  return nodes;
}

// The lines of a golden file without its comments, as streams.
std::vector<std::istringstream> LinesOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<std::istringstream> lines;
  std::string line;
  while (std::getline(file, line))
    if (!line.empty() && line[0] != '#') lines.emplace_back(line);
  return lines;
}

// What one program said of one pool.
struct Pool {
  uint32_t vnodes_per_weight = 0;
  std::vector<RingNode> nodes;
  std::vector<uint64_t> counts;  // Of points. None: the program does not tell.
  uint64_t points = 0;           // Likewise.
  uint64_t digest = 0;
  std::vector<std::pair<std::string, NodeIndex>> owners;  // By key.
};

std::vector<Pool> PoolsOf(const std::string& path) {
  std::vector<Pool> pools;
  for (std::istringstream& line : LinesOf(path)) {
    std::string what;
    line >> what;
    if (what == "pool") {
      line >> pools.emplace_back().vnodes_per_weight;
    } else if (what == "node") {
      RingNode node;
      line >> node.id >> node.weight;
      pools.back().nodes.push_back(node);
    } else if (what == "points") {
      for (uint64_t count; line >> count;) pools.back().counts.push_back(count);
    } else if (what == "ring") {
      line >> pools.back().points >> pools.back().digest;
    } else if (what == "owners") {
      NodeIndex owner;
      for (int i = 0; line >> owner; ++i)
        pools.back().owners.push_back({absl::StrCat("user:", i), owner});
    } else {
      EXPECT_EQ(what, "key") << path;
      auto& [key, owner] = pools.back().owners.emplace_back();
      line >> key >> owner;
    }
  }
  return pools;
}

// FNV-1a by words.
uint64_t DigestOf(const std::vector<Point>& points) {
  uint64_t digest = 0xcbf29ce484222325;
  for (const Point& point : points)
    for (const uint64_t word : {point.token >> 32, Token{point.owner}})
      digest = (digest ^ word) * 0x100000001b3;
  return digest;
}

struct Program {
  std::string name;
  Placement placement;
  size_t pools;

  friend void PrintTo(const Program& program, std::ostream* out) {
    *out << program.name;
  }
};

class RingForeignProgram : public ::testing::TestWithParam<Program> {};

TEST_P(RingForeignProgram, HasTheSameRing) {
  const Program& program = GetParam();
  const std::vector<Pool> pools =
      PoolsOf(absl::StrCat("tests/golden/ring_", program.name, ".tsv"));
  ASSERT_EQ(pools.size(), program.pools);
  for (size_t p = 0; p < pools.size(); ++p) {
    SCOPED_TRACE(absl::StrCat("pool ", p));
    const Pool& pool = pools[p];
    const HashRingOptions options =
        Foreign(program.placement, pool.vnodes_per_weight);
    const std::vector<Point> points = MustPlace(options, pool.nodes);
    const HashRing ring = MustBuild(pool.nodes, options);
    EXPECT_EQ(ring.vnode_count(), points.size());
    if (!pool.counts.empty()) {
      EXPECT_EQ(CountsOf(points, pool.nodes.size()), pool.counts);
      EXPECT_EQ(points.size(), pool.points);
      EXPECT_EQ(DigestOf(points), pool.digest);
    }
    ASSERT_GE(pool.owners.size(), 200u);
    for (const auto& [key, owner] : pool.owners) {
      const Token token = ForeignTokenOf(program.placement, key);
      EXPECT_EQ(AtOrAfter(points, token).owner, owner) << key;
      EXPECT_EQ(ring.LookupIndex(key), owner) << key;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Golden, RingForeignProgram,
    ::testing::Values(Program{"libketama", Placement::kKetama, 9},
                      Program{"uhashring", Placement::kKetama, 5},
                      Program{"libmemcached", Placement::kKetamaWeighted, 13},
                      Program{"twemproxy", Placement::kKetamaWeighted, 6},
                      Program{"nginx", Placement::kNginx, 6}),
    [](const ::testing::TestParamInfo<Program>& of) { return of.param.name; });

TEST(RingForeign, EnvoyAnswersAsItsVectorsSay) {
  std::vector<RingNode> nodes;
  for (int port = 90; port <= 95; ++port)
    nodes.push_back({absl::StrCat("127.0.0.1:", port), 1, ""});
  const std::vector<Point> points = MustPlace(Envoy(12, 8388608), nodes);
  ASSERT_EQ(points.size(), 12u);
  size_t seen = 0;
  for (std::istringstream& line : LinesOf("tests/golden/envoy_ring.tsv")) {
    std::string id;
    Token token;
    line >> id;
    if (id == "lookup") {
      line >> token >> id;
    } else {
      int index;
      line >> index >> token;
      EXPECT_EQ(AtOrAfter(points, token).token, token);
    }
    EXPECT_EQ(nodes[AtOrAfter(points, token).owner].id, id) << token;
    ++seen;
  }
  EXPECT_EQ(seen, 17u);
  EXPECT_EQ(ForeignTokenOf(Placement::kEnvoy, ""), 0xef46db3751d8e999);
}

TEST(RingForeign, WeightedKetamaAnswersAsItsVectorsSay) {
  const std::vector<uint32_t> weights = {600,  300, 200, 350,
                                         1000, 800, 950, 100};
  std::vector<RingNode> nodes;
  for (size_t i = 0; i < weights.size(); ++i)
    nodes.push_back({absl::StrCat("10.0.1.", i + 1, ":11211"), weights[i], ""});
  const std::vector<Point> points =
      MustPlace(Foreign(Placement::kKetamaWeighted), nodes);
  size_t seen = 0;
  for (std::istringstream& line :
       LinesOf("tests/golden/ketama_libmemcached.tsv")) {
    std::string key;
    Token hash;
    Token point;
    std::string host;
    line >> key >> hash >> point >> host;
    const Token token =
        ForeignTokenOf(Placement::kKetamaWeighted, absl::HexStringToBytes(key));
    EXPECT_EQ(token, hash << 32);
    EXPECT_EQ(AtOrAfter(points, token).token, point << 32);
    EXPECT_EQ(nodes[AtOrAfter(points, token).owner].id, host + ":11211");
    ++seen;
  }
  EXPECT_EQ(seen, 50u);
  const Token last = ForeignTokenOf(Placement::kKetamaWeighted, "VDEAAAAA");
  EXPECT_EQ(last, Token{0xfffcd1b5} << 32);
  EXPECT_EQ(&AtOrAfter(points, last), &points.front());
}

void ExpectModel(const HashRingOptions& options,
                 const std::vector<RingNode>& nodes) {
  const std::vector<Point> points = MustPlace(options, nodes);
  const ModelPoints model = ModelForeignPoints(options, nodes);
  ASSERT_EQ(points.size(), model.size());
  for (size_t i = 0; i < points.size(); ++i) {
    ASSERT_EQ(points[i].token, model[i].first) << i;
    ASSERT_EQ(points[i].owner, model[i].second) << i;
  }
}

TEST(RingForeign, PointsAreThoseOfTheModel) {
  std::mt19937_64 random(20261123);
  for (uint32_t round = 0; round < 60; ++round) {
    SCOPED_TRACE(absl::StrCat("round ", round));
    const std::vector<RingNode> nodes =
        RandomNodes(&random, 1 + random() % 40, round % 2 == 0 ? 3 : 1000);
    ExpectModel(Foreign(Placement::kKetama, 40), nodes);
    ExpectModel(Foreign(Placement::kKetamaWeighted, 40), nodes);
    ExpectModel(Foreign(Placement::kNginx, 1 + round % 3), nodes);
    const auto size = static_cast<uint32_t>(1 + random() % 3000);
    ExpectModel(Envoy(1 + static_cast<uint32_t>(random() % size), size), nodes);
    for (const RingNode& node : nodes)
      for (const Placement placement :
           {Placement::kEnvoy, Placement::kKetama, Placement::kKetamaWeighted,
            Placement::kNginx})
        EXPECT_EQ(ForeignTokenOf(placement, node.id),
                  ModelForeignKeyToken(placement, node.id));
  }
}

// Where a last bit decides: equal weights, whose points should be whole
// numbers, and are just below or just above.
TEST(RingForeign, EqualServersHaveAsManyPointsAsInExactNumbers) {
  std::vector<size_t> short_in_ketama;
  std::vector<size_t> short_in_weighted;
  for (size_t n = 1; n <= 125; ++n) {
    const std::vector<RingNode> nodes = EqualNodes(n, ":80");
    const auto points_of_each = [&](const HashRingOptions& options) {
      const std::vector<uint64_t> counts =
          CountsOf(MustPlace(options, nodes), n);
      EXPECT_EQ(counts, ModelCounts(options, nodes)) << n;
      return counts[0];
    };
    points_of_each(Envoy(1024, 4096));
    points_of_each(Envoy(100, 100));
    if (points_of_each(Foreign(Placement::kKetama)) == 156)
      short_in_ketama.push_back(n);
    if (points_of_each(Foreign(Placement::kKetamaWeighted)) == 156)
      short_in_weighted.push_back(n);
  }
  EXPECT_THAT(short_in_ketama, ElementsAre(61, 122));
  EXPECT_THAT(short_in_weighted, ElementsAre(25, 47, 50, 55, 61, 71, 94, 100,
                                             107, 109, 110, 115, 122));
}

TEST(RingForeign, AtItsCapEnvoyLeavesHostsOutAndMovesMostKeys) {
  std::vector<RingNode> nodes = EqualNodes(10000, ":80");
  const std::vector<Point> before = MustPlace(Envoy(1024, 4096), nodes);
  const std::vector<uint64_t> counts = CountsOf(before, nodes.size());
  EXPECT_EQ(std::count(counts.begin(), counts.end(), 0), 5904);

  nodes.push_back({"10.0.3.1:80", 1, ""});
  const std::vector<Point> after = MustPlace(Envoy(1024, 4096), nodes);
  std::mt19937_64 random(1);
  int moved = 0;
  for (int i = 0; i < 10000; ++i) {
    const Token token = random();
    const NodeIndex owner = AtOrAfter(after, token).owner;
    moved += owner != AtOrAfter(before, token).owner && owner < 10000 ? 1 : 0;
  }
  EXPECT_NEAR(moved, 6700, 300);
}

TEST(RingForeign, KetamaGivesALightServerNoPoint) {
  std::vector<RingNode> nodes = EqualNodes(10, ":11211");
  for (size_t i = 1; i < nodes.size(); ++i) nodes[i].weight = 100;
  for (const Placement placement :
       {Placement::kKetama, Placement::kKetamaWeighted})
    EXPECT_EQ(CountsOf(MustPlace(Foreign(placement), nodes), 10)[0], 0u);
}

// The ids tie in one point of 160; a program's own sort keeps them as they were
// added, and nginx drops the second.
TEST(RingForeign, WherePointsTieTheNodeThatWasAddedFirstOwnsThem) {
  const RingNode a = {"127.0.6.223:18080", 1, ""};
  const RingNode b = {"127.0.8.180:18080", 1, ""};
  const Token tie = Token{2647233472} << 32;
  for (const auto& nodes : {std::vector{a, b}, std::vector{b, a}}) {
    const std::vector<Point> points =
        MustPlace(Foreign(Placement::kNginx), nodes);
    EXPECT_EQ(points.size(), 319u);
    EXPECT_EQ(AtOrAfter(points, tie).token, tie);
    EXPECT_EQ(AtOrAfter(points, tie).owner, 0u);
  }

  const RingNode c = {"10.0.4.192:11211", 1, ""};
  const RingNode d = {"10.0.5.108:11211", 1, ""};
  const std::vector<Point> points =
      MustPlace(Foreign(Placement::kKetamaWeighted), {d, c});
  EXPECT_EQ(points.size(), 320u);
  const Point* const first = &AtOrAfter(points, Token{3000365666} << 32);
  EXPECT_EQ(first[0].token, first[1].token);
  EXPECT_EQ(first[0].owner, 0u);
  EXPECT_EQ(first[1].owner, 1u);
}

TEST(RingForeign, TheDefaultPortOfMemcachedIsNotPartOfAName) {
  const auto tokens = [](Placement placement, const std::string& id) {
    std::vector<Token> all;
    for (const Point& point : MustPlace(Foreign(placement), {{id, 1, ""}}))
      all.push_back(point.token);
    return all;
  };
  const Placement weighted = Placement::kKetamaWeighted;
  EXPECT_EQ(tokens(weighted, "a:11211"), tokens(weighted, "a"));
  EXPECT_NE(tokens(weighted, "a:11212"), tokens(weighted, "a"));
  EXPECT_NE(tokens(weighted, "a:112110"), tokens(weighted, "a"));
  EXPECT_NE(tokens(Placement::kKetama, "a:11211"),
            tokens(Placement::kKetama, "a"));
  EXPECT_EQ(tokens(Placement::kKetama, "a"), tokens(weighted, "a"));
}

void ExpectRefused(const HashRingOptions& options,
                   const std::vector<RingNode>& nodes,
                   const std::string& message) {
  const absl::Status status = ForeignPoints(options, nodes).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(std::string(status.message()), message);
}

TEST(RingForeign, WhatAPlacementCannotDoIsAnErrorWithItsLimit) {
  const std::vector<RingNode> one = {{"a", 1, ""}};
  HashRingOptions secret = Foreign(Placement::kNginx);
  secret.secret = "s";
  ExpectRefused(secret, one, "secret has 1 bytes; kNginx takes none");
  for (const auto& [placement, name] :
       {std::pair(Placement::kKetama, "kKetama"),
        std::pair(Placement::kKetamaWeighted, "kKetamaWeighted")})
    ExpectRefused(Foreign(placement, 10), one,
                  absl::StrCat("vnodes_per_weight is 10; ", name,
                               " takes multiples of 4"));
  ExpectRefused(Envoy(0, 10), one,
                "ring_size_min is 0; it must be 1 to ring_size_max, which is "
                "10");
  ExpectRefused(Envoy(11, 10), one,
                "ring_size_min is 11; it must be 1 to ring_size_max, which is "
                "10");
  ExpectRefused(Envoy(1, 8388609), one,
                "ring_size_max is 8388609; the limit is 8388608");
  ExpectRefused(Foreign(Placement::kEnvoy),
                {{"a", 4294967295, ""}, {"b", 1, ""}},
                "weight: the sum is 4294967296; the limit of kEnvoy is "
                "4294967295");
  EXPECT_TRUE(ForeignPoints(Envoy(1, 10), {{"a", 4294967295, ""}}).ok());
}

TEST(RingForeign, TooManyPointsAreRefusedBeforeAnyIsMade) {
  const std::vector<RingNode> nodes = {{"a", 1, ""}, {"b", 4294967294, ""}};
  ExpectRefused(Foreign(Placement::kNginx, 4294967295), nodes,
                "node \"a\" of weight 1 brings the ring to 4294967295 points "
                "with kNginx and vnodes_per_weight 4294967295; the limit is "
                "16777216");
  ExpectRefused(Foreign(Placement::kNginx, 1), nodes,
                "node \"b\" of weight 4294967294 brings the ring to 4294967295 "
                "points with kNginx and vnodes_per_weight 1; the limit is "
                "16777216");
  for (const Placement placement :
       {Placement::kKetama, Placement::kKetamaWeighted}) {
    const absl::Status status =
        ForeignPoints(Foreign(placement, 4294967292), nodes).status();
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("the limit is 16777216"));
  }
}

// With 4 points a server, rounding takes the only ones that there would be.
TEST(RingForeign, ARingWithoutPointsIsRefused) {
  ExpectRefused(Foreign(Placement::kKetamaWeighted, 4), EqualNodes(41, ""),
                "vnodes_per_weight is 4, of which kKetamaWeighted makes no "
                "point at all for 41 nodes; a ring needs 1");
}

}  // namespace
}  // namespace trivet
