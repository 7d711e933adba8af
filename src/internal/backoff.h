// SPDX-License-Identifier: Apache-2.0
//
// Jittered exponential backoff, without a state of its own: machines keep an
// attempt count where they would keep a delay.

#ifndef TRIVET_SRC_INTERNAL_BACKOFF_H_
#define TRIVET_SRC_INTERNAL_BACKOFF_H_

#include <algorithm>
#include <cstdint>

#include "absl/time/time.h"
#include "trivet/config.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

// SplitMix64 (Steele, Lea, Flood, 2014): a stream of well mixed numbers from
// one seed. For jitter and simulated faults, never for secrets.
class SplitMix64 {
 public:
  explicit SplitMix64(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    state_ += 0x9E3779B97F4A7C15;
    return Mix(state_);
  }

  // A bijection of 64 bits under which close inputs have unrelated outputs.
  static constexpr uint64_t Mix(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
    return x ^ (x >> 31);
  }

 private:
  uint64_t state_;
};

// The delay before attempt number `attempt` + 1, where 0 is the first: half of
// min(delay_min * 2^attempt, delay_max), plus a random part of the other half.
// At least a nanosecond, the step of MonotonicTime: what is armed anew is never
// due at once, or a machine would not get out of its step.
// REQUIRES: 0 < delay_min <= delay_max.
inline absl::Duration BackoffDelay(absl::Duration delay_min,
                                   absl::Duration delay_max, uint32_t attempt,
                                   uint64_t random) {
  const double factor =
      static_cast<double>(uint64_t{1} << std::min<uint32_t>(attempt, 40));
  const absl::Duration full = std::min(delay_min * factor, delay_max);
  const double part = static_cast<double>(random >> 11) * 0x1.0p-53;
  return std::max(full * (0.5 + 0.5 * part), absl::Nanoseconds(1));
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_INTERNAL_BACKOFF_H_
