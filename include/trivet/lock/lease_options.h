// SPDX-License-Identifier: Apache-2.0
//
// LeaseOptions: how long a lease is, and how it is kept.
//
//   sent   renew_after        2 * renew_after            ttl / rate - margin
//     |---------|-------------------|--------------------------|
//     held      first renewal       second, if that failed     Lost
//
// Thread safety: a value.

#ifndef TRIVET_LOCK_LEASE_OPTIONS_H_
#define TRIVET_LOCK_LEASE_OPTIONS_H_

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "trivet/config.h"

namespace trivet {
inline namespace v0_1 {

struct TRIVET_EXPORT LeaseOptions {
  // What is asked of the backend; how long others wait if this process dies.
  absl::Duration ttl = absl::Seconds(15);

  // A lease is renewed this long after it was granted or renewed, or after a
  // third of the ttl that was granted, if that is earlier.
  absl::Duration renew_after = absl::Seconds(5);

  // A request without an answer for this long is repeated. While a lease is
  // held, the time between two renewals if that is shorter.
  absl::Duration request_timeout = absl::Seconds(2);

  // Jittered exponential backoff between attempts, and between looks at a lock
  // that someone else holds.
  absl::Duration retry_min = absl::Milliseconds(50);
  absl::Duration retry_max = absl::Seconds(2);

  // Upper bound on how much faster the backend's clock may run than ours.
  double clock_rate_bound = 1.01;

  // Taken off every validity: covers a backend that rounds to milliseconds.
  absl::Duration margin = absl::Milliseconds(1);

  // kInvalidArgument unless every duration is positive and finite (margin may
  // be zero), retry_min <= retry_max, clock_rate_bound is in [1, 2], and two
  // renewals fit into the validity: 2 * min(renew_after, ttl / 3) + retry_min <
  // ttl / clock_rate_bound - margin.
  absl::Status Validate() const;
};

}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_LOCK_LEASE_OPTIONS_H_
