// SPDX-License-Identifier: Apache-2.0
//
// A walk meets every node once, in ring order; replicas, health and zones are
// filters over it.

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <map>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/ring/model.h"
#include "trivet/ring/hash_ring.h"

namespace trivet {
namespace {

using ::testing::ElementsAreArray;
using ::testing::IsEmpty;

std::string Key(size_t i) { return "user:" + std::to_string(i); }

std::vector<std::string> WalkIds(const HashRing& ring, std::string_view key) {
  std::vector<std::string> ids;
  for (const RingNode& node : ring.Walk(key)) ids.push_back(node.id);
  return ids;
}

std::vector<std::string> Preferred(const HashRing& ring, std::string_view key,
                                   size_t count) {
  std::vector<const RingNode*> into(count);
  return Ids(ring.PreferenceList(key, absl::MakeSpan(into)));
}

std::vector<const RingNode*> Zoned(const HashRing& ring, std::string_view key,
                                   size_t count) {
  std::vector<const RingNode*> into(count);
  const auto filled = ring.PreferZones(key, absl::MakeSpan(into));
  return {filled.begin(), filled.end()};
}

// 1 and 2; 16, 17 and 18: the list is full; 512, 513 and 514: a bitmap of all
// nodes no longer fits into the walk.
TEST(RingWalk, YieldsEveryNodeOnceInRingOrder) {
  std::mt19937_64 random(1);
  for (const size_t count :
       std::vector<size_t>{1, 2, 15, 16, 17, 18, 100, 512, 513, 514, 1500}) {
    const std::vector<RingNode> nodes = RandomNodes(&random, count, 2);
    const ModelRing model(nodes, Vnodes(2));
    const HashRing ring = MustBuild(nodes, Vnodes(2));
    for (size_t i = 0; i < (count < 200 ? 50 : 2); ++i)
      ASSERT_EQ(WalkIds(ring, Key(i)), model.List(ring.TokenOf(Key(i)), count));
  }
}

TEST(RingWalk, BeginsWithTheOwner) {
  std::mt19937_64 random(2);
  const HashRing ring = MustBuild(RandomNodes(&random, 20, 3));
  for (size_t i = 0; i < 200; ++i)
    EXPECT_EQ(&*ring.Walk(Key(i)).begin(), &ring.Lookup(Key(i)));
}

TEST(RingWalk, IsSinglePassAndEndsForGood) {
  const HashRing ring = MustBuild({{"a", 1, ""}, {"b", 1, ""}, {"c", 1, ""}});
  HashRing::NodeWalk walk = ring.Walk("k");
  const std::vector<std::string> ids = WalkIds(ring, "k");
  HashRing::NodeWalk::iterator at = walk.begin();
  EXPECT_EQ(at->id, ids[0]);
  ++at;
  EXPECT_EQ(walk.begin()->id, ids[1]);  // Goes on where it stands.
  at++;
  EXPECT_EQ(at->id, ids[2]);
  EXPECT_TRUE(at != walk.end());
  ++at;
  EXPECT_TRUE(at == walk.end());
  EXPECT_TRUE(walk.begin() == walk.end());
}

TEST(RingWalk, ItsIteratorWorksWithStandardAlgorithms) {
  const HashRing ring = MustBuild({{"a", 1, ""}, {"b", 1, ""}});
  HashRing::NodeWalk walk = ring.Walk("k");
  EXPECT_EQ(std::count_if(walk.begin(), walk.end(),
                          [](const RingNode&) { return true; }),
            2);
}

TEST(RingWalk, ACopyWalksOnByItself) {
  std::mt19937_64 random(3);
  const HashRing ring = MustBuild(RandomNodes(&random, 600, 1), Vnodes(3));
  const std::vector<std::string> ids = WalkIds(ring, "k");
  HashRing::NodeWalk walk = ring.Walk("k");
  auto at = walk.begin();
  for (int i = 0; i < 20; ++i) ++at;
  HashRing::NodeWalk copy = walk;
  std::vector<std::string> rest;
  for (const RingNode& node : copy) rest.push_back(node.id);
  EXPECT_THAT(rest, ElementsAreArray(ids.begin() + 20, ids.end()));
  EXPECT_EQ(at->id, ids[20]);
}

TEST(RingWalk, AWalkThatWasMovedFromGoesOnAsItsCopyDoes) {
  std::mt19937_64 random(10);
  const HashRing ring = MustBuild(RandomNodes(&random, 600, 1), Vnodes(3));
  const std::vector<std::string> ids = WalkIds(ring, "k");
  HashRing::NodeWalk walk = ring.Walk("k");
  auto at = walk.begin();
  for (int i = 0; i < 20; ++i) ++at;
  HashRing::NodeWalk moved = std::move(walk);
  for (HashRing::NodeWalk* const one : {&moved, &walk}) {
    std::vector<std::string> rest;
    for (const RingNode& node : *one) rest.push_back(node.id);
    EXPECT_THAT(rest, ElementsAreArray(ids.begin() + 20, ids.end()));
  }
}

TEST(RingFirstWhere, ReturnsTheFirstNodeKept) {
  std::mt19937_64 random(4);
  const HashRing ring = MustBuild(RandomNodes(&random, 30, 2));
  for (size_t i = 0; i < 50; ++i) {
    const std::vector<std::string> ids = WalkIds(ring, Key(i));
    const std::set<std::string> down(ids.begin(),
                                     ids.begin() + static_cast<long>(i % 30));
    const RingNode* up = ring.FirstWhere(
        Key(i), [&](const RingNode& node) { return down.count(node.id) == 0; });
    ASSERT_NE(up, nullptr);
    EXPECT_EQ(up->id, ids[i % 30]);
  }
}

TEST(RingFirstWhere, ReturnsNullIfNoneIsKept) {
  const HashRing ring = MustBuild({{"a", 1, ""}, {"b", 1, ""}});
  int asked = 0;
  EXPECT_EQ(ring.FirstWhere("k",
                            [&](const RingNode&) {
                              ++asked;
                              return false;
                            }),
            nullptr);
  EXPECT_EQ(asked, 2);
}

TEST(RingPreferenceList, IsTheBeginningOfTheWalk) {
  std::mt19937_64 random(5);
  for (const size_t count : std::vector<size_t>{1, 2, 5, 30, 600}) {
    const HashRing ring = MustBuild(RandomNodes(&random, count, 3), Vnodes(4));
    for (size_t i = 0; i < 20; ++i) {
      const std::vector<std::string> walk = WalkIds(ring, Key(i));
      for (const size_t wanted : std::vector<size_t>{0, 1, 2, 3, 17, 40}) {
        const size_t size = std::min(wanted, count);
        EXPECT_THAT(Preferred(ring, Key(i), wanted),
                    ElementsAreArray(walk.begin(),
                                     walk.begin() + static_cast<long>(size)));
      }
    }
  }
}

TEST(RingPreferenceList, LeavesTheRestOfItsRoomAlone) {
  const HashRing ring = MustBuild({{"a", 1, "z"}});
  const RingNode untouched;
  std::vector<const RingNode*> into(3, &untouched);
  EXPECT_EQ(ring.PreferenceList("k", absl::MakeSpan(into)).size(), 1u);
  EXPECT_EQ(ring.PreferZones("k", absl::MakeSpan(into)).size(), 1u);
  EXPECT_EQ(into[1], &untouched);
  EXPECT_EQ(into[2], &untouched);
}

// The rule of PreferZones in the plainest words: of all nodes left, those of
// the zones that gave least come first, and among them the walk decides.
std::vector<std::string> ZonedModel(const HashRing& ring, std::string_view key,
                                    size_t count) {
  std::vector<const RingNode*> left;
  for (const RingNode& node : ring.Walk(key)) left.push_back(&node);
  std::map<std::string, size_t> taken;
  std::vector<std::string> list;
  while (list.size() < count && !left.empty()) {
    const auto next = std::min_element(
        left.begin(), left.end(),
        [&](auto* a, auto* b) { return taken[a->zone] < taken[b->zone]; });
    ++taken[(*next)->zone];
    list.push_back((*next)->id);
    left.erase(next);
  }
  return list;
}

TEST(RingPreferZones, TakesFromTheZoneThatGaveLeast) {
  std::mt19937_64 random(6);
  for (const size_t count : std::vector<size_t>{1, 2, 3, 5, 9, 40}) {
    const HashRing ring = MustBuild(RandomNodes(&random, count, 3), Vnodes(5));
    for (size_t i = 0; i < 30; ++i)
      for (const size_t wanted :
           std::vector<size_t>{0, 1, 2, 3, 4, 5, 7, 20, 50})
        ASSERT_EQ(Ids(Zoned(ring, Key(i), wanted)),
                  ZonedModel(ring, Key(i), wanted));
  }
}

TEST(RingPreferZones, TakesASecondFromAZoneOnlyOnceEveryZoneHasOne) {
  HashRing::Builder builder;
  for (int i = 0; i < 20; ++i) builder.Add("big-" + std::to_string(i), 5, "a");
  builder.Add("small", 1, "b").Add("smaller", 1, "c");
  const HashRing ring = MustBuild(builder);
  for (size_t i = 0; i < 200; ++i) {
    std::set<std::string> zones;
    for (const RingNode* node : Zoned(ring, Key(i), 3))
      zones.insert(node->zone);
    EXPECT_EQ(zones.size(), 3u);
    EXPECT_EQ(Zoned(ring, Key(i), 1)[0], &ring.Lookup(Key(i)));
    EXPECT_EQ(Zoned(ring, Key(i), 30).size(), 22u);
  }
}

// One walk makes it, however long it is: one for each round would take minutes.
TEST(RingPreferZones, MakesAListOfAllNodesInOneWalk) {
  std::mt19937_64 random(7);
  std::vector<RingNode> nodes = RandomNodes(&random, 2500, 1);
  for (RingNode& node : nodes) node.zone = node.id.size() % 2 == 0 ? "a" : "b";
  const HashRing ring = MustBuild(nodes, Vnodes(2));
  EXPECT_EQ(Ids(Zoned(ring, "k", 2500)), ZonedModel(ring, "k", 2500));
}

TEST(RingPreferZones, WithoutZonesIsThePreferenceList) {
  HashRing::Builder builder;
  for (int i = 0; i < 10; ++i) builder.Add("node-" + std::to_string(i));
  const HashRing ring = MustBuild(builder);
  for (size_t i = 0; i < 100; ++i)
    EXPECT_EQ(Ids(Zoned(ring, Key(i), 4)), Preferred(ring, Key(i), 4));
}

TEST(RingPreferZones, AZoneNeverChangesWhoOwnsAKey) {
  HashRing::Builder plain;
  HashRing::Builder zoned;
  for (int i = 0; i < 10; ++i) {
    plain.Add("node-" + std::to_string(i));
    zoned.Add("node-" + std::to_string(i), 1, std::to_string(i % 3));
  }
  const HashRing a = MustBuild(plain);
  const HashRing b = MustBuild(zoned);
  for (size_t i = 0; i < 500; ++i)
    EXPECT_EQ(WalkIds(a, Key(i)), WalkIds(b, Key(i)));
}

TEST(RingWalk, ALongListIsStillExact) {
  std::mt19937_64 random(9);
  const std::vector<RingNode> nodes = RandomNodes(&random, 300, 1);
  const HashRing ring = MustBuild(nodes, Vnodes(2));
  EXPECT_EQ(Preferred(ring, "k", 300), WalkIds(ring, "k"));
  EXPECT_EQ(Preferred(ring, "k", 1000), WalkIds(ring, "k"));
  EXPECT_THAT(Preferred(ring, "k", 0), IsEmpty());
}

}  // namespace
}  // namespace trivet
