// SPDX-License-Identifier: Apache-2.0
//
// ParticipantMachine: the participant's half of presumed-abort two-phase
// commit, as a pure state machine.
//
//   PrepareRequest --> Voting -- host votes no or read-only --> forgotten
//                        | host votes yes
//                        v
//                     Logging -- Prepared durable --> InDoubt
//                                      VoteReply(yes)   | ^ + inquire,
//                                                       | +-- backing off
//                         DecisionNotice, or an         |
//                         operator's durable decision   v
//                                                   Applying
//                                    host applied it    |
//                                                       v
//        forgotten <-- a horizon above it durable --  Done    DecisionAck once
//                                                             Resolved(commit)
//                                                             is durable
// Invariants, asserted wherever an effect leaves:
//   P1  VoteReply(kYes) is sent only after Prepared is durable.
//   P2  In doubt, the machine never decides by itself, however long it takes.
//   P3  DecisionAck is sent only after Resolved is durable. Otherwise a crash
//       could make a committed branch ask a coordinator that has forgotten it,
//       and presume abort.
//   P4  A PrepareRequest below the coordinator's horizon, or for an id already
//       resolved, is never passed to the host.
//   P5  A horizon is durable before any Resolved below it is trimmed.
//   P6  Nothing is let go before Apply came back OK.
//
// Every row of its table is in src/txn/DESIGN.md, and a script in
// tests/txn/scripts shows it.
//
// Thread safety: thread-compatible: one thread at a time.

#ifndef TRIVET_TXN_PARTICIPANT_MACHINE_H_
#define TRIVET_TXN_PARTICIPANT_MACHINE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "trivet/config.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/txn/transaction.h"
#include "trivet/txn/txn_effects.h"
#include "trivet/txn/txn_message.h"

namespace trivet {
inline namespace v0_1 {

struct TRIVET_EXPORT ParticipantOptions {
  absl::Duration inquire_min = absl::Milliseconds(500);
  absl::Duration inquire_max = absl::Seconds(30);
  absl::Duration apply_retry_min = absl::Milliseconds(50);
  absl::Duration apply_retry_max = absl::Seconds(10);
  absl::Duration horizon_delay = absl::Seconds(1);  // Before it costs a force.
  absl::Duration orphan_scan = absl::Seconds(30);   // ListPrepared this often.
  size_t max_in_flight = 65536;  // 1 to 2^24; beyond, votes no.

  // Of one branch; at most 2^30. The log must take a record with 1024 bytes
  // more, or the participant stops; Open refuses one whose RecordSizeMax is
  // less.
  size_t max_work_bytes = 1 << 20;

  // kInvalidArgument names the field, its value and the limit.
  absl::Status Validate() const;
};

class TRIVET_EXPORT ParticipantMachine {
 public:
  // --- What can happen -----------------------------------------------------
  struct Voted {  // The host answered Prepare.
    TxnKey txn;
    Vote vote;
  };
  struct ApplyReturned {  // The host carried it out, durably, or failed to.
    TxnKey txn;
    absl::Status status;
  };
  struct Listed {  // The host answered list_prepared.
    absl::StatusOr<std::vector<TxnKey>> prepared;
  };
  struct ResolveRequested {  // An operator decides what nobody else can.
    TxnKey txn;              // Ignored unless in doubt.
    Decision decision = Decision::kAbort;
  };
  struct ForgetRequested {  // The operator has seen what became of it.
    TxnKey txn;             // Ignored until the coordinator has answered too.
  };
  using Ticked = ::trivet::Ticked;
  using Event =
      std::variant<Received, Voted, ApplyReturned, Listed, ResolveRequested,
                   ForgetRequested, Appended, Ticked>;

  // --- What the machine wants done ------------------------------------------
  struct Prepare {
    TxnKey txn;
    std::string work;
  };
  struct Apply {
    TxnKey txn;
    Decision decision = Decision::kAbort;
    std::string work;  // As prepared; empty for an abort of what is unknown.
  };
  struct TRIVET_EXPORT Effects : TxnEffects {
    std::vector<Prepare> prepares;  // Ask the host to vote.
    std::vector<Apply> applies;     // Have the host commit or abort.
    bool list_prepared = false;     // Ask the host what it holds prepared.

    void Clear();  // Keeps the memory.
  };

  // As CoordinatorMachine. The first Step, whatever its event, inquires after
  // everything in doubt and applies again what may not have been applied, or
  // gives a new log its LogOwner.
  // REQUIRES: options.Validate().ok(); what is recovered, unless it is nothing,
  // has a LogOwner, of self.name and nobody else.
  ParticipantMachine(const RoleIdentity& self, ParticipantOptions options,
                     uint64_t jitter_seed,
                     absl::Span<const LoggedRecord> recovered);
  ~ParticipantMachine();
  ParticipantMachine(ParticipantMachine&&) noexcept;
  ParticipantMachine& operator=(ParticipantMachine&&) noexcept;

  // As CoordinatorMachine. A stopped one does nothing at all.
  void Step(MonotonicTime now, Event&& event, Effects* effects);
  MonotonicTime NextWakeup() const;

  // Voted yes, and does not know the decision.
  struct Doubt {
    TxnKey txn;
    MonotonicTime since;  // After a restart: since its first step.
  };
  std::vector<Doubt> InDoubt() const;
  bool IsInDoubt(const TxnKey& txn) const;

  // Transactions that an operator decided and has not forgotten. Where the
  // coordinator's answer, once known, differs, the outcome is mixed.
  struct Verdict {
    TxnKey txn;
    Decision decision = Decision::kAbort;  // The operator's.
    std::optional<Decision> answer;        // The coordinator's.
  };
  std::vector<Verdict> Verdicts() const;

  // Branches that the host has not finished with.
  size_t in_flight() const;
  // Finished ones that are kept until a horizon passes them.
  size_t remembered() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_TXN_PARTICIPANT_MACHINE_H_
