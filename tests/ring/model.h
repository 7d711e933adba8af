// SPDX-License-Identifier: Apache-2.0
//
// The ring in the plainest words: a std::set of points. It shares no code with
// src/ring, down to the formula of a point, so that a test which compares the
// two compares the library with its specification.

#ifndef TRIVET_TESTS_RING_MODEL_H_
#define TRIVET_TESTS_RING_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "trivet/ring/hash_ring.h"

namespace trivet {

// Placement::kTrivet as src/ring/DESIGN.md states it.
Token ModelKeyToken(std::string_view secret, std::string_view key);
Token ModelPoint(std::string_view secret, std::string_view id, uint64_t i);

class ModelRing {
 public:
  ModelRing(const std::vector<RingNode>& nodes, const HashRingOptions& options);

  const std::string& Owner(Token token) const;

  // The first `count` distinct owners from `token` on.
  std::vector<std::string> List(Token token, size_t count) const;

  // Every token at which an owner may change, ascending.
  std::vector<Token> Tokens() const;

 private:
  std::set<std::pair<Token, std::string>> points_;
  size_t node_count_;
};

// Random members, distinct ids, weights 1..weight_max, some zones. The same for
// the same `random` on every platform (no std::*_distribution).
std::vector<RingNode> RandomNodes(std::mt19937_64* random, size_t count,
                                  uint32_t weight_max);

// Builds, or fails the test.
HashRing MustBuild(const std::vector<RingNode>& nodes,
                   const HashRingOptions& options = {});
HashRing MustBuild(const HashRing::Builder& builder);

HashRingOptions Vnodes(uint32_t vnodes_per_weight);

// The tokens to ask about a ring: each of `boundaries`, its two neighbours, and
// both ends of the circle.
std::vector<Token> Probes(const std::vector<Token>& boundaries);

std::vector<std::string> Ids(absl::Span<const RingNode* const> nodes);

}  // namespace trivet

#endif  // TRIVET_TESTS_RING_MODEL_H_
