// SPDX-License-Identifier: Apache-2.0
//
// A coordinator machine and N participant machines, wired directly: nothing is
// lost, everything is done at once, in order. It counts what that costs.

#ifndef TRIVET_TESTS_TXN_DIRECT_WORLD_H_
#define TRIVET_TESTS_TXN_DIRECT_WORLD_H_

#include <cstddef>
#include <deque>
#include <optional>
#include <vector>

#include "trivet/host/monotonic_time.h"
#include "trivet/txn/coordinator_machine.h"
#include "trivet/txn/participant_machine.h"
#include "trivet/txn/transaction.h"
#include "trivet/txn/txn_effects.h"

namespace trivet {

class DirectWorld {
 public:
  explicit DirectWorld(size_t participants);

  // Runs one transaction in which participant i votes votes[i].
  std::optional<Decision> Run(const std::vector<Vote>& votes);

  const CoordinatorMachine& coordinator() const { return *coordinator_; }
  const ParticipantMachine& participant(size_t p) const {
    return participants_[p];
  }

  size_t messages = 0;
  size_t coordinator_forced = 0;   // Appends that had to be forced.
  size_t participants_forced = 0;  // The same, of all of them.
  size_t applied_commits = 0;
  size_t applied_aborts = 0;

 private:
  // Each takes one event out of its queue and puts what follows into them.
  void StepCoordinator();
  void StepParticipant(size_t p);
  void RunUntilIdle();

  std::optional<CoordinatorMachine> coordinator_;
  std::deque<CoordinatorMachine::Event> coordinator_events_;
  std::vector<std::deque<ParticipantMachine::Event>> events_;
  std::vector<ParticipantMachine> participants_;
  std::vector<LogIndex> indexes_;
  LogIndex coordinator_index_ = 1;
  std::vector<Vote> votes_;
  std::optional<Decision> outcome_;
  MonotonicTime now_;
};

}  // namespace trivet

#endif  // TRIVET_TESTS_TXN_DIRECT_WORLD_H_
