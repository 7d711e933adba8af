// SPDX-License-Identifier: Apache-2.0

#include "src/internal/backoff.h"

#include <algorithm>
#include <cstdint>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "trivet/host/monotonic_time.h"

namespace trivet {
namespace {

using internal::BackoffDelay;
using internal::SplitMix64;

constexpr absl::Duration kMin = absl::Milliseconds(100);
constexpr absl::Duration kMax = absl::Seconds(10);
constexpr uint64_t kLeast = 0;
constexpr uint64_t kMost = UINT64_MAX;

TEST(Backoff, DoublesUpToTheMaximum) {
  absl::Duration full = kMin;
  for (uint32_t attempt = 0; attempt < 100; ++attempt) {
    EXPECT_EQ(BackoffDelay(kMin, kMax, attempt, kLeast), full / 2) << attempt;
    EXPECT_LE(BackoffDelay(kMin, kMax, attempt, kMost), full) << attempt;
    EXPECT_GT(BackoffDelay(kMin, kMax, attempt, kMost), full * 0.999);
    full = std::min(2 * full, kMax);
  }
}

TEST(Backoff, NeverOverflows) {
  const absl::Duration longest = absl::Hours(1e9);
  EXPECT_EQ(BackoffDelay(longest, 2 * longest, UINT32_MAX, kLeast), longest);
}

TEST(Backoff, LetsTimePassHoweverShortTheDelay) {
  const MonotonicTime now = MonotonicTime::FromOrigin(absl::Seconds(5));
  for (const absl::Duration delay :
       {absl::Nanoseconds(1) / 4, absl::Nanoseconds(1), absl::Nanoseconds(3)}) {
    EXPECT_GT(now + BackoffDelay(delay, delay, 0, kLeast), now);
    EXPECT_GT(now + BackoffDelay(delay, delay, 9, kMost), now);
  }
}

// The first numbers of the published algorithm from this seed.
TEST(SplitMix, AgreesWithItsReference) {
  SplitMix64 random(1234567);
  EXPECT_EQ(random.Next(), 6457827717110365317u);
  EXPECT_EQ(random.Next(), 3203168211198807973u);
  EXPECT_EQ(random.Next(), 9817491932198370423u);
  EXPECT_EQ(random.Next(), 4593380528125082431u);
  EXPECT_EQ(random.Next(), 16408922859458223821u);
}

}  // namespace
}  // namespace trivet
