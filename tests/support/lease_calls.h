// SPDX-License-Identifier: Apache-2.0
//
// What a LockBackend in real time answers, waited for.

#ifndef TRIVET_TESTS_SUPPORT_LEASE_CALLS_H_
#define TRIVET_TESTS_SUPPORT_LEASE_CALLS_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "tests/support/real_time.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/lock/lock_backend.h"

namespace trivet {

using Granted = absl::StatusOr<std::optional<LeaseGrant>>;

inline Granted Acquire(LockBackend* backend, const LeaseKey& key,
                       absl::Duration ttl) {
  Awaiter<Granted> answer;
  backend->Acquire(key, ttl, MonotonicTime::InfiniteFuture(), answer.Done());
  return answer.Wait();
}

inline Granted Renew(LockBackend* backend, const LeaseKey& key,
                     absl::Duration ttl) {
  Awaiter<Granted> answer;
  backend->Renew(key, ttl, MonotonicTime::InfiniteFuture(), answer.Done());
  return answer.Wait();
}

inline absl::StatusOr<bool> Release(LockBackend* backend, const LeaseKey& key) {
  Awaiter<absl::StatusOr<bool>> answer;
  backend->Release(key, MonotonicTime::InfiniteFuture(), answer.Done());
  return answer.Wait();
}

// The token of a grant; 0: it was refused, or failed.
inline uint64_t TokenOf(const Granted& granted) {
  EXPECT_TRUE(granted.ok()) << granted.status();
  return granted.ok() && granted->has_value() ? (*granted)->token.value : 0;
}

}  // namespace trivet

#endif  // TRIVET_TESTS_SUPPORT_LEASE_CALLS_H_
