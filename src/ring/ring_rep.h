// SPDX-License-Identifier: Apache-2.0
//
// HashRing::Rep: what a built ring is made of. Written once by
// HashRing::Builder::Build, then only read.
//
//   vnodes   points in order, each with its owner, a NodeIndex: vnodes.h
//                                            |
//   nodes    [ a, b, c ]                     as placement.h orders them

#ifndef TRIVET_SRC_RING_RING_REP_H_
#define TRIVET_SRC_RING_RING_REP_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "src/ring/foreign.h"
#include "src/ring/members.h"
#include "src/ring/spares.h"
#include "src/ring/token.h"
#include "src/ring/vnodes.h"
#include "trivet/ring/hash_ring.h"
#include "trivet/ring/placement.h"

namespace trivet {
inline namespace v0_1 {

struct HashRing::Rep {
  // An empty one, for the members of a ring that was built from nothing, or
  // from `base`, where it may have memory of a retired ring. To be filled by
  // one of the next three, once.
  static std::shared_ptr<Rep> New(const HashRingOptions& options);
  static std::shared_ptr<Rep> NewFrom(const Rep& base);

  // Fills it: with members, who have `count` points together; with members
  // that differ a little from those of `base`; or with members whose points are
  // as another program places them, if it can.
  void Fill(const internal::Members& members, size_t count);
  void FillFrom(const Rep& base, const internal::Members& members);
  absl::Status FillForeign(const internal::Members& members);

  Token TokenOf(std::string_view key) const {
    return options.placement == Placement::kTrivet
               ? hash.OfKey(key)
               : internal::ForeignTokenOf(options.placement, key);
  }

  // False: a foreign placement gave the node no point, so that no key is its.
  bool IsPlaced(NodeIndex node) const {
    return unplaced.empty() || !unplaced[node];
  }

  // One step of PreferZones.
  bool PutByZone(NodeIndex index, NodeSpan list) const;

  internal::Vnodes vnodes;  // Not empty.

  HashRingOptions options;
  internal::TokenHash hash;
  std::vector<RingNode> nodes;
  std::vector<bool> unplaced;  // By node; empty if every node has points.
  size_t placed_count = 0;     // How many nodes have.

  // Zones as numbers, by node; nodes by zone; and, for every depth 0, 1, 2...,
  // how many zones have more than that many nodes. Nodes without points count
  // as little as those that do not exist.
  std::vector<uint32_t> zone_of;
  std::vector<uint32_t> zone_sizes;
  std::vector<uint32_t> zones_deeper_than;

  uint64_t node_digests = 0;  // The sum of all nodes'.
  uint64_t fingerprint = 0;

  // Where this goes when the last copy of the ring does.
  std::shared_ptr<internal::Spares<Rep>> spares;

 private:
  static std::shared_ptr<Rep> Share(std::unique_ptr<Rep> rep);
  void CopyNodes(const internal::Members& members);
  void NumberZones();
  void NumberZonesFrom(const Rep& base, const internal::Members& members);
  uint32_t ZoneNumberOf(const RingNode& node) const;
  void CountZones();
  internal::VnodeChange ChangeOf(const internal::Members& members) const;
  uint64_t DigestOf(const RingNode& node) const;
  uint64_t ForeignDigestOf(NodeIndex node) const;
  void TakeFingerprint();
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
