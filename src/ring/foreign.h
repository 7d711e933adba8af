// SPDX-License-Identifier: Apache-2.0
//
// The rings of other programs, bit for bit: where their nodes' points are, and
// where a key falls. DESIGN.md has the formulas under "Foreign placements".
//
//   nodes, as they were added  --ForeignPoints-->   points in ring order
//   key                        --ForeignTokenOf-->  its token
//
// Envoy hashes to 64 bits. The others hash to 32, which become the upper half
// of a token: their order, and so every answer, stays as it was.

#ifndef TRIVET_SRC_RING_FOREIGN_H_
#define TRIVET_SRC_RING_FOREIGN_H_

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "src/ring/point.h"
#include "trivet/config.h"
#include "trivet/ring/placement.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

// Any placement but kTrivet is foreign.
TRIVET_EXPORT Token ForeignTokenOf(Placement placement, std::string_view key);

// The points of `nodes`, which are in the order in which they were added; an
// owner is a place in that order. Ascending by (token, owner). A node may have
// none: that is the original's fault. kInvalidArgument names what the placement
// cannot do, the value and the limit. At most 2^24 points, which are counted
// before there is memory for the first.
TRIVET_EXPORT absl::StatusOr<std::vector<Point>> ForeignPoints(
    const HashRingOptions& options, absl::Span<const RingNode> nodes);

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_RING_FOREIGN_H_
