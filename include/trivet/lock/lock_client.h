// SPDX-License-Identifier: Apache-2.0
//
// LockClient: distributed locks for application code.
//
//   auto locks = LockClient::Create(&executor, &backend, "worker-7", {});
//   absl::StatusOr<Lease> lease =
//       (*locks)->Lock("invoices", absl::Seconds(30));
//   if (!lease.ok()) return lease.status();
//   return WriteInvoice(invoice,
//                       lease->fencing_token());  // the store checks it
//                                                 // ~Lease gives it back
//
// A Lease is deliberately not a std::mutex-like guard. It can be lost while you
// hold it; ask CheckHeld() before each step and hand fencing_token() to every
// resource you touch.
//
// Callbacks run on the executor, one at a time, never inside the call that
// takes them. Blocking forms crash where !executor->MayBlock().
//
// Destruction of a LockClient: acquisitions and releases that are unfinished
// are called back with kCancelled first, on the destroying thread. Locks that
// were asked for are given up without waiting for the answer. When the
// destructor has returned no callback runs and no host interface is called any
// more. It waits only for a callback that runs on another thread, never for
// I/O, and may run inside a callback. What a callback asks of the client from
// then on is answered with kCancelled inside the call.
//
// After fork() the child holds nothing: its copies of leases are not held and
// have no token, its copy of a client refuses, inside the call, and sends
// nothing for the parent. Create a new client in the child.
//
// Thread safety: LockClient and Lease are thread-safe.

#ifndef TRIVET_LOCK_LOCK_CLIENT_H_
#define TRIVET_LOCK_LOCK_CLIENT_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "trivet/config.h"
#include "trivet/host/executor.h"
#include "trivet/lock/fencing_token.h"
#include "trivet/lock/lease_options.h"
#include "trivet/lock/lock_backend.h"

namespace trivet {
inline namespace v0_1 {

// Holds a lock until released, lost or destroyed. Move-only; a moved-from Lease
// holds nothing. Renews itself. Must not outlive its LockClient.
class TRIVET_EXPORT Lease {
 public:
  Lease(Lease&&) noexcept;
  Lease& operator=(Lease&&) noexcept;
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  // Releases without waiting for the answer; the LockClient carries it on.
  ~Lease();

  std::string_view lock_name() const;
  FencingToken fencing_token() const;

  // OK if the lease is certainly held at this moment; otherwise
  // kFailedPrecondition, and why not. Cheap: no I/O. ValidFor: how long it can
  // still be relied on without renewal.
  absl::Status CheckHeld() const;
  absl::Duration ValidFor() const;

  // Calls `on_lost` once, on the executor, with the reason, if the lease is
  // ever lost; soon, if it already is. Losing is final: take the lock again. A
  // later call replaces what has not been called yet.
  void OnLost(absl::AnyInvocable<void(absl::Status why) &&> on_lost);

  // Releases; `done` with OK also when the lease had already ended.
  // kUnavailable: no answer; it runs out by itself. From the call on the lease
  // is not held. A moved-from lease calls `done` inside the call.
  void ReleaseAsync(absl::AnyInvocable<void(absl::Status) &&> done);
  absl::Status Release();  // REQUIRES: executor->MayBlock().

 private:
  friend class LockClient;
  class Session;
  explicit Lease(std::shared_ptr<Session> session);
  std::shared_ptr<Session> session_;
};

struct LockClientOptions {
  LeaseOptions lease;

  // The weakest fence that will do: kMonotonic for tokens that guard data.
  FenceStrength require_fence = FenceStrength::kNone;
};

class TRIVET_EXPORT LockClient {
 public:
  using LockDone = absl::AnyInvocable<void(absl::StatusOr<Lease>) &&>;
  using TryLockDone =
      absl::AnyInvocable<void(absl::StatusOr<std::optional<Lease>>) &&>;

  // Ends the wait of the LockAsync that returned it, with kCancelled. Does
  // nothing once that has been called back. May outlive the client.
  class TRIVET_EXPORT Waiting {
   public:
    Waiting() = default;  // For nothing.
    void Cancel();

   private:
    friend class LockClient;
    explicit Waiting(std::weak_ptr<Lease::Session> session)
        : session_(std::move(session)) {}
    std::weak_ptr<Lease::Session> session_;
  };

  // Does not own `executor` or `backend`; both must outlive the client. `owner`
  // names this process in the store, for people: 1 to 512 bytes.
  // kInvalidArgument: options or owner. kFailedPrecondition: the backend's
  // fence is weaker than require_fence.
  static absl::StatusOr<std::unique_ptr<LockClient>> Create(
      Executor* executor, LockBackend* backend, std::string owner,
      LockClientOptions options);
  ~LockClient();

  // Waits up to `timeout` for `lock`; zero: as TryLock. kDeadlineExceeded:
  // someone else kept it. kUnavailable: the backend did not answer in time.
  // kInvalidArgument: the name is not 1 to Traits().lock_name_max bytes, or
  // `timeout` is negative. What the backend says will not change
  // (kPermissionDenied, kDataLoss, ...) ends the wait as it is.
  Waiting LockAsync(std::string_view lock, absl::Duration timeout,
                    LockDone done);
  absl::StatusOr<Lease> Lock(std::string_view lock, absl::Duration timeout);

  // One attempt. nullopt: someone else holds it. Errors as of LockAsync.
  void TryLockAsync(std::string_view lock, TryLockDone done);
  absl::StatusOr<std::optional<Lease>> TryLock(std::string_view lock);

 private:
  friend class Lease;  // Whose Session talks to Impl.
  class Impl;
  explicit LockClient(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_LOCK_LOCK_CLIENT_H_
