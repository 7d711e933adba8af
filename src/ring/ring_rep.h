// SPDX-License-Identifier: Apache-2.0
//
// HashRing::Rep: what a built ring is made of. Written once by
// HashRing::Builder::Build, then only read.
//
//   tokens   0x09..  0x1f..  0x1f..  0x52..  ...   ascending
//   owners      2       0       1       2    ...   ascending where tokens tie
//                       |
//   nodes    [ a, b, c ]   ascending by id, so index order is id order

#ifndef TRIVET_SRC_RING_RING_REP_H_
#define TRIVET_SRC_RING_RING_REP_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "src/ring/token.h"
#include "trivet/ring/hash_ring.h"

namespace trivet {
inline namespace v0_1 {

struct HashRing::Rep {
  explicit Rep(HashRingOptions of) : options(std::move(of)) {}

  // The first vnode at or after `token`, past the last one the first of all.
  size_t VnodeAt(Token token) const;

  // The next vnode clockwise.
  size_t VnodeAfter(size_t vnode) const {
    return vnode + 1 == tokens.size() ? 0 : vnode + 1;
  }

  // One step of PreferZones.
  bool PutByZone(NodeIndex index, NodeSpan list) const;

  HashRingOptions options;
  internal::TokenHash hash{options.secret};
  std::vector<RingNode> nodes;

  // Equally long, not empty, ascending by (token, owner); every node owns
  // weight x vnodes_per_weight of them.
  std::vector<Token> tokens;
  std::vector<NodeIndex> owners;

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
