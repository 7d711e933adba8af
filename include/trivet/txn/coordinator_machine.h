// SPDX-License-Identifier: Apache-2.0
//
// CoordinatorMachine: the coordinator's half of presumed-abort two-phase
// commit, as a pure state machine. It runs many transactions; each goes
//
//   Begun ----> Preparing --every vote in, none no--> Deciding
//                   |                                     | CommitDecided
//        a no, or   |                                     v durable <-- the
//        deadline   v                                Committing         commit
//                aborted, forgotten at once               | last ack     point
//                                                         v
//                                             Ended, forgotten
//
// The decision is P1 and P2 and ... and PN over the votes of its N
// participants: commit if and only if every one voted yes or read-only.
//
// Invariants, asserted wherever an effect leaves:
//   C1  From CommitDecided durable until Ended, no abort goes to a yes-voter.
//   C2  No DecisionNotice(kCommit) is sent before CommitDecided is durable.
//   C3  An unknown id means abort only to a participant, only after the claim's
//       replay, and only for numbers that were begun, in epochs up to this one.
//   C4  Nothing is sent under an epoch before LogStore::Claim returned it.
//   C5  Only the first vote of a participant counts.
//
//   CoordinatorMachine machine({"bank-1#9f3c", self, epoch}, {}, seed, {});
//   machine.Step(now, CoordinatorMachine::Begun{call, deadline, shares},
//   &todo);
//   // append todo.writes, send todo.messages, report todo.finished; then
//   machine.Step(now, Appended{ticket, index}, &todo);    // and so on
//
// Every row of its table is in src/txn/DESIGN.md, and a script in
// tests/txn/scripts shows it.
//
// Thread safety: thread-compatible: one thread at a time.

#ifndef TRIVET_TXN_COORDINATOR_MACHINE_H_
#define TRIVET_TXN_COORDINATOR_MACHINE_H_

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
#include "trivet/host/log_store.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/txn/transaction.h"
#include "trivet/txn/txn_effects.h"
#include "trivet/txn/txn_message.h"

namespace trivet {
inline namespace v0_1 {

struct TRIVET_EXPORT CoordinatorOptions {
  // A lease's fencing token, where several processes share the log; only from a
  // backend whose fence is kMonotonic, generation 0, and for one Open only.
  // nullopt: one more than the last.
  std::optional<Epoch> epoch;

  absl::Duration prepare_timeout = absl::Seconds(5);  // Then abort.
  absl::Duration resend_min = absl::Milliseconds(100);
  absl::Duration resend_max = absl::Seconds(10);
  size_t max_in_flight = 65536;     // 1 to 2^24.
  size_t max_work_bytes = 1 << 20;  // Of one branch; at most 2^30.

  // Of one transaction; 1 to 65536. The log must take a record with all their
  // names, max_branches * 514 + 1024 bytes at most, or the coordinator stops;
  // Open refuses one whose RecordSizeMax is less.
  size_t max_branches = 1024;

  // kInvalidArgument names the field, its value and the limit.
  absl::Status Validate() const;
};

class TRIVET_EXPORT CoordinatorMachine {
 public:
  struct Share {  // A Branch, with its participant interned.
    PeerId participant{};
    std::string work;
  };

  // --- What can happen -----------------------------------------------------
  struct Begun {
    uint64_t call = 0;  // The caller's name for it until it has a number.
    MonotonicTime deadline;
    std::vector<Share> shares;
  };
  struct AbortRequested {  // Too late once all votes are in. Looks at all that
    uint64_t call = 0;     // is in flight.
  };
  struct ForgetRequested {  // Let a commit go that nobody was told of.
    TxnNumber number;
  };
  using Ticked = ::trivet::Ticked;
  using Event = std::variant<Begun, AbortRequested, ForgetRequested, Received,
                             Appended, Ticked>;

  // --- What the machine wants done ------------------------------------------
  struct Finished {
    uint64_t call = 0;
    TxnNumber number;
    std::optional<Decision> decision;  // Final; nullopt: unknown, see Outcome.
    std::string reason;
  };
  struct Refused {
    uint64_t call = 0;
    absl::Status status;  // Never begun, as at Coordinator::RunAsync.
  };
  struct TRIVET_EXPORT Effects : TxnEffects {
    std::vector<Finished> finished;
    std::vector<Refused> refused;

    void Clear();  // Keeps the memory.
  };

  // Resumes from the records that Claim visited, oldest first; none starts
  // afresh. The first Step, whatever its event, resends every undelivered
  // commit, or gives a new log its LogIdentity.
  // REQUIRES: options.Validate().ok(); self.name has a '#'.
  CoordinatorMachine(RoleIdentity self, CoordinatorOptions options,
                     uint64_t jitter_seed,
                     absl::Span<const LoggedRecord> recovered);
  ~CoordinatorMachine();
  CoordinatorMachine(CoordinatorMachine&&) noexcept;
  CoordinatorMachine& operator=(CoordinatorMachine&&) noexcept;

  // Advances by one event and appends what it wants done to `effects`. After a
  // stop it answers callers and does nothing else.
  // REQUIRES: `now` does not decrease from step to step.
  void Step(MonotonicTime now, Event&& event, Effects* effects);

  // Step(Ticked{}) is due no later than this. InfiniteFuture: nothing pending;
  // InfinitePast: no Step was made yet.
  MonotonicTime NextWakeup() const;

  // Transactions that are undecided, or committed and not yet acknowledged by
  // every yes-voter.
  size_t in_flight() const;

  // As Coordinator::OutcomeOf and Coordinator::Untold.
  absl::StatusOr<std::optional<Decision>> OutcomeOf(TxnNumber number) const;
  std::vector<TxnNumber> Untold() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_TXN_COORDINATOR_MACHINE_H_
