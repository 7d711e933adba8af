// SPDX-License-Identifier: Apache-2.0
//
// What a CoordinatorMachine remembers, and how it is rebuilt from a log.
//
//   table_   number -> transaction: state, members, their votes and acks
//   pins_    participant -> the numbers that hold its horizon back
//   timers_  when to ask or to tell again
//   log_     which records are live
//
// Thread safety: thread-compatible.

#ifndef TRIVET_SRC_TXN_COORDINATOR_STATE_H_
#define TRIVET_SRC_TXN_COORDINATOR_STATE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "src/txn/live_records.h"
#include "src/txn/timer_queue.h"
#include "src/txn/txn_table.h"
#include "trivet/config.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/txn/transaction.h"
#include "trivet/txn/txn_effects.h"
#include "trivet/txn/txn_message.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

// A participant's part in one transaction.
struct Member {
  PeerId participant{};
  std::string work;                // Until the decision.
  std::optional<Vote::Kind> vote;  // The first one.
  bool acked = false;
};

struct CoordinatorTxn {
  enum class State { kPreparing, kDeciding, kCommitting };

  State state = State::kPreparing;
  bool decided_durable = false;
  bool told = false;       // The caller knows, from this process.
  bool forgotten = false;  // The host said that nobody has to be told.
  uint32_t attempt = 0;    // Of asking or telling.
  uint64_t call = 0;
  MonotonicTime deadline;
  MonotonicTime due = MonotonicTime::InfiniteFuture();
  std::vector<Member> members;
  size_t silent = 0;   // Members without a vote.
  size_t unacked = 0;  // Yes-voters without an ack.

  uint64_t decided_ticket = 0;  // Of the live records; 0: there is none.
  uint64_t forgotten_ticket = 0;

  bool LetGo() const { return told || forgotten; }

  // nullptr: not a member. Few are members, so a scan is quickest.
  Member* Find(PeerId participant) {
    for (Member& member : members) {
      if (member.participant == participant) return &member;
    }
    return nullptr;
  }
};

// Why a record was written.
struct CoordinatorNote {
  enum Kind { kNothingWaits, kLogIdentity, kCommitDecided };
  Kind kind = kNothingWaits;
  TxnNumber number;
};

class CoordinatorState {
 protected:
  CoordinatorState(RoleIdentity self, size_t max_in_flight,
                   absl::Span<const LoggedRecord> recovered);

  TxnKey Key(TxnNumber number) const { return {self_.self, number}; }

  // What stands behind the last '#' of the full name.
  std::string LogId() const {
    return self_.name.substr(self_.name.rfind('#') + 1);
  }

  // The smallest number that still concerns `participant`: one that is
  // undecided, or a commit it voted yes to and has not acknowledged; else the
  // next to begin.
  TxnNumber Horizon(PeerId participant) const {
    const auto it = pins_.find(participant);
    if (it == pins_.end() || it->second.empty()) return table_.Next();
    return *it->second.begin();
  }
  void Pin(PeerId participant, TxnNumber number) {
    pins_[participant].insert(number);
  }
  void Unpin(PeerId participant, TxnNumber number) {
    pins_[participant].erase(number);
  }

  void Disarm(CoordinatorTxn* txn) {
    txn->due = MonotonicTime::InfiniteFuture();
  }
  auto IsCurrent() const {
    return [this](const TimerQueue<TxnNumber>::Timer& timer) {
      const CoordinatorTxn* const txn = table_.Find(timer.key);
      return txn != nullptr && txn->due == timer.when;
    };
  }

  const RoleIdentity self_;
  TxnTable<CoordinatorTxn> table_;
  absl::flat_hash_map<PeerId, absl::btree_set<TxnNumber>> pins_;
  TimerQueue<TxnNumber> timers_;
  LiveRecords<CoordinatorNote> log_;
  size_t in_flight_ = 0;
  uint64_t identity_ticket_ = 0;
  bool identity_durable_ = false;

 private:
  void Replay(absl::Span<const LoggedRecord> recovered);
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_TXN_COORDINATOR_STATE_H_
