// SPDX-License-Identifier: Apache-2.0
//
// Which calls of the ring allocate: Build, Diff, Shares, a change of a shared
// ring or of the ring of a bounded load, and a walk past 16 nodes. Nothing else
// does. And how much a ring takes.

#include <malloc.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "tests/ring/model.h"
#include "trivet/ring/bounded_load.h"
#include "trivet/ring/hash_ring.h"
#include "trivet/ring/shared_ring.h"

namespace {

size_t allocations = 0;
size_t allocated_bytes = 0;
size_t live_bytes = 0;
size_t allocations_left = ~size_t{0};  // Then one fails.

void* Allocate(size_t size, size_t alignment) {
  if (allocations_left-- == 0) throw std::bad_alloc();
  ++allocations;
  allocated_bytes += size;
  const size_t whole = (size + alignment - 1) / alignment * alignment;
  void* memory = std::aligned_alloc(alignment, whole);
  if (memory == nullptr) std::abort();
  live_bytes += malloc_usable_size(memory);
  return memory;
}

void Free(void* memory) {
  live_bytes -= malloc_usable_size(memory);
  std::free(memory);
}

constexpr size_t kUsual = alignof(std::max_align_t);

}  // namespace

void* operator new(size_t size) { return Allocate(size, kUsual); }
void* operator new[](size_t size) { return Allocate(size, kUsual); }
void* operator new(size_t size, std::align_val_t alignment) {
  return Allocate(size, static_cast<size_t>(alignment));
}
void operator delete(void* memory) noexcept { Free(memory); }
void operator delete[](void* memory) noexcept { Free(memory); }
void operator delete(void* memory, size_t) noexcept { Free(memory); }
void operator delete[](void* memory, size_t) noexcept { Free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { Free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept {
  Free(memory);
}

namespace trivet {
namespace {

// How often `call` allocates.
template <typename Call>
size_t AllocationsOf(Call call) {
  const size_t before = allocations;
  call();
  return allocations - before;
}

// What malloc gives may be a few bytes more than it gave the last time.
void ExpectAlike(size_t bytes, size_t others) {
  EXPECT_NEAR(static_cast<double>(bytes), static_cast<double>(others),
              static_cast<double>(others) / 100);
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

TEST(RingAllocation, PlacingUnderABoundDoesNotAllocate) {
  absl::StatusOr<BoundedLoad> load = BoundedLoad::Create(RingOf(2000), 0.25);
  ASSERT_TRUE(load.ok()) << load.status();
  const size_t count = AllocationsOf([&] {
    BoundedLoad::Unit first = load->Assign(kKey);
    for (int i = 0; i < 1000; ++i) load->Assign(kKey);  // Far beyond its owner.
    load->Finish(std::move(first));
  });
  EXPECT_EQ(load->TotalLoad(), 1000u);
  EXPECT_EQ(count, 0u);
}

// A host that survives a failed allocation has everything as it was.
TEST(RingAllocation, AChangeThatFailsForWantOfMemoryChangesNothing) {
  const HashRing small = RingOf(10);
  const HashRing large = MustBuild(
      HashRing::Builder(RingOf(40)).Remove("node-3").Remove("node-5"));
  bool failed = true;
  for (size_t left = 0; failed; ++left) {
    absl::StatusOr<BoundedLoad> load = BoundedLoad::Create(small, 0.25);
    ASSERT_TRUE(load.ok()) << load.status();
    BoundedLoad::Unit first = load->Assign(kKey);
    const std::string id = first.id();
    SharedRing shared(small);
    failed = false;
    allocations_left = left;
    try {
      load->SetRing(large);
      const absl::Status status = shared.Update([&](const HashRing& ring) {
        return HashRing::Builder(ring).Remove("node-3").Build();
      });
      allocations_left = ~size_t{0};
      ASSERT_TRUE(status.ok()) << status;
    } catch (const std::bad_alloc&) {
      allocations_left = ~size_t{0};
      failed = true;
      const HashRing still = shared.Load();
      EXPECT_EQ(still.Fingerprint(), small.Fingerprint());
    }
    for (int i = 0; i < 100; ++i) load->Assign(std::to_string(i));
    uint64_t total = 0;
    for (NodeIndex node = 0; node < load->ring().nodes().size(); ++node)
      total += load->LoadOf(node);
    EXPECT_EQ(total, load->TotalLoad());
    EXPECT_EQ(first.id(), id);
    load->Finish(std::move(first));
  }
}

TEST(RingAllocation, ReadingASharedRingDoesNotAllocate) {
  SharedRing shared(RingOf(10));
  SharedRing::Reader reader(shared);
  ASSERT_TRUE(shared.Update([](const HashRing&) { return RingOf(20); }).ok());
  const size_t count = AllocationsOf([&] {
    EXPECT_EQ(reader.get().nodes().size(), 20u);
    EXPECT_EQ(shared.Load().vnode_count(), 80u);
  });
  EXPECT_EQ(count, 0u);
}

TEST(RingAllocation, AReplacedRingIsFreedWithItsLastReader) {
  SharedRing shared(RingOf(10));
  auto reader = std::make_unique<SharedRing::Reader>(shared);
  const auto grow = [](const HashRing&) { return RingOf(1000); };
  ASSERT_TRUE(shared.Update(grow).ok());
  const size_t two_rings = live_bytes;  // One of 10 and one of 1000 nodes.
  ASSERT_TRUE(shared.Update(grow).ok());
  ExpectAlike(live_bytes, two_rings);
  reader->get();
  EXPECT_LT(live_bytes, two_rings);
  const size_t one_ring = live_bytes;
  ASSERT_TRUE(shared.Update(grow).ok());
  EXPECT_GT(live_bytes, one_ring + 1000 * 4 * 16);  // The reader has the other.
  reader.reset();
  ExpectAlike(live_bytes, one_ring);
}

// Two rings in turn, and lists of the members and of the points that change.
TEST(RingAllocation, AChangeOfASharedRingIsWrittenToARetiredOne) {
  SharedRing shared(RingOf(1000));
  const auto add_and_remove = [&] {
    ASSERT_TRUE(shared
                    .Update([](const HashRing& ring) {
                      return HashRing::Builder(ring).Add("one more").Build();
                    })
                    .ok());
    ASSERT_TRUE(shared
                    .Update([](const HashRing& ring) {
                      return HashRing::Builder(ring).Remove("one more").Build();
                    })
                    .ok());
  };
  add_and_remove();
  add_and_remove();
  const size_t live = live_bytes;
  const size_t before = allocated_bytes;
  add_and_remove();
  ExpectAlike(live_bytes, live);
  EXPECT_LT(allocated_bytes - before, 2 * 1000 * 20u);
}

TEST(RingAllocation, NothingIsKeptForChangesThatNobodyMakes) {
  HashRing ring = RingOf(1000);
  const size_t before = live_bytes;
  {
    SharedRing shared(ring);
    const auto grow = [](const HashRing& of) {
      const size_t node = of.nodes().size();
      return HashRing::Builder(of).Add(std::to_string(node)).Build();
    };
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(shared.Update(grow).ok());
    const size_t shared_bytes = live_bytes;
    ASSERT_TRUE(shared.Update([&](const HashRing&) { return ring; }).ok());
    EXPECT_LT(live_bytes, shared_bytes);
  }
  ExpectAlike(live_bytes, before);
  ring = MustBuild(HashRing::Builder(ring).Add("one more"));
  EXPECT_LT(live_bytes, before + before / 8);
}

TEST(RingAllocation, ARingTakes17BytesAPoint) {
  const size_t before = live_bytes;
  HashRing::Builder builder(Vnodes(1000));
  for (int i = 0; i < 1000; ++i) builder.Add("node-" + std::to_string(i));
  const size_t members = live_bytes - before;
  const HashRing ring = MustBuild(builder);
  EXPECT_LE(live_bytes - before - members, 17u * ring.vnode_count());
}

// Two rings, as above, and neither has kept the memory of what it once was, nor
// too few lines for what it is now.
TEST(RingAllocation, ASharedRingGrowsAndShrinksWithItsPoints) {
  const size_t before = live_bytes;
  SharedRing shared(RingOf(1));
  const auto bytes_a_point = [&] {
    return static_cast<double>(live_bytes - before) /
           static_cast<double>(shared.Load().vnode_count());
  };
  const double of_nodes = 2 * 1.25 * sizeof(RingNode) / 400;
  for (int i = 0; i < 400; ++i)
    ASSERT_TRUE(shared
                    .Update([&](const HashRing& ring) {
                      return HashRing::Builder(ring)
                          .Add(std::to_string(i), 100)
                          .Build();
                    })
                    .ok());
  EXPECT_GE(bytes_a_point(), 2 * 16.8);
  EXPECT_LE(bytes_a_point(), 2 * 17 * 1.25 + of_nodes);
  for (int i = 0; i < 350; ++i)
    ASSERT_TRUE(
        shared
            .Update([&](const HashRing& ring) {
              return HashRing::Builder(ring).Remove(std::to_string(i)).Build();
            })
            .ok());
  EXPECT_GE(bytes_a_point(), 2 * 16.8);
  EXPECT_LE(bytes_a_point(), 2 * 17 * 1.25 + of_nodes);
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
