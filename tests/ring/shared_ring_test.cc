// SPDX-License-Identifier: Apache-2.0
//
// Readers see whole rings only, never an older one than before, and what nobody
// reads any more is gone.

#include "trivet/ring/shared_ring.h"

#include <atomic>
#include <cstddef>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/ring/model.h"
#include "trivet/ring/hash_ring.h"

namespace trivet {
namespace {

HashRing OneNode() { return MustBuild(HashRing::Builder(Vnodes(2)).Add("0")); }

// Adds the node whose id is the number of nodes so far.
absl::StatusOr<HashRing> AddNext(const HashRing& ring) {
  return HashRing::Builder(ring).Add(absl::StrCat(ring.nodes().size())).Build();
}

TEST(RingSharedRing, AReaderSeesEachUpdateAtItsNextGet) {
  SharedRing shared(OneNode());
  SharedRing::Reader reader(shared);
  const HashRing& before = reader.get();
  EXPECT_EQ(before.nodes().size(), 1u);
  for (size_t size = 2; size < 200; ++size) {
    ASSERT_TRUE(shared.Update(AddNext).ok());
    ASSERT_EQ(reader.get().nodes().size(), size);
    ASSERT_EQ(shared.Load().vnode_count(), 2 * size);
  }
}

TEST(RingSharedRing, AFailedUpdateChangesNothing) {
  SharedRing shared(OneNode());
  SharedRing::Reader reader(shared);
  const absl::Status status = shared.Update([](const HashRing& ring) {
    return HashRing::Builder(ring).Remove("absent").Build();
  });
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_EQ(reader.get().Fingerprint(), OneNode().Fingerprint());
}

TEST(RingSharedRing, AReferenceIsGoodUntilTheNextGet) {
  SharedRing shared(OneNode());
  SharedRing::Reader reader(shared);
  const RingNode& node = reader.get().Lookup("k");
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(shared.Update(AddNext).ok());
  EXPECT_EQ(node.id, "0");
}

// Run it under TSan and ASan. Every ring of n nodes is the ring of nodes 0 to
// n - 1, so whoever sees anything else saw half of something, or a ring that
// was written over.
TEST(RingSharedRing, ManyReadersAndWritersLoseNothing) {
  constexpr size_t kReaders = 3;
  constexpr size_t kWriters = 2;
  constexpr size_t kUpdates = 300;
  std::vector<std::string> owner_in_ring_of = {"no ring"};
  HashRing next = OneNode();
  while (owner_in_ring_of.size() < 2 + kWriters * kUpdates) {
    owner_in_ring_of.push_back(next.Lookup("k").id);
    next = AddNext(next).value();
  }
  SharedRing shared(OneNode());
  std::atomic<size_t> writing{kWriters};
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kReaders; ++i) {
    threads.emplace_back([&, i] {
      SharedRing::Reader reader(shared);
      size_t newest = 0;
      while (writing > 0) {
        // One of them as few would do it, without a Reader.
        const HashRing ring = i == 0 ? shared.Load() : reader.get();
        ASSERT_GE(ring.nodes().size(), newest);
        newest = ring.nodes().size();
        ASSERT_EQ(ring.vnode_count(), 2 * newest);
        ASSERT_EQ(ring.Lookup("k").id, owner_in_ring_of[newest]);
      }
    });
  }
  for (size_t i = 0; i < kWriters; ++i) {
    threads.emplace_back([&] {
      for (size_t n = 0; n < kUpdates; ++n)
        ASSERT_TRUE(shared.Update(AddNext).ok());
      --writing;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(shared.Load().vnode_count(), 2 * (1 + kWriters * kUpdates));
}

}  // namespace
}  // namespace trivet
