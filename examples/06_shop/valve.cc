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
  Disarm();
  absl::MutexLock lock(&mu_);
  trap_.reset(new Trap{strike, valve_, {}, std::move(sprung)});
}

void LogPort::Disarm() {
  std::shared_ptr<Trap> trap;
  {
    absl::MutexLock lock(&mu_);
    trap.swap(trap_);
  }
  if (trap == nullptr) return;
  absl::MutexLock lock(&trap->mu);
  trap->sprung = nullptr;
}

bool LogPort::Trap::Spring() {
  absl::MutexLock lock(&mu);
  if (!sprung) return false;
  if (strike == Strike::kBefore)
    valve->Hold();
  else
    valve->Cut();
  std::exchange(sprung, nullptr)();
  return true;
}

absl::StatusOr<trivet::Epoch> LogPort::Claim(trivet::Epoch wanted,
                                             Visitor visit) {
  absl::StatusOr<trivet::Epoch> claimed = real_->Claim(wanted, visit);
  if (!absl::IsAborted(claimed.status())) alarm_->Ring(claimed.status());
  return claimed;
}

void LogPort::Append(trivet::Epoch epoch, std::vector<std::string> records,
                     trivet::Durability durability, AppendDone done) {
  std::shared_ptr<Trap> trap;
  if (durability == trivet::Durability::kForced) {
    absl::MutexLock lock(&mu_);
    trap = trap_;
  }
  if (trap != nullptr && trap->strike == Strike::kBefore) {
    trap->Spring();
    trap = nullptr;
  }
  auto answer = [alarm = alarm_, trap, done = std::move(done)](
                    absl::StatusOr<trivet::LogIndex> last) mutable {
    if (last.ok() && trap != nullptr && trap->Spring()) return;
    if (!absl::IsAborted(last.status())) alarm->Ring(last.status());
    std::move(done)(std::move(last));
  };
  valve_->Pass([real = real_, epoch, records = std::move(records), durability,
                answer = std::move(answer)]() mutable {
    real->Append(epoch, std::move(records), durability, std::move(answer));
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
