// SPDX-License-Identifier: Apache-2.0
//
// LeaseMachine: the life of one lease, as a pure state machine.
//
//              granted                          renewed
//  kAcquiring -----------> kHeld <-----------------------------+
//    ^    | refused,         | | |  at renew time: ask for more |
//    |    v error            | | +------------------------------+
//   kWaiting                 | |
//    | gives up              | | validity ran out, or renewal refused
//    v            release    | v
//  kReleasing <--------------+ kLost                       (terminal)
//    | answered, or the ttl has passed
//    v
//  kReleased                                               (terminal)
//
// The rules. Each is asserted where it can be, and each has a test that carries
// its number:
//
//   L1  Validity counts from the moment a request was *sent*:
//       sent + granted_ttl / clock_rate_bound - margin. A grant that an earlier
//       request, whose answer is unknown, may have made is confirmed by a
//       renewal before it is believed.
//   L2  At or after the end of validity the first effect of any step is Lost.
//       Lost is final.
//   L3  One lease id per acquisition, repeated on every retry: one machine is
//       one lease id.
//   L4  An unknown outcome is never "free" and never "held": ask again, or
//       release. Giving up also releases.
//   L5  A grant that arrives after giving up, releasing or losing is released.
//       A late reply never extends past loss. The first token is kept.
//   L6  Hints (MaybeFreed) may be lost, late, doubled or spurious.
//   L7  Renews at min(renew_after, granted_ttl / 3), so that two renewals fit
//       into the validity. Renewing never shortens. A renewal that answers with
//       another token means Lost.
//   L8  Being refused a renewal or a release is survived.
//
// No I/O, no clock, no threads, no virtual calls. Thread-compatible.

#ifndef TRIVET_LOCK_LEASE_MACHINE_H_
#define TRIVET_LOCK_LEASE_MACHINE_H_

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "trivet/config.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/lock/fencing_token.h"
#include "trivet/lock/lease_options.h"
#include "trivet/lock/lock_backend.h"

namespace trivet {
inline namespace v0_1 {

enum class LeaseState {
  kAcquiring,
  kWaiting,
  kHeld,
  kReleasing,
  kReleased,
  kLost,
};

// "acquiring", "waiting", ...
TRIVET_EXPORT std::string_view ToString(LeaseState state);

class TRIVET_EXPORT LeaseMachine {
 public:
  // --- What can happen -----------------------------------------------------
  struct Started {  // REQUIRES: once, first.
    MonotonicTime give_up_at;
    bool wait = true;  // False: the first answer is final.
  };
  struct Cancelled {};         // Nobody wants it any more, unless it is held.
  struct ReleaseRequested {};  // Nobody wants it any more.
  struct Ticked {};
  struct Acquired {
    uint64_t request;
    absl::StatusOr<std::optional<LeaseGrant>> reply;
  };
  struct Renewed {
    uint64_t request;
    absl::StatusOr<std::optional<LeaseGrant>> reply;
  };
  struct Released {
    uint64_t request;
    absl::StatusOr<bool> reply;
  };
  struct MaybeFreed {};
  using Event = std::variant<Started, Cancelled, ReleaseRequested, Ticked,
                             Acquired, Renewed, Released, MaybeFreed>;

  // --- What the machine wants done ------------------------------------------
  enum class Method { kAcquire, kRenew, kRelease, kAwaitRelease };
  struct Request {
    uint64_t id;
    Method method;
    MonotonicTime deadline;  // For the backend: nobody waits longer.
  };
  struct Effects {
    std::vector<Request> requests;      // Pass to the backend.
    std::optional<LeaseState> entered;  // Tell the owner,
    absl::Status why;                   // and why, if it is over.

    void Clear();
  };

  // REQUIRES: options.Validate().ok().
  LeaseMachine(const LeaseOptions& options, uint64_t jitter_seed);

  // Advances by one event. Perform the effects of a step in any order, or lose
  // them in a crash: safety still holds.
  // REQUIRES: `now` does not decrease from step to step.
  void Step(MonotonicTime now, Event&& event, Effects* effects);

  // Step(Ticked{}) is due no later than this. InfiniteFuture: never.
  MonotonicTime NextWakeup() const;

  LeaseState state() const { return state_; }
  FencingToken fencing_token() const { return token_; }

  // The lease may be relied on strictly before this. InfinitePast unless held.
  MonotonicTime valid_until() const { return valid_until_; }

  // Over, and every request was answered: the machine may be forgotten.
  bool Finished() const { return IsOver() && unanswered_ == 0; }

 private:
  struct Sent {
    uint64_t request;
    MonotonicTime at;
  };
  struct Reply;
  bool IsWanted() const;  // Not held yet, and not given up.
  bool IsOver() const;

  void PassTime(Effects* effects);
  void On(Started&& event, Effects* effects);
  void On(Cancelled&& event, Effects* effects);
  void On(ReleaseRequested&& event, Effects* effects);
  void On(Ticked&& event, Effects* effects);
  void On(Acquired&& event, Effects* effects);
  void On(Renewed&& event, Effects* effects);
  void On(Released&& event, Effects* effects);
  void On(MaybeFreed&& event, Effects* effects);
  void OnAcquireReply(const Reply& reply, Effects* effects);
  void OnConfirmReply(const Reply& reply, Effects* effects);
  void OnRenewReply(const Reply& reply, Effects* effects);

  uint64_t Ask(Method method, MonotonicTime deadline, Effects* effects);
  void AskAndWait(Effects* effects);
  MonotonicTime Answered(uint64_t request);
  void Failed(const absl::Status& error, Effects* effects);
  void TryAgainLater(Effects* effects);
  MonotonicTime ValidUntil(const Reply& reply) const;
  bool IsUsable(const Reply& reply) const;
  void Hold(const Reply& reply, Effects* effects);
  void Extend(const Reply& reply);
  void StartRelease(absl::Status why, Effects* effects);
  void AskToRelease(Effects* effects);
  void Lose(absl::Status why, Effects* effects);
  void Enter(LeaseState state, absl::Status why, Effects* effects);

  LeaseOptions options_;
  uint64_t jitter_seed_;

  LeaseState state_ = LeaseState::kAcquiring;
  FencingToken token_;
  MonotonicTime valid_until_ = MonotonicTime::InfinitePast();
  absl::Duration renew_every_;
  absl::Status so_far_;  // What giving up now would say.

  MonotonicTime now_ = MonotonicTime::InfinitePast();
  MonotonicTime act_at_ = MonotonicTime::InfiniteFuture();    // Ask, time out.
  MonotonicTime limit_at_ = MonotonicTime::InfiniteFuture();  // State ends.

  bool wait_ = true;
  bool doubtful_ = false;      // An Acquire with unknown outcome may grant.
  bool confirming_ = false;    // Asking by Renew whether such a grant stands.
  bool awaiting_ = false;      // A hint was asked for.
  uint32_t attempts_ = 0;      // Without success, for the backoff.
  uint32_t unanswered_ = 0;    // Requests that have had no reply.
  uint64_t asked_ = 0;         // Requests so far; also the id of the last.
  uint64_t current_ = 0;       // The one waited for; 0: none.
  uint64_t held_from_ = 0;     // The one that brought the lease.
  uint64_t release_from_ = 0;  // The first that no grant has overtaken.
  std::vector<Sent> sent_;     // The newest unanswered.
};

}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_LOCK_LEASE_MACHINE_H_
