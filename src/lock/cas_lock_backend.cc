// SPDX-License-Identifier: Apache-2.0

#include "trivet/lock/cas_lock_backend.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "src/internal/call_gate.h"
#include "src/internal/crc32c.h"
#include "src/internal/mutant.h"
#include "src/lock/cas_register.h"
#include "trivet/host/executor.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/host/versioned_store.h"
#include "trivet/lock/fencing_token.h"
#include "trivet/lock/lock_backend.h"

namespace trivet {
inline namespace v0_1 {
namespace {

using internal::CasRegister;
using GrantDone = LockBackend::Done<std::optional<LeaseGrant>>;

constexpr size_t kWatchedMax = 16'384;

// How often one call starts over because the register moved under it.
constexpr int kConflictsMax = 16;

constexpr absl::Duration kTtlMax = absl::Nanoseconds(INT64_MAX);

enum class Method { kAcquire, kRenew, kRelease };

absl::Status Gone() {
  return absl::UnavailableError("the backend is being destroyed");
}

// Since when registers have not changed, as far as this process has seen. Of a
// bounded number of them: the one looked at longest ago is forgotten, and
// watching it starts anew.
class Watch {
 public:
  // Takes in that a read, answered at `now`, showed `version`, which if it is
  // new has stood since `since`. Returns how long it has stood; zero if a later
  // version was seen already.
  absl::Duration Saw(const std::string& key, uint64_t version,
                     MonotonicTime since, MonotonicTime now) {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) {
      recent_.push_front({key, version, since});
      by_key_.emplace(key, recent_.begin());
      if (recent_.size() > kWatchedMax) {
        by_key_.erase(recent_.back().key);
        recent_.pop_back();
      }
      return now - since;
    }
    recent_.splice(recent_.begin(), recent_, found->second);
    Watched& watched = recent_.front();
    if (version > watched.version) {
      watched.version = version;
      watched.since = since;
    }
    return version == watched.version ? now - watched.since
                                      : absl::ZeroDuration();
  }

  void Forget(const std::string& key) {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return;
    recent_.erase(found->second);
    by_key_.erase(found);
  }

 private:
  struct Watched {
    std::string key;
    uint64_t version;
    MonotonicTime since;
  };

  std::list<Watched> recent_;  // Looked at last comes first.
  std::unordered_map<std::string, std::list<Watched>::iterator> by_key_;
};

}  // namespace

// Every call reads the register, decides, and writes it if it has not moved:
//
//   Start -> Read -> OnRead -> Finish
//              ^        `----> Write -> OnWritten -> Finish
//              `----- conflict -----------'
class CasLockBackend::Impl
    : public std::enable_shared_from_this<CasLockBackend::Impl> {
 public:
  Impl(Executor* executor, VersionedStore* store)
      : executor_(executor), store_(store) {}

  void Start(Method method, const LeaseKey& key, absl::Duration ttl,
             MonotonicTime deadline, GrantDone done);
  void Close();

 private:
  struct Call {
    Method method;
    LeaseKey key;
    absl::Duration ttl;
    MonotonicTime deadline;
    std::string store_key;
    int conflicts = 0;
    uint64_t number = 0;
    MonotonicTime read_sent_at;
    GrantDone done;
  };
  using CallPtr = std::shared_ptr<Call>;

  void Read(const CallPtr& call);
  void OnRead(const CallPtr& call, absl::StatusOr<VersionedValue> content);
  std::optional<CasRegister> Next(const Call& call, uint64_t version,
                                  const CasRegister& seen);
  void Write(const CallPtr& call, uint64_t version, const CasRegister& lease);
  void OnWritten(const CallPtr& call, const CasRegister& lease,
                 const absl::Status& written);
  void Finish(const CallPtr& call,
              absl::StatusOr<std::optional<LeaseGrant>> result);
  bool HasRunOut(const Call& call, uint64_t version, const CasRegister& seen);

  Executor* const executor_;
  VersionedStore* const store_;
  internal::CallGate gate_;

  absl::Mutex mu_;
  Watch watch_ ABSL_GUARDED_BY(mu_);
  uint64_t last_call_ ABSL_GUARDED_BY(mu_) = 0;
  std::map<uint64_t, CallPtr> calls_ ABSL_GUARDED_BY(mu_);
};

void CasLockBackend::Impl::Start(Method method, const LeaseKey& key,
                                 absl::Duration ttl, MonotonicTime deadline,
                                 GrantDone done) {
  if (!gate_.IsOpen()) return std::move(done)(Gone());
  const auto call = std::make_shared<Call>();
  call->method = method;
  call->key = key;
  call->ttl = ttl;
  call->deadline = deadline;
  call->store_key = internal::CasRegisterKey(key.lock);
  call->done = std::move(done);
  {
    const absl::MutexLock lock(&mu_);
    call->number = ++last_call_;
    calls_.emplace(call->number, call);
  }
  Read(call);
}

void CasLockBackend::Impl::Read(const CallPtr& call) {
  call->read_sent_at = executor_->Now();
  store_->Get(call->store_key, [weak = weak_from_this(),
                                call](absl::StatusOr<VersionedValue> content) {
    const auto self = weak.lock();
    if (self == nullptr || !self->gate_.Enter()) return;
    self->OnRead(call, std::move(content));
    self->gate_.Leave();
  });
}

void CasLockBackend::Impl::OnRead(const CallPtr& call,
                                  absl::StatusOr<VersionedValue> content) {
  if (!content.ok()) return Finish(call, content.status());
  const absl::StatusOr<CasRegister> seen =
      internal::DecodeCasRegister(*content);
  if (!seen.ok()) return Finish(call, seen.status());
  const std::optional<CasRegister> next = Next(*call, content->version, *seen);
  if (!next.has_value()) return Finish(call, std::nullopt);
  Write(call, content->version, *next);
}

// What the register should hold next; nothing: it stays as it is, refused.
std::optional<CasRegister> CasLockBackend::Impl::Next(const Call& call,
                                                      uint64_t version,
                                                      const CasRegister& seen) {
  const bool ours = seen.lease_id == call.key.lease_id;
  if (call.method == Method::kRelease) {
    if (!ours) return std::nullopt;
    return CasRegister();
  }
  if (ours) {
    // A repeated Acquire renews too: what it grants counts from now. The ttl
    // never shrinks, because others may have been promised the longer one.
    CasRegister renewed = seen;
    renewed.ttl = std::max(seen.ttl, call.ttl);
    ++renewed.beat;
    return renewed;
  }
  if (call.method == Method::kRenew) return std::nullopt;
  if (!seen.IsFree() && !HasRunOut(call, version, seen)) return std::nullopt;
  // Unique would not do: a resource tells by its size which token is later.
  const uint64_t token = TRIVET_MUTANT(cas_token_only_unique)
                             ? internal::Crc32c(call.key.lease_id)
                             : version + 1;
  return CasRegister{call.key.lease_id, call.key.owner, call.ttl, token, 0};
}

bool CasLockBackend::Impl::HasRunOut(const Call& call, uint64_t version,
                                     const CasRegister& seen) {
  const MonotonicTime now = executor_->Now();
  // Counted from the send, the holder's write may be younger than the count.
  const MonotonicTime since =
      TRIVET_MUTANT(cas_watch_from_send) ? call.read_sent_at : now;
  const absl::MutexLock lock(&mu_);
  return watch_.Saw(call.store_key, version, since, now) >= seen.ttl;
}

void CasLockBackend::Impl::Write(const CallPtr& call, uint64_t version,
                                 const CasRegister& lease) {
  store_->CompareAndSet(call->store_key, version,
                        internal::EncodeCasRegister(lease),
                        [weak = weak_from_this(), call,
                         lease](const absl::StatusOr<uint64_t>& written) {
                          const auto self = weak.lock();
                          if (self == nullptr || !self->gate_.Enter()) return;
                          self->OnWritten(call, lease, written.status());
                          self->gate_.Leave();
                        });
}

void CasLockBackend::Impl::OnWritten(const CallPtr& call,
                                     const CasRegister& lease,
                                     const absl::Status& written) {
  if (written.ok()) {
    {
      const absl::MutexLock lock(&mu_);
      watch_.Forget(call->store_key);
    }
    return Finish(call, LeaseGrant{FencingToken{0, lease.token}, lease.ttl});
  }
  if (!absl::IsAborted(written)) return Finish(call, written);
  if (TRIVET_MUTANT(cas_conflict_is_loss)) return Finish(call, std::nullopt);
  if (TRIVET_MUTANT(cas_own_conflict_is_grant) && lease.beat > 0) {
    return Finish(call, LeaseGrant{FencingToken{0, lease.token}, lease.ttl});
  }
  // Who was faster? It may have been an earlier request for this same lease.
  if (++call->conflicts < kConflictsMax && executor_->Now() < call->deadline) {
    return Read(call);
  }
  Finish(call, absl::UnavailableError("others kept writing the register"));
}

void CasLockBackend::Impl::Finish(
    const CallPtr& call, absl::StatusOr<std::optional<LeaseGrant>> result) {
  GrantDone done = std::move(call->done);  // Whatever it captured goes with it.
  {
    const absl::MutexLock lock(&mu_);
    calls_.erase(call->number);
  }
  std::move(done)(std::move(result));
}

void CasLockBackend::Impl::Close() {
  gate_.Close();
  std::vector<CallPtr> calls;
  {
    const absl::MutexLock lock(&mu_);
    calls.reserve(calls_.size());
    for (const auto& [number, call] : calls_) calls.push_back(call);
  }
  for (const CallPtr& call : calls) Finish(call, Gone());
}

// --- CasLockBackend ----------------------------------------------------------

namespace {

absl::Status CheckSize(const char* field, size_t size, size_t size_min,
                       size_t size_max) {
  if (size >= size_min && size <= size_max) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "LeaseKey." + std::string(field) + " has " + std::to_string(size) +
      " bytes, must have " + std::to_string(size_min) + " to " +
      std::to_string(size_max));
}

absl::Status Check(const LeaseKey& key, absl::Duration ttl) {
  absl::Status valid =
      CheckSize("lock", key.lock.size(), 1, internal::kLockNameMax);
  valid.Update(
      CheckSize("lease_id", key.lease_id.size(), 1, internal::kLeaseIdMax));
  valid.Update(CheckSize("owner", key.owner.size(), 0, internal::kOwnerMax));
  if (ttl <= absl::ZeroDuration() || ttl > kTtlMax) {
    valid.Update(absl::InvalidArgumentError(
        "ttl is " + absl::FormatDuration(ttl) +
        ", must be positive and at most " + absl::FormatDuration(kTtlMax)));
  }
  return valid;
}

}  // namespace

// Not from make_shared: calls in flight hold weak pointers.
CasLockBackend::CasLockBackend(Executor* executor, VersionedStore* store)
    : impl_(new Impl(executor, store)) {}

CasLockBackend::~CasLockBackend() { impl_->Close(); }

LockBackendTraits CasLockBackend::Traits() const {
  LockBackendTraits traits;
  traits.fence = FenceStrength::kMonotonic;  // Versions are never seen twice.
  traits.ttl_max = kTtlMax;
  traits.lock_name_max = internal::kLockNameMax;
  return traits;
}

void CasLockBackend::Acquire(const LeaseKey& key, absl::Duration ttl,
                             MonotonicTime deadline,
                             Done<std::optional<LeaseGrant>> done) {
  const absl::Status valid = Check(key, ttl);
  if (!valid.ok()) return std::move(done)(valid);
  impl_->Start(Method::kAcquire, key, ttl, deadline, std::move(done));
}

void CasLockBackend::Renew(const LeaseKey& key, absl::Duration ttl,
                           MonotonicTime deadline,
                           Done<std::optional<LeaseGrant>> done) {
  const absl::Status valid = Check(key, ttl);
  if (!valid.ok()) return std::move(done)(valid);
  impl_->Start(Method::kRenew, key, ttl, deadline, std::move(done));
}

void CasLockBackend::Release(const LeaseKey& key, MonotonicTime deadline,
                             Done<bool> done) {
  const absl::Status valid = Check(key, kTtlMax);
  if (!valid.ok()) return std::move(done)(valid);
  // Whether it was ours to free or had ended already: it is not held.
  impl_->Start(
      Method::kRelease, key, kTtlMax, deadline,
      [done = std::move(done)](
          const absl::StatusOr<std::optional<LeaseGrant>>& freed) mutable {
        if (!freed.ok()) return std::move(done)(freed.status());
        std::move(done)(true);
      });
}

}  // namespace v0_1
}  // namespace trivet
