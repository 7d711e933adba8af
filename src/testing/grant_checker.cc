// SPDX-License-Identifier: Apache-2.0

#include "trivet/testing/grant_checker.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "src/internal/strings.h"
#include "trivet/host/executor.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/lock/fencing_token.h"
#include "trivet/lock/lock_backend.h"
#include "trivet/testing/violations.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {

GrantChecker::GrantChecker(Executor* executor, LockBackend* backend,
                           Violations* violations)
    : self_(std::make_shared<GrantChecker*>(this)),
      executor_(executor),
      backend_(backend),
      violations_(violations) {}

GrantChecker::~GrantChecker() { *self_ = nullptr; }

bool GrantChecker::EndEarly(std::string_view name, bool again) {
  const auto found = locks_.find(name);
  if (found == locks_.end()) return false;
  Lock& lock = found->second;
  if (!lock.holder.has_value()) return false;
  lock.ended_early.push_back(lock.token);
  const LeaseKey key = *lock.holder;
  const absl::Duration left = lock.until - executor_->Now();
  Release(key, MonotonicTime::InfiniteFuture(),
          [](const absl::StatusOr<bool>&) {});
  if (again && left > absl::ZeroDuration()) {
    Acquire(key, left, MonotonicTime::InfiniteFuture(),
            [](const absl::StatusOr<std::optional<LeaseGrant>>&) {});
  }
  return true;
}

bool GrantChecker::EndedEarly(std::string_view name, FencingToken token) const {
  const auto found = locks_.find(name);
  if (found == locks_.end()) return false;
  const std::vector<FencingToken>& ended = found->second.ended_early;
  return std::find(ended.begin(), ended.end(), token) != ended.end();
}

bool GrantChecker::EndSession(std::string_view owner) {
  bool ended = false;
  for (const auto& [name, lock] : locks_) {
    if (!lock.holder.has_value() || lock.holder->owner != owner) continue;
    ended = EndEarly(name) || ended;
  }
  return ended;
}

bool GrantChecker::RestoreTtl(std::string_view name, absl::Duration ttl) {
  const auto found = locks_.find(name);
  if (found == locks_.end()) return false;
  const Lock& lock = found->second;
  if (!lock.holder.has_value()) return false;
  const LeaseKey key = *lock.holder;
  bool live = false;
  Renew(key, ttl, MonotonicTime::InfiniteFuture(),
        [&live](const absl::StatusOr<std::optional<LeaseGrant>>& grant) {
          live = grant.ok() && grant->has_value();
        });
  return live;
}

LockBackendTraits GrantChecker::Traits() const { return backend_->Traits(); }

void GrantChecker::Acquire(const LeaseKey& key, absl::Duration ttl,
                           MonotonicTime deadline,
                           Done<std::optional<LeaseGrant>> done) {
  backend_->Acquire(
      key, ttl, deadline,
      [self = self_, key, ttl, done = std::move(done)](
          absl::StatusOr<std::optional<LeaseGrant>> grant) mutable {
        if (grant.ok() && *self) (*self)->OnAcquired(key, ttl, *grant);
        std::move(done)(std::move(grant));
      });
}

void GrantChecker::Renew(const LeaseKey& key, absl::Duration ttl,
                         MonotonicTime deadline,
                         Done<std::optional<LeaseGrant>> done) {
  backend_->Renew(key, ttl, deadline,
                  [self = self_, key, done = std::move(done)](
                      absl::StatusOr<std::optional<LeaseGrant>> grant) mutable {
                    if (grant.ok() && *self) (*self)->OnRenewed(key, *grant);
                    std::move(done)(std::move(grant));
                  });
}

void GrantChecker::Release(const LeaseKey& key, MonotonicTime deadline,
                           Done<bool> done) {
  Lock& lock = locks_[key.lock];
  if (lock.holder.has_value() && lock.holder->lease_id == key.lease_id) {
    lock.holder.reset();
  }
  lock.places.erase(key.lease_id);
  backend_->Release(key, deadline, std::move(done));
}

void GrantChecker::AwaitRelease(const LeaseKey& key,
                                absl::AnyInvocable<void() &&> done) {
  backend_->AwaitRelease(key, std::move(done));
}

void GrantChecker::OnAcquired(const LeaseKey& key, absl::Duration ttl,
                              const std::optional<LeaseGrant>& grant) {
  Lock& lock = locks_[key.lock];
  if (!grant.has_value()) return OnRefused(key, ttl, &lock);
  const MonotonicTime now = executor_->Now();
  const bool held = lock.holder.has_value() && now < lock.until;
  // After `until` it may be the same lease still, or a new one: its token says.
  const bool again =
      lock.holder.has_value() && lock.holder->lease_id == key.lease_id &&
      (held || (now < lock.until_latest && grant->token == lock.token));
  if (held && !again) {
    Report("Exclusive", key,
           absl::StrCat("is granted while ", lock.holder->owner,
                        " holds it for another ",
                        absl::FormatDuration(lock.until - now)));
  }
  if (again && !(grant->token == lock.token)) {
    Report("Idempotent", key,
           absl::StrCat("had token ", ToString(lock.token), " and now has ",
                        ToString(grant->token)));
  }
  if (!again) {
    if (!Rises(grant->token, lock)) {
      Report("Fenced", key,
             absl::StrCat("has token ", ToString(grant->token), " after ",
                          ToString(lock.token)));
    }
    lock.token = grant->token;
    uint64_t& highest = lock.highest[lock.token.generation];
    highest = std::max(highest, lock.token.value);
    lock.until = lock.until_latest = now + grant->granted_ttl;
  }
  lock.holder = key;
  lock.until_latest = std::max(lock.until_latest, now + grant->granted_ttl);
  lock.places.erase(key.lease_id);
}

bool GrantChecker::Rises(FencingToken token, const Lock& lock) const {
  const FenceStrength fence = Traits().fence;
  if (fence == FenceStrength::kNone || lock.highest.empty()) return true;
  const auto found = lock.highest.find(token.generation);
  if (found != lock.highest.end()) return token.value > found->second;
  return fence != FenceStrength::kMonotonic;
}

void GrantChecker::OnRefused(const LeaseKey& key, absl::Duration ttl,
                             Lock* lock) {
  const MonotonicTime now = executor_->Now();
  MonotonicTime& place = lock->places[key.lease_id];
  place = MonotonicTime::InfinitePast();
  const bool held = lock->holder.has_value() && now <= lock->until_latest;
  const bool others =
      std::any_of(lock->places.begin(), lock->places.end(),
                  [now](const auto& other) { return now <= other.second; });
  if (!held && !others) Report("Available", key, "is refused a free lock");
  place = now + ttl;
}

void GrantChecker::OnRenewed(const LeaseKey& key,
                             const std::optional<LeaseGrant>& grant) {
  Lock& lock = locks_[key.lock];
  const bool holds =
      lock.holder.has_value() && lock.holder->lease_id == key.lease_id;
  const MonotonicTime now = executor_->Now();
  if (!grant.has_value()) {
    if (holds && now < lock.until) {
      Report("NotBefore", key,
             absl::StrCat("is refused a renewal, and holds it for another ",
                          absl::FormatDuration(lock.until - now)));
    }
    return;
  }
  if (!holds) {
    Report("Owned", key, "is renewed and does not hold it");
    return;
  }
  if (grant->token != lock.token) {
    Report("Idempotent", key,
           absl::StrCat("had token ", ToString(lock.token),
                        " and is renewed with ", ToString(grant->token)));
  }
  if (now > lock.until_latest) {
    Report("Owned", key, "is renewed after it ran out");
  }
  lock.until = std::max(lock.until, now + grant->granted_ttl);
  lock.until_latest = std::max(lock.until_latest, lock.until);
}

void GrantChecker::Report(std::string_view property, const LeaseKey& key,
                          std::string_view what) {
  violations_->Add(property, absl::StrCat("lock ", key.lock, ": ", key.owner,
                                          " ", internal::Sv(what)));
}

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet
