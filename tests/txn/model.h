// SPDX-License-Identifier: Apache-2.0
//
// A model of the whole: coordinators that share a name and a log, participants
// with resources, and a network that loses, doubles and reorders; no drivers,
// no threads, no bytes. A history is a walk of random steps from a seed:
//
//   begin, deliver or lose a message, complete or fail an append, let the host
//   answer, let time pass, crash with or without loss of power, start again,
//   start a second coordinator, have an operator decide
//
// followed by a quiet time in which everything must come to an end. What went
// wrong first is the violation:
//
//   AC1 nobody commits while another aborts    AC2 applied at most once, never
//   AC3 commit only if all voted yes or            undone
//       read-only                              AC5 quiet: nobody is in doubt,
//   CL  what the caller was told is true           nothing is left
//   DU  a commit reaches every yes-voter       ID  no id is used twice
//   OW  a participant's log says whose it is

#ifndef TRIVET_TESTS_TXN_MODEL_H_
#define TRIVET_TESTS_TXN_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "src/txn/peer_table.h"
#include "tests/txn/model_log.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/txn/coordinator_machine.h"
#include "trivet/txn/participant_machine.h"
#include "trivet/txn/transaction.h"
#include "trivet/txn/txn_effects.h"

namespace trivet {

// Percentages, of each step or of each occasion.
struct ModelFaults {
  size_t loss = 10;
  size_t duplication = 30;
  size_t crash = 3;
  size_t power_loss = 50;  // Of crashes.
  size_t append_failure = 2;
  size_t apply_failure = 10;
  size_t fail_over = 1;
  size_t operator_decides = 0;
  size_t vote_no = 7;
  size_t vote_read_only = 15;

  static ModelFaults None() { return {0, 0, 0, 0, 0, 0, 0, 0, 0, 0}; }
};

// A participant's place among the participants, and back.
inline size_t PlaceOf(PeerId participant) {
  return static_cast<size_t>(participant) - 1;
}
inline PeerId PeerAt(size_t place) { return static_cast<PeerId>(place + 1); }

class Model {
 public:
  Model(uint64_t seed, ModelFaults faults);
  ~Model();

  // Has everything that happens written down; before Run().
  void KeepTrace() { keep_trace_ = true; }
  const std::string& trace() const { return trace_; }

  // Runs the whole history. Empty: nothing was violated.
  std::string Run();

  size_t commits() const { return commits_; }
  size_t crashes() const { return crashes_; }

 private:
  static constexpr size_t kParticipants = 3;
  static constexpr size_t kTxns = 4;
  static constexpr size_t kSteps = 160;
  static constexpr size_t kQuietRounds = 400;
  static constexpr PeerId kCoordinator{0};  // Participants are 1 and up.

  struct Append {
    std::vector<LogWrite> writes;
  };
  struct HostCall {
    enum Kind { kPrepare, kApply, kList };
    Kind kind;
    TxnKey txn;
    Decision decision;
    std::string work;
    std::vector<TxnKey> listed;  // As of the call.
  };
  struct Process {
    Epoch epoch = 0;
    ModelLog* log = nullptr;
    std::deque<Append> appends;
    std::optional<CoordinatorMachine> coordinator;
    std::optional<ParticipantMachine> participant;
    std::vector<HostCall> calls;
    size_t place = 0;      // Of a participant.
    bool stopped = false;  // For good; to be buried.
  };
  struct Resource {
    std::map<TxnNumber, std::string> prepared;
    std::set<TxnNumber> committed;
    std::vector<HostCall> late;  // Prepares of a dead process, still to land.
  };
  // What has happened to a transaction, for all to see.
  struct History {
    std::map<size_t, std::string> work;  // By participant.
    std::set<size_t> yes;                // Who sent such a vote.
    std::set<size_t> read_only;          // Whose host said so.
    std::set<size_t> committed, undone;  // Undone: aborted after a yes.
    std::set<size_t> ruled;              // By an operator.
    std::optional<Decision> told;
    bool told_unknown = false;
    std::optional<std::vector<PeerId>> yes_voters;  // Of a told commit.
  };
  struct Letter {
    PeerId from, to;
    TxnMessage message;
  };

  // --- Steps ---------------------------------------------------------------
  void RandomStep();
  void Begin();
  void Deliver(bool faults);
  void CompleteAppend(Process* process, bool faults);
  void HostAnswers(Process* process, bool faults);
  void LandLate(size_t place);
  void Tick(Process* process);
  void Crash(std::unique_ptr<Process>* process);
  void BuryStopped();
  void StartCoordinator();
  void StartParticipant(size_t place);
  void OperatorDecides();
  bool QuietRound();  // True: everything has come to an end.
  void AskForUnknown();

  // --- Machines and their effects ------------------------------------------
  void Step(Process* process, CoordinatorMachine::Event event);
  void Step(Process* process, ParticipantMachine::Event event);
  void Perform(Process* process, PeerId self, TxnEffects* effects);
  void Answer(Process* process, const Appended& appended);
  std::vector<Process*> Alive();

  void Trace(const Process* process, const std::string& what);
  void TraceEffects(const Process* process, const TxnEffects& effects);

  // --- What is checked -----------------------------------------------------
  void OnClaimed(size_t place, const std::vector<LoggedRecord>& visited);
  void OnSent(PeerId from, PeerId to, const TxnMessage& message);
  void OnTold(TxnNumber number, std::optional<Decision> decision);
  void OnApplied(size_t place, const HostCall& call);
  void OnPrepare(size_t place, const HostCall& call);
  void CheckEnd();
  void Violate(const std::string& what, TxnNumber number);

  Dice dice_;
  const ModelFaults faults_;
  MonotonicTime now_;
  ModelLog coordinator_log_;
  std::vector<ModelLog> logs_{kParticipants};
  std::vector<Resource> resources_{kParticipants};
  std::vector<std::unique_ptr<Process>> coordinators_;  // The last is newest.
  std::vector<std::unique_ptr<Process>> participants_{kParticipants};
  std::vector<Letter> soup_;
  std::vector<Letter> old_;  // Delivered before; may come again.
  std::map<TxnNumber, History> histories_;
  uint64_t calls_ = 0;
  size_t commits_ = 0;
  size_t crashes_ = 0;
  bool quiet_ = false;
  std::string violation_;

  internal::PeerTable names_;
  bool keep_trace_ = false;
  std::string trace_;
};

}  // namespace trivet

#endif  // TRIVET_TESTS_TXN_MODEL_H_
