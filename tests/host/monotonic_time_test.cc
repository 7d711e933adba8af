// SPDX-License-Identifier: Apache-2.0

#include "trivet/host/monotonic_time.h"

#include <cstdint>
#include <type_traits>
#include <vector>

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace trivet {
namespace {

constexpr MonotonicTime kPast = MonotonicTime::InfinitePast();
constexpr MonotonicTime kFuture = MonotonicTime::InfiniteFuture();

MonotonicTime At(int64_t nanos) {
  return MonotonicTime::FromOrigin(absl::Nanoseconds(nanos));
}

TEST(MonotonicTime, FiniteTimesAddAndSubtractExactly) {
  EXPECT_EQ(At(5) + absl::Nanoseconds(7), At(12));
  EXPECT_EQ(At(5) - absl::Nanoseconds(7), At(-2));
  EXPECT_EQ(At(12) - At(5), absl::Nanoseconds(7));
  EXPECT_EQ(At(5) - At(12), absl::Nanoseconds(-7));
  EXPECT_EQ(At(0), MonotonicTime());
}

TEST(MonotonicTime, OrderIsTotalAndAgreesWithItself) {
  const std::vector<MonotonicTime> ascending = {
      kPast, At(INT64_MIN + 1), At(-1), At(0),
      At(1), At(INT64_MAX - 1), kFuture};
  for (size_t i = 0; i < ascending.size(); ++i) {
    for (size_t j = 0; j < ascending.size(); ++j) {
      EXPECT_EQ(ascending[i] < ascending[j], i < j) << i << " " << j;
      EXPECT_EQ(ascending[i] <= ascending[j], i <= j) << i << " " << j;
      EXPECT_EQ(ascending[i] > ascending[j], i > j) << i << " " << j;
      EXPECT_EQ(ascending[i] >= ascending[j], i >= j) << i << " " << j;
      EXPECT_EQ(ascending[i] == ascending[j], i == j) << i << " " << j;
      EXPECT_EQ(ascending[i] != ascending[j], i != j) << i << " " << j;
    }
  }
}

TEST(MonotonicTime, NothingFiniteChangesAnInfiniteTime) {
  for (const absl::Duration d :
       {absl::Nanoseconds(1), absl::Hours(1), absl::InfiniteDuration(),
        -absl::InfiniteDuration()}) {
    EXPECT_EQ(kFuture + d, kFuture);
    EXPECT_EQ(kFuture - d, kFuture);
    EXPECT_EQ(kPast + d, kPast);
    EXPECT_EQ(kPast - d, kPast);
  }
}

TEST(MonotonicTime, AnInfiniteDurationMakesAnInfiniteTime) {
  EXPECT_EQ(At(3) + absl::InfiniteDuration(), kFuture);
  EXPECT_EQ(At(3) - absl::InfiniteDuration(), kPast);
  EXPECT_EQ(MonotonicTime::FromOrigin(absl::InfiniteDuration()), kFuture);
  EXPECT_EQ(MonotonicTime::FromOrigin(-absl::InfiniteDuration()), kPast);
}

TEST(MonotonicTime, FiniteSumsSaturateShortOfInfinity) {
  const absl::Duration century = absl::Hours(24 * 365 * 100);
  MonotonicTime late;
  MonotonicTime early;
  for (int i = 0; i < 10; ++i) {
    late = late + century;
    early = early - century;
  }
  EXPECT_EQ(late, At(INT64_MAX - 1));
  EXPECT_EQ(early, At(INT64_MIN + 1));
  EXPECT_LT(late, kFuture);
  EXPECT_GT(early, kPast);
  EXPECT_EQ(At(0) + 20 * century, late) << "one step too large for an int64";
  EXPECT_EQ(At(0) - 20 * century, early);
}

TEST(MonotonicTime, DifferencesAreExactAtTheEndsAndInfiniteBeyond) {
  const MonotonicTime late = At(INT64_MAX - 1);
  const MonotonicTime early = At(INT64_MIN + 1);
  EXPECT_EQ(late - early, absl::Nanoseconds(INT64_MAX - 1) -
                              absl::Nanoseconds(INT64_MIN + 1));
  EXPECT_EQ(kFuture - late, absl::InfiniteDuration());
  EXPECT_EQ(late - kFuture, -absl::InfiniteDuration());
  EXPECT_EQ(kPast - early, -absl::InfiniteDuration());
  EXPECT_EQ(early - kPast, absl::InfiniteDuration());
  EXPECT_EQ(kFuture - kPast, absl::InfiniteDuration());
  EXPECT_EQ(kFuture - kFuture, absl::ZeroDuration());
  EXPECT_EQ(kPast - kPast, absl::ZeroDuration());
}

TEST(MonotonicTime, DoesNotConvertFromWallClockTimesOrNumbers) {
  EXPECT_FALSE((std::is_convertible_v<absl::Time, MonotonicTime>));
  EXPECT_FALSE((std::is_constructible_v<MonotonicTime, absl::Time>));
  EXPECT_FALSE((std::is_constructible_v<MonotonicTime, int64_t>));
  EXPECT_FALSE((std::is_constructible_v<int64_t, MonotonicTime>));
}

}  // namespace
}  // namespace trivet
