// SPDX-License-Identifier: Apache-2.0

#include "trivet/adapters/memory/memory_lock_backend.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <list>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "src/internal/call_gate.h"
#include "src/internal/mutant.h"
#include "trivet/host/executor.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/lock/fencing_token.h"
#include "trivet/lock/lock_backend.h"

namespace trivet {
inline namespace v0_1 {
namespace {

constexpr size_t kBytesMax = 512;

using Hint = absl::AnyInvocable<void() &&>;

absl::Status Check(const LeaseKey& key, absl::Duration ttl) {
  if (key.lock.empty() || key.lock.size() > kBytesMax) {
    return absl::InvalidArgumentError(
        "LeaseKey.lock has " + std::to_string(key.lock.size()) +
        " bytes, must have 1 to " + std::to_string(kBytesMax));
  }
  if (key.lease_id.empty() || key.lease_id.size() > kBytesMax) {
    return absl::InvalidArgumentError(
        "LeaseKey.lease_id has " + std::to_string(key.lease_id.size()) +
        " bytes, must have 1 to " + std::to_string(kBytesMax));
  }
  if (ttl <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError("ttl is " + absl::FormatDuration(ttl) +
                                      ", must be positive");
  }
  return absl::OkStatus();
}

// A lease, or a place in the queue.
struct Claim {
  std::string lease_id;
  MonotonicTime until;
  Hint hint = nullptr;  // Of a place: wanted when the lock may be free.
};

struct Lock {
  uint64_t ordinal = 0;  // Of its first use: turns at equal times go by it.
  uint64_t last_token = 0;
  uint64_t token = 0;  // The holder's.
  std::optional<Claim> holder;
  std::list<Claim> queue;
  MonotonicTime turn_at = MonotonicTime::InfiniteFuture();

  bool IsHeldBy(const std::string& lease_id) const {
    return holder.has_value() && holder->lease_id == lease_id;
  }
  std::list<Claim>::iterator PlaceOf(const std::string& lease_id) {
    return std::find_if(queue.begin(), queue.end(), [&](const Claim& place) {
      return place.lease_id == lease_id;
    });
  }

  // When time alone next changes who is to be told.
  MonotonicTime NextTurn() const {
    if (queue.empty()) return MonotonicTime::InfiniteFuture();
    return holder.has_value() ? holder->until : queue.front().until;
  }
};

}  // namespace

// Every operation is one Turn on one lock: time passes, the operation acts, and
// then the first of the queue is told if the lock is free.
class MemoryLockBackend::Impl
    : public std::enable_shared_from_this<MemoryLockBackend::Impl> {
 public:
  explicit Impl(Executor* executor) : executor_(executor) {}

  std::optional<LeaseGrant> Acquire(const LeaseKey& key, absl::Duration ttl);
  std::optional<LeaseGrant> Renew(const LeaseKey& key, absl::Duration ttl);
  void Release(const LeaseKey& key);
  void Await(const LeaseKey& key, Hint hint);
  void Close();

 private:
  // What a turn leaves to be done without the mutex.
  struct Rest {
    std::vector<Hint> hints;  // To give.
    MonotonicTime arm = MonotonicTime::InfiniteFuture();
    std::list<Claim> ended;  // To destroy.
  };

  void BeginTurn(MonotonicTime now, Lock* lock, Rest* rest);
  void EndTurn(Lock* lock, Rest* rest) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  template <typename Act>
  void Turn(const std::string& name, Act act);
  void Finish(Rest rest);
  void OnTimer(MonotonicTime when);

  Executor* const executor_;
  internal::CallGate gate_;

  absl::Mutex mu_;
  std::unordered_map<std::string, Lock> locks_ ABSL_GUARDED_BY(mu_);
  std::vector<Lock*> by_ordinal_ ABSL_GUARDED_BY(mu_);
  // When time alone ends something that a queue waits for, and of which lock.
  std::set<std::pair<MonotonicTime, uint64_t>> turns_ ABSL_GUARDED_BY(mu_);
  MonotonicTime armed_at_ ABSL_GUARDED_BY(mu_) =
      MonotonicTime::InfiniteFuture();
};

// Ends what has run out by `now`.
void MemoryLockBackend::Impl::BeginTurn(MonotonicTime now, Lock* lock,
                                        Rest* rest) {
  if (lock->holder.has_value() && lock->holder->until <= now) {
    lock->holder.reset();
  }
  for (auto place = lock->queue.begin(); place != lock->queue.end();) {
    const auto next = std::next(place);
    if (place->until <= now) {
      rest->ended.splice(rest->ended.end(), lock->queue, place);
    }
    place = next;
  }
}

// In line: only the first of the queue is told.
void MemoryLockBackend::Impl::EndTurn(Lock* lock, Rest* rest) {
  if (!lock->holder.has_value() && !lock->queue.empty()) {
    Hint hint = std::exchange(lock->queue.front().hint, nullptr);
    if (hint != nullptr) rest->hints.push_back(std::move(hint));
  }
  const MonotonicTime turn_at = lock->NextTurn();
  if (turn_at != lock->turn_at) {
    turns_.erase({lock->turn_at, lock->ordinal});
    lock->turn_at = turn_at;
    if (turn_at != MonotonicTime::InfiniteFuture()) {
      turns_.insert({turn_at, lock->ordinal});
    }
  }
  if (turns_.empty() || turns_.begin()->first >= armed_at_) return;
  armed_at_ = rest->arm = turns_.begin()->first;
}

template <typename Act>
void MemoryLockBackend::Impl::Turn(const std::string& name, Act act) {
  const MonotonicTime now = executor_->Now();
  Rest rest;
  {
    const absl::MutexLock guard(&mu_);
    Lock& lock = locks_[name];
    if (lock.ordinal == 0) {
      by_ordinal_.push_back(&lock);
      lock.ordinal = by_ordinal_.size();
    }
    BeginTurn(now, &lock, &rest);
    act(now, lock, rest);
    EndTurn(&lock, &rest);
  }
  Finish(std::move(rest));
}

void MemoryLockBackend::Impl::Finish(Rest rest) {
  for (Hint& hint : rest.hints) {
    executor_->Post(
        [weak = weak_from_this(), hint = std::move(hint)]() mutable {
          const auto self = weak.lock();
          if (self == nullptr || !self->gate_.Enter()) return;
          std::exchange(hint, nullptr)();
          self->gate_.Leave();
        });
  }
  if (rest.arm == MonotonicTime::InfiniteFuture()) return;
  executor_->PostAt(rest.arm, [weak = weak_from_this(), when = rest.arm] {
    const auto self = weak.lock();
    if (self == nullptr || !self->gate_.Enter()) return;
    self->OnTimer(when);
    self->gate_.Leave();
  });
}

void MemoryLockBackend::Impl::OnTimer(MonotonicTime when) {
  const MonotonicTime now = executor_->Now();
  Rest rest;
  {
    const absl::MutexLock guard(&mu_);
    if (when == armed_at_) armed_at_ = MonotonicTime::InfiniteFuture();
    while (!turns_.empty() && turns_.begin()->first <= now) {
      Lock* const lock = by_ordinal_[turns_.begin()->second - 1];
      BeginTurn(now, lock, &rest);
      EndTurn(lock, &rest);
    }
    // The last turn may have been of a lock with nothing more to wait for.
    if (!turns_.empty() && turns_.begin()->first < armed_at_) {
      armed_at_ = rest.arm = turns_.begin()->first;
    }
  }
  Finish(std::move(rest));
}

std::optional<LeaseGrant> MemoryLockBackend::Impl::Acquire(const LeaseKey& key,
                                                           absl::Duration ttl) {
  std::optional<LeaseGrant> grant;
  Turn(key.lock, [&](MonotonicTime now, Lock& lock, Rest& rest) {
    const auto place = lock.PlaceOf(key.lease_id);
    if (lock.IsHeldBy(key.lease_id)) {
      if (TRIVET_MUTANT(second_grant_on_lost_reply)) {
        lock.token = ++lock.last_token;
      }
      lock.holder->until = std::max(lock.holder->until, now + ttl);
      grant = LeaseGrant{{0, lock.token}, ttl};
    } else if (lock.holder.has_value() ||
               (!lock.queue.empty() && place != lock.queue.begin())) {
      if (place == lock.queue.end()) {
        lock.queue.push_back({key.lease_id, now + ttl});
      } else {
        place->until = std::max(place->until, now + ttl);
      }
    } else {
      if (place != lock.queue.end()) {
        rest.ended.splice(rest.ended.end(), lock.queue, place);
      }
      lock.holder = Claim{key.lease_id, now + ttl};
      lock.token = ++lock.last_token;
      grant = LeaseGrant{{0, lock.token}, ttl};
    }
  });
  return grant;
}

std::optional<LeaseGrant> MemoryLockBackend::Impl::Renew(const LeaseKey& key,
                                                         absl::Duration ttl) {
  std::optional<LeaseGrant> grant;
  Turn(key.lock, [&](MonotonicTime now, Lock& lock, Rest&) {
    const bool owned =
        lock.IsHeldBy(key.lease_id) ||
        (TRIVET_MUTANT(renew_without_owner) && lock.holder.has_value());
    if (TRIVET_MUTANT(free_lock_renewed) && !lock.holder.has_value()) {
      lock.holder = Claim{key.lease_id, now + ttl};
    } else if (!owned) {
      return;
    }
    if (TRIVET_MUTANT(awaited_lock_not_renewed) && !lock.queue.empty()) return;
    if (TRIVET_MUTANT(renewal_has_new_token)) lock.token = ++lock.last_token;
    lock.holder->until = std::max(lock.holder->until, now + ttl);
    grant = LeaseGrant{{0, lock.token}, ttl};
  });
  return grant;
}

void MemoryLockBackend::Impl::Release(const LeaseKey& key) {
  Turn(key.lock, [&](MonotonicTime, Lock& lock, Rest& rest) {
    if (lock.IsHeldBy(key.lease_id) || TRIVET_MUTANT(release_without_owner)) {
      lock.holder.reset();
    }
    const auto place = lock.PlaceOf(key.lease_id);
    if (place != lock.queue.end() && !TRIVET_MUTANT(giving_up_keeps_place)) {
      rest.ended.splice(rest.ended.end(), lock.queue, place);
    }
  });
}

void MemoryLockBackend::Impl::Await(const LeaseKey& key, Hint hint) {
  Turn(key.lock, [&](MonotonicTime, Lock& lock, Rest& rest) {
    const auto place = lock.PlaceOf(key.lease_id);
    if (place == lock.queue.end()) {
      rest.hints.push_back(std::move(hint));  // Not in line: ask again.
    } else {
      // The hint that was there is destroyed with the argument, unlocked.
      std::swap(place->hint, hint);
    }
  });
}

void MemoryLockBackend::Impl::Close() {
  gate_.Close();
  Rest rest;
  const absl::MutexLock guard(&mu_);
  for (Lock* const lock : by_ordinal_) {
    rest.ended.splice(rest.ended.end(), lock->queue);
  }
}

// --- MemoryLockBackend -------------------------------------------------------

// Not from make_shared: timers hold weak pointers, which would pin it.
MemoryLockBackend::MemoryLockBackend(Executor* executor)
    : impl_(new Impl(executor)) {}

MemoryLockBackend::~MemoryLockBackend() { impl_->Close(); }

LockBackendTraits MemoryLockBackend::Traits() const {
  LockBackendTraits traits;
  traits.fence = FenceStrength::kMonotonic;
  traits.fair = true;
  traits.notifies = true;
  traits.lock_name_max = kBytesMax;
  return traits;
}

void MemoryLockBackend::Acquire(const LeaseKey& key, absl::Duration ttl,
                                MonotonicTime,
                                Done<std::optional<LeaseGrant>> done) {
  const absl::Status valid = Check(key, ttl);
  if (!valid.ok()) return std::move(done)(valid);
  std::move(done)(impl_->Acquire(key, ttl));
}

void MemoryLockBackend::Renew(const LeaseKey& key, absl::Duration ttl,
                              MonotonicTime,
                              Done<std::optional<LeaseGrant>> done) {
  const absl::Status valid = Check(key, ttl);
  if (!valid.ok()) return std::move(done)(valid);
  std::move(done)(impl_->Renew(key, ttl));
}

void MemoryLockBackend::Release(const LeaseKey& key, MonotonicTime,
                                Done<bool> done) {
  const absl::Status valid = Check(key, absl::InfiniteDuration());
  if (!valid.ok()) return std::move(done)(valid);
  impl_->Release(key);
  std::move(done)(true);
}

void MemoryLockBackend::AwaitRelease(const LeaseKey& key,
                                     absl::AnyInvocable<void() &&> done) {
  impl_->Await(key, std::move(done));
}

}  // namespace v0_1
}  // namespace trivet
