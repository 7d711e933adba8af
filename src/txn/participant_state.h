// SPDX-License-Identifier: Apache-2.0
//
// What a ParticipantMachine remembers, how it is rebuilt from a log, and when
// it is let go. What is decided when stands in participant_machine.cc.
//
//   branches_  id -> branch: state, work, what was decided, by whom
//   peers_     coordinator -> its horizon, and the branches that wait for one
//   log_       which records are live
//
// Thread safety: thread-compatible.

#ifndef TRIVET_SRC_TXN_PARTICIPANT_STATE_H_
#define TRIVET_SRC_TXN_PARTICIPANT_STATE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "src/internal/backoff.h"
#include "src/internal/invariant.h"
#include "src/txn/live_records.h"
#include "src/txn/timer_queue.h"
#include "trivet/config.h"
#include "trivet/host/log_store.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/txn/participant_machine.h"
#include "trivet/txn/transaction.h"
#include "trivet/txn/txn_effects.h"
#include "trivet/txn/txn_message.h"
#include "trivet/txn/txn_record.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

// This participant's part in one transaction.
struct LocalBranch {
  enum class State {
    kVoting,    // The host is preparing.
    kLogging,   // It said yes; Prepared is in flight.
    kInDoubt,   // Yes was voted.
    kRuling,    // An operator's Heuristic is in flight.
    kApplying,  // Decided; the host carries it out, or will be asked again.
    kDone,      // It has; kept until a horizon passes it.
  };
  State state = State::kVoting;
  bool orphan = false;  // The host holds it and we know nothing of it.
  std::string work;     // Until kDone.

  std::optional<Decision> answer;   // What the coordinator said.
  bool answer_durable = false;      // Of a commit only; an abort's is lazy.
  std::optional<Decision> verdict;  // What an operator said.
  bool verdict_durable = false;
  bool forgotten = false;  // By the operator.

  bool with_host = false;  // Apply was asked for and has not come back.
  bool applied = false;

  MonotonicTime since;  // In doubt.
  MonotonicTime inquire_at = MonotonicTime::InfiniteFuture();
  MonotonicTime retry_at = MonotonicTime::InfiniteFuture();
  uint32_t inquiries = 0;
  uint32_t retries = 0;

  uint64_t prepared_ticket = 0;  // Of the live records; 0: there is none.
  uint64_t heuristic_ticket = 0;
  uint64_t resolved_ticket = 0;
  uint64_t forgotten_ticket = 0;

  // What is to be applied, or was. An operator's word cannot be taken back.
  // REQUIRES: somebody has decided.
  Decision decision() const {
    TRIVET_INVARIANT(verdict || answer, "P2");
    return verdict ? *verdict : *answer;
  }

  bool Aborting() const {
    return state != State::kDone && !verdict && answer == Decision::kAbort;
  }

  // Waits for nothing but a horizon.
  bool Finished() const {
    const bool answered =
        answer && (answer == Decision::kAbort || answer_durable);
    return applied && answered && (!verdict || forgotten);
  }
};

// A coordinator, as this participant knows it.
struct Peer {
  TxnNumber heard;    // The largest horizon it sent,
  TxnNumber issued;   // and what of that is in the log, perhaps,
  TxnNumber durable;  // and for certain.
  uint64_t horizon_ticket = 0;
  bool in_ahead_list = false;

  absl::btree_set<TxnNumber> finished;  // They wait for `durable` to pass.
  bool refused = false;  // A request waits for it: it is below `heard` only.

  MonotonicTime ask_at = MonotonicTime::InfiniteFuture();
  uint32_t asks = 0;
  bool heard_since_armed = false;

  // Whether anything is let go, or refused for good, once `heard` is durable.
  bool HeardIsWanted() const {
    return refused || (!finished.empty() && *finished.begin() < heard);
  }
  bool WaitsToHear() const {
    return !finished.empty() && *finished.rbegin() >= heard;
  }
};

// Why a record was written.
struct ParticipantNote {
  enum Kind { kNothingWaits, kPrepared, kResolved, kHeuristic, kHorizon };
  Kind kind = kNothingWaits;
  TxnKey txn;             // kHorizon: the coordinator, and its horizon.
  uint64_t replaces = 0;  // kHorizon: the ticket of the one before.
};

class ParticipantState {
 protected:
  using Timer = TimerQueue<TxnKey>::Timer;

  ParticipantState(std::string name, const ParticipantOptions& options,
                   uint64_t jitter_seed,
                   absl::Span<const LoggedRecord> recovered);

  // --- Steps: every one stands between these two ---------------------------
  void BeginStep(MonotonicTime now, TxnEffects* effects);
  void EndStep();  // Compacts, lets horizons ride along, and trims.

  // --- Branches ------------------------------------------------------------
  LocalBranch* Find(const TxnKey& txn) const {
    const auto it = branches_.find(txn);
    return it == branches_.end() ? nullptr : it->second.get();
  }
  LocalBranch* Add(const TxnKey& txn);
  // Forgets it and lets its records go.
  void Drop(const TxnKey& txn, LocalBranch* branch);
  // Every id, in a fixed order, where a hash table's would change runs.
  std::vector<TxnKey> SortedKeys() const;

  auto IsCurrent() const {
    return [this](const Timer& timer) {
      const LocalBranch* const branch = Find(timer.key);
      return branch != nullptr && (branch->inquire_at == timer.when ||
                                   branch->retry_at == timer.when);
    };
  }

  // --- Horizons ------------------------------------------------------------
  // Takes note of a horizon that a coordinator sent.
  Peer* Hear(PeerId coordinator, TxnNumber horizon);
  void OnHorizonDurable(ParticipantNote note);
  // Has the peer's horizon written soon if something waits for it.
  void ArmHorizon(const Peer& peer);
  // Has the peer asked for a horizon later on if something waits for one.
  void ArmAsk(PeerId coordinator, Peer* peer);
  // To be called whenever the branch may have become Finished().
  void CheckFinished(const TxnKey& txn, LocalBranch* branch);
  void TickHorizons();
  MonotonicTime NextHorizonWakeup();

  // --- Effects -------------------------------------------------------------
  void Send(PeerId to, TxnMessage message);
  // `live_ticket`: where the branch or peer keeps it; null: it need not live.
  void Write(Durability durability, TxnRecord record, ParticipantNote note,
             uint64_t* live_ticket);
  MonotonicTime Later(absl::Duration delay_min, absl::Duration delay_max,
                      uint32_t attempt) {
    return now_ + BackoffDelay(delay_min, delay_max, attempt, random_.Next());
  }

  const std::string name_;
  const ParticipantOptions options_;
  absl::flat_hash_map<TxnKey, std::unique_ptr<LocalBranch>> branches_;
  size_t in_flight_ = 0;          // Those that are not kDone.
  std::map<PeerId, Peer> peers_;  // Ordered, and its elements stay in place.
  TimerQueue<TxnKey> timers_;     // Inquiries, and Apply again.
  LiveRecords<ParticipantNote> log_;
  uint64_t owner_ticket_ = 0;

  bool listing_ = false;  // The host is making a list of what it holds.
  absl::flat_hash_set<TxnKey> dropped_meanwhile_;

  MonotonicTime now_;  // Of the step that is being made.

 private:
  void Replay(absl::Span<const LoggedRecord> recovered);
  void WriteHorizons();
  void LetGoPassed(PeerId coordinator, Peer* peer);
  void Compact();

  auto AskIsCurrent() const {
    return [this](const TimerQueue<PeerId>::Timer& timer) {
      return peers_.at(timer.key).ask_at == timer.when;
    };
  }

  SplitMix64 random_;
  TimerQueue<PeerId> asks_;    // HorizonRequests.
  std::vector<PeerId> ahead_;  // Whose `heard` is ahead of `issued`.
  MonotonicTime horizon_at_ = MonotonicTime::InfiniteFuture();
  LogIndex trimmed_ = 1;

  TxnEffects* effects_ = nullptr;  // Of the step that is being made.
  bool forced_ = false;            // It has a forced write.
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_TXN_PARTICIPANT_STATE_H_
