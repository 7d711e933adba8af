// SPDX-License-Identifier: Apache-2.0
//
// LockBackend: where leases live. Implement this to put trivet locks on a store
// trivet does not know.
//
//   LeaseMachine (when to ask)  --Acquire, Renew, Release-->  LockBackend
//                               <--grant, refusal, error----  (who holds it)
//
// A backend is dumb: no timers of its own for leases, no retries, no policy. It
// is the only authority on who holds a lock and on when a lease runs out, and
// it measures `ttl` on its own clock. Contract, which the tests try line by
// line on every backend that comes with trivet, and on liars that must fail:
//
//   Exclusive    At most one lease per lock is live at any moment of the
//                backend's clock.
//   Fenced       Each new lease on a lock has a larger token than every earlier
//                lease on it: across expiry, release, restart, and deletion of
//                whatever directory the lock lives in. How far this can be
//                trusted is Traits().fence, and that is checked too.
//   Idempotent   Acquire with the lease_id that holds the lock returns that
//                same grant again, token unchanged. A reply may be lost; the
//                request may be repeated.
//   Owned        Renew and Release act only for the lease_id that holds the
//                lock. Renewing a free lock is refused, never granted.
//   Not before   A lease never ends earlier than `granted_ttl` after the
//                request that granted or renewed it reached the backend.
//   In line      Where Traits().fair: a refused lease_id keeps its place in the
//                queue until it is granted, released, or its ttl runs out.
//
// Thread safety: implementations must allow every method from any thread, also
// from inside `done`.

#ifndef TRIVET_LOCK_LOCK_BACKEND_H_
#define TRIVET_LOCK_LOCK_BACKEND_H_

#include <cstddef>
#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "trivet/config.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/lock/fencing_token.h"

namespace trivet {
inline namespace v0_1 {

// What identifies one acquisition. `lease_id` is unique in the world and not
// guessable: trivet draws a fresh one from the kernel for each acquisition and
// repeats it on every retry. `owner` is for people.
struct LeaseKey {
  std::string lock;
  std::string lease_id;
  std::string owner;
};

struct LeaseGrant {
  FencingToken token;          // Meaningful as far as Traits().fence says.
  absl::Duration granted_ttl;  // What the backend really gave; may be longer.
};

// What kind of backend this is. Constant for its life.
struct LockBackendTraits {
  FenceStrength fence = FenceStrength::kNone;
  bool fair = false;      // First come, first served.
  bool notifies = false;  // AwaitRelease tells; otherwise the client polls.
  absl::Duration ttl_min = absl::ZeroDuration();
  absl::Duration ttl_max = absl::InfiniteDuration();
  size_t lock_name_max = 512;  // Bytes; any byte value is allowed in a name.
};

class TRIVET_EXPORT LockBackend {
 public:
  template <typename T>
  using Done = absl::AnyInvocable<void(absl::StatusOr<T>) &&>;

  virtual ~LockBackend() = default;

  virtual LockBackendTraits Traits() const = 0;

  // `done` is called exactly once, on any thread, possibly inside the call, but
  // never with a lock of the backend's held, and before the backend's
  // destructor returns. `key` is valid until then. An error means the outcome
  // is unknown. Being refused is not an error: it is a value, std::nullopt or
  // false. After `deadline` nobody waits for the answer; what was asked may
  // still happen.

  // Takes the lock if it is free. nullopt: someone else holds it.
  virtual void Acquire(const LeaseKey& key, absl::Duration ttl,
                       MonotonicTime deadline,
                       Done<std::optional<LeaseGrant>> done) = 0;

  // Extends a live lease to `ttl` from now. nullopt: this lease has ended.
  virtual void Renew(const LeaseKey& key, absl::Duration ttl,
                     MonotonicTime deadline,
                     Done<std::optional<LeaseGrant>> done) = 0;

  // Ends the lease, or gives up its place in the queue. Ending a lease that has
  // ended is fine: true.
  virtual void Release(const LeaseKey& key, MonotonicTime deadline,
                       Done<bool> done) = 0;

  // Calls `done` at most once, when `key.lock` may have become free for this
  // lease_id. A hint: late, for nothing or never is allowed, and locks must
  // still work. Release of the same lease_id ends the wait. Only called where
  // Traits().notifies, and after a refusal; the default does nothing.
  virtual void AwaitRelease(const LeaseKey& key,
                            absl::AnyInvocable<void() &&> done);
};

}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_LOCK_LOCK_BACKEND_H_
