// SPDX-License-Identifier: Apache-2.0

#include "trivet/lock/lease_options.h"

#include <limits>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace trivet {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string WhyNot(const LeaseOptions& options) {
  const absl::Status status = options.Validate();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  return std::string(status.message());
}

TEST(LeaseOptions, TheDefaultsAreValid) {
  EXPECT_TRUE(LeaseOptions().Validate().ok());
}

TEST(LeaseOptions, EveryDurationIsPositiveAndFinite) {
  struct Case {
    const char* name;
    absl::Duration LeaseOptions::*field;
  };
  for (const Case& c : {Case{"ttl", &LeaseOptions::ttl},
                        Case{"renew_after", &LeaseOptions::renew_after},
                        Case{"request_timeout", &LeaseOptions::request_timeout},
                        Case{"retry_min", &LeaseOptions::retry_min},
                        Case{"retry_max", &LeaseOptions::retry_max}}) {
    for (const absl::Duration wrong :
         {absl::ZeroDuration(), -absl::Seconds(1), absl::InfiniteDuration()}) {
      LeaseOptions options;
      options.*c.field = wrong;
      EXPECT_THAT(
          WhyNot(options),
          AllOf(HasSubstr("LeaseOptions." + std::string(c.name)),
                HasSubstr(absl::FormatDuration(wrong)), HasSubstr("positive")));
    }
  }
}

TEST(LeaseOptions, TheMarginMayBeZeroButNotLessNorInfinite) {
  LeaseOptions options;
  options.margin = absl::ZeroDuration();
  EXPECT_TRUE(options.Validate().ok());
  options.margin = -absl::Milliseconds(1);
  EXPECT_THAT(WhyNot(options), HasSubstr("LeaseOptions.margin is -1ms"));
  options.margin = absl::InfiniteDuration();
  EXPECT_THAT(WhyNot(options), HasSubstr("LeaseOptions.margin is inf"));
}

TEST(LeaseOptions, BackoffHasAnOrder) {
  LeaseOptions options;
  options.retry_min = absl::Seconds(3);
  EXPECT_THAT(WhyNot(options),
              AllOf(HasSubstr("retry_min is 3s"), HasSubstr("retry_max, 2s")));
}

TEST(LeaseOptions, TheClockRateBoundIsARateOfClocks) {
  for (const double wrong :
       {0.0, 0.99, 2.01, -1.0, std::numeric_limits<double>::quiet_NaN(),
        std::numeric_limits<double>::infinity()}) {
    LeaseOptions options;
    options.clock_rate_bound = wrong;
    EXPECT_THAT(WhyNot(options), HasSubstr("clock_rate_bound")) << wrong;
  }
  LeaseOptions options;
  options.clock_rate_bound = 1;
  EXPECT_TRUE(options.Validate().ok());
}

TEST(LeaseOptions, L7_TwoRenewalsFitIntoTheValidity) {
  LeaseOptions options;
  options.ttl = absl::Seconds(3);  // Renewed after 1 s, at a third.
  EXPECT_TRUE(options.Validate().ok());
  options.retry_min = absl::Seconds(1);
  EXPECT_THAT(WhyNot(options),
              AllOf(HasSubstr("ttl is 3s"), HasSubstr("two renewals"),
                    HasSubstr("leave 3s"), HasSubstr("after 2.969")));
  options.retry_min = absl::Milliseconds(50);
  options.clock_rate_bound = 1.6;
  EXPECT_THAT(WhyNot(options), HasSubstr("two renewals"));
  options.clock_rate_bound = 1.01;
  options.margin = absl::Seconds(1);
  EXPECT_THAT(WhyNot(options), HasSubstr("two renewals"));
}

}  // namespace
}  // namespace trivet
