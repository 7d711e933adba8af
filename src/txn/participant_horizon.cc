// SPDX-License-Identifier: Apache-2.0
//
// When a participant lets go of what it remembers: once the host has applied
// it and a horizon above it is durable. And what a step does besides: writing
// live records again, trimming the log.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

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
namespace internal {

void ParticipantState::BeginStep(MonotonicTime now, TxnEffects* effects) {
  now_ = now;
  effects_ = effects;
  forced_ = false;
}

void ParticipantState::EndStep() {
  if (log_.CompactionIsDue(forced_)) Compact();
  if (forced_) WriteHorizons();
  if (const LogIndex trim = log_.TrimBefore(); trim > trimmed_) {
    trimmed_ = effects_->trim_before = trim;
  }
}

// --- Branches ---------------------------------------------------------------

LocalBranch* ParticipantState::Add(const TxnKey& txn) {
  std::unique_ptr<LocalBranch>& added = branches_[txn];
  added = std::make_unique<LocalBranch>();
  ++in_flight_;
  return added.get();
}

void ParticipantState::Drop(const TxnKey& txn, LocalBranch* branch) {
  if (branch->state != LocalBranch::State::kDone) --in_flight_;
  log_.Retire(&branch->prepared_ticket);
  log_.Retire(&branch->heuristic_ticket);
  log_.Retire(&branch->resolved_ticket);
  log_.Retire(&branch->forgotten_ticket);
  if (listing_) dropped_meanwhile_.insert(txn);
  branches_.erase(txn);
}

std::vector<TxnKey> ParticipantState::SortedKeys() const {
  std::vector<TxnKey> keys;
  keys.reserve(branches_.size());
  for (const auto& [key, branch] : branches_) keys.push_back(key);
  std::sort(keys.begin(), keys.end());
  return keys;
}

// --- Horizons ---------------------------------------------------------------

Peer* ParticipantState::Hear(PeerId coordinator, TxnNumber horizon) {
  Peer* const peer = &peers_[coordinator];
  peer->heard_since_armed = true;
  peer->asks = 0;
  if (horizon <= peer->heard) return peer;
  peer->heard = horizon;
  if (!std::exchange(peer->in_ahead_list, true)) ahead_.push_back(coordinator);
  ArmHorizon(*peer);
  return peer;
}

// A horizon rides in the next forced append; alone only if something waits for
// it and nothing forced follows for a while.
void ParticipantState::ArmHorizon(const Peer& peer) {
  if (peer.heard > peer.issued && peer.HeardIsWanted()) {
    horizon_at_ = std::min(horizon_at_, now_ + options_.horizon_delay);
  }
}

void ParticipantState::WriteHorizons() {  // PA-26
  for (const PeerId coordinator : std::exchange(ahead_, {})) {
    Peer* const peer = &peers_[coordinator];
    peer->in_ahead_list = false;
    peer->refused = false;
    peer->issued = peer->heard;
    ParticipantNote note;
    note.kind = ParticipantNote::kHorizon;
    note.txn = {coordinator, peer->heard};
    note.replaces = peer->horizon_ticket;
    Write(Durability::kForced, HorizonPassed{coordinator, peer->heard}, note,
          &peer->horizon_ticket);
  }
  horizon_at_ = MonotonicTime::InfiniteFuture();
}

void ParticipantState::OnHorizonDurable(ParticipantNote note) {
  Peer* const peer = &peers_[note.txn.coordinator];
  log_.Retire(&note.replaces);
  peer->durable = std::max(peer->durable, note.txn.number);
  LetGoPassed(note.txn.coordinator, peer);
}

void ParticipantState::CheckFinished(const TxnKey& txn, LocalBranch* branch) {
  if (!branch->Finished()) return;
  Peer* const peer = &peers_[txn.coordinator];
  peer->finished.insert(txn.number);
  ArmHorizon(*peer);
  ArmAsk(txn.coordinator, peer);
  LetGoPassed(txn.coordinator, peer);
}

void ParticipantState::LetGoPassed(PeerId coordinator, Peer* peer) {  // PA-27
  while (!peer->finished.empty() && *peer->finished.begin() < peer->durable) {
    const TxnKey txn{coordinator, *peer->finished.begin()};
    peer->finished.erase(peer->finished.begin());
    LocalBranch* const branch = Find(txn);
    // P5: a horizon is durable before what it lets go is trimmed.
    TRIVET_INVARIANT(txn.number < peer->durable, "P5");
    // P6: nothing is let go before Apply came back OK.
    TRIVET_INVARIANT(branch->applied, "P6");
    Drop(txn, branch);
  }
}

void ParticipantState::ArmAsk(PeerId coordinator, Peer* peer) {
  if (peer->ask_at != MonotonicTime::InfiniteFuture()) return;
  if (!peer->WaitsToHear()) return;
  peer->heard_since_armed = false;
  peer->ask_at =
      Later(options_.inquire_min, options_.inquire_max, peer->asks++);
  asks_.Arm(peer->ask_at, coordinator, AskIsCurrent());
}

void ParticipantState::TickHorizons() {
  PeerId coordinator;
  while (asks_.PopDue(now_, AskIsCurrent(), &coordinator)) {
    Peer* const peer = &peers_[coordinator];
    peer->ask_at = MonotonicTime::InfiniteFuture();
    if (peer->WaitsToHear() && !peer->heard_since_armed) {
      Send(coordinator, HorizonRequest{coordinator});  // PA-29
    }
    ArmAsk(coordinator, peer);
  }
  if (horizon_at_ <= now_) WriteHorizons();
}

MonotonicTime ParticipantState::NextHorizonWakeup() {
  return std::min(asks_.Earliest(AskIsCurrent()), horizon_at_);
}

// --- Effects ----------------------------------------------------------------

void ParticipantState::Send(PeerId to, TxnMessage message) {
  effects_->messages.push_back({to, std::move(message)});
}

void ParticipantState::Write(Durability durability, TxnRecord record,
                             ParticipantNote note, uint64_t* live_ticket) {
  uint64_t ticket = log_.Issue(note);
  effects_->writes.push_back({ticket, durability, std::move(record)});
  forced_ = forced_ || durability == Durability::kForced;
  if (live_ticket != nullptr) {
    *live_ticket = ticket;
  } else {
    log_.Retire(&ticket);
  }
}

// PA-30. What the host has finished with needs its Prepared no more.
void ParticipantState::Compact() {
  log_.BeginCopies();
  const auto copy = [this](TxnRecord record, uint64_t* ticket) {
    if (*ticket != 0) Write(Durability::kForced, std::move(record), {}, ticket);
  };
  if (!TRIVET_MUTANT(copies_miss_the_owner)) {
    copy(LogOwner{name_}, &owner_ticket_);  // PA-33
  }
  for (auto& [coordinator, peer] : peers_) {
    copy(HorizonPassed{coordinator, peer.issued}, &peer.horizon_ticket);
  }
  for (const TxnKey& txn : SortedKeys()) {
    LocalBranch* const branch = Find(txn);
    const bool in_flight = branch->state == LocalBranch::State::kLogging;
    if (in_flight && TRIVET_MUTANT(copies_miss_what_is_in_flight)) continue;
    if (branch->applied) branch->prepared_ticket = 0;
    copy(Prepared{txn, branch->work}, &branch->prepared_ticket);
    if (branch->verdict) {
      copy(Heuristic{txn, *branch->verdict}, &branch->heuristic_ticket);
    }
    if (branch->answer) {
      copy(Resolved{txn, *branch->answer}, &branch->resolved_ticket);
    }
    copy(Forgotten{txn}, &branch->forgotten_ticket);
  }
  log_.EndCopies();
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
