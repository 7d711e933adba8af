// SPDX-License-Identifier: Apache-2.0
//
// What stands behind LockClient and Lease.
//
//   LockClient --> Impl: the pump over a LeaseTable; asks the backend
//                    | sessions by id          ^ Opened, Told
//                    v changes                 |
//   Lease ------> Session: how one acquisition stands, and whom to call back
//
// An Impl holds its sessions until the table forgets them; a Session knows its
// Impl weakly, so a Lease or a Waiting may be dropped whenever.

#ifndef TRIVET_SRC_LOCK_LOCK_CLIENT_IMPL_H_
#define TRIVET_SRC_LOCK_LOCK_CLIENT_IMPL_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "src/internal/pump.h"
#include "src/lock/lease_table.h"
#include "trivet/host/executor.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/lock/lock_backend.h"
#include "trivet/lock/lock_client.h"

namespace trivet {
inline namespace v0_1 {

// Thread safety: thread-safe.
class Lease::Session : public std::enable_shared_from_this<Lease::Session> {
 public:
  using Id = internal::LeaseTable::SessionId;
  using Callback = absl::AnyInvocable<void() &&>;
  using LostDone = absl::AnyInvocable<void(absl::Status) &&>;
  using ReleaseDone = absl::AnyInvocable<void(absl::Status) &&>;

  Session(std::weak_ptr<LockClient::Impl> client, const Executor* executor,
          Id session_id, LeaseKey lease_key, LockClient::LockDone done);

  // --- For the Lease ---------------------------------------------------------
  FencingToken token() const;
  absl::Status CheckHeld() const;
  absl::Duration ValidFor() const;
  void OnLost(LostDone on_lost);
  void Release(ReleaseDone done);  // nullptr: nobody asks.
  absl::Status BlockingRelease();
  void Cancel();

  // --- For the client --------------------------------------------------------
  // Takes a change over and returns whom to call back.
  std::vector<Callback> Apply(const internal::LeaseTable::Change& change);

  // The client is going: calls back what is unfinished with kCancelled.
  void Orphan();

  const Id id;
  const LeaseKey key;

 private:
  void Deliver(LockClient::LockDone done);
  absl::Status About(const absl::Status& status) const;
  absl::Status ClientIsGone() const;
  bool Forked() const;

  // nullptr: it is gone, or going.
  std::shared_ptr<LockClient::Impl> OpenClient() const;

  const std::weak_ptr<LockClient::Impl> client_;
  const Executor* const executor_;
  const uint64_t fork_generation_;

  mutable absl::Mutex mu_;
  MonotonicTime valid_until_ ABSL_GUARDED_BY(mu_) =
      MonotonicTime::InfinitePast();
  FencingToken token_ ABSL_GUARDED_BY(mu_);
  absl::Status ended_ ABSL_GUARDED_BY(mu_);  // Why it is not held any more.
  bool given_back_ ABSL_GUARDED_BY(mu_) = false;  // By the user.
  bool lost_ ABSL_GUARDED_BY(mu_) = false;
  bool over_ ABSL_GUARDED_BY(mu_) = false;  // Lost or released.
  LockClient::LockDone acquired_ ABSL_GUARDED_BY(mu_);
  LostDone on_lost_ ABSL_GUARDED_BY(mu_);
  std::vector<ReleaseDone> releases_ ABSL_GUARDED_BY(mu_);
};

// Thread safety: thread-safe.
class LockClient::Impl final : public internal::Pump<internal::LeaseTable> {
 public:
  Impl(Executor* executor, LockBackend* backend, std::string owner,
       const LockClientOptions& options);

  // Starts an acquisition. Returns nothing if it was refused inside the call.
  std::shared_ptr<Lease::Session> Open(std::string_view lock,
                                       LeaseMachine::Started started,
                                       LockDone done);

  // Has `done` called back with `status`; inside the call in a forked child,
  // and when the client is being destroyed.
  void Refuse(absl::Status status, LockDone done);

  void Shutdown();

  absl::Status CheckName(std::string_view lock) const;
  bool Forked() const;
  using Pump::CallBack;
  using Pump::executor;
  using Pump::IsOpen;

 private:
  template <typename Answered>
  class Reply;

  void Perform(internal::LeaseTable::Effects& effects) override;
  void Send(const internal::LeaseTable::Ask& ask);
  std::shared_ptr<Lease::Session> Find(Lease::Session::Id id);
  std::vector<std::shared_ptr<Lease::Session>> AllSessions();

  LockBackend* const backend_;
  const std::string owner_;
  const absl::Duration ttl_;
  const absl::Duration request_timeout_;
  const LockBackendTraits traits_;
  const uint64_t jitter_seed_;
  const uint64_t fork_generation_;

  absl::Mutex sessions_mu_;
  Lease::Session::Id last_session_ ABSL_GUARDED_BY(sessions_mu_) = 0;
  std::map<Lease::Session::Id, std::shared_ptr<Lease::Session>> sessions_
      ABSL_GUARDED_BY(sessions_mu_);
};

}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_LOCK_LOCK_CLIENT_IMPL_H_
