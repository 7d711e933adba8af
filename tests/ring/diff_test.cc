// SPDX-License-Identifier: Apache-2.0
//
// Diff against brute force: the preference lists of every arc in both models,
// and a host that follows the plan and then has all its data in place.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/ring/model.h"
#include "trivet/ring/hash_ring.h"
#include "trivet/ring/ring_diff.h"

namespace trivet {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using List = std::vector<std::string>;

bool In(const List& list, const std::string& id) {
  return std::find(list.begin(), list.end(), id) != list.end();
}

// The source that ring_diff.h promises to newcomers of a list.
std::string Source(const List& had, const List& has,
                   const std::set<std::string>& members_after) {
  for (const std::string& id : had)
    if (In(has, id)) return id;
  for (const std::string& id : had)
    if (members_after.count(id) > 0) return id;
  return had.front();
}

struct Change {
  std::vector<RingNode> before;
  std::vector<RingNode> after;
  HashRingOptions options_before;
  HashRingOptions options_after;
};

std::vector<Token> Boundaries(const Change& change) {
  std::vector<Token> tokens =
      ModelRing(change.before, change.options_before).Tokens();
  const std::vector<Token> more =
      ModelRing(change.after, change.options_after).Tokens();
  tokens.insert(tokens.end(), more.begin(), more.end());
  return tokens;
}

// At every boundary and both its neighbours, who copies from whom.
void ExpectExact(const Change& change, size_t replicas) {
  const ModelRing model_before(change.before, change.options_before);
  const ModelRing model_after(change.after, change.options_after);
  std::set<std::string> members_after;
  for (const RingNode& node : change.after) members_after.insert(node.id);

  const std::vector<RangeTransfer> diff =
      Diff(MustBuild(change.before, change.options_before),
           MustBuild(change.after, change.options_after), replicas);
  for (const Token token : Probes(Boundaries(change))) {
    const List had = model_before.List(token, replicas);
    const List has = model_after.List(token, replicas);
    std::map<std::string, std::string> expected;
    for (const std::string& id : has)
      if (!In(had, id)) expected[id] = Source(had, has, members_after);
    std::map<std::string, std::string> planned;
    for (const RangeTransfer& t : diff) {
      if (!t.range.Contains(token)) continue;
      ASSERT_TRUE(planned.insert({t.to, t.from}).second) << "twice";
    }
    ASSERT_EQ(planned, expected) << token << " of " << replicas;
  }
}

void ExpectOrderedAndMerged(const std::vector<RangeTransfer>& diff) {
  const auto key = [](const RangeTransfer& t) {
    return std::tie(t.range.through, t.to);
  };
  for (size_t i = 1; i < diff.size(); ++i)
    ASSERT_LT(key(diff[i - 1]), key(diff[i]));
  std::set<std::tuple<Token, std::string, std::string>> ends;
  for (const RangeTransfer& t : diff)
    if (t.range.after != t.range.through)
      ends.insert({t.range.through, t.from, t.to});
  for (const RangeTransfer& t : diff)
    ASSERT_EQ(ends.count({t.range.after, t.from, t.to}), 0u);
}

// Some members leave, some come, some change weight.
std::vector<RingNode> Changed(std::mt19937_64* random,
                              const std::vector<RingNode>& nodes) {
  std::vector<RingNode> after;
  for (RingNode node : nodes) {
    const uint64_t dice = (*random)() % 8;
    if (dice == 0) continue;
    if (dice == 1) node.weight = static_cast<uint32_t>((*random)() % 4 + 1);
    after.push_back(node);
  }
  for (uint64_t i = (*random)() % 3 + (after.empty() ? 1 : 0); i > 0; --i)
    after.push_back({"newcomer-" + std::to_string(i), 2, ""});
  return after;
}

Change RandomChange(std::mt19937_64* random) {
  Change change;
  change.before = RandomNodes(random, (*random)() % 9 + 1, 3);
  change.after = Changed(random, change.before);
  const auto vnodes = static_cast<uint32_t>((*random)() % 6 + 1);
  change.options_before = change.options_after = Vnodes(vnodes);
  if ((*random)() % 4 == 0)
    change.options_after = Vnodes(static_cast<uint32_t>((*random)() % 6 + 1));
  return change;
}

TEST(RingDiff, EqualsBruteForceForEveryReplicaPlace) {
  std::mt19937_64 random(20261123);
  for (int i = 0; i < 150; ++i) {
    const Change change = RandomChange(&random);
    for (const size_t replicas : std::vector<size_t>{1, 2, 3, 5, 100})
      ASSERT_NO_FATAL_FAILURE(ExpectExact(change, replicas));
  }
}

TEST(RingDiff, IsOrderedAndMergedAsFarAsItGoes) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 300; ++i) {
    const Change change = RandomChange(&random);
    const HashRing before = MustBuild(change.before, change.options_before);
    const HashRing after = MustBuild(change.after, change.options_after);
    for (const size_t replicas : std::vector<size_t>{1, 2, 3, 100})
      ASSERT_NO_FATAL_FAILURE(
          ExpectOrderedAndMerged(Diff(before, after, replicas)));
    ASSERT_EQ(Diff(before, after), Diff(before, after, 1));
  }
}

TEST(RingDiff, IsEmptyIffEveryKeyHasTheSameOwner) {
  std::mt19937_64 random(3);
  int equal = 0;
  for (int i = 0; i < 200; ++i) {
    const Change change = RandomChange(&random);
    const HashRing before = MustBuild(change.before, change.options_before);
    const HashRing after = MustBuild(change.after, change.options_after);
    bool same = true;
    for (const Token token : Boundaries(change))
      same &= before.LookupToken(token).id == after.LookupToken(token).id;
    ASSERT_EQ(Diff(before, after).empty(), same);
    equal += same;
    ASSERT_THAT(Diff(before, before, 3), IsEmpty());
  }
  EXPECT_GT(equal, 0);
  EXPECT_LT(equal, 200);
}

TEST(RingDiff, AZoneOrAnEqualMembershipMovesNothing) {
  const HashRing a = MustBuild({{"a", 1, ""}, {"b", 1, ""}, {"c", 1, ""}});
  const HashRing b = MustBuild({{"c", 1, "x"}, {"b", 1, ""}, {"a", 1, "y"}});
  EXPECT_THAT(Diff(a, b), IsEmpty());
  EXPECT_THAT(Diff(a, b, 2), IsEmpty());
}

TEST(RingDiff, TwoRingsOfOneNodeEachMoveTheWholeCircle) {
  const HashRing a = MustBuild({{"a", 1, ""}}, Vnodes(3));
  const HashRing b = MustBuild({{"b", 1, ""}}, Vnodes(3));
  const std::vector<RangeTransfer> diff = Diff(a, b);
  ASSERT_EQ(diff.size(), 1u);
  EXPECT_EQ(diff[0].range.after, diff[0].range.through);
  EXPECT_EQ(diff[0].from, "a");
  EXPECT_EQ(diff[0].to, "b");
  EXPECT_TRUE(diff[0].range.Contains(0));
  EXPECT_TRUE(diff[0].range.Contains(~Token{0}));
  EXPECT_EQ(Diff(a, b, 7), diff);
}

// One point each, so the plan can be written down.
TEST(RingDiff, ANodeThatJoinsTakesItsArcFromTheNextPoint) {
  const Token a = ModelPoint("", "a", 0);
  const Token b = ModelPoint("", "b", 0);
  const HashRing before = MustBuild({{"a", 1, ""}}, Vnodes(1));
  const HashRing after = MustBuild({{"a", 1, ""}, {"b", 1, ""}}, Vnodes(1));
  EXPECT_THAT(Diff(before, after),
              ElementsAre(RangeTransfer{{a, b}, "a", "b"}));
  EXPECT_THAT(Diff(after, before),
              ElementsAre(RangeTransfer{{a, b}, "b", "a"}));
  // With two replicas both hold everything.
  EXPECT_THAT(
      Diff(before, after, 2),
      ElementsAre(RangeTransfer{{std::max(a, b), std::max(a, b)}, "a", "b"}));
  EXPECT_THAT(Diff(after, before, 2), IsEmpty());
}

TEST(RingDiff, NoReplicasMoveNothing) {
  EXPECT_THAT(Diff(MustBuild({{"a", 1, ""}}), MustBuild({{"b", 1, ""}}), 0),
              IsEmpty());
}

// The promise to a host whose node died with its disk.
TEST(RingDiff, ALostNodeIsNoSourceWhileAnybodyElseHadTheData) {
  std::mt19937_64 random(4);
  for (int i = 0; i < 50; ++i) {
    std::vector<RingNode> nodes = RandomNodes(&random, random() % 8 + 2, 3);
    const HashRing before = MustBuild(nodes, Vnodes(20));
    const std::string lost = nodes.back().id;
    nodes.back().id = "replacement";
    const HashRing after = MustBuild(nodes, Vnodes(20));
    for (const size_t replicas : std::vector<size_t>{2, 3})
      for (const RangeTransfer& t : Diff(before, after, replicas))
        ASSERT_NE(t.from, lost);
  }
}

// A host with a disk per node, which follows every plan and loses the disks of
// all who leave: nothing is ever asked from who does not have it, and after
// each plan every list has its data.
TEST(RingDiff, AHostThatFollowsThePlansKeepsItsData) {
  std::mt19937_64 random(5);
  const size_t replicas = 2;
  std::vector<RingNode> nodes = RandomNodes(&random, 6, 3);
  std::vector<Token> keys(500);
  for (Token& key : keys) key = random();
  std::map<std::string, std::set<Token>> disks;
  const ModelRing at_first(nodes, Vnodes(10));
  for (const Token key : keys)
    for (const std::string& id : at_first.List(key, replicas))
      disks[id].insert(key);

  for (int i = 0; i < 60; ++i) {
    const std::vector<RingNode> before = nodes;
    if (i % 3 == 0) {
      nodes.push_back({"node-" + std::to_string(i), 2, ""});
    } else if (i % 3 == 1) {
      disks.erase(nodes.front().id);
      nodes.erase(nodes.begin());
    } else {
      nodes[random() % nodes.size()].weight += 1;
    }
    const std::map<std::string, std::set<Token>> had = disks;
    for (const RangeTransfer& t :
         Diff(MustBuild(before, Vnodes(10)), MustBuild(nodes, Vnodes(10)),
              replicas)) {
      for (const Token key : keys) {
        if (!t.range.Contains(key)) continue;
        ASSERT_EQ(had.at(t.from).count(key), 1u);
        disks[t.to].insert(key);
      }
    }
    const ModelRing model(nodes, Vnodes(10));
    for (const Token key : keys) {
      const List list = model.List(key, replicas);
      for (auto& [id, disk] : disks) {
        if (In(list, id)) {
          ASSERT_EQ(disk.count(key), 1u) << "step " << i;
        } else {
          disk.erase(key);
        }
      }
    }
  }
}

TEST(RingDiffDeathTest, RequiresEqualSecrets) {
  HashRingOptions keyed;
  keyed.secret = "s";
  const HashRing a = MustBuild({{"a", 1, ""}});
  const HashRing b = MustBuild({{"a", 1, ""}}, keyed);
  EXPECT_DEATH(Diff(a, b), "equal placement and secret");
}

TEST(TokenRange, ContainsItsEndAndNotItsBeginning) {
  const TokenRange range = {10, 20};
  EXPECT_FALSE(range.Contains(10));
  EXPECT_TRUE(range.Contains(11));
  EXPECT_TRUE(range.Contains(20));
  EXPECT_FALSE(range.Contains(21));
}

TEST(TokenRange, WrapsPastZero) {
  const TokenRange range = {20, 10};
  for (const Token in : {Token{21}, ~Token{0}, Token{0}, Token{10}})
    EXPECT_TRUE(range.Contains(in)) << in;
  for (const Token out : {Token{11}, Token{20}})
    EXPECT_FALSE(range.Contains(out)) << out;
  const TokenRange to_the_end = {20, ~Token{0}};
  EXPECT_TRUE(to_the_end.Contains(~Token{0}));
  EXPECT_FALSE(to_the_end.Contains(0));
  const TokenRange zero = {~Token{0}, 0};
  EXPECT_TRUE(zero.Contains(0));
  EXPECT_FALSE(zero.Contains(1));
}

TEST(RingDiff, TransfersAreEqualOnlyIfTheyAreInAll) {
  const RangeTransfer transfer = {{1, 2}, "a", "b"};
  EXPECT_TRUE(transfer == RangeTransfer({{1, 2}, "a", "b"}));
  for (const RangeTransfer& other :
       {RangeTransfer({{0, 2}, "a", "b"}), RangeTransfer({{1, 3}, "a", "b"}),
        RangeTransfer({{1, 2}, "c", "b"}), RangeTransfer({{1, 2}, "a", "c"})}) {
    EXPECT_FALSE(transfer == other);
    EXPECT_TRUE(transfer != other);
    EXPECT_EQ(transfer.range != other.range,
              transfer.from == other.from && transfer.to == other.to);
  }
}

}  // namespace
}  // namespace trivet
