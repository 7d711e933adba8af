// SPDX-License-Identifier: Apache-2.0
//
// HashRing::Rep: what a built ring is made of. Written once by
// HashRing::Builder::Build, then only read.
//
//   vnodes   points in order, each with its owner, a NodeIndex: vnodes.h
//                                            |
//   nodes    [ a, b, c ]   ascending by id, so index order is id order

#ifndef TRIVET_SRC_RING_RING_REP_H_
#define TRIVET_SRC_RING_RING_REP_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "src/ring/token.h"
#include "src/ring/vnodes.h"
#include "trivet/ring/hash_ring.h"

namespace trivet {
inline namespace v0_1 {

struct HashRing::Rep {
  explicit Rep(HashRingOptions of) : options(std::move(of)) {}

  // One step of PreferZones.
  bool PutByZone(NodeIndex index, NodeSpan list) const;

  // Not empty; every node owns weight x vnodes_per_weight of them.
  internal::Vnodes vnodes;

  HashRingOptions options;
  internal::TokenHash hash{options.secret};
  std::vector<RingNode> nodes;

  // Zones as numbers, by node; and, for every depth 0, 1, 2..., how many zones
  // have more than that many nodes.
  std::vector<uint32_t> zone_of;
  std::vector<uint32_t> zones_deeper_than;

  uint64_t fingerprint = 0;
};

namespace internal {

// The door for the rest of this room, and for tests of rings that no ids give.
struct RingAccess {
  using Rep = HashRing::Rep;
  static const Rep& Of(const HashRing& ring) { return *ring.rep_; }
  static HashRing Make(std::shared_ptr<const Rep> rep) {
    return HashRing(std::move(rep));
  }
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_RING_RING_REP_H_
