// SPDX-License-Identifier: Apache-2.0
//
// A ring that was made from another one by a change is the ring that would have
// been built from nothing, whatever the change, and in whatever memory it is.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "src/ring/point.h"
#include "src/ring/ring_rep.h"
#include "src/ring/vnodes.h"
#include "src/ring/vnodes_build.h"
#include "tests/ring/model.h"
#include "trivet/ring/hash_ring.h"
#include "trivet/ring/shared_ring.h"

namespace trivet {
namespace {

using internal::Point;
using internal::VnodeChange;
using Table = internal::Vnodes;

Table Built(const std::vector<Point>& points, size_t nodes) {
  Table vnodes;
  vnodes.Build(nodes, points.size(), [&](auto visit) {
    for (const Point& point : points) visit(point.token, point.owner);
  });
  return vnodes;
}

// Points, owners, and what is found at every point, beside it, and halfway to
// the next one.
void ExpectEqual(const Table& a, const Table& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t v = 0; v < a.size(); ++v) {
    ASSERT_EQ(a.token(v), b.token(v)) << v;
    ASSERT_EQ(a.owner(v), b.owner(v)) << v;
    const Token token = a.token(v);
    const Token next = v + 1 < a.size() ? a.token(v + 1) : 0;
    for (const Token at :
         {token - 1, token, token + 1, token + (next - token) / 2}) {
      ASSERT_EQ(a.OwnerAt(at), b.OwnerAt(at)) << at;
    }
  }
}

// A table of a few owners, and one in which one of them is gone and another one
// is new.
struct TwoTables {
  std::vector<Point> before;
  std::vector<Point> after;
  VnodeChange change;
};

TwoTables RandomTables(std::mt19937_64* random, size_t size, NodeIndex owners,
                       Token mask) {
  TwoTables tables;
  for (size_t i = 0; i < size; ++i)
    tables.before.push_back(
        {(*random)() & mask, static_cast<NodeIndex>((*random)() % owners)});
  std::sort(tables.before.begin(), tables.before.end());
  // A node never has a point twice.
  const auto equal = [](const Point& a, const Point& b) { return !(a < b); };
  tables.before.erase(
      std::unique(tables.before.begin(), tables.before.end(), equal),
      tables.before.end());
  const auto gone = static_cast<NodeIndex>((*random)() % owners);
  const auto fresh = static_cast<NodeIndex>((*random)() % owners);
  for (const Point& point : tables.before) {
    if (point.owner == gone) {
      tables.change.removed.push_back(point);
      continue;
    }
    const NodeIndex left = point.owner - (point.owner > gone ? 1 : 0);
    tables.after.push_back({point.token, left + (left >= fresh ? 1 : 0)});
  }
  for (size_t i = 0; i < size / 10 + 1; ++i)
    tables.change.added.push_back({(*random)() & mask, fresh});
  std::sort(tables.change.added.begin(), tables.change.added.end());
  tables.change.shifts = {{gone + 1, ~NodeIndex{0}}, {fresh, 1}};
  tables.after.insert(tables.after.end(), tables.change.added.begin(),
                      tables.change.added.end());
  return tables;
}

TEST(RingPatch, GivesTheTableThatBuildGives) {
  std::mt19937_64 random(1);
  constexpr Token kAnywhere = ~Token{0};
  constexpr NodeIndex kMany = Table::kNarrowNodesMax + 10;
  for (const Token mask : {kAnywhere, kAnywhere << 32, Token{0xffff}, Token{7}})
    for (const NodeIndex owners : {NodeIndex{2}, NodeIndex{20}, kMany})
      for (const size_t size : std::vector<size_t>{1, 2, 9, 30, 200, 3000}) {
        for (int i = 0; i < 5; ++i) {
          const TwoTables tables = RandomTables(&random, size, owners, mask);
          Table patched;
          patched.Patch(Built(tables.before, owners), tables.change);
          ASSERT_NO_FATAL_FAILURE(
              ExpectEqual(patched, Built(tables.after, owners)));
        }
      }
}

TEST(RingPatch, LeavesNothingOfTheTableWhoseMemoryItTakes) {
  std::mt19937_64 random(2);
  Table patched;
  for (int i = 0; i < 200; ++i) {
    const TwoTables tables =
        RandomTables(&random, random() % 500 + 1, 7, ~Token{0});
    patched.Patch(Built(tables.before, 7), tables.change);
    ASSERT_NO_FATAL_FAILURE(ExpectEqual(patched, Built(tables.after, 7)));
  }
}

// The largest number that a narrow owner can have comes and goes.
TEST(RingPatch, KnowsTheLastNarrowOwner) {
  constexpr NodeIndex kLast = Table::kNarrowNodesMax - 1;
  const std::vector<Point> without = {{10, 0}, {20, kLast - 1}};
  const std::vector<Point> with = {{10, 0}, {20, kLast - 1}, {30, kLast}};
  Table patched;
  patched.Patch(Built(without, kLast), {{{kLast, 1}}, {}, {{30, kLast}}});
  ExpectEqual(patched, Built(with, kLast + 1));
  patched.Patch(Built(with, kLast + 1),
                {{{kLast + 1, ~NodeIndex{0}}}, {{30, kLast}}, {}});
  ExpectEqual(patched, Built(without, kLast));
}

// Any change that a builder can be told, of up to `steps` nodes, and what the
// members are then.
void ChangeAnything(std::mt19937_64* random, size_t steps,
                    std::map<std::string, RingNode>* members,
                    HashRing::Builder* builder) {
  for (size_t i = 0; i < steps; ++i) {
    RingNode node;
    node.id = "n" + std::to_string((*random)() % 60);
    node.weight = static_cast<uint32_t>((*random)() % 5 + 1);
    node.zone = std::to_string((*random)() % 5);
    if (members->count(node.id) == 0) {
      builder->Add(node);
      (*members)[node.id] = node;
    } else if ((*random)() % 2 == 0) {
      builder->Set(node);
      (*members)[node.id] = node;
    } else if (members->size() > 1) {
      builder->Remove(node.id);
      members->erase(node.id);
    }
  }
}

void ExpectEqual(const HashRing& ring, const HashRing& other) {
  const auto& a = internal::RingAccess::Of(ring);
  const auto& b = internal::RingAccess::Of(other);
  ASSERT_EQ(a.nodes, b.nodes);
  ASSERT_NO_FATAL_FAILURE(ExpectEqual(a.vnodes, b.vnodes));
  ASSERT_EQ(ring.Fingerprint(), other.Fingerprint());
  ASSERT_EQ(a.zones_deeper_than, b.zones_deeper_than);
  for (int i = 0; i < 30; ++i) {
    const size_t count = std::min<size_t>(a.nodes.size(), 60);
    std::vector<const RingNode*> of_ring(count);
    std::vector<const RingNode*> of_other(count);
    const std::string key = std::to_string(i);
    ASSERT_EQ(Ids(ring.PreferZones(key, absl::MakeSpan(of_ring))),
              Ids(other.PreferZones(key, absl::MakeSpan(of_other))));
  }
}

HashRing RingOf(const std::map<std::string, RingNode>& members,
                const HashRingOptions& options) {
  std::vector<RingNode> nodes;
  for (const auto& [id, node] : members) nodes.push_back(node);
  return MustBuild(nodes, options);
}

TEST(RingChange, AnyChainOfChangesIsTheRingBuiltFromNothing) {
  std::mt19937_64 random(3);
  for (int chain = 0; chain < 40; ++chain) {
    const HashRingOptions options =
        Vnodes(static_cast<uint32_t>(random() % 20 + 1));
    std::map<std::string, RingNode> members;
    members["n0"] = {"n0", 1, ""};
    HashRing ring = RingOf(members, options);
    for (int change = 0; change < 60; ++change) {
      HashRing::Builder builder(ring);
      ChangeAnything(&random, random() % 4 + 1, &members, &builder);
      ring = MustBuild(builder);
      ASSERT_NO_FATAL_FAILURE(ExpectEqual(ring, RingOf(members, options)));
    }
  }
}

// More nodes than are worth patching in, of few points and of many.
TEST(RingChange, MayBeOfMostNodesAtOnce) {
  std::mt19937_64 random(5);
  for (const uint32_t vnodes : {1U, 100U}) {
    std::map<std::string, RingNode> members;
    for (int i = 0; i < 2000; ++i) {
      const std::string id = "n" + std::to_string(i);
      members[id] = {id, 1, ""};
    }
    HashRing::Builder builder(RingOf(members, Vnodes(vnodes)));
    ChangeAnything(&random, 200, &members, &builder);
    ASSERT_NO_FATAL_FAILURE(
        ExpectEqual(MustBuild(builder), RingOf(members, Vnodes(vnodes))));
  }
}

// One more node than narrow owners can tell apart, and one less again.
TEST(RingChange, MayNeedWiderOwners) {
  HashRing::Builder builder(Vnodes(1));
  for (size_t i = 0; i < Table::kNarrowNodesMax; ++i)
    builder.Add(i == 0 ? "b" : std::to_string(i));
  const HashRing narrow = MustBuild(builder);
  const HashRing wide = MustBuild(HashRing::Builder(narrow).Add("a"));
  ASSERT_NO_FATAL_FAILURE(ExpectEqual(wide, MustBuild(builder.Add("a"))));
  ASSERT_NO_FATAL_FAILURE(
      ExpectEqual(MustBuild(HashRing::Builder(wide).Remove("a")), narrow));
  // One node too many on the way only.
  ASSERT_NO_FATAL_FAILURE(
      ExpectEqual(MustBuild(HashRing::Builder(narrow).Add("a").Remove("b")),
                  MustBuild(builder.Remove("b"))));
}

// Some readers keep old rings, so that a change finds memory to use again at
// times, and at times not; and no ring that somebody has is written to.
TEST(RingChange, InTheMemoryOfRetiredRingsToo) {
  std::mt19937_64 random(4);
  const HashRingOptions options = Vnodes(30);
  std::map<std::string, RingNode> members;
  for (int i = 0; i < 40; ++i) {
    const std::string id = "n" + std::to_string(i);
    members[id] = {id, 1, ""};
  }
  SharedRing shared(RingOf(members, options));
  std::vector<std::pair<HashRing, std::map<std::string, RingNode>>> kept;
  for (int change = 0; change < 1000; ++change) {
    const absl::Status status = shared.Update([&](const HashRing& ring) {
      HashRing::Builder builder(ring);
      ChangeAnything(&random, 1, &members, &builder);
      return builder.Build();
    });
    ASSERT_TRUE(status.ok()) << status;
    if (random() % 8 == 0) kept.push_back({shared.Load(), members});
    if (kept.size() > 4) kept.erase(kept.begin());
    if (change % 20 > 0) continue;
    ASSERT_NO_FATAL_FAILURE(
        ExpectEqual(shared.Load(), RingOf(members, options)));
    for (const auto& [ring, of] : kept)
      ASSERT_NO_FATAL_FAILURE(ExpectEqual(ring, RingOf(of, options)));
  }
}

// What one SharedRing retires is there for the other one too, as long as either
// is left.
TEST(RingChange, TwoSharedRingsMayStandOnTheSameRing) {
  std::mt19937_64 random(6);
  std::map<std::string, RingNode> members;
  for (const char* const id : {"n0", "n1", "n2"}) members[id] = {id, 1, ""};
  const HashRing ring = RingOf(members, Vnodes(50));
  SharedRing left(ring);
  {
    SharedRing other(ring);
    for (int i = 0; i < 20; ++i) {
      const absl::Status status = other.Update([](const HashRing& before) {
        return HashRing::Builder(before).Set({"n1", 2, ""}).Build();
      });
      ASSERT_TRUE(status.ok()) << status;
    }
  }
  for (int i = 0; i < 20; ++i) {
    const absl::Status status = left.Update([&](const HashRing& before) {
      HashRing::Builder builder(before);
      ChangeAnything(&random, 1, &members, &builder);
      return builder.Build();
    });
    ASSERT_TRUE(status.ok()) << status;
    ASSERT_NO_FATAL_FAILURE(
        ExpectEqual(left.Load(), RingOf(members, Vnodes(50))));
  }
}

}  // namespace
}  // namespace trivet
