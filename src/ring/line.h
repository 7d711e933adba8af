// SPDX-License-Identifier: Apache-2.0
//
// Line: the points of one short arc of the circle in one cache line.
//
// Tokens are uniform, so the product of a token and the number of lines says
// which line a token is on, and sixteen more bits nearly always say where:
//
//   token x lines  =  [ line: 64 bits ][ suffix: 16 bits ][ unused: 48 bits ]
//
//   suffixes   01a2  3c40  d9ff  ffff  ffff  ...   ascending; ffff: free
//   owners        7     2     7     4     4  ...
//              `- its points -'  `- free slots: whose point is next, on a
//                                   later line, owns what is past the last
//                                   point of this one
//
// A token's owner is that of the first suffix not below its own. Two things
// leave the answer open: a tie of suffixes, and a token past the last slot. So
// a point whose suffix is ffff can be given fffe: what it changes is open.

#ifndef TRIVET_SRC_RING_LINE_H_
#define TRIVET_SRC_RING_LINE_H_

#include <cstddef>
#include <cstdint>

#include "trivet/config.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace trivet {
inline namespace v0_1 {
namespace internal {

inline constexpr size_t kLineSize = 64;
inline constexpr uint16_t kFreeSuffix = 0xffff;

// `Owner` is as narrow as the number of nodes allows, so that more points fit.
template <typename Owner>
struct alignas(kLineSize) Line {
  static constexpr size_t kSlots =
      kLineSize / (sizeof(uint16_t) + sizeof(Owner));

  uint16_t suffixes[kSlots];
  Owner owners[kSlots];
};

// The first slot whose suffix is not below `suffix`; `Line::kSlots` if there is
// none. As plain code says it, and as a processor does it without a branch.
template <typename Owner>
size_t PlainSlotOf(const Line<Owner>& line, uint16_t suffix) {
  size_t below = 0;
  for (const uint16_t other : line.suffixes) below += other < suffix ? 1 : 0;
  return below;
}

#if defined(__SSE2__)

// Sixteen suffixes at once; where a line has fewer, what follows is masked out.
// A subtraction that stops at zero leaves nothing of what is not below.
template <typename Owner>
size_t SlotOf(const Line<Owner>& line, uint16_t suffix) {
  const auto* const halves = reinterpret_cast<const __m128i*>(&line);
  const __m128i wanted = _mm_set1_epi16(static_cast<int16_t>(suffix));
  const auto not_below = [&](const __m128i* half) {
    return _mm_cmpeq_epi16(_mm_subs_epu16(wanted, _mm_load_si128(half)),
                           _mm_setzero_si128());
  };
  const auto slots = static_cast<unsigned>(_mm_movemask_epi8(
      _mm_packs_epi16(not_below(halves), not_below(halves + 1))));
  return static_cast<size_t>(__builtin_ctz(slots | 1U << Line<Owner>::kSlots));
}

#elif defined(__aarch64__)

// As above, with four bits for a slot.
template <typename Owner>
size_t SlotOf(const Line<Owner>& line, uint16_t suffix) {
  const uint16x8_t wanted = vdupq_n_u16(suffix);
  const auto not_below = [&](const uint16_t* half) {
    return vmovn_u16(vcgeq_u16(vld1q_u16(half), wanted));
  };
  const auto* const halves = reinterpret_cast<const uint16_t*>(&line);
  const uint8x16_t bytes =
      vcombine_u8(not_below(halves), not_below(halves + 8));
  const uint64_t nibbles = vget_lane_u64(
      vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8(bytes), 4)), 0);
  constexpr size_t kSlots = Line<Owner>::kSlots;
  if constexpr (kSlots == 16) {
    return nibbles == 0 ? kSlots
                        : static_cast<size_t>(__builtin_ctzll(nibbles)) / 4;
  } else {
    return static_cast<size_t>(
               __builtin_ctzll(nibbles | uint64_t{1} << (4 * kSlots))) /
           4;
  }
}

#else

template <typename Owner>
size_t SlotOf(const Line<Owner>& line, uint16_t suffix) {
  return PlainSlotOf(line, suffix);
}

#endif

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_RING_LINE_H_
