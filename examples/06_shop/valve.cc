// SPDX-License-Identifier: Apache-2.0

#include "valve.h"

namespace shop {

using trivet::LeaseKey;
using trivet::MonotonicTime;

void Valve::Pass(Call call) {
  {
    absl::MutexLock lock(&mu_);
    if (state_ == kCut) return;
    if (state_ == kHeld) {
      waiting_.push_back(std::move(call));
      return;
    }
  }
  std::move(call)();
}

void Valve::Hold() {
  absl::MutexLock lock(&mu_);
  if (state_ == kOpen) state_ = kHeld;
}

void Valve::Release() {
  for (;;) {
    Call next;
    {
      absl::MutexLock lock(&mu_);
      if (state_ != kHeld) return;
      if (waiting_.empty()) {
        state_ = kOpen;
        return;
      }
      next = std::move(waiting_.front());
      waiting_.pop_front();
    }
    std::move(next)();
  }
}

void Valve::Cut() {
  std::deque<Call> dropped;  // Destroyed without the mutex.
  absl::MutexLock lock(&mu_);
  state_ = kCut;
  dropped.swap(waiting_);
}

void LogPort::Arm(Strike strike, Valve::Call sprung) {
  absl::MutexLock lock(&mu_);
  trap_ = Trap{strike, std::move(sprung)};
}

void LogPort::Disarm() {
  absl::MutexLock lock(&mu_);
  trap_.reset();
}

void LogPort::Append(trivet::Epoch epoch, std::vector<std::string> records,
                     trivet::Durability durability, AppendDone done) {
  std::optional<Trap> trap;
  if (durability == trivet::Durability::kForced) {
    absl::MutexLock lock(&mu_);
    trap.swap(trap_);
  }
  if (trap.has_value() && trap->strike == Strike::kBefore) {
    valve_->Hold();
    std::move(trap->sprung)();
  } else if (trap.has_value()) {
    done = [valve = valve_, sprung = std::move(trap->sprung)](
               absl::StatusOr<trivet::LogIndex>) mutable {
      valve->Cut();
      std::move(sprung)();
    };
  }
  valve_->Pass([real = real_, epoch, records = std::move(records), durability,
                done = std::move(done)]() mutable {
    real->Append(epoch, std::move(records), durability, std::move(done));
  });
}

void LockPort::Acquire(const LeaseKey& key, absl::Duration ttl,
                       MonotonicTime deadline,
                       Done<std::optional<trivet::LeaseGrant>> done) {
  valve_->Pass(
      [real = real_, &key, ttl, deadline, done = std::move(done)]() mutable {
        real->Acquire(key, ttl, deadline, std::move(done));
      });
}

void LockPort::Renew(const LeaseKey& key, absl::Duration ttl,
                     MonotonicTime deadline,
                     Done<std::optional<trivet::LeaseGrant>> done) {
  valve_->Pass(
      [real = real_, &key, ttl, deadline, done = std::move(done)]() mutable {
        real->Renew(key, ttl, deadline, std::move(done));
      });
}

void LockPort::Release(const LeaseKey& key, MonotonicTime deadline,
                       Done<bool> done) {
  valve_->Pass(
      [real = real_, &key, deadline, done = std::move(done)]() mutable {
        real->Release(key, deadline, std::move(done));
      });
}

}  // namespace shop
