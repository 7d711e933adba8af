// SPDX-License-Identifier: Apache-2.0
//
// Which calls of the ring allocate: Build, Diff, Shares, and a walk past 16
// nodes. Nothing else does.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "tests/ring/model.h"
#include "trivet/ring/hash_ring.h"

namespace {

size_t allocations = 0;
size_t allocated_bytes = 0;

void* Allocate(size_t size) {
  ++allocations;
  allocated_bytes += size;
  void* memory = std::malloc(size);
  if (memory == nullptr) std::abort();
  return memory;
}

}  // namespace

void* operator new(size_t size) { return Allocate(size); }
void* operator new[](size_t size) { return Allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }

namespace trivet {
namespace {

// How often `call` allocates.
template <typename Call>
size_t AllocationsOf(Call call) {
  const size_t before = allocations;
  call();
  return allocations - before;
}

HashRing RingOf(size_t nodes) {
  HashRingOptions options = Vnodes(4);
  options.secret = "a secret";
  HashRing::Builder builder(options);
  for (size_t i = 0; i < nodes; ++i)
    builder.Add("node-" + std::to_string(i), 1, std::to_string(i % 3));
  return MustBuild(builder);
}

constexpr std::string_view kKey =
    "a key that is too long for the short-string optimisation";

TEST(RingAllocation, TheCounterCounts) {
  EXPECT_EQ(AllocationsOf([] { std::vector<int> v(10); }), 1u);
  EXPECT_GT(AllocationsOf([] { RingOf(3); }), 0u);
}

TEST(RingAllocation, ReadingDoesNotAllocate) {
  const HashRing ring = RingOf(2000);
  const std::array<std::string_view, 40> keys = {kKey, "b", "c"};
  std::array<NodeIndex, 40> owners;
  std::array<const RingNode*, 40> nodes;
  uint64_t sink = 0;
  const size_t count = AllocationsOf([&] {
    const HashRing copy = ring;
    const HashRing moved = std::move(copy);
    sink += moved.Lookup(kKey).weight;
    sink += ring.LookupToken(5).weight;
    sink += ring.LookupIndex(kKey) + ring.TokenOf(kKey) + ring.Fingerprint();
    ring.LookupBatch(keys, absl::MakeSpan(owners));
    sink += ring.PreferenceList(kKey, absl::MakeSpan(nodes)).size();
    sink += ring.PreferZones(kKey, absl::MakeSpan(nodes)).size();
    sink += ring.nodes().size() + ring.vnode_count();
    int left = 16;
    ring.FirstWhere(kKey, [&](const RingNode&) { return --left == 0; });
  });
  EXPECT_NE(sink, 0u);
  EXPECT_EQ(count, 0u);
}

size_t AllocationsOfWalk(const HashRing& ring, int nodes) {
  return AllocationsOf([&] {
    int met = 0;
    for (const RingNode& node : ring.Walk(kKey)) {
      EXPECT_NE(node.id, "");
      if (++met == nodes) break;
    }
  });
}

TEST(RingAllocation, AWalkAllocatesOnceAndOnlyPast16Nodes) {
  const HashRing ring = RingOf(2000);
  EXPECT_EQ(AllocationsOfWalk(ring, 1), 0u);
  EXPECT_EQ(AllocationsOfWalk(ring, 16), 0u);
  EXPECT_EQ(AllocationsOfWalk(ring, 17), 1u);
  EXPECT_EQ(AllocationsOfWalk(ring, 2000), 1u);
}

TEST(RingAllocation, AWalkOverUpTo512NodesNeverAllocates) {
  EXPECT_EQ(AllocationsOfWalk(RingOf(512), 512), 0u);
}

// A membership from a network cannot make Build ask for memory it will refuse.
TEST(RingAllocation, TooManyPointsAreRefusedBeforeAnyIsMade) {
  HashRing::Builder builder(Vnodes(UINT32_MAX));
  builder.Add("a").Add("b", UINT32_MAX);
  const size_t before = allocated_bytes;
  EXPECT_FALSE(builder.Build().ok());
  EXPECT_LT(allocated_bytes - before, 4096u);
}

}  // namespace
}  // namespace trivet
