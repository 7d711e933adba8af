// SPDX-License-Identifier: Apache-2.0
//
// A key has the owner that the picture in hash_ring.h says, to the last token.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/ring/model.h"
#include "trivet/ring/hash_ring.h"

namespace trivet {
namespace {

// Compares every token at which the model changes its mind, and the neighbours.
void ExpectEqualToModel(const std::vector<RingNode>& nodes,
                        const HashRingOptions& options) {
  const ModelRing model(nodes, options);
  const HashRing ring = MustBuild(nodes, options);
  for (const Token token : Probes(model.Tokens()))
    ASSERT_EQ(ring.LookupToken(token).id, model.Owner(token)) << token;
}

TEST(RingLookup, EqualsTheModelAtEveryBoundaryOfRandomRings) {
  std::mt19937_64 random(20261123);
  for (int i = 0; i < 200; ++i) {
    HashRingOptions options =
        Vnodes(static_cast<uint32_t>(random() % (i % 10 == 0 ? 200 : 8) + 1));
    options.secret = std::string(random() % 3 * 7, 's');
    ExpectEqualToModel(RandomNodes(&random, random() % 40 + 1, 6), options);
  }
}

// 1, 2, 3... points: every length of the binary search, all odd and even ways.
TEST(RingLookup, EqualsTheModelForEveryNumberOfPointsUpTo300) {
  for (uint32_t weight = 1; weight <= 300; ++weight)
    ExpectEqualToModel({{"odd", weight, ""}, {"one", 1, ""}}, Vnodes(1));
}

TEST(RingLookup, OneNodeOwnsEverything) {
  const HashRing ring = MustBuild({{"only", 1, ""}}, Vnodes(1));
  ASSERT_EQ(ring.vnode_count(), 1u);
  const Token point = ModelPoint("", "only", 0);
  for (const Token token : Probes({point}))
    EXPECT_EQ(ring.LookupToken(token).id, "only");
}

TEST(RingLookup, TheArcPastTheLastPointWrapsToTheFirst) {
  const std::vector<RingNode> nodes = {{"a", 1, ""}, {"b", 1, ""}};
  const HashRing ring = MustBuild(nodes, Vnodes(1));
  const Token a = ModelPoint("", "a", 0);
  const Token b = ModelPoint("", "b", 0);
  const std::string first = a < b ? "a" : "b";
  EXPECT_EQ(ring.LookupToken(0).id, first);
  EXPECT_EQ(ring.LookupToken(std::max(a, b) + 1).id, first);
  EXPECT_EQ(ring.LookupToken(~Token{0}).id, first);
  EXPECT_NE(ring.LookupToken(std::max(a, b)).id, first);
}

TEST(RingLookup, TokenOfAKeyIsXxh3) {
  const HashRing ring = MustBuild({{"a", 1, ""}});
  std::string key;
  for (int size = 0; size < 600; ++size) {
    ASSERT_EQ(ring.TokenOf(key), ModelKeyToken("", key)) << size;
    key.push_back(static_cast<char>(size * 37));
  }
}

TEST(RingLookup, KeysMayHoldAnyBytesAndHaveAnyLength) {
  const HashRing ring = MustBuild({{"a", 1, ""}, {"b", 1, ""}});
  const std::string zeros(3, '\0');
  EXPECT_NE(ring.TokenOf(zeros), ring.TokenOf(zeros.substr(1)));
  EXPECT_NE(ring.TokenOf("\xff\xfe"), ring.TokenOf("\xff"));
  for (const std::string& key :
       {std::string(), zeros, std::string(1 << 20, 'k')})
    EXPECT_EQ(ring.Lookup(key), ring.LookupToken(ring.TokenOf(key)));
  EXPECT_EQ(ring.TokenOf(std::string_view()), ring.TokenOf(""));
}

TEST(RingLookup, AllFormsAgree) {
  std::mt19937_64 random(7);
  const HashRing ring = MustBuild(RandomNodes(&random, 25, 3));
  for (int i = 0; i < 5000; ++i) {
    const std::string key = "user:" + std::to_string(i);
    const RingNode& node = ring.Lookup(key);
    EXPECT_EQ(&node, &ring.nodes()[ring.LookupIndex(key)]);
    EXPECT_EQ(&node, &ring.LookupToken(ring.TokenOf(key)));
  }
}

// 0 to 50 keys: whole groups of sixteen, part of one, and none.
TEST(RingLookup, ABatchOfAnySizeEqualsLookups) {
  std::mt19937_64 random(8);
  std::vector<std::string> keys;
  for (int i = 0; i < 50; ++i) keys.push_back("user:" + std::to_string(i));
  const std::vector<std::string_view> views(keys.begin(), keys.end());
  for (size_t nodes = 1; nodes < 12; ++nodes) {
    const HashRing ring =
        MustBuild(RandomNodes(&random, nodes, 3),
                  Vnodes(static_cast<uint32_t>(random() % 40 + 1)));
    for (size_t size = 0; size <= keys.size(); ++size) {
      std::vector<NodeIndex> owners(size + 1, 12345);
      ring.LookupBatch(absl::MakeSpan(views).first(size),
                       absl::MakeSpan(owners).first(size));
      for (size_t i = 0; i < size; ++i)
        ASSERT_EQ(owners[i], ring.LookupIndex(keys[i]));
      ASSERT_EQ(owners[size], 12345u);
    }
  }
}

TEST(RingLookup, ABatchEqualsLookupsAmongMoreNodesThanTwoBytesTellApart) {
  std::vector<RingNode> nodes;
  for (int i = 0; i < 70'000; ++i) nodes.push_back({std::to_string(i), 1, ""});
  const HashRing ring = MustBuild(nodes, Vnodes(1));
  std::vector<std::string> keys;
  for (int i = 0; i < 1000; ++i) keys.push_back("user:" + std::to_string(i));
  const std::vector<std::string_view> views(keys.begin(), keys.end());
  std::vector<NodeIndex> owners(keys.size());
  ring.LookupBatch(views, absl::MakeSpan(owners));
  for (size_t i = 0; i < keys.size(); ++i)
    ASSERT_EQ(owners[i], ring.LookupIndex(keys[i]));
}

TEST(RingLookupDeathTest, ABatchRequiresAsManyOwnersAsKeys) {
  const HashRing ring = MustBuild({{"a", 1, ""}});
  const std::vector<std::string_view> keys(3);
  std::vector<NodeIndex> owners(2);
  EXPECT_DEATH(ring.LookupBatch(keys, absl::MakeSpan(owners)),
               "as many owners as keys");
}

TEST(RingLookup, ReferencesLiveAsLongAsAnyCopy) {
  std::optional<HashRing> first = MustBuild({{"a", 1, ""}, {"b", 1, ""}});
  const RingNode& owner = first->Lookup("user:42");
  const HashRing copy = *first;
  first.reset();
  EXPECT_EQ(&owner, &copy.Lookup("user:42"));
}

TEST(RingLookup, ARingThatWasMovedFromStillAnswers) {
  HashRing first = MustBuild({{"a", 1, ""}});
  const HashRing second = std::move(first);
  EXPECT_EQ(first.Lookup("k").id, "a");  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(second.Lookup("k").id, "a");
  static_assert(std::is_nothrow_move_constructible_v<HashRing>);
}

// Secrets.

HashRing WithSecret(std::string secret) {
  HashRingOptions options;
  options.secret = std::move(secret);
  return MustBuild({{"a", 1, ""}, {"b", 2, ""}, {"c", 1, ""}}, options);
}

// What share of keys has the same owner in both.
double Agreement(const HashRing& a, const HashRing& b) {
  int same = 0;
  for (int i = 0; i < 10000; ++i) {
    const std::string key = "user:" + std::to_string(i);
    same += a.Lookup(key).id == b.Lookup(key).id;
  }
  return same / 10000.0;
}

// Independent rings of shares 1/4, 1/2, 1/4 agree on 3/8 of the keys.
TEST(RingSecret, ADifferentSecretIsAnIndependentPlacement) {
  const std::vector<std::string> secrets = {"",
                                            "x",
                                            "y",
                                            std::string(1, '\0'),
                                            std::string(2, '\0'),
                                            "xx",
                                            std::string(100, 'x'),
                                            std::string(4096, 'x')};
  for (size_t i = 0; i < secrets.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      EXPECT_NEAR(Agreement(WithSecret(secrets[i]), WithSecret(secrets[j])),
                  0.375, 0.08)
          << i << " " << j;
}

TEST(RingSecret, EveryByteOfASecretMatters) {
  const std::string secret(300, 's');
  const Token token = WithSecret(secret).TokenOf("key");
  for (size_t i = 0; i < secret.size(); ++i) {
    std::string other = secret;
    other[i] = 't';
    EXPECT_NE(WithSecret(other).TokenOf("key"), token) << i;
  }
}

TEST(RingSecret, TheSameSecretIsTheSamePlacement) {
  EXPECT_EQ(WithSecret("s").Fingerprint(), WithSecret("s").Fingerprint());
  EXPECT_EQ(Agreement(WithSecret("s"), WithSecret("s")), 1.0);
}

// What the secret is for: keys that somebody chose, knowing the placement, so
// that all fall on one node.
TEST(RingSecret, SpreadsKeysThatWereAimedAtOneNode) {
  const HashRing known = WithSecret("");
  const HashRing keyed = WithSecret("0123456789abcdef");
  std::vector<double> count(3);
  int aimed = 0;
  for (int i = 0; aimed < 10000; ++i) {
    const std::string key = "user:" + std::to_string(i);
    if (known.LookupIndex(key) != 0) continue;
    ++aimed;
    count[keyed.LookupIndex(key)] += 1e-4;
  }
  for (size_t n = 0; n < 3; ++n) EXPECT_NEAR(count[n], keyed.Shares()[n], 0.02);
}

TEST(RingSecret, KeyedTokensAreEvenTooForKeysOfAnyLength) {
  for (const size_t size :
       std::vector<size_t>{1, 3, 4, 8, 9, 16, 17, 128, 129, 240, 241, 1000}) {
    const HashRing ring = WithSecret("short");
    std::vector<double> count(3);
    std::string key(size, 'k');
    for (int i = 0; i < 20000; ++i) {
      for (size_t b = 0; b < std::min<size_t>(size, 4); ++b)
        key[b] = static_cast<char>(i >> (8 * b));
      count[ring.LookupIndex(key)] += 1.0 / 20000;
    }
    if (size == 1) continue;  // 256 keys: too few to be even.
    const std::vector<double> shares = ring.Shares();
    for (size_t n = 0; n < 3; ++n)
      EXPECT_NEAR(count[n], shares[n], 0.02) << size;
  }
}

}  // namespace
}  // namespace trivet
