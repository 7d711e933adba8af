// SPDX-License-Identifier: Apache-2.0
//
// StaleLockBackend: a service some of whose replicas lag behind. Now and then
// one refuses a lock that is free, or was a moment ago. To whoever holds the
// lock it must not: a grant is repeated to the same lease_id.

#ifndef TRIVET_TESTS_SIM_STALE_LOCK_BACKEND_H_
#define TRIVET_TESTS_SIM_STALE_LOCK_BACKEND_H_

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/lock/lock_backend.h"
#include "trivet/testing/fault_options.h"
#include "trivet/testing/sim_host.h"

namespace trivet {
namespace sim {

class StaleLockBackend : public LockBackend {
 public:
  // Does not own its arguments. `host` is the service's.
  StaleLockBackend(testing::SimHost* host, LockBackend* backend)
      : host_(host), backend_(backend) {}

  LockBackendTraits Traits() const override { return backend_->Traits(); }

  void Acquire(const LeaseKey& key, absl::Duration ttl, MonotonicTime deadline,
               Done<std::optional<LeaseGrant>> done) override {
    if (latest_[key.lock] != key.lease_id &&
        host_->Strikes("stale read", host_->faults().stale_read, key.lock)) {
      return std::move(done)(std::nullopt);
    }
    backend_->Acquire(
        key, ttl, deadline,
        [this, key, done = std::move(done)](
            absl::StatusOr<std::optional<LeaseGrant>> grant) mutable {
          if (grant.ok() && grant->has_value())
            latest_[key.lock] = key.lease_id;
          std::move(done)(std::move(grant));
        });
  }

  void Renew(const LeaseKey& key, absl::Duration ttl, MonotonicTime deadline,
             Done<std::optional<LeaseGrant>> done) override {
    backend_->Renew(key, ttl, deadline, std::move(done));
  }
  void Release(const LeaseKey& key, MonotonicTime deadline,
               Done<bool> done) override {
    backend_->Release(key, deadline, std::move(done));
  }
  void AwaitRelease(const LeaseKey& key,
                    absl::AnyInvocable<void() &&> done) override {
    backend_->AwaitRelease(key, std::move(done));
  }

 private:
  testing::SimHost* const host_;
  LockBackend* const backend_;
  std::map<std::string, std::string> latest_;  // Who was granted each lock.
};

}  // namespace sim
}  // namespace trivet

#endif  // TRIVET_TESTS_SIM_STALE_LOCK_BACKEND_H_
