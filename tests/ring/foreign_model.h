// SPDX-License-Identifier: Apache-2.0
//
// The foreign placements in the plainest words, as model.h is for kTrivet. It
// shares MD5 with src/ring, and no other line. How many points a node gets is
// worked out in whole numbers: every sum, product and quotient exactly, then
// rounded to as many bits as the original's type has. So this model does not
// depend on what a compiler makes of floating point.

#ifndef TRIVET_TESTS_RING_FOREIGN_MODEL_H_
#define TRIVET_TESTS_RING_FOREIGN_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "trivet/ring/placement.h"

namespace trivet {

// How many points each node gets, before any is dropped.
std::vector<uint64_t> ModelCounts(const HashRingOptions& options,
                                  const std::vector<RingNode>& nodes);

// Tokens with the nodes' places, in ring order.
using ModelPoints = std::vector<std::pair<Token, size_t>>;
ModelPoints ModelForeignPoints(const HashRingOptions& options,
                               const std::vector<RingNode>& nodes);

Token ModelForeignKeyToken(Placement placement, std::string_view key);

}  // namespace trivet

#endif  // TRIVET_TESTS_RING_FOREIGN_MODEL_H_
