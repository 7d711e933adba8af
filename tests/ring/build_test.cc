// SPDX-License-Identifier: Apache-2.0
//
// The builder: steps apply in order, limits hold, and only the members count.

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/ring/model.h"
#include "trivet/ring/hash_ring.h"

namespace trivet {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> NodeIds(const HashRing& ring) {
  std::vector<std::string> ids;
  for (const RingNode& node : ring.nodes()) ids.push_back(node.id);
  return ids;
}

// Expects kInvalidArgument with a text that holds all of `parts`.
void ExpectRefused(const HashRing::Builder& builder,
                   const std::vector<std::string>& parts) {
  const absl::StatusOr<HashRing> ring = builder.Build();
  ASSERT_FALSE(ring.ok());
  EXPECT_EQ(ring.status().code(), absl::StatusCode::kInvalidArgument);
  const std::string text(ring.status().message());
  for (const std::string& part : parts) EXPECT_THAT(text, HasSubstr(part));
  EXPECT_LT(text.size(), 500u);
}

TEST(RingBuilder, NodesAreInIdOrderBytewise) {
  const HashRing ring = MustBuild(HashRing::Builder()
                                      .Add("b", 2, "z")
                                      .Add("\xff")
                                      .Add("a")
                                      .Add("B")
                                      .Add("ab"));
  EXPECT_THAT(NodeIds(ring), ElementsAre("B", "a", "ab", "b", "\xff"));
  EXPECT_EQ(ring.nodes()[3], (RingNode{"b", 2, "z"}));
  EXPECT_EQ(ring.vnode_count(), 6u * 160);
}

TEST(RingBuilder, TheOrderOfAddDoesNotMatter) {
  std::mt19937_64 random(1);
  std::vector<RingNode> nodes = RandomNodes(&random, 40, 4);
  const HashRing ring = MustBuild(nodes, Vnodes(9));
  const std::vector<Token> probes =
      Probes(ModelRing(nodes, Vnodes(9)).Tokens());
  for (int i = 0; i < 10; ++i) {
    std::shuffle(nodes.begin(), nodes.end(), random);
    const HashRing other = MustBuild(nodes, Vnodes(9));
    EXPECT_EQ(other.Fingerprint(), ring.Fingerprint());
    for (const Token token : probes)
      ASSERT_EQ(other.LookupToken(token), ring.LookupToken(token));
  }
}

TEST(RingBuilder, StepsApplyInOrder) {
  const HashRing ring = MustBuild(HashRing::Builder()
                                      .Add("a")
                                      .Add("b")
                                      .Remove("a")
                                      .Add("a", 3)
                                      .Set({"b", 2, "z"})
                                      .Set({"b", 4, "y"})
                                      .Add("c")
                                      .Remove("c"));
  ASSERT_THAT(NodeIds(ring), ElementsAre("a", "b"));
  EXPECT_EQ(ring.nodes()[0], (RingNode{"a", 3, ""}));
  EXPECT_EQ(ring.nodes()[1], (RingNode{"b", 4, "y"}));
}

TEST(RingBuilder, StartsFromTheMembersAndOptionsOfARing) {
  HashRingOptions options = Vnodes(7);
  options.secret = "s";
  const HashRing first =
      MustBuild(HashRing::Builder(options).Add("a").Add("b", 2, "z"));
  const HashRing second = MustBuild(
      HashRing::Builder(first).Add("c").Remove("a").Set({"b", 5, "y"}));
  const HashRing same =
      MustBuild(HashRing::Builder(options).Add("c").Add("b", 5, "y"));
  EXPECT_THAT(NodeIds(second), ElementsAre("b", "c"));
  EXPECT_EQ(second.Fingerprint(), same.Fingerprint());
  EXPECT_EQ(second.TokenOf("k"), same.TokenOf("k"));
  EXPECT_THAT(NodeIds(first), ElementsAre("a", "b"));
}

TEST(RingBuilder, OutlivesTheRingItStartedFrom) {
  HashRing::Builder builder{HashRingOptions()};
  {
    const HashRing ring = MustBuild(HashRing::Builder().Add("a"));
    builder = HashRing::Builder(ring);
  }
  EXPECT_THAT(NodeIds(MustBuild(builder)), ElementsAre("a"));
  EXPECT_THAT(NodeIds(MustBuild(builder.Add("b"))), ElementsAre("a", "b"));
}

TEST(RingBuilder, MayGoOnAfterBuild) {
  HashRing::Builder builder;
  ExpectRefused(builder, {"nodes"});
  builder.Add("a");
  const HashRing one = MustBuild(builder);
  const HashRing two = MustBuild(builder.Add("b"));
  EXPECT_THAT(NodeIds(one), ElementsAre("a"));
  EXPECT_THAT(NodeIds(two), ElementsAre("a", "b"));
  EXPECT_EQ(MustBuild(builder).Fingerprint(), two.Fingerprint());
}

TEST(RingBuilder, RefusesARingWithoutNodes) {
  ExpectRefused(HashRing::Builder(), {"nodes", "0", "1"});
  ExpectRefused(HashRing::Builder().Add("a").Remove("a"), {"nodes", "0"});
  ExpectRefused(
      HashRing::Builder(MustBuild(HashRing::Builder().Add("a"))).Remove("a"),
      {"nodes", "0"});
}

TEST(RingBuilder, RefusesAnIdThatIsEmptyOrLong) {
  ExpectRefused(HashRing::Builder().Add(""), {"id", "0 bytes", "255"});
  ExpectRefused(HashRing::Builder().Add(std::string(256, 'x')),
                {"xxx", "id", "256 bytes", "255"});
  ExpectRefused(HashRing::Builder().Add("a").Set({"", 1, ""}), {"\"\""});
  const HashRing ring =
      MustBuild(HashRing::Builder().Add(std::string(255, 'x')));
  EXPECT_EQ(ring.nodes()[0].id.size(), 255u);
}

TEST(RingBuilder, RefusesALongZone) {
  ExpectRefused(HashRing::Builder().Add("a", 1, std::string(256, 'z')),
                {"\"a\"", "zone", "256", "255"});
  MustBuild(HashRing::Builder().Add("a", 1, std::string(255, 'z')));
}

TEST(RingBuilder, RefusesAZeroWeight) {
  ExpectRefused(HashRing::Builder().Add("a").Add("b", 0),
                {"\"b\"", "weight 0", "1"});
  ExpectRefused(HashRing::Builder().Add("b").Set({"b", 0, ""}),
                {"\"b\"", "weight 0", "1"});
}

TEST(RingBuilder, RefusesARepeatedId) {
  ExpectRefused(HashRing::Builder().Add("a").Add("b").Add("a"),
                {"\"a\"", "already"});
  ExpectRefused(
      HashRing::Builder(MustBuild(HashRing::Builder().Add("a"))).Add("a"),
      {"\"a\"", "already"});
}

TEST(RingBuilder, RefusesToRemoveOrReplaceWhoIsAbsent) {
  ExpectRefused(HashRing::Builder().Add("a").Remove("b"),
                {"\"b\"", "removed", "not a member"});
  ExpectRefused(HashRing::Builder().Add("a").Set({"b", 1, ""}),
                {"\"b\"", "replaced", "not a member"});
  ExpectRefused(HashRing::Builder().Add("a").Remove("a").Remove("a"),
                {"\"a\"", "removed"});
}

TEST(RingBuilder, ReportsTheFirstStepThatFails) {
  ExpectRefused(HashRing::Builder().Add("z", 0).Remove("a").Add(""), {"\"z\""});
}

TEST(RingBuilder, RefusesMoreThan2To24Points) {
  ExpectRefused(HashRing::Builder(Vnodes((1 << 24) + 1)).Add("a"),
                {"\"a\"", "16777217", "16777216"});
  ExpectRefused(HashRing::Builder(Vnodes(UINT32_MAX)).Add("a", UINT32_MAX),
                {"\"a\"", "18446744065119617025", "16777216"});
  HashRing::Builder many(Vnodes(1 << 20));
  for (int i = 0; i < 17; ++i) many.Add(std::string(1, char('a' + i)));
  ExpectRefused(many, {"\"q\"", "17825792", "16777216"});
}

// The node that an error names is the first one too many.
TEST(RingBuilder, CountsThe2To24thPointAsTheLastThatIsAccepted) {
  HashRing::Builder builder(Vnodes(1 << 22));
  builder.Add("a").Add("b", 2).Add("c");
  ExpectRefused(builder.Add("d"), {"\"d\"", "20971520", "16777216"});
  ExpectRefused(HashRing::Builder(Vnodes(1)).Add("a", 1 << 24).Add("b"),
                {"\"b\"", "16777217", "16777216"});
}

// Half a gigabyte of points, too slow for any build but Release. That the limit
// is where it is, the test above holds in every build.
#ifdef TRIVET_TEST_LARGEST_RING
TEST(RingBuilder, Accepts2To24Points) {
  const HashRing ring = MustBuild(
      HashRing::Builder(Vnodes(1 << 22)).Add("a").Add("b", 2).Add("c"));
  EXPECT_EQ(ring.vnode_count(), size_t{1} << 24);
  EXPECT_NEAR(ring.Shares()[1], 0.5, 0.001);
}
#endif

TEST(RingBuilder, RefusesOptionsOutOfRange) {
  ExpectRefused(HashRing::Builder(Vnodes(0)).Add("a"),
                {"vnodes_per_weight", "0", "1"});
  HashRingOptions options;
  options.secret = std::string(4097, 's');
  ExpectRefused(HashRing::Builder(options).Add("a"),
                {"secret", "4097", "4096"});
  options.secret.pop_back();
  MustBuild(HashRing::Builder(options).Add("a"));
  options = {};
  for (const int none : {-1, 99}) {
    options.placement = static_cast<Placement>(none);
    ExpectRefused(HashRing::Builder(options).Add("a"),
                  {"placement", std::to_string(none)});
  }
}

TEST(RingNode, EqualsOnlyWhoIsTheSameInAll) {
  const RingNode node = {"a", 2, "z"};
  EXPECT_TRUE(node == RingNode({"a", 2, "z"}));
  for (const RingNode& other :
       {RingNode({"b", 2, "z"}), RingNode({"a", 3, "z"}),
        RingNode({"a", 2, "y"})}) {
    EXPECT_FALSE(node == other);
    EXPECT_TRUE(node != other);
  }
}

TEST(RingBuilder, AnErrorNeverShowsTheSecret) {
  HashRingOptions options;
  options.secret = std::string(5000, 's') + "hunter2";
  const absl::Status status = HashRing::Builder(options).Build().status();
  EXPECT_THAT(std::string(status.message()), ::testing::Not(HasSubstr("ss")));
}

// Members may come from a network.
TEST(RingBuilder, HostileIdsAreShownEscapedAndShort) {
  ExpectRefused(HashRing::Builder().Add(std::string("\0\n\x1b[2J\"", 7), 0),
                {"\\x00\\n\\x1b[2J\\\""});
  ExpectRefused(HashRing::Builder().Add(std::string(10 << 20, '\xff')),
                {"\\xff\\xff", "10485760 bytes"});
  ExpectRefused(HashRing::Builder().Add("a").Remove(std::string(1 << 20, 'x')),
                {"xxx", "not a member"});
}

TEST(RingBuilder, IdsMayHoldAnyBytes) {
  const std::string zero("\0", 1);
  const HashRing ring = MustBuild(HashRing::Builder()
                                      .Add(zero)
                                      .Add(zero + zero)
                                      .Add("\xc3\x28")
                                      .Add("a\n"));
  EXPECT_EQ(ring.nodes().size(), 4u);
  EXPECT_EQ(ring.nodes()[0].id, zero);
}

TEST(RingFingerprint, DiffersWithEveryPartOfTheMembership) {
  const auto of = [](const std::vector<RingNode>& nodes,
                     const HashRingOptions& options = {}) {
    return MustBuild(nodes, options).Fingerprint();
  };
  HashRingOptions keyed;
  keyed.secret = "s";
  HashRingOptions keyed_otherwise;
  keyed_otherwise.secret = "t";
  std::vector<uint64_t> all = {
      of({{"a", 1, ""}, {"b", 1, ""}}),
      of({{"a", 1, ""}}),
      of({{"a", 1, ""}, {"c", 1, ""}}),
      of({{"a", 2, ""}, {"b", 1, ""}}),
      of({{"a", 1, ""}, {"b", 2, ""}}),
      of({{"a", 2, ""}, {"b", 2, ""}}),
      of({{"a", 1, "z"}, {"b", 1, ""}}),
      of({{"a", 1, ""}, {"b", 1, "z"}}),
      of({{"a", 1, "z"}, {"b", 1, "z"}}),
      of({{"ab", 1, "c"}}),
      of({{"a", 1, "bc"}}),
      of({{"a", 1, ""}, {"b", 1, ""}}, Vnodes(161)),
      of({{"a", 1, ""}, {"b", 1, ""}}, keyed),
      of({{"a", 1, ""}, {"b", 1, ""}}, keyed_otherwise),
  };
  std::sort(all.begin(), all.end());
  EXPECT_EQ(std::adjacent_find(all.begin(), all.end()), all.end());
}

TEST(RingFingerprint, IsEqualForEqualMembersHoweverTheyCameAbout) {
  const HashRing a =
      MustBuild(HashRing::Builder().Add("x", 2).Add("y", 1, "z"));
  const HashRing b =
      MustBuild(HashRing::Builder(MustBuild(HashRing::Builder().Add("w")))
                    .Add("y", 1, "q")
                    .Add("x", 2)
                    .Remove("w")
                    .Set({"y", 1, "z"}));
  EXPECT_EQ(a.Fingerprint(), b.Fingerprint());
}

}  // namespace
}  // namespace trivet
