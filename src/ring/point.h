// SPDX-License-Identifier: Apache-2.0
//
// Point: one vnode, as long as it has no place in a table yet.

#ifndef TRIVET_SRC_RING_POINT_H_
#define TRIVET_SRC_RING_POINT_H_

#include <cstdint>

#include "trivet/ring/hash_ring.h"
#include "trivet/ring/placement.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

// Points of a ring: what a membership from a network can make it take.
inline constexpr uint64_t kPointsMax = uint64_t{1} << 24;

struct Point {
  Token token;
  NodeIndex owner;

  // The order of the circle: where tokens tie, the smaller owner comes first.
  friend bool operator<(const Point& a, const Point& b) {
    return a.token != b.token ? a.token < b.token : a.owner < b.owner;
  }
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_RING_POINT_H_
