// SPDX-License-Identifier: Apache-2.0
//
// The rows of the table in src/txn/DESIGN.md are named where they are kept:
// PA-1 and so on.

#include "trivet/txn/participant_machine.h"

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
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "src/internal/invariant.h"
#include "src/internal/mutant.h"
#include "src/txn/participant_state.h"
#include "trivet/host/log_store.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/txn/transaction.h"
#include "trivet/txn/txn_effects.h"
#include "trivet/txn/txn_message.h"
#include "trivet/txn/txn_record.h"

namespace trivet {
inline namespace v0_1 {

using internal::LocalBranch;
using internal::ParticipantNote;
using internal::Peer;

class ParticipantMachine::Impl : private internal::ParticipantState {
 public:
  Impl(std::string name, ParticipantOptions options, uint64_t jitter_seed,
       absl::Span<const LoggedRecord> recovered)
      : ParticipantState(std::move(name), options, jitter_seed, recovered) {
    TRIVET_INVARIANT(options.Validate().ok(), "REQUIRES of the constructor");
  }

  void Step(MonotonicTime now, Event&& event, Effects* effects) {
    if (stopped_) return;  // PA-32
    BeginStep(now, effects);
    out_ = effects;
    if (!std::exchange(started_, true)) Start();
    std::visit(
        [this](auto&& happened) {
          On(std::forward<decltype(happened)>(happened));
        },
        std::move(event));
    if (stopped_) return;
    EndStep();
  }

  MonotonicTime NextWakeup() {
    if (!started_) return MonotonicTime::InfinitePast();
    if (stopped_) return MonotonicTime::InfiniteFuture();
    return std::min(
        {timers_.Earliest(IsCurrent()), NextHorizonWakeup(), scan_at_});
  }

  std::vector<Doubt> InDoubt() const {
    std::vector<Doubt> doubts;
    for (const TxnKey& key : SortedKeys()) {
      if (IsInDoubt(key)) doubts.push_back({key, Find(key)->since});
    }
    return doubts;
  }

  bool IsInDoubt(const TxnKey& txn) const {
    const LocalBranch* const branch = Find(txn);
    return branch != nullptr && branch->state == State::kInDoubt;
  }

  std::vector<Verdict> Verdicts() const {
    std::vector<Verdict> verdicts;
    for (const TxnKey& key : SortedKeys()) {
      const LocalBranch& branch = *Find(key);
      if (!branch.verdict || !branch.verdict_durable || branch.forgotten) {
        continue;
      }
      verdicts.push_back({key,
                          TRIVET_MUTANT(verdict_turns_with_the_answer)
                              ? branch.answer.value_or(*branch.verdict)
                              : *branch.verdict,
                          branch.answer});
    }
    return verdicts;
  }

  size_t in_flight() const { return in_flight_; }
  size_t remembered() const { return branches_.size() - in_flight_; }

 private:
  using State = LocalBranch::State;

  // PA-25
  void Start() {
    if (owner_ticket_ == 0) {  // PA-33
      Write(Durability::kLazy, LogOwner{name_}, {}, &owner_ticket_);
    }
    Scan();
    for (const TxnKey& key : SortedKeys()) {
      LocalBranch* const branch = Find(key);
      branch->since = now_;
      if (!branch->answer) Inquire(key, branch);  // It has voted yes.
      if (branch->state == State::kApplying) Apply(key, branch);
    }
    for (auto& [coordinator, peer] : peers_) ArmAsk(coordinator, &peer);
  }

  // --- Requests and votes --------------------------------------------------

  void On(Received received) {
    std::visit([&](auto& m) { OnMessage(received.from, m); }, received.message);
  }

  void OnMessage(PeerId from, PrepareRequest& request) {
    const TxnKey& txn = request.txn;
    if (from != txn.coordinator) return;
    Peer* const peer = Hear(from, request.horizon);
    if (const LocalBranch* const branch = Find(txn); branch != nullptr) {
      return OnPrepareAgain(txn, *branch);
    }
    const bool late = !TRIVET_MUTANT(late_prepare_accepted);
    if (late && txn.number < peer->durable) {  // PA-18
      if (TRIVET_MUTANT(no_memory_votes_read_only)) {
        return SendVote(txn, Vote::kReadOnly);
      }
      return SendVote(txn, {Vote::kNo, "finished long ago"});
    }
    if (late && txn.number < peer->heard) {  // PA-19: not to be used yet.
      peer->refused = true;
      return ArmHorizon(*peer);
    }
    if (in_flight_ >= options_.max_in_flight) {  // PA-2
      return SendVote(txn, {Vote::kNo, absl::StrCat("max_in_flight is ",
                                                    options_.max_in_flight)});
    }
    if (request.work.size() > options_.max_work_bytes) {
      return SendVote(txn,
                      {Vote::kNo, absl::StrCat("work has ", request.work.size(),
                                               " bytes; max_work_bytes is ",
                                               options_.max_work_bytes)});
    }
    // P4: no Prepare reaches the host below the horizon or for a resolved id.
    TRIVET_INVARIANT(!late || txn.number >= peer->heard, "P4");
    LocalBranch* const branch = Add(txn);  // PA-1
    branch->work = request.work;
    out_->prepares.push_back({txn, std::move(request.work)});
  }

  void OnPrepareAgain(const TxnKey& txn, const LocalBranch& branch) {
    if (branch.state == State::kInDoubt) {
      SendYes(txn, branch);  // PA-8
    } else if (branch.Aborting()) {
      SendVote(txn, {Vote::kNo, "aborting"});  // PA-7
    }  // PA-16: resolved. PA-31: on its way to a vote.
  }

  void On(Voted voted) {
    const TxnKey& txn = voted.txn;
    LocalBranch* const branch = Find(txn);
    if (branch == nullptr || branch->state != State::kVoting) return;
    if (voted.vote.kind != Vote::kYes) {  // PA-5
      if (!branch->answer) SendVote(txn, std::move(voted.vote));
      return Drop(txn, branch);
    }
    if (branch->answer) return Apply(txn, branch);  // PA-6
    branch->state = State::kLogging;                // PA-3
    Write(Durability::kForced, Prepared{txn, branch->work},
          {ParticipantNote::kPrepared, txn}, &branch->prepared_ticket);
    if (TRIVET_MUTANT(vote_before_force)) SendYes(txn, *branch);
  }

  // --- Decisions -----------------------------------------------------------

  void OnMessage(PeerId from, const DecisionNotice& notice) {
    if (from != notice.txn.coordinator) return;
    LocalBranch* const branch = Find(notice.txn);
    if (branch == nullptr || branch->orphan) {
      return OnUnknownDecision(notice.txn, notice.decision);
    }
    if (branch->answer) {
      if (notice.decision != *branch->answer) return;  // PA-17: stale.
      return OnDecisionAgain(notice.txn, *branch);
    }
    switch (branch->state) {
      case State::kVoting:
      case State::kLogging:
        // PA-6. PA-31: a commit is not possible yet, and will be said again.
        if (notice.decision == Decision::kAbort) {
          SetAnswer(branch, Decision::kAbort);
        }
        return;
      case State::kInDoubt:
        SetAnswer(branch, notice.decision);
        if (notice.decision == Decision::kCommit) {  // PA-9
          WriteResolved(notice.txn, branch);
        }
        return Apply(notice.txn, branch);  // PA-10
      case State::kRuling:
        return SetAnswer(branch, notice.decision);  // PA-13: it waits.
      case State::kApplying:
      case State::kDone:
        SetAnswer(branch, notice.decision);
        WriteResolved(notice.txn, branch);  // PA-13
        return CheckFinished(notice.txn, branch);
    }
  }

  void SetAnswer(LocalBranch* branch, Decision decision) {
    branch->answer = decision;
    branch->inquire_at = MonotonicTime::InfiniteFuture();
  }

  // What the coordinator answered, if it did. An abort needs no durable record:
  // no memory means abort again.
  void WriteResolved(const TxnKey& txn, LocalBranch* branch) {
    if (!branch->answer) return;
    const bool commit = branch->answer == Decision::kCommit;
    Write(commit ? Durability::kForced : Durability::kLazy,
          Resolved{txn, *branch->answer}, {ParticipantNote::kResolved, txn},
          &branch->resolved_ticket);
    if (commit && TRIVET_MUTANT(ack_before_durable)) Acknowledge(txn, true);
    if (commit && TRIVET_MUTANT(let_go_before_applied)) {
      branch->applied = true;
    }
  }

  void OnDecisionAgain(const TxnKey& txn, const LocalBranch& branch) {
    if (TRIVET_MUTANT(repeated_commit_not_acked)) return;
    if (branch.answer_durable)
      Acknowledge(txn, branch.answer_durable);  // PA-15
  }

  // Of an id without a branch that could have voted yes.
  void OnUnknownDecision(const TxnKey& txn, Decision decision) {
    if (decision == Decision::kAbort) return;  // PA-22
    if (txn.number < peers_[txn.coordinator].durable) {
      return Acknowledge(txn, true);  // PA-20
    }
    Stop(absl::DataLossError(absl::StrCat(  // PA-21
        "transaction ", txn.number.epoch, ".", txn.number.sequence,
        " was committed with this participant's vote, of which its log knows "
        "nothing: the log is not the one it voted with")));
  }

  // --- Applying ------------------------------------------------------------

  // Asks the host to carry out what was decided.
  void Apply(const TxnKey& txn, LocalBranch* branch) {
    const bool told = branch->answer == branch->decision();
    // P2: in doubt, never decide alone: the coordinator or an operator did, or
    // nobody ever heard a yes.
    TRIVET_INVARIANT(told || branch->verdict_durable, "P2");
    branch->state = State::kApplying;
    branch->retry_at = MonotonicTime::InfiniteFuture();
    branch->with_host = true;
    out_->applies.push_back({txn, branch->decision(), branch->work});
  }

  void On(const ApplyReturned& returned) {
    const TxnKey& txn = returned.txn;
    LocalBranch* const branch = Find(txn);
    if (branch == nullptr || !std::exchange(branch->with_host, false)) return;
    const bool failed =
        !returned.status.ok() && !TRIVET_MUTANT(failed_apply_is_done);
    if (failed) {  // PA-14
      branch->retry_at = Later(options_.apply_retry_min,
                               options_.apply_retry_max, branch->retries++);
      return timers_.Arm(branch->retry_at, txn, IsCurrent());
    }
    if (branch->orphan) return Drop(txn, branch);  // PA-23
    branch->applied = true;
    branch->state = State::kDone;
    branch->work = std::string();
    --in_flight_;
    if (branch->verdict || branch->answer == Decision::kCommit) {
      Write(Durability::kLazy, Applied{txn}, {}, nullptr);
    } else if (branch->prepared_ticket != 0) {  // PA-10
      WriteResolved(txn, branch);
    }
    CheckFinished(txn, branch);
  }

  // --- In doubt ------------------------------------------------------------

  void Inquire(const TxnKey& txn, LocalBranch* branch) {  // PA-11
    Send(txn.coordinator, DecisionInquiry{txn});
    ArmInquiry(txn, branch);
  }

  void ArmInquiry(const TxnKey& txn, LocalBranch* branch) {
    branch->inquire_at =
        Later(options_.inquire_min, options_.inquire_max, branch->inquiries++);
    timers_.Arm(branch->inquire_at, txn, IsCurrent());
  }

  void On(ResolveRequested resolve) {  // PA-12
    LocalBranch* const branch = Find(resolve.txn);
    if (branch == nullptr || branch->state != State::kInDoubt) return;
    branch->state = State::kRuling;
    branch->verdict = resolve.decision;
    Write(Durability::kForced, Heuristic{resolve.txn, resolve.decision},
          {ParticipantNote::kHeuristic, resolve.txn},
          &branch->heuristic_ticket);
  }

  void On(ForgetRequested forget) {  // PA-28
    LocalBranch* const branch = Find(forget.txn);
    const bool answered = branch != nullptr && branch->verdict_durable &&
                          branch->answer && !branch->forgotten;
    if (!answered) return;
    branch->forgotten = true;
    Write(Durability::kLazy, Forgotten{forget.txn}, {},
          &branch->forgotten_ticket);
    CheckFinished(forget.txn, branch);
  }

  // --- The log answers -----------------------------------------------------

  // A branch that waits for its Prepared or its Heuristic is there, Logging or
  // Ruling, until that is.
  void On(const Appended& appended) {
    const std::optional<ParticipantNote> note =
        log_.TakeAppended(appended.ticket, appended.index.value_or(0));
    if (!note) return;
    if (!appended.index.ok()) {
      return OnLostAppend(appended.index.status(), *note);
    }
    switch (note->kind) {
      case ParticipantNote::kPrepared:
        return OnPreparedDurable(note->txn, Find(note->txn));
      case ParticipantNote::kResolved:
        return OnResolvedAppended(note->txn, Find(note->txn));
      case ParticipantNote::kHeuristic:
        return OnVerdictDurable(note->txn, Find(note->txn));
      case ParticipantNote::kHorizon:
        return OnHorizonDurable(*note);
      case ParticipantNote::kNothingWaits:
        return;
    }
  }

  // PA-24: it may be in the log, or not.
  void OnLostAppend(const absl::Status& status, const ParticipantNote& note) {
    if (note.kind == ParticipantNote::kPrepared &&
        (TRIVET_MUTANT(failed_prepare_write_is_no) ||
         (TRIVET_MUTANT(full_disk_votes_no) &&
          absl::IsResourceExhausted(status)))) {
      LocalBranch* const branch = Find(note.txn);
      SendVote(note.txn, {Vote::kNo, "the log failed"});
      branch->answer = Decision::kAbort;
      return Apply(note.txn, branch);
    }
    Stop(status);
  }

  void OnPreparedDurable(const TxnKey& txn, LocalBranch* branch) {
    if (branch->answer) return Apply(txn, branch);  // PA-7
    branch->state = State::kInDoubt;                // PA-4
    branch->since = now_;
    SendYes(txn, *branch);
    ArmInquiry(txn, branch);
  }

  // `branch`: null if it was an abort's, which nothing waits for.
  void OnResolvedAppended(const TxnKey& txn, LocalBranch* branch) {
    if (branch == nullptr) return;
    if (branch->answer == Decision::kCommit) {  // An abort's is lazy.
      branch->answer_durable = true;
      Acknowledge(txn, branch->answer_durable);  // PA-9
    }
    CheckFinished(txn, branch);
  }

  void OnVerdictDurable(const TxnKey& txn, LocalBranch* branch) {  // PA-12
    branch->verdict_durable = true;
    Apply(txn, branch);
    WriteResolved(txn, branch);  // PA-13
  }

  void Stop(absl::Status why) {
    stopped_ = true;
    out_->stopped = std::move(why);
  }

  // --- Orphans -------------------------------------------------------------

  void Scan() {
    out_->list_prepared = true;
    listing_ = true;
    scan_at_ = MonotonicTime::InfiniteFuture();
  }

  // PA-23: what the host holds prepared and we know nothing of: it crashed, or
  // we did, before that could be written down, so nobody heard a yes.
  void On(Listed listed) {
    if (!std::exchange(listing_, false)) return;
    scan_at_ = now_ + options_.orphan_scan;
    if (listed.prepared.ok()) {
      for (const TxnKey& txn : *listed.prepared) {
        if (TRIVET_MUTANT(orphan_scan_aborts_live)) {
          out_->applies.push_back({txn, Decision::kAbort, ""});
        }
        // One that was let go while the list was made was not an orphan.
        if (Find(txn) != nullptr || dropped_meanwhile_.contains(txn)) continue;
        LocalBranch* const branch = Add(txn);
        branch->orphan = true;
        branch->answer = Decision::kAbort;
        Apply(txn, branch);
      }
    }
    dropped_meanwhile_.clear();
  }

  // --- Horizons ------------------------------------------------------------

  void OnMessage(PeerId from, const HorizonNotice& notice) {
    if (from == notice.coordinator) Hear(from, notice.horizon);
  }

  // What only coordinators are told.
  void OnMessage(PeerId, const VoteReply&) {}
  void OnMessage(PeerId, const DecisionAck&) {}
  void OnMessage(PeerId, const DecisionInquiry&) {}
  void OnMessage(PeerId, const HorizonRequest&) {}

  // --- Time ----------------------------------------------------------------

  void On(Ticked) {
    TxnKey txn;
    while (timers_.PopDue(now_, IsCurrent(), &txn)) {
      LocalBranch* const branch = Find(txn);
      if (branch->retry_at <= now_) Apply(txn, branch);
      if (branch->inquire_at <= now_) {
        if (TRIVET_MUTANT(operator_abort_as_default) &&
            branch->state == State::kInDoubt && branch->inquiries > 2) {
          SetAnswer(branch, Decision::kAbort);
          Apply(txn, branch);
          continue;
        }
        Inquire(txn, branch);
      }
    }
    TickHorizons();
    if (scan_at_ <= now_) Scan();
  }

  // --- Effects -------------------------------------------------------------

  void SendVote(const TxnKey& txn, Vote vote) {
    if (vote.reason.size() > Vote::kReasonBytesMax)
      vote.reason.resize(Vote::kReasonBytesMax);
    Send(txn.coordinator, VoteReply{txn, std::move(vote)});
  }

  void SendYes(const TxnKey& txn, const LocalBranch& branch) {
    const bool durable =
        branch.state == State::kInDoubt || TRIVET_MUTANT(vote_before_force);
    // P1: a yes vote leaves only after Prepared is durable.
    TRIVET_INVARIANT(durable, "P1");
    SendVote(txn, Vote::kYes);
  }

  void Acknowledge(const TxnKey& txn, bool resolved_is_durable) {
    // P3: an ack leaves only after Resolved is durable, or a horizon above it.
    TRIVET_INVARIANT(resolved_is_durable, "P3");
    Send(txn.coordinator, DecisionAck{txn});
  }

  bool started_ = false;
  bool stopped_ = false;
  MonotonicTime scan_at_ = MonotonicTime::InfiniteFuture();
  Effects* out_ = nullptr;  // Of the step that is being made.
};

void TxnEffects::Clear() {
  writes.clear();
  messages.clear();
  trim_before = 0;
  stopped.reset();
}

void ParticipantMachine::Effects::Clear() {
  TxnEffects::Clear();
  prepares.clear();
  applies.clear();
  list_prepared = false;
}

ParticipantMachine::ParticipantMachine(const RoleIdentity& self,
                                       ParticipantOptions options,
                                       uint64_t jitter_seed,
                                       absl::Span<const LoggedRecord> recovered)
    : impl_(
          std::make_unique<Impl>(self.name, options, jitter_seed, recovered)) {}
ParticipantMachine::~ParticipantMachine() = default;
ParticipantMachine::ParticipantMachine(ParticipantMachine&&) noexcept = default;
ParticipantMachine& ParticipantMachine::operator=(
    ParticipantMachine&&) noexcept = default;

void ParticipantMachine::Step(MonotonicTime now, Event&& event,
                              Effects* effects) {
  impl_->Step(now, std::move(event), effects);
}
MonotonicTime ParticipantMachine::NextWakeup() const {
  return impl_->NextWakeup();
}
std::vector<ParticipantMachine::Doubt> ParticipantMachine::InDoubt() const {
  return impl_->InDoubt();
}
bool ParticipantMachine::IsInDoubt(const TxnKey& txn) const {
  return impl_->IsInDoubt(txn);
}
std::vector<ParticipantMachine::Verdict> ParticipantMachine::Verdicts() const {
  return impl_->Verdicts();
}
size_t ParticipantMachine::in_flight() const { return impl_->in_flight(); }
size_t ParticipantMachine::remembered() const { return impl_->remembered(); }

}  // namespace v0_1
}  // namespace trivet
