// SPDX-License-Identifier: Apache-2.0
//
// MemoryLockBackend: leases in this process. The reference model of what a
// LockBackend must do, and a real one for the threads of one process.
//
//   lock "jobs"   last token 7
//     holder      lease A, until 12.0 s
//     queue       lease B, place until 14.5 s    waits for a release
//                 lease C, place until 13.1 s
//
// Fair: who is refused is queued, and when the lock is free only the first of
// the queue is granted it. A place is kept for the ttl that was asked for, and
// kept longer by asking again. Notifies: the first of the queue is told when
// the lock is released or runs out, or when the one before it has vanished.
//
// Time is the executor's: virtual time works. Tokens rise as long as the object
// lives: it keeps a few dozen bytes for every lock name it has ever seen. A new
// object starts at 1 again, so tokens must not outlive it.
//
// Answers come inside the call; hints on the executor.
//
// Thread safety: thread-safe.

#ifndef TRIVET_ADAPTERS_MEMORY_MEMORY_LOCK_BACKEND_H_
#define TRIVET_ADAPTERS_MEMORY_MEMORY_LOCK_BACKEND_H_

#include <memory>
#include <optional>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "trivet/config.h"
#include "trivet/host/executor.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/lock/lock_backend.h"

namespace trivet {
inline namespace v0_1 {

class TRIVET_EXPORT MemoryLockBackend : public LockBackend {
 public:
  // Does not own `executor`, which must outlive it.
  explicit MemoryLockBackend(Executor* executor);

  // Destroys the hints that were not given. When it has returned, none is given
  // any more.
  ~MemoryLockBackend() override;

  LockBackendTraits Traits() const override;
  void Acquire(const LeaseKey& key, absl::Duration ttl, MonotonicTime deadline,
               Done<std::optional<LeaseGrant>> done) override;
  void Renew(const LeaseKey& key, absl::Duration ttl, MonotonicTime deadline,
             Done<std::optional<LeaseGrant>> done) override;
  void Release(const LeaseKey& key, MonotonicTime deadline,
               Done<bool> done) override;
  void AwaitRelease(const LeaseKey& key,
                    absl::AnyInvocable<void() &&> done) override;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_ADAPTERS_MEMORY_MEMORY_LOCK_BACKEND_H_
