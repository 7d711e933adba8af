// SPDX-License-Identifier: Apache-2.0

#include "trivet/lock/lease_machine.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "src/internal/backoff.h"
#include "src/internal/invariant.h"
#include "src/internal/mutant.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/lock/fencing_token.h"
#include "trivet/lock/lease_options.h"
#include "trivet/lock/lock_backend.h"

namespace trivet {
inline namespace v0_1 {
namespace {

// Of how many unanswered requests the time of sending is remembered. A backend
// that answers the ninth last request is as good as one that does not answer.
constexpr size_t kSentMax = 8;

// What a repeat of the same request will not cure.
bool IsPermanent(const absl::Status& error) {
  switch (error.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kDataLoss:
      return true;
    default:
      return false;
  }
}

using GrantReply = absl::StatusOr<std::optional<LeaseGrant>>;

// nullptr: refused, or an error.
const LeaseGrant* GrantOf(const GrantReply& reply) {
  if (!reply.ok()) return nullptr;
  const std::optional<LeaseGrant>& grant = *reply;
  return grant.has_value() ? &*grant : nullptr;
}

absl::Status NoAnswer(const absl::Status& error) {
  return absl::UnavailableError("the backend did not answer: " +
                                std::string(error.message()));
}

}  // namespace

std::string_view ToString(LeaseState state) {
  switch (state) {
    case LeaseState::kAcquiring:
      return "acquiring";
    case LeaseState::kWaiting:
      return "waiting";
    case LeaseState::kHeld:
      return "held";
    case LeaseState::kReleasing:
      return "releasing";
    case LeaseState::kReleased:
      return "released";
    case LeaseState::kLost:
      return "lost";
  }
  return "unknown";
}

// The answer to an Acquire or a Renew.
struct LeaseMachine::Reply {
  bool Refused() const { return error.ok() && grant == nullptr; }

  uint64_t request;
  bool current;           // To the request that is waited for.
  MonotonicTime sent_at;  // InfinitePast: long forgotten.
  const LeaseGrant* grant;
  const absl::Status& error;
};

void LeaseMachine::Effects::Clear() {
  requests.clear();
  entered.reset();
  why = absl::OkStatus();
}

LeaseMachine::LeaseMachine(const LeaseOptions& options, uint64_t jitter_seed)
    : options_(options), jitter_seed_(jitter_seed) {
  TRIVET_INVARIANT(options_.Validate().ok(), "REQUIRES: valid LeaseOptions");
}

void LeaseMachine::Step(MonotonicTime now, Event&& event, Effects* effects) {
  TRIVET_INVARIANT(now >= now_, "REQUIRES: time does not decrease");
  now_ = now;
  PassTime(effects);  // Before the event: what is late comes too late.
  std::visit([&](auto&& e) { On(std::forward<decltype(e)>(e), effects); },
             std::move(event));
  // L2: a lease is valid while it is held, and is not held once it is not.
  TRIVET_INVARIANT(state_ == LeaseState::kHeld
                       ? now_ < valid_until_
                       : valid_until_ == MonotonicTime::InfinitePast(),
                   "L2");
}

MonotonicTime LeaseMachine::NextWakeup() const {
  return std::min(act_at_, limit_at_);
}

bool LeaseMachine::IsWanted() const {
  return state_ == LeaseState::kAcquiring || state_ == LeaseState::kWaiting;
}

bool LeaseMachine::IsOver() const {
  return state_ == LeaseState::kReleased || state_ == LeaseState::kLost;
}

// --- Events ------------------------------------------------------------------

void LeaseMachine::PassTime(Effects* effects) {
  if (now_ >= limit_at_) {
    if (IsWanted()) return StartRelease(so_far_, effects);
    if (state_ == LeaseState::kHeld) {
      return Lose(absl::FailedPreconditionError(
                      "the lease ran out" +
                      (so_far_.ok() ? std::string()
                                    : ": " + std::string(so_far_.message()))),
                  effects);
    }
    return Enter(LeaseState::kReleased,
                 absl::UnavailableError("the backend did not confirm the "
                                        "release; the lease runs out by "
                                        "itself"),
                 effects);
  }
  if (now_ < act_at_) return;
  if (current_ == 0) return AskAndWait(effects);
  if (state_ == LeaseState::kAcquiring && !confirming_) doubtful_ = true;
  Failed(absl::UnavailableError("timed out"), effects);
}

void LeaseMachine::On(Started&& event, Effects* effects) {
  TRIVET_INVARIANT(asked_ == 0, "REQUIRES: started once, first");
  limit_at_ = event.give_up_at;
  wait_ = event.wait;
  so_far_ = absl::UnavailableError("the backend did not answer in time");
  AskAndWait(effects);
}

void LeaseMachine::On(Cancelled&&, Effects* effects) {
  if (!IsWanted()) return;
  StartRelease(absl::CancelledError("cancelled"), effects);
}

void LeaseMachine::On(ReleaseRequested&&, Effects* effects) {
  if (IsWanted()) return On(Cancelled{}, effects);
  if (state_ == LeaseState::kHeld) StartRelease(absl::OkStatus(), effects);
}

void LeaseMachine::On(Ticked&&, Effects*) {}  // Time has passed already.

void LeaseMachine::On(Acquired&& event, Effects* effects) {
  const bool is_current = event.request == current_;
  const Reply reply{event.request, is_current, Answered(event.request),
                    GrantOf(event.reply), event.reply.status()};
  if (IsWanted()) return OnAcquireReply(reply, effects);
  // L5: the first token is kept; while held there is nothing to learn.
  if (state_ == LeaseState::kHeld) return;
  if (reply.Refused()) return;
  if (TRIVET_MUTANT(late_grant_kept) && IsUsable(reply)) {
    return Hold(reply, effects);
  }
  // L4, L5: it was granted, or may have been, when nobody wants it any more. A
  // release that is under way may have overtaken it.
  if (state_ == LeaseState::kReleasing) return AskToRelease(effects);
  Ask(Method::kRelease, now_ + options_.request_timeout, effects);
}

void LeaseMachine::On(Renewed&& event, Effects* effects) {
  const bool is_current = event.request == current_;
  const Reply reply{event.request, is_current, Answered(event.request),
                    GrantOf(event.reply), event.reply.status()};
  if (IsWanted()) return OnConfirmReply(reply, effects);
  if (state_ == LeaseState::kHeld) return OnRenewReply(reply, effects);
  // L5: a late reply never extends past loss.
  if (TRIVET_MUTANT(late_reply_extends) && state_ == LeaseState::kLost &&
      IsUsable(reply)) {
    Hold(reply, effects);
  }
}

void LeaseMachine::On(Released&& event, Effects* effects) {
  const bool is_current = event.request == current_;
  Answered(event.request);
  if (state_ != LeaseState::kReleasing) return;
  if (!event.reply.ok()) {
    if (is_current) Failed(event.reply.status(), effects);
    return;
  }
  if (event.request < release_from_) return;  // L5: may have been overtaken.
  // L8: also if refused; then nothing of ours was there to release.
  Enter(LeaseState::kReleased, absl::OkStatus(), effects);
}

void LeaseMachine::On(MaybeFreed&&, Effects* effects) {
  awaiting_ = false;
  if (state_ == LeaseState::kWaiting && !confirming_) AskAndWait(effects);
}

// --- Replies -----------------------------------------------------------------

// To an Acquire, while the lease is wanted.
void LeaseMachine::OnAcquireReply(const Reply& reply, Effects* effects) {
  if (reply.grant != nullptr) {
    if (confirming_) return;
    // L1: if an earlier request may have made this grant, or the answer took
    // too long, the lease is ours but nobody knows for how long. Asking for
    // more tells.
    const bool doubtful = doubtful_ && !TRIVET_MUTANT(doubtful_grant_believed);
    const bool sure = reply.current && !doubtful && IsUsable(reply);
    if (sure) return Hold(reply, effects);
    confirming_ = true;
    return AskAndWait(effects);
  }
  if (!reply.current) return;  // It has been counted as unknown.
  if (!reply.Refused()) {
    doubtful_ = true;
    return Failed(reply.error, effects);
  }
  so_far_ = absl::DeadlineExceededError("someone else holds the lock");
  TryAgainLater(effects);
  if (state_ != LeaseState::kWaiting || awaiting_) return;
  awaiting_ = true;
  Ask(Method::kAwaitRelease, MonotonicTime::InfiniteFuture(), effects);
}

// To the Renew that asks whether a doubtful grant stands.
void LeaseMachine::OnConfirmReply(const Reply& reply, Effects* effects) {
  if (IsUsable(reply)) return Hold(reply, effects);
  if (!reply.current) return;
  if (!reply.error.ok()) return Failed(reply.error, effects);
  if (reply.Refused()) confirming_ = false;  // It has ended: acquire anew.
  TryAgainLater(effects);
}

// To a Renew, while the lease is held.
void LeaseMachine::OnRenewReply(const Reply& reply, Effects* effects) {
  if (!reply.error.ok()) {
    if (reply.current) Failed(reply.error, effects);
    return;
  }
  // It may be about what was held before, under the same id.
  if (reply.request < held_from_ &&
      (reply.grant == nullptr || reply.grant->token != token_)) {
    if (current_ == 0) AskAndWait(effects);
    return;
  }
  if (reply.grant == nullptr) {
    if (TRIVET_MUTANT(refusal_ignored)) return;
    return Lose(absl::FailedPreconditionError(
                    "the backend has ended the lease before its time"),
                effects);
  }
  if (reply.grant->token != token_ &&  // L7
      !TRIVET_MUTANT(token_change_ignored)) {
    return Lose(absl::FailedPreconditionError(
                    "the lease was granted anew: token " + ToString(token_) +
                    " became " + ToString(reply.grant->token)),
                effects);
  }
  Extend(reply);
  so_far_ = absl::OkStatus();
  attempts_ = 0;
}

// --- Actions -----------------------------------------------------------------

uint64_t LeaseMachine::Ask(Method method, MonotonicTime deadline,
                           Effects* effects) {
  effects->requests.push_back({++asked_, method, deadline});
  if (method == Method::kAwaitRelease) return asked_;  // Has no reply.
  ++unanswered_;
  if (sent_.size() == kSentMax) sent_.erase(sent_.begin());
  sent_.push_back({asked_, now_});
  return asked_;
}

// Asks for what the state is about.
void LeaseMachine::AskAndWait(Effects* effects) {
  Method method = confirming_ ? Method::kRenew : Method::kAcquire;
  absl::Duration timeout = options_.request_timeout;
  if (state_ == LeaseState::kWaiting) {
    Enter(LeaseState::kAcquiring, absl::OkStatus(), effects);
  } else if (state_ == LeaseState::kHeld) {
    method = Method::kRenew;
    timeout = std::min(timeout, renew_every_);  // L7: there is a second one.
  } else if (state_ == LeaseState::kReleasing) {
    method = Method::kRelease;
  }
  act_at_ = now_ + timeout;
  current_ = Ask(method, std::min(act_at_, limit_at_), effects);
}

// When the request was sent that has been answered now.
MonotonicTime LeaseMachine::Answered(uint64_t request) {
  if (unanswered_ > 0) --unanswered_;
  if (current_ == request) current_ = 0;
  const auto found = std::find_if(
      sent_.begin(), sent_.end(),
      [request](const Sent& sent) { return sent.request == request; });
  if (found == sent_.end()) return MonotonicTime::InfinitePast();
  const MonotonicTime at = found->at;
  sent_.erase(found);
  return TRIVET_MUTANT(deadline_from_reply) ? now_ : at;
}

void LeaseMachine::Failed(const absl::Status& error, Effects* effects) {
  so_far_ = NoAnswer(error);
  if (IsPermanent(error)) {
    if (IsWanted()) return StartRelease(error, effects);
    if (state_ == LeaseState::kReleasing) {
      return Enter(LeaseState::kReleased, error, effects);
    }
  }
  TryAgainLater(effects);
}

void LeaseMachine::TryAgainLater(Effects* effects) {
  current_ = 0;
  if (IsWanted() && !wait_) return StartRelease(so_far_, effects);
  const uint64_t random = internal::SplitMix64(jitter_seed_ + asked_).Next();
  act_at_ =
      now_ + internal::BackoffDelay(options_.retry_min, options_.retry_max,
                                    attempts_++, random);
  if (state_ == LeaseState::kAcquiring) {
    Enter(LeaseState::kWaiting, absl::OkStatus(), effects);
  }
}

// L1: counts from the moment of sending, on the faster of the two clocks.
MonotonicTime LeaseMachine::ValidUntil(const Reply& reply) const {
  const double rate =
      TRIVET_MUTANT(clock_rate_ignored) ? 1 : options_.clock_rate_bound;
  return reply.sent_at + (reply.grant->granted_ttl / rate - options_.margin);
}

// Whether `reply` grants a lease that is valid now.
bool LeaseMachine::IsUsable(const Reply& reply) const {
  return reply.grant != nullptr && now_ < ValidUntil(reply);
}

void LeaseMachine::Hold(const Reply& reply, Effects* effects) {
  token_ = reply.grant->token;
  held_from_ = reply.request;
  so_far_ = absl::OkStatus();
  attempts_ = 0;
  current_ = 0;
  Extend(reply);
  Enter(LeaseState::kHeld, absl::OkStatus(), effects);
}

void LeaseMachine::Extend(const Reply& reply) {
  const MonotonicTime until = ValidUntil(reply);
  if (until <= valid_until_) return;  // L7: never shortens.
  valid_until_ = limit_at_ = until;
  renew_every_ = std::min(options_.renew_after, reply.grant->granted_ttl / 3);
  if (current_ == 0) act_at_ = std::max(now_, reply.sent_at + renew_every_);
}

void LeaseMachine::StartRelease(absl::Status why, Effects* effects) {
  Enter(LeaseState::kReleasing, std::move(why), effects);
  attempts_ = 0;
  limit_at_ = now_ + options_.ttl;
  AskToRelease(effects);
}

// From here on: what was asked before does not release what is there now.
void LeaseMachine::AskToRelease(Effects* effects) {
  AskAndWait(effects);
  release_from_ = current_;
}

// It may live on at the backend and keep others out: also after a refusal,
// which may be the late answer to a question about an earlier grant.
void LeaseMachine::Lose(absl::Status why, Effects* effects) {
  Enter(LeaseState::kLost, std::move(why), effects);
  Ask(Method::kRelease, now_ + options_.request_timeout, effects);
}

void LeaseMachine::Enter(LeaseState state, absl::Status why, Effects* effects) {
  state_ = state;
  if (state != LeaseState::kHeld) valid_until_ = MonotonicTime::InfinitePast();
  if (IsOver()) {
    current_ = 0;
    act_at_ = limit_at_ = MonotonicTime::InfiniteFuture();
  }
  effects->entered = state;
  effects->why = std::move(why);
}

}  // namespace v0_1
}  // namespace trivet
