// SPDX-License-Identifier: Apache-2.0
//
// StingyLockBackend: gives who asks for what it holds the same grant again, and
// no more time. Some stores do; LockBackend's contract allows it.

#ifndef TRIVET_TESTS_SIM_STINGY_LOCK_BACKEND_H_
#define TRIVET_TESTS_SIM_STINGY_LOCK_BACKEND_H_

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "trivet/host/executor.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/lock/lock_backend.h"

namespace trivet {
namespace sim {

class StingyLockBackend : public LockBackend {
 public:
  // Does not own its arguments. `executor` has the backend's clock.
  StingyLockBackend(Executor* executor, LockBackend* backend)
      : executor_(executor), backend_(backend) {}

  LockBackendTraits Traits() const override { return backend_->Traits(); }

  void Acquire(const LeaseKey& key, absl::Duration ttl, MonotonicTime deadline,
               Done<std::optional<LeaseGrant>> done) override {
    const auto held = held_.find(key.lock);
    if (held != held_.end() && held->second.lease_id == key.lease_id &&
        executor_->Now() < held->second.until) {
      return std::move(done)(held->second.grant);
    }
    backend_->Acquire(key, ttl, deadline, Note(key, std::move(done)));
  }

  void Renew(const LeaseKey& key, absl::Duration ttl, MonotonicTime deadline,
             Done<std::optional<LeaseGrant>> done) override {
    backend_->Renew(key, ttl, deadline, Note(key, std::move(done)));
  }

  void Release(const LeaseKey& key, MonotonicTime deadline,
               Done<bool> done) override {
    const auto held = held_.find(key.lock);
    if (held != held_.end() && held->second.lease_id == key.lease_id) {
      held_.erase(held);
    }
    backend_->Release(key, deadline, std::move(done));
  }

  void AwaitRelease(const LeaseKey& key,
                    absl::AnyInvocable<void() &&> done) override {
    backend_->AwaitRelease(key, std::move(done));
  }

 private:
  struct Held {
    std::string lease_id;
    LeaseGrant grant;
    MonotonicTime until;
  };

  Done<std::optional<LeaseGrant>> Note(const LeaseKey& key,
                                       Done<std::optional<LeaseGrant>> done) {
    return [this, key, done = std::move(done)](
               absl::StatusOr<std::optional<LeaseGrant>> answer) mutable {
      if (answer.ok() && answer->has_value()) {
        held_[key.lock] = {key.lease_id, **answer,
                           executor_->Now() + (*answer)->granted_ttl};
      }
      std::move(done)(std::move(answer));
    };
  }

  Executor* const executor_;
  LockBackend* const backend_;
  std::map<std::string, Held> held_;
};

}  // namespace sim
}  // namespace trivet

#endif  // TRIVET_TESTS_SIM_STINGY_LOCK_BACKEND_H_
