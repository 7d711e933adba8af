// SPDX-License-Identifier: Apache-2.0
//
// SmallWorld: one transaction of a coordinator and two participants, the same
// every time but for the faults that it is given by number. So all of them can
// be tried:
//
//   event     0  1  2  3 ...      a message, an append, an answer of a host or
//                    |            a tick; before any of them a host may crash:
//                  crash          of what it had not synced all is lost, half,
//                                 or nothing; or somebody may do something:
//                                 want it aborted, or decide what is in doubt
//   message   0  1  2 ...         one of them may be lost, or come twice: at
//                                 once, or when all is over
//   apply     0  1  2 ...         one of them may fail, done or not
//
// It may be the first of its world, or the logs have seen some before, and are
// short, so that they are written anew in the middle of it.
//
// Afterwards there are no more faults: all must settle, a second transaction
// must commit, and once more all must settle from what is on the disks. What is
// seen from outside goes to the checkers of trivet::testkit.
//
// Thread safety: thread-compatible.

#ifndef TRIVET_TESTS_TXN_SMALL_WORLD_H_
#define TRIVET_TESTS_TXN_SMALL_WORLD_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "src/txn/log_lag.h"
#include "trivet/host/log_store.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/testing/atomicity_checker.h"
#include "trivet/testing/isolation_checker.h"
#include "trivet/testing/told_checker.h"
#include "trivet/testing/violations.h"
#include "trivet/txn/coordinator_machine.h"
#include "trivet/txn/participant_machine.h"
#include "trivet/txn/transaction.h"
#include "trivet/txn/txn_effects.h"
#include "trivet/txn/txn_message.h"

namespace trivet {

// What is left of the records that a host had not synced, in order, and how
// many of its calls to the resource are still carried out.
enum class Tail { kLost, kHalf, kKept };

struct CrashPoint {
  size_t event = 0;  // Before which it happens.
  size_t host = 0;   // 0: the coordinator.
  Tail tail = Tail::kLost;
  bool stays_down = false;  // Until there is nothing else to do.
};

struct MailFault {
  enum Kind { kLost, kDoubled, kDoubledLate };
  size_t message = 0;
  Kind kind = kLost;
};

// What somebody does before event `at`; or how Apply number `at` goes wrong.
struct Act {
  enum Kind { kAbort, kRuleCommit, kRuleAbort, kApplyFails, kApplyFailsDone };
  Kind kind = kAbort;
  size_t at = 0;
  size_t host = 1;  // Of whom an operator decides.
};

struct SmallFaults {
  std::vector<CrashPoint> crashes;  // In the order of their events.
  std::optional<MailFault> mail;
  std::optional<Act> act;

  std::string ToString() const;
};

class SmallWorld {
 public:
  static constexpr size_t kHosts = 3;
  using Votes = std::array<Vote::Kind, kHosts - 1>;

  // As it was before the transaction: how many others there were, and how long
  // logs get.
  struct Age {
    size_t transactions = 0;
    internal::LogLag log_lag;
  };

  SmallWorld(const Votes& votes, SmallFaults faults, const Age& age);

  // Runs it all. Empty: nothing was violated.
  std::string Run();

  // How many there were until the first transaction had settled.
  size_t events() const { return events_; }
  size_t messages() const { return messages_; }
  size_t applies() const { return applies_; }

 private:
  struct HostCall {
    enum Kind { kPrepare, kApply, kList };
    Kind kind;
    TxnKey txn;
    Decision decision;
    std::string work;
  };
  // Something that is under way. Of a host that has crashed since: nothing.
  struct Event {
    enum Kind { kMessage, kAppended, kAnswer };
    Kind kind;
    size_t host;
    size_t life;
    PeerId from{};
    TxnMessage message;
  };
  struct Host {
    bool is_up = false;
    size_t life = 0;
    std::optional<CoordinatorMachine> coordinator;
    std::optional<ParticipantMachine> participant;
    std::deque<std::vector<LogWrite>> appends;
    std::deque<HostCall> calls;
    // What outlives a crash.
    Epoch epoch = 0;
    std::vector<LoggedRecord> log;
    size_t synced = 0;
    LogIndex next = 1;
    std::map<TxnNumber, std::string> prepared;
    std::map<TxnNumber, std::string> committed;
    std::set<TxnNumber> ruled;  // By an operator.
  };

  void Start(size_t host);
  void Crash(size_t host, Tail tail);
  void CrashIfDue();
  void ActIfDue();
  void Begin();
  void Settle(bool forget_all);
  bool IsSettled(bool forget_all);
  bool DoNext();  // False: there is nothing left to do.
  bool PassTime();
  void TakeUntold();
  void ForgetVerdicts();
  void Read(TxnNumber number);
  void CheckEnd();

  void Handle(Event event);
  void CompleteAppend(Host* host, size_t index);
  void AnswerCall(size_t index);
  void CarryOut(size_t index, const HostCall& call, Vote* vote);

  template <typename StepEvent>
  void StepCoordinator(StepEvent event);
  template <typename StepEvent>
  void StepParticipant(size_t index, StepEvent event);
  void Tick(size_t index);
  void Perform(size_t index, TxnEffects* effects);
  void Send(size_t from, Outgoing outgoing);
  MonotonicTime WakeupOf(const Host& host) const;
  static TxnId IdOf(TxnNumber number) { return {"bank#1", number}; }
  void Violate(const std::string& property, const std::string& what);

  const Votes votes_;
  const SmallFaults faults_;
  const Age age_;
  size_t crashed_ = 0;  // How many of the crashes have been.
  bool quiet_ = false;  // No more faults.
  size_t events_ = 0;
  size_t messages_ = 0;
  size_t applies_ = 0;
  bool acted_ = false;
  uint64_t calls_ = 0;
  MonotonicTime now_;
  std::array<Host, kHosts> hosts_;
  std::deque<Event> queue_;
  std::vector<Event> late_;
  std::optional<Decision> told_;  // Of the latest transaction.
  std::map<std::pair<TxnNumber, PeerId>, std::string> works_;

  testing::Violations violations_;
  testing::AtomicityChecker atomicity_{&violations_};
  testing::ToldChecker told_checker_{&violations_};
  testing::IsolationChecker isolation_{&violations_};
};

}  // namespace trivet

#endif  // TRIVET_TESTS_TXN_SMALL_WORLD_H_
