// SPDX-License-Identifier: Apache-2.0
//
// The participant's memory, rebuilt from the records that Claim visited.
//
// A record may stand there twice, and the beginning of the log may be missing.
// What is missing was let go, or was written again further on. So of an id
// whose Prepared is nowhere, the host has finished: Prepared is written again
// as long as Apply has not come back OK.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "src/internal/mutant.h"
#include "src/txn/live_records.h"
#include "src/txn/option_check.h"
#include "src/txn/participant_state.h"
#include "trivet/host/log_store.h"
#include "trivet/txn/participant_machine.h"
#include "trivet/txn/transaction.h"
#include "trivet/txn/txn_effects.h"
#include "trivet/txn/txn_message.h"
#include "trivet/txn/txn_record.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {
namespace {

template <typename Record>
struct LastCopy {
  const Record* record = nullptr;
  LogIndex index = 0;
};

// All that the log says of one transaction.
struct Facts {
  LastCopy<Prepared> prepared;
  LastCopy<Resolved> resolved;
  LastCopy<Heuristic> heuristic;
  LastCopy<Forgotten> forgotten;
  bool applied = false;
};

struct AllFacts {
  absl::btree_map<TxnKey, Facts> txns;
  absl::btree_map<PeerId, LastCopy<HorizonPassed>> horizons;
  LastCopy<LogOwner> owner;
};

struct Collect {
  AllFacts* facts;
  LogIndex index;

  void operator()(const Prepared& r) const {
    facts->txns[r.txn].prepared = {&r, index};
  }
  void operator()(const Resolved& r) const {
    facts->txns[r.txn].resolved = {&r, index};
  }
  void operator()(const Heuristic& r) const {
    facts->txns[r.txn].heuristic = {&r, index};
  }
  void operator()(const Forgotten& r) const {
    facts->txns[r.txn].forgotten = {&r, index};
  }
  void operator()(const Applied& r) const { facts->txns[r.txn].applied = true; }
  void operator()(const HorizonPassed& r) const {
    LastCopy<HorizonPassed>& last = facts->horizons[r.coordinator];
    if (last.record == nullptr || last.record->horizon <= r.horizon) {
      last = {&r, index};
    }
  }
  void operator()(const LogOwner& r) const { facts->owner = {&r, index}; }
  void operator()(const LogIdentity&) const {}  // A coordinator's.
  void operator()(const CommitDecided&) const {}
  void operator()(const Ended&) const {}
};

// nullptr: nothing but the end of something that was let go.
std::unique_ptr<LocalBranch> Conclude(const Facts& facts) {
  const Prepared* const prepared = facts.prepared.record;
  const Resolved* const resolved = facts.resolved.record;
  const Heuristic* const heuristic = facts.heuristic.record;
  if (prepared == nullptr && resolved == nullptr && heuristic == nullptr) {
    return nullptr;
  }
  auto branch = std::make_unique<LocalBranch>();
  if (resolved != nullptr) branch->answer = resolved->decision;
  if (heuristic != nullptr) branch->verdict = heuristic->decision;
  branch->answer_durable = branch->answer == Decision::kCommit;
  branch->verdict_durable = heuristic != nullptr;
  branch->forgotten = facts.forgotten.record != nullptr;
  const bool decided = branch->answer || branch->verdict;
  const bool undone =  // An abort is resolved after it was applied.
      !branch->verdict && branch->answer == Decision::kAbort;
  branch->applied = decided && (prepared == nullptr || facts.applied || undone);
  branch->state = !decided          ? LocalBranch::State::kInDoubt
                  : branch->applied ? LocalBranch::State::kDone
                                    : LocalBranch::State::kApplying;
  if (!branch->applied) branch->work = prepared->work;
  return branch;
}

}  // namespace

ParticipantState::ParticipantState(std::string name,
                                   const ParticipantOptions& options,
                                   uint64_t jitter_seed,
                                   absl::Span<const LoggedRecord> recovered)
    : name_(std::move(name)), options_(options), random_(jitter_seed) {
  Replay(recovered);
}

// PA-25
void ParticipantState::Replay(absl::Span<const LoggedRecord> recovered) {
  AllFacts facts;
  for (const LoggedRecord& logged : recovered) {
    std::visit(Collect{&facts, logged.index}, logged.record);
  }
  std::vector<LiveRecords<ParticipantNote>::Found> live;
  const auto keep = [&live](const auto& last, uint64_t* ticket) {
    if (last.record != nullptr) live.push_back({last.index, ticket});
  };
  keep(facts.owner, &owner_ticket_);
  for (const auto& [coordinator, last] : facts.horizons) {
    Peer& peer = peers_[coordinator];
    peer.heard = peer.issued = peer.durable = last.record->horizon;
    keep(last, &peer.horizon_ticket);
  }
  for (const auto& [key, fact] : facts.txns) {
    std::unique_ptr<LocalBranch> branch = Conclude(fact);
    if (branch == nullptr) continue;
    Peer& peer = peers_[key.coordinator];
    const bool is_passed = key.number < peer.durable;
    // Below the horizon nobody waits for a decision: it was abort; or it was a
    // commit, applied and let go, and a copy of Prepared stayed behind because
    // an append of copies was cut short. What the host still holds is aborted
    // with what it lists (PA-23).
    if (is_passed && branch->state == LocalBranch::State::kInDoubt &&
        !TRIVET_MUTANT(doubt_outlives_horizon)) {
      continue;
    }
    if (branch->Finished()) {
      if (is_passed) continue;  // It was let go.
      peer.finished.insert(key.number);
    }
    if (branch->state != LocalBranch::State::kDone) ++in_flight_;
    keep(fact.prepared, &branch->prepared_ticket);
    keep(fact.heuristic, &branch->heuristic_ticket);
    keep(fact.resolved, &branch->resolved_ticket);
    keep(fact.forgotten, &branch->forgotten_ticket);
    branches_.emplace(key, std::move(branch));
  }
  log_.Adopt(std::move(live), recovered.empty() ? 0 : recovered.back().index);
}

}  // namespace internal

absl::Status ParticipantOptions::Validate() const {
  internal::OptionCheck check("ParticipantOptions");
  check.Backoff("inquire_min", inquire_min, "inquire_max", inquire_max);
  check.Backoff("apply_retry_min", apply_retry_min, "apply_retry_max",
                apply_retry_max);
  check.Positive("horizon_delay", horizon_delay);
  check.Positive("orphan_scan", orphan_scan);
  check.Count("max_in_flight", max_in_flight, 1, size_t{1} << 24);
  check.Count("max_work_bytes", max_work_bytes, 0, size_t{1} << 30);
  return check.status();
}

}  // namespace v0_1
}  // namespace trivet
