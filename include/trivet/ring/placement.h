// SPDX-License-Identifier: Apache-2.0
//
// What a ring is made of: tokens, nodes, and how one becomes the other.
//
//   node  --id, weight-->  its points    a point is the Token of one vnode
//   key   --its bytes--->  its token     the next point at or after it owns it
//
//   HashRingOptions options;
//   options.vnodes_per_weight = 1000;        // Evener shares, more memory.
//   options.secret = secret_from_my_config;  // The same in every process.
//   HashRing::Builder builder(options);
//
// Everything here is a plain value. Nothing is checked before
// HashRing::Builder::Build, which names the field, the value and the limit.
//
// Thread safety: as of any plain struct.

#ifndef TRIVET_RING_PLACEMENT_H_
#define TRIVET_RING_PLACEMENT_H_

#include <cstdint>
#include <string>

#include "trivet/config.h"

namespace trivet {
inline namespace v0_1 {

// A position on the circle. Arithmetic wraps.
using Token = uint64_t;

struct RingNode {
  // Unique within a ring; decides the node's points. 1 to 255 bytes, any bytes:
  // ids are compared and hashed as bytes, nothing is normalised.
  std::string id;

  // Owns `weight` times the share of a node of weight 1. At least 1. The points
  // of a lighter node are the first points of the same node when heavier, so a
  // change of weight moves keys from or to this node only.
  uint32_t weight = 1;

  // Failure domain: HashRing::PreferZones spreads replicas over zones. At most
  // 255 bytes. Never changes who owns a key. Nodes without a zone share one.
  std::string zone;

  friend bool operator==(const RingNode& a, const RingNode& b) {
    return a.id == b.id && a.weight == b.weight && a.zone == b.zone;
  }
  friend bool operator!=(const RingNode& a, const RingNode& b) {
    return !(a == b);
  }
};

// How nodes and keys become tokens. A later release may add placements; none
// will ever change what an existing one does.
enum class Placement {
  // 64-bit points, a function of the node alone: XXH3 of its id, mixed with a
  // counter. src/ring/DESIGN.md gives the formula.
  kTrivet,
};

struct HashRingOptions {
  Placement placement = Placement::kTrivet;

  // Points per unit of weight, at least 1. More points: evener shares, more
  // memory (17 bytes a point). The heaviest of many equal nodes owns about
  // 1.3 times its fair share with 160 points each, 1.1 times with 1000.
  uint32_t vnodes_per_weight = 160;

  // Secret bytes, up to 4096 of them, make it impractical for a stranger who
  // does not know them, and cannot watch where keys go, to choose many keys
  // that all fall on one node. Any length works, but a secret is as good as it
  // is hard to guess: use 16 random bytes or more. XXH3 is a fast keyed hash
  // and not a cryptographic one. Empty: anyone can compute the placement.
  std::string secret;
};

}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_RING_PLACEMENT_H_
