// SPDX-License-Identifier: Apache-2.0
//
// MonotonicTime: a point on one process's monotonic clock, in nanoseconds.
//
// A type of its own, because absl::Time prints like a date, compares across
// machines by accident and finds its way into messages and files. A
// MonotonicTime cannot: it has no origin, no text form and no bytes. One int64,
// saturating, because machines compare times on every step.
//
// Thread safety: a value.

#ifndef TRIVET_HOST_MONOTONIC_TIME_H_
#define TRIVET_HOST_MONOTONIC_TIME_H_

#include <cstdint>

#include "absl/time/time.h"
#include "trivet/config.h"

namespace trivet {
inline namespace v0_1 {

class TRIVET_EXPORT MonotonicTime {
 public:
  constexpr MonotonicTime() = default;  // The origin, which means nothing.

  static constexpr MonotonicTime InfinitePast() {
    return MonotonicTime(INT64_MIN);
  }
  static constexpr MonotonicTime InfiniteFuture() {
    return MonotonicTime(INT64_MAX);
  }
  // For clocks and simulators only.
  static MonotonicTime FromOrigin(absl::Duration since_origin);

  // Saturate: nothing added to or taken from an infinite time changes it.
  friend TRIVET_EXPORT MonotonicTime operator+(MonotonicTime t,
                                               absl::Duration d);
  friend TRIVET_EXPORT MonotonicTime operator-(MonotonicTime t,
                                               absl::Duration d);
  friend TRIVET_EXPORT absl::Duration operator-(MonotonicTime a,
                                                MonotonicTime b);

  friend constexpr bool operator==(MonotonicTime a, MonotonicTime b) {
    return a.nanos_ == b.nanos_;
  }
  friend constexpr bool operator!=(MonotonicTime a, MonotonicTime b) {
    return !(a == b);
  }
  friend constexpr bool operator<(MonotonicTime a, MonotonicTime b) {
    return a.nanos_ < b.nanos_;
  }
  friend constexpr bool operator>(MonotonicTime a, MonotonicTime b) {
    return b < a;
  }
  friend constexpr bool operator<=(MonotonicTime a, MonotonicTime b) {
    return !(b < a);
  }
  friend constexpr bool operator>=(MonotonicTime a, MonotonicTime b) {
    return !(a < b);
  }

 private:
  explicit constexpr MonotonicTime(int64_t nanos) : nanos_(nanos) {}
  int64_t nanos_ = 0;
};

}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_HOST_MONOTONIC_TIME_H_
