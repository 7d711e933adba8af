// SPDX-License-Identifier: Apache-2.0

#include "trivet/host/monotonic_time.h"

#include <cstdint>

#include "absl/time/time.h"

namespace trivet {
inline namespace v0_1 {
namespace {

// The two largest magnitudes mean infinity, so a finite sum stops short of
// them.
constexpr int64_t kNanosMin = INT64_MIN + 1;
constexpr int64_t kNanosMax = INT64_MAX - 1;

int64_t Saturate(absl::Duration d) {
  const int64_t nanos = absl::ToInt64Nanoseconds(d);
  return nanos < kNanosMin ? kNanosMin : nanos > kNanosMax ? kNanosMax : nanos;
}

int64_t SaturatingSum(int64_t a, int64_t b) {
  int64_t sum;
  if (__builtin_add_overflow(a, b, &sum)) return b < 0 ? kNanosMin : kNanosMax;
  return sum < kNanosMin ? kNanosMin : sum > kNanosMax ? kNanosMax : sum;
}

}  // namespace

MonotonicTime MonotonicTime::FromOrigin(absl::Duration since_origin) {
  return MonotonicTime() + since_origin;
}

MonotonicTime operator+(MonotonicTime t, absl::Duration d) {
  if (t == MonotonicTime::InfiniteFuture()) return t;
  if (t == MonotonicTime::InfinitePast()) return t;
  if (d == absl::InfiniteDuration()) return MonotonicTime::InfiniteFuture();
  if (d == -absl::InfiniteDuration()) return MonotonicTime::InfinitePast();
  return MonotonicTime(SaturatingSum(t.nanos_, Saturate(d)));
}

MonotonicTime operator-(MonotonicTime t, absl::Duration d) { return t + -d; }

absl::Duration operator-(MonotonicTime a, MonotonicTime b) {
  if (a == b) return absl::ZeroDuration();
  if (a == MonotonicTime::InfiniteFuture()) return absl::InfiniteDuration();
  if (a == MonotonicTime::InfinitePast()) return -absl::InfiniteDuration();
  if (b == MonotonicTime::InfiniteFuture()) return -absl::InfiniteDuration();
  if (b == MonotonicTime::InfinitePast()) return absl::InfiniteDuration();
  return absl::Nanoseconds(a.nanos_) - absl::Nanoseconds(b.nanos_);
}

}  // namespace v0_1
}  // namespace trivet
