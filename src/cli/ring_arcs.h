// SPDX-License-Identifier: Apache-2.0
//
// The circle as a picture needs it: few arcs, each with its owner before and
// after a change.
//
//   exact     ---a---|-b-|----a----|--c--|     while there are few
//   sectors   |--a--|--a--|--a--|--c--|--      else: equal parts, each shown as
//                                              what most of it is

#ifndef TRIVET_SRC_CLI_RING_ARCS_H_
#define TRIVET_SRC_CLI_RING_ARCS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "trivet/ring/hash_ring.h"

namespace trivet {
inline namespace v0_1 {
namespace cli {

// The ids of both rings together, in ascending order.
std::vector<std::string> MembersOf(const HashRing& before,
                                   const HashRing& after);

struct CircleArc {
  double begin;  // In turns; below 0 where the arc passes zero.
  double end;
  size_t before;  // Owners, by their place in MembersOf.
  size_t after;
};

struct Circle {
  std::vector<CircleArc> arcs;  // In order; neighbours differ.
  size_t sectors = 0;           // 0: the arcs are exact.
};

Circle CircleOf(const HashRing& before, const HashRing& after);

}  // namespace cli
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_CLI_RING_ARCS_H_
