// SPDX-License-Identifier: Apache-2.0
//
// The coordinator's memory, rebuilt from the records that Claim visited. Row
// CO-19: every CommitDecided without Ended is Committing, whoever was told.
//
// A record may stand there twice, and the beginning of the log may be missing:
// an Ended or a Forgotten without its CommitDecided says nothing.

#include <cstddef>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "src/internal/invariant.h"
#include "src/internal/mutant.h"
#include "src/txn/coordinator_state.h"
#include "src/txn/live_records.h"
#include "src/txn/option_check.h"
#include "trivet/host/log_store.h"
#include "trivet/txn/coordinator_machine.h"
#include "trivet/txn/transaction.h"
#include "trivet/txn/txn_effects.h"
#include "trivet/txn/txn_message.h"
#include "trivet/txn/txn_record.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {
namespace {

// All that the log says of one transaction. Indexes: of the last copy; 0: none.
struct Facts {
  LogIndex decided = 0;
  LogIndex forgotten = 0;
  bool ended = false;
  const CommitDecided* record = nullptr;
};

void Restore(const CommitDecided& record, CoordinatorTxn* txn) {
  txn->state = CoordinatorTxn::State::kCommitting;
  txn->decided_durable = true;  // Visited is durable.
  txn->unacked = record.yes_voters.size();
  for (const PeerId voter : record.yes_voters) {
    Member& member = txn->members.emplace_back();
    member.participant = voter;
    member.vote = Vote::kYes;
  }
}

}  // namespace

CoordinatorState::CoordinatorState(RoleIdentity self, size_t max_in_flight,
                                   absl::Span<const LoggedRecord> recovered)
    : self_(std::move(self)),
      table_(TRIVET_MUTANT(id_reused_after_restart) ? 1 : self_.epoch,
             4 * max_in_flight) {
  TRIVET_INVARIANT(absl::StrContains(self_.name, "#"),
                   "REQUIRES of the constructor");
  Replay(recovered);
}

void CoordinatorState::Replay(absl::Span<const LoggedRecord> recovered) {
  absl::btree_map<TxnNumber, Facts> facts;
  std::vector<LiveRecords<CoordinatorNote>::Found> live;
  LogIndex identity = 0;
  for (const LoggedRecord& logged : recovered) {
    if (std::holds_alternative<LogIdentity>(logged.record)) {
      identity = logged.index;
    } else if (const auto* d = std::get_if<CommitDecided>(&logged.record)) {
      facts[d->txn.number].decided = logged.index;
      facts[d->txn.number].record = d;
    } else if (const auto* e = std::get_if<Ended>(&logged.record)) {
      facts[e->txn.number].ended = true;
    } else if (const auto* f = std::get_if<Forgotten>(&logged.record)) {
      facts[f->txn.number].forgotten = logged.index;
    }
  }
  for (const auto& [number, fact] : facts) {
    const bool nobody_waits =
        fact.ended || fact.record == nullptr || fact.record->yes_voters.empty();
    if (nobody_waits) continue;
    CoordinatorTxn* const txn = table_.Recover(number);
    Restore(*fact.record, txn);
    ++in_flight_;
    for (const Member& member : txn->members) Pin(member.participant, number);
    live.push_back({fact.decided, &txn->decided_ticket});
    if (fact.forgotten == 0) continue;
    txn->forgotten = true;
    live.push_back({fact.forgotten, &txn->forgotten_ticket});
  }
  identity_durable_ = identity != 0;
  if (identity_durable_) live.push_back({identity, &identity_ticket_});
  log_.Adopt(std::move(live), recovered.empty() ? 0 : recovered.back().index);
}

}  // namespace internal

absl::Status CoordinatorOptions::Validate() const {
  internal::OptionCheck check("CoordinatorOptions");
  check.Positive("prepare_timeout", prepare_timeout);
  check.Backoff("resend_min", resend_min, "resend_max", resend_max);
  check.Count("max_in_flight", max_in_flight, 1, size_t{1} << 24);
  check.Count("max_work_bytes", max_work_bytes, 0, size_t{1} << 30);
  check.Count("max_branches", max_branches, 1, size_t{1} << 16);
  return check.status();
}

}  // namespace v0_1
}  // namespace trivet
