// SPDX-License-Identifier: Apache-2.0
//
// The rows of the table in src/txn/DESIGN.md are named where they are kept:
// CO-1 and so on.

#include "trivet/txn/coordinator_machine.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "src/internal/backoff.h"
#include "src/internal/invariant.h"
#include "src/internal/mutant.h"
#include "src/txn/coordinator_state.h"
#include "trivet/host/log_store.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/txn/transaction.h"
#include "trivet/txn/txn_effects.h"
#include "trivet/txn/txn_message.h"
#include "trivet/txn/txn_record.h"

namespace trivet {
inline namespace v0_1 {

using internal::BackoffDelay;
using internal::CoordinatorNote;
using internal::CoordinatorTxn;
using internal::Member;

class CoordinatorMachine::Impl : private internal::CoordinatorState {
 public:
  Impl(RoleIdentity self, CoordinatorOptions options, uint64_t jitter_seed,
       absl::Span<const LoggedRecord> recovered)
      : CoordinatorState(std::move(self), options.max_in_flight, recovered),
        options_(options),
        random_(jitter_seed) {
    TRIVET_INVARIANT(options.Validate().ok(), "REQUIRES of the constructor");
  }

  void Step(MonotonicTime now, Event&& event, Effects* effects) {
    now_ = now;
    out_ = effects;
    if (!std::exchange(started_, true)) Start();
    std::visit(
        [this](auto&& happened) {
          On(std::forward<decltype(happened)>(happened));
        },
        std::move(event));
    if (stopped_) return;  // CO-26
    if (log_.CompactionIsDue(/*rides=*/false)) Compact();
    if (const LogIndex trim = log_.TrimBefore(); trim > trimmed_) {
      trimmed_ = out_->trim_before = trim;
    }
  }

  MonotonicTime NextWakeup() {
    if (!started_) return MonotonicTime::InfinitePast();
    if (stopped_) return MonotonicTime::InfiniteFuture();
    return timers_.Earliest(IsCurrent());
  }

  size_t in_flight() const { return in_flight_; }

  absl::StatusOr<std::optional<Decision>> OutcomeOf(TxnNumber number) const {
    const CoordinatorTxn* const txn = table_.Find(number);
    if (txn == nullptr) {
      if (TRIVET_MUTANT(outcome_presumed)) return Decision::kAbort;
      if (TRIVET_MUTANT(let_go_is_undecided)) return std::optional<Decision>();
      return absl::NotFoundError(absl::StrCat("transaction ", number.epoch, ".",
                                              number.sequence,
                                              " is not retained"));
    }
    if (!txn->decided_durable) return std::optional<Decision>();
    return std::optional<Decision>(Decision::kCommit);
  }

  std::vector<TxnNumber> Untold() const {
    std::vector<TxnNumber> untold;
    table_.ForEach([&](TxnNumber number, const CoordinatorTxn& txn) {
      if (txn.decided_durable && !txn.LetGo()) untold.push_back(number);
    });
    return untold;
  }

 private:
  using State = CoordinatorTxn::State;

  // --- Beginning -----------------------------------------------------------

  void Start() {
    if (identity_ticket_ == 0) {  // CO-20
      Write(Durability::kForced, LogIdentity{LogId()},
            {CoordinatorNote::kLogIdentity, {}}, &identity_ticket_);
    }
    table_.ForEach([this](TxnNumber number, CoordinatorTxn& txn) {  // CO-19
      ResendCommit(number, &txn);
    });
  }

  void On(Begun begun) {
    if (absl::Status refusal = Admit(begun); !refusal.ok()) {
      out_->refused.push_back({begun.call, std::move(refusal)});
      return;
    }
    const TxnNumber number = table_.Next();
    CoordinatorTxn* const txn = table_.Begin();  // CO-1
    ++in_flight_;
    txn->call = begun.call;
    txn->deadline = begun.deadline;
    txn->silent = begun.shares.size();
    txn->members.reserve(begun.shares.size());
    for (Share& share : begun.shares) {
      Member& member = txn->members.emplace_back();
      member.participant = share.participant;
      member.work = std::move(share.work);
      Pin(share.participant, number);
    }
    RequestVotes(number, txn);
  }

  absl::Status Admit(const Begun& begun) {  // CO-25
    if (stopped_) {
      return absl::FailedPreconditionError(
          absl::StrCat("the coordinator has stopped: ", stopped_->ToString()));
    }
    if (begun.shares.empty()) {
      return absl::InvalidArgumentError("branches is empty; at least 1");
    }
    if (begun.shares.size() > options_.max_branches) {
      return absl::InvalidArgumentError(
          absl::StrCat("branches has ", begun.shares.size(),
                       " entries; max_branches is ", options_.max_branches));
    }
    std::vector<PeerId> names;
    names.reserve(begun.shares.size());
    for (size_t i = 0; i < begun.shares.size(); ++i) {
      names.push_back(begun.shares[i].participant);
      const size_t size = begun.shares[i].work.size();
      if (size > options_.max_work_bytes) {
        return absl::InvalidArgumentError(absl::StrCat(
            "branches[", i, "].work has ", size, " bytes; max_work_bytes is ",
            options_.max_work_bytes));
      }
    }
    std::sort(names.begin(), names.end());
    if (std::adjacent_find(names.begin(), names.end()) != names.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("branches has ", names.size(),
                       " entries, two of them of one participant; one each"));
    }
    if (in_flight_ >= options_.max_in_flight) {
      return absl::ResourceExhaustedError(absl::StrCat(
          in_flight_, " transactions are in flight; max_in_flight is ",
          options_.max_in_flight));
    }
    return absl::OkStatus();
  }

  // Asks whoever is silent, and arms the timer for asking again. A coordinator
  // whose name is not durable yet only waits: a crash would leave participants
  // in doubt about a name that nobody will bear again.
  void RequestVotes(TxnNumber number, CoordinatorTxn* txn) {
    MonotonicTime again = MonotonicTime::InfiniteFuture();
    if (identity_durable_) {
      for (const Member& member : txn->members) {
        if (member.vote) continue;
        Send(member.participant,
             PrepareRequest{Key(number), Horizon(member.participant),
                            member.work});
      }
      again = NextResend(txn);
    }
    Arm(number, txn, std::min(txn->deadline, again));
  }

  // --- Votes ---------------------------------------------------------------

  void On(const Received& received) {
    if (stopped_) return;
    std::visit([&](const auto& m) { OnMessage(received.from, m); },
               received.message);
  }

  void OnMessage(PeerId from, const VoteReply& reply) {
    if (reply.txn.coordinator != self_.self) return;
    const TxnNumber number = reply.txn.number;
    CoordinatorTxn* const txn = table_.Find(number);
    Member* const member = txn == nullptr ? nullptr : txn->Find(from);
    if (txn != nullptr && txn->state == State::kPreparing) {
      const bool first = member != nullptr &&
                         (!member->vote || TRIVET_MUTANT(second_vote_counted));
      if (first) Count(number, txn, member, reply.vote);
    } else if (reply.vote.kind == Vote::kYes) {
      Answer(from, number, txn, member);
    }
  }

  void Count(TxnNumber number, CoordinatorTxn* txn, Member* member,
             const Vote& vote) {
    const bool first = !member->vote || TRIVET_MUTANT(second_vote_counted);
    // C5: only the first vote of a participant counts.
    TRIVET_INVARIANT(first, "C5");
    member->vote = vote.kind;
    if (vote.kind == Vote::kNo) {  // CO-4
      return Abort(
          number, txn,
          vote.reason.empty() ? "a participant voted no" : vote.reason);
    }
    --txn->silent;  // CO-2
    if (txn->silent == 0) Decide(number, txn);
  }

  // Every vote is in, and none is no.
  void Decide(TxnNumber number, CoordinatorTxn* txn) {
    CommitDecided record{Key(number), {}};
    for (const Member& member : txn->members) {
      if (member.vote == Vote::kYes) {
        record.yes_voters.push_back(member.participant);
      }
    }
    txn->unacked = record.yes_voters.size();
    if (txn->unacked == 0) {  // CO-3: there is nobody left to tell.
      Tell(number, txn, Decision::kCommit, "");
      return Drop(number, txn);
    }
    txn->state = State::kDeciding;  // CO-9
    Disarm(txn);
    if (TRIVET_MUTANT(caller_told_before_durable)) {
      Tell(number, txn, Decision::kCommit, "");
    }
    Write(TRIVET_MUTANT(lazy_commit_record) ? Durability::kLazy
                                            : Durability::kForced,
          std::move(record), {CoordinatorNote::kCommitDecided, number},
          &txn->decided_ticket);
  }

  // --- Aborts --------------------------------------------------------------

  void On(AbortRequested abort) {
    std::optional<TxnNumber> found;
    table_.ForEach([&](TxnNumber number, const CoordinatorTxn& txn) {
      const bool in_time =
          txn.state == State::kPreparing ||
          (txn.state == State::kDeciding && TRIVET_MUTANT(late_abort_taken));
      if (txn.call == abort.call && in_time) {
        found = number;
      }
    });
    if (stopped_ || !found) return;                         // CO-10: too late.
    Abort(*found, table_.Find(*found), "abort requested");  // CO-5
  }

  // Nothing is logged: no record means abort. Whoever may have voted yes is
  // told once, and inquires if that is lost.
  void Abort(TxnNumber number, CoordinatorTxn* txn, std::string reason) {
    Tell(number, txn, Decision::kAbort, std::move(reason));
    if (identity_durable_) {  // Otherwise nobody has heard of it.
      for (const Member& member : txn->members) {
        if (!member.vote || member.vote == Vote::kYes) {
          SendAbort(member.participant, number, txn, &member);
        }
      }
    }
    Drop(number, txn);
  }

  // --- The log answers -----------------------------------------------------

  void On(const Appended& appended) {
    const std::optional<CoordinatorNote> note =
        log_.TakeAppended(appended.ticket, appended.index.value_or(0));
    if (!note) return;
    // Whoever waits for its CommitDecided is Deciding until it is here.
    CoordinatorTxn* const deciding =
        note->kind == CoordinatorNote::kCommitDecided
            ? table_.Find(note->number)
            : nullptr;
    if (!appended.index.ok() || stopped_) {
      return OnLostAppend(appended.index.status(), note->number, deciding);
    }
    if (note->kind == CoordinatorNote::kLogIdentity) OnIdentityDurable();
    if (deciding != nullptr) OnDecisionDurable(note->number, deciding);
  }

  void OnIdentityDurable() {
    identity_durable_ = true;
    table_.ForEach([this](TxnNumber number, CoordinatorTxn& txn) {
      if (txn.state == State::kPreparing) RequestVotes(number, &txn);
    });
  }

  // The commit point. CO-11
  void OnDecisionDurable(TxnNumber number, CoordinatorTxn* txn) {
    txn->state = State::kCommitting;
    txn->decided_durable = true;
    if (!TRIVET_MUTANT(outcome_waits_for_acks)) {
      Tell(number, txn, Decision::kCommit, "");
    }
    for (Member& member : txn->members) {
      member.work = std::string();
      if (member.vote == Vote::kReadOnly) Unpin(member.participant, number);
    }
    ResendCommit(number, txn);
  }

  // `txn`, if there is one, is Deciding on this append.
  void OnLostAppend(const absl::Status& status, TxnNumber number,
                    CoordinatorTxn* txn) {
    if (TRIVET_MUTANT(failed_decision_write_is_abort) && txn != nullptr) {
      return Abort(number, txn, "the log failed");
    }
    if (!stopped_) Stop(status);
    if (txn == nullptr) return;
    if (absl::IsAborted(status)) {  // CO-12: its only attempt was refused.
      Tell(number, txn, Decision::kAbort, "the coordinator was deposed");
      Drop(number, txn);
    } else {  // CO-13: it may be in the log, or not.
      Tell(number, txn, std::nullopt, "the log failed; the outcome is unknown");
    }
  }

  // For good. What is Preparing can never commit, because its CommitDecided was
  // never issued. What is Deciding hears of its own append later.
  void Stop(const absl::Status& why) {
    stopped_ = why;
    out_->stopped = why;
    std::vector<TxnNumber> preparing;
    table_.ForEach([&](TxnNumber number, const CoordinatorTxn& txn) {
      if (txn.state == State::kPreparing) preparing.push_back(number);
    });
    for (const TxnNumber number : preparing) {
      CoordinatorTxn* const txn = table_.Find(number);
      Tell(number, txn, Decision::kAbort, "the coordinator stopped");
      Drop(number, txn);
    }
  }

  // --- Committing ----------------------------------------------------------

  // Tells every yes-voter that has not acknowledged, now and again later.
  void ResendCommit(TxnNumber number, CoordinatorTxn* txn) {
    for (const Member& member : txn->members) {
      if (member.vote == Vote::kYes && !member.acked) {
        SendCommit(member.participant, number, *txn);
      }
    }
    Arm(number, txn, NextResend(txn));
  }

  void OnMessage(PeerId from, const DecisionAck& ack) {
    if (ack.txn.coordinator != self_.self) return;
    const TxnNumber number = ack.txn.number;
    CoordinatorTxn* const txn = table_.Find(number);
    if (txn == nullptr || txn->state != State::kCommitting) return;
    Member* const member = txn->Find(from);
    if (member == nullptr || member->vote != Vote::kYes || member->acked) {
      return;
    }
    member->acked = true;  // CO-14
    Unpin(from, number);
    if (--txn->unacked == 0 || TRIVET_MUTANT(forget_before_all_acks)) {
      txn->unacked = 0;
      --in_flight_;
      if (TRIVET_MUTANT(outcome_waits_for_acks) && txn->call != 0) {
        Tell(number, txn, Decision::kCommit, "");
      }
      Disarm(txn);
      EndIfDone(number, txn);
    }
  }

  void EndIfDone(TxnNumber number, CoordinatorTxn* txn) {
    if (txn->unacked > 0 || !txn->LetGo()) return;
    Write(Durability::kLazy, Ended{Key(number)}, {}, nullptr);
    Drop(number, txn);
  }

  void On(ForgetRequested forget) {
    if (stopped_) return;
    CoordinatorTxn* const txn = table_.Find(forget.number);
    if (txn == nullptr || txn->state != State::kCommitting) return;  // CO-22
    if (std::exchange(txn->forgotten, true)) return;
    if (txn->unacked > 0) {  // CO-21
      Write(Durability::kLazy, Forgotten{Key(forget.number)}, {},
            &txn->forgotten_ticket);
    }
    EndIfDone(forget.number, txn);
  }

  // --- Questions -----------------------------------------------------------

  void OnMessage(PeerId from, const DecisionInquiry& inquiry) {
    if (inquiry.txn.coordinator != self_.self) return;
    const TxnNumber number = inquiry.txn.number;
    CoordinatorTxn* const txn = table_.Find(number);
    Answer(from, number, txn, txn == nullptr ? nullptr : txn->Find(from));
  }

  // To an inquiry or a late yes.
  void Answer(PeerId to, TxnNumber number, const CoordinatorTxn* txn,
              const Member* member) {
    if (txn == nullptr) {
      // CO-18: I am deposed, or was never asked to begin it.
      if (number >= table_.Next() && !TRIVET_MUTANT(deposed_answers)) return;
      SendAbort(to, number, nullptr, nullptr);      // CO-17
    } else if (txn->state != State::kCommitting) {  // CO-8
      if (TRIVET_MUTANT(inquiry_answered_while_preparing)) {
        SendAbort(to, number, txn, member);
      }
    } else if (member != nullptr &&
               (member->vote == Vote::kYes ||
                TRIVET_MUTANT(commit_to_read_only_voter))) {
      SendCommit(to, number, *txn);  // CO-15
    } else {  // CO-16: its branch left when it voted read-only.
      SendAbort(to, number, txn, member);
    }
  }

  void OnMessage(PeerId from, const HorizonRequest& request) {
    if (request.coordinator != self_.self) return;
    Send(from, HorizonNotice{self_.self, Horizon(from)});  // CO-23
  }

  // What only participants are told.
  void OnMessage(PeerId, const PrepareRequest&) {}
  void OnMessage(PeerId, const DecisionNotice&) {}
  void OnMessage(PeerId, const HorizonNotice&) {}

  // --- Time ----------------------------------------------------------------

  void On(Ticked) {
    if (stopped_) return;
    TxnNumber number;
    while (timers_.PopDue(now_, IsCurrent(), &number)) {
      CoordinatorTxn* const txn = table_.Find(number);
      if (txn->state == State::kCommitting) {
        ResendCommit(number, txn);  // CO-15
      } else if (now_ < txn->deadline) {
        RequestVotes(number, txn);  // CO-7
      } else {
        Abort(number, txn,  // CO-6
              absl::StrCat("timed out: ", txn->silent, " of ",
                           txn->members.size(), " votes are missing"));
      }
    }
  }

  MonotonicTime NextResend(CoordinatorTxn* txn) {
    return now_ + BackoffDelay(options_.resend_min, options_.resend_max,
                               txn->attempt++, random_.Next());
  }

  void Arm(TxnNumber number, CoordinatorTxn* txn, MonotonicTime due) {
    txn->due = due;
    timers_.Arm(due, number, IsCurrent());
  }

  // --- Effects -------------------------------------------------------------

  void Send(PeerId to, TxnMessage message) {
    out_->messages.push_back({to, std::move(message)});
  }

  void SendCommit(PeerId to, TxnNumber number, const CoordinatorTxn& txn) {
    // C2: no commit notice before CommitDecided is durable.
    TRIVET_INVARIANT(txn.decided_durable, "C2");
    Send(to, DecisionNotice{Key(number), Decision::kCommit});
  }

  // `txn` and `member`: null if there is none.
  void SendAbort(PeerId to, TxnNumber number, const CoordinatorTxn* txn,
                 const Member* member) {
    const bool yes_voter = member != nullptr && member->vote == Vote::kYes;
    // C1: from CommitDecided durable until Ended, no abort goes to a yes-voter.
    TRIVET_INVARIANT(txn == nullptr || !txn->decided_durable || !yes_voter,
                     "C1");
    // C3: an unknown id means abort only if it was begun, in epochs up to this.
    TRIVET_INVARIANT(txn != nullptr || number < table_.Next() ||
                         TRIVET_MUTANT(deposed_answers),
                     "C3");
    Send(to, DecisionNotice{Key(number), Decision::kAbort});
  }

  void Write(Durability durability, TxnRecord record, CoordinatorNote note,
             uint64_t* live_ticket) {
    uint64_t ticket = log_.Issue(note);
    out_->writes.push_back({ticket, durability, std::move(record)});
    if (live_ticket != nullptr) {
      *live_ticket = ticket;
    } else {
      log_.Retire(&ticket);
    }
  }

  void Compact() {  // CO-24
    log_.BeginCopies();
    Write(Durability::kForced, LogIdentity{LogId()}, {}, &identity_ticket_);
    table_.ForEach([this](TxnNumber number, CoordinatorTxn& txn) {
      if (txn.decided_ticket == 0) return;
      CommitDecided copy{Key(number), {}};
      for (const Member& member : txn.members) {
        if (member.vote == Vote::kYes) {
          copy.yes_voters.push_back(member.participant);
        }
      }
      Write(Durability::kForced, std::move(copy), {}, &txn.decided_ticket);
      if (txn.forgotten_ticket == 0) return;
      Write(Durability::kForced, Forgotten{Key(number)}, {},
            &txn.forgotten_ticket);
    });
    log_.EndCopies();
  }

  // Tells the caller. Every way to an outcome comes here once.
  void Tell(TxnNumber number, CoordinatorTxn* txn,
            std::optional<Decision> decision, std::string reason) {
    if (TRIVET_MUTANT(caller_told_before_durable) && txn->told) return;
    txn->told = true;
    out_->finished.push_back({txn->call, number, decision, std::move(reason)});
  }

  // Forgets the transaction and lets its records go.
  void Drop(TxnNumber number, CoordinatorTxn* txn) {
    for (const Member& member : txn->members) {
      Unpin(member.participant, number);
    }
    log_.Retire(&txn->decided_ticket);
    log_.Retire(&txn->forgotten_ticket);
    if (txn->state != State::kCommitting) --in_flight_;
    table_.Erase(number);
  }

  CoordinatorOptions options_;
  internal::SplitMix64 random_;
  bool started_ = false;
  std::optional<absl::Status> stopped_;
  LogIndex trimmed_ = 1;

  // Of the step that is being made.
  MonotonicTime now_;
  Effects* out_ = nullptr;
};

void CoordinatorMachine::Effects::Clear() {
  TxnEffects::Clear();
  finished.clear();
  refused.clear();
}

CoordinatorMachine::CoordinatorMachine(RoleIdentity self,
                                       CoordinatorOptions options,
                                       uint64_t jitter_seed,
                                       absl::Span<const LoggedRecord> recovered)
    : impl_(std::make_unique<Impl>(std::move(self), options, jitter_seed,
                                   recovered)) {}
CoordinatorMachine::~CoordinatorMachine() = default;
CoordinatorMachine::CoordinatorMachine(CoordinatorMachine&&) noexcept = default;
CoordinatorMachine& CoordinatorMachine::operator=(
    CoordinatorMachine&&) noexcept = default;

void CoordinatorMachine::Step(MonotonicTime now, Event&& event,
                              Effects* effects) {
  impl_->Step(now, std::move(event), effects);
}
MonotonicTime CoordinatorMachine::NextWakeup() const {
  return impl_->NextWakeup();
}
size_t CoordinatorMachine::in_flight() const { return impl_->in_flight(); }
absl::StatusOr<std::optional<Decision>> CoordinatorMachine::OutcomeOf(
    TxnNumber number) const {
  return impl_->OutcomeOf(number);
}
std::vector<TxnNumber> CoordinatorMachine::Untold() const {
  return impl_->Untold();
}

}  // namespace v0_1
}  // namespace trivet
