// SPDX-License-Identifier: Apache-2.0

#include "trivet/lock/lease_options.h"

#include <algorithm>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace trivet {
inline namespace v0_1 {
namespace {

constexpr double kClockRateBoundMax = 2;

absl::Status Wrong(const char* field, const std::string& value,
                   const std::string& limit) {
  return absl::InvalidArgumentError("LeaseOptions." + std::string(field) +
                                    " is " + value + ", must be " + limit);
}

absl::Status CheckPositive(const char* field, absl::Duration value) {
  if (value > absl::ZeroDuration() && value < absl::InfiniteDuration()) {
    return absl::OkStatus();
  }
  return Wrong(field, absl::FormatDuration(value), "positive and finite");
}

}  // namespace

absl::Status LeaseOptions::Validate() const {
  absl::Status status = CheckPositive("ttl", ttl);
  status.Update(CheckPositive("renew_after", renew_after));
  status.Update(CheckPositive("request_timeout", request_timeout));
  status.Update(CheckPositive("retry_min", retry_min));
  status.Update(CheckPositive("retry_max", retry_max));
  if (!status.ok()) return status;
  if (retry_min > retry_max) {
    return Wrong("retry_min", absl::FormatDuration(retry_min),
                 "at most retry_max, " + absl::FormatDuration(retry_max));
  }
  // Written so that a NaN is refused.
  if (!(clock_rate_bound >= 1 && clock_rate_bound <= kClockRateBoundMax)) {
    return Wrong("clock_rate_bound", std::to_string(clock_rate_bound),
                 "in [1, 2]");
  }
  if (margin < absl::ZeroDuration() || margin == absl::InfiniteDuration()) {
    return Wrong("margin", absl::FormatDuration(margin),
                 "finite and not negative");
  }
  // L7: two renewals fit into the validity.
  const absl::Duration validity = ttl / clock_rate_bound - margin;
  const absl::Duration second_renewal =
      2 * std::min(renew_after, ttl / 3) + retry_min;
  if (second_renewal >= validity) {
    return Wrong("ttl", absl::FormatDuration(ttl),
                 "long enough for two renewals: the second may leave " +
                     absl::FormatDuration(second_renewal) +
                     " after the grant, and validity, ttl / clock_rate_bound "
                     "- margin, ends after " +
                     absl::FormatDuration(validity));
  }
  return absl::OkStatus();
}

}  // namespace v0_1
}  // namespace trivet
