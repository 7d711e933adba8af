// SPDX-License-Identifier: Apache-2.0
//
// How bytes become tokens: the whole of Placement::kTrivet's format.
//
//   key token   = XXH3-64(key)
//   point i     = Mix(start + i x stride),  i = 0, 1, 2, ...
//                 where start is the high half of XXH3-128(id) and stride the
//                 low half, made odd
//
// A secret changes the key of both hashes and nothing else. What these lines
// say is a wire format, pinned by tests/golden/placement_v1.tsv.

#ifndef TRIVET_SRC_RING_TOKEN_H_
#define TRIVET_SRC_RING_TOKEN_H_

#include <array>
#include <cstdint>
#include <string_view>

#include "src/internal/mutant.h"
#include "trivet/ring/placement.h"

// xxHash as static functions: whoever links trivet needs no libxxhash, and
// cannot meet another version of it.
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace trivet {
inline namespace v0_1 {
namespace internal {

// A bijection whose output looks random even when its input counts: the
// finaliser of SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom
// Number Generators", OOPSLA 2014; constants by Stafford).
constexpr uint64_t Mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

// The endless sequence of one node's points. A node of weight w takes the first
// w x vnodes_per_weight of them. `stride` is odd and Mix a bijection, so a node
// never meets its own points again.
struct NodePoints {
  uint64_t start;
  uint64_t stride;

  Token At(uint64_t i) const {
    return Mix(start + (TRIVET_MUTANT(ring_points_in_a_row) ? i : i * stride));
  }
};

// XXH3 under one secret. Reads and gives numbers in little-endian order on
// every machine.
class TokenHash {
 public:
  // An empty secret is XXH3 as everybody knows it.
  explicit TokenHash(std::string_view secret = {});

  // Inline, because a call would cost as much as half a lookup.
  Token OfKey(std::string_view key) const {
    return keyed_ ? XXH3_64bits_withSecret(key.data(), key.size(), key_.data(),
                                           key_.size())
                  : XXH3_64bits(key.data(), key.size());
  }
  NodePoints OfNode(std::string_view id) const;

  // A digest of five numbers, for fingerprints.
  uint64_t OfWords(const std::array<uint64_t, 5>& words) const;

 private:
  bool keyed_;
  std::array<char, 192> key_ = {};  // XXH3's own default size.
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_RING_TOKEN_H_
