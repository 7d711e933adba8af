// SPDX-License-Identifier: Apache-2.0
//
// TxnWorld: the hosts, databases, logs and checkers of one history of
// transactions, and the processes on its hosts, which run the real drivers.
//
//   TxnWorld --- plan: which host plays which roles
//     |-- Simulation -- TxnProcess (at every start of a host)
//     |                   |-- CoordinatorRole   begins, asks, forgets
//     |                   |-- ParticipantRole   votes through a SimResource
//     |-- SimDatabase, LogChecker ...            outlive all processes

#ifndef TRIVET_TESTS_SIM_TXN_WORLD_H_
#define TRIVET_TESTS_SIM_TXN_WORLD_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "src/txn/log_lag.h"
#include "tests/sim/file_disk.h"
#include "tests/sim/history.h"
#include "tests/sim/sim_database.h"
#include "tests/sim/txn_plan.h"
#include "trivet/host/executor.h"
#include "trivet/host/log_store.h"
#include "trivet/host/transport.h"
#include "trivet/testing/log_checker.h"
#include "trivet/testing/sim_host.h"
#include "trivet/testing/simulation.h"
#include "trivet/testing/violations.h"
#include "trivet/txn/coordinator.h"
#include "trivet/txn/participant.h"
#include "trivet/txn/transaction.h"

namespace trivet {
namespace sim {

class CoordinatorRole;
class TxnProcess;

class TxnWorld {
 public:
  TxnWorld(const HistoryOptions& options, TxnKind kind);
  ~TxnWorld();

  void Run();
  History Report() const;

  // --- For processes --------------------------------------------------------
  const TxnPlan& plan() const { return plan_; }
  testing::Simulation& sim() { return sim_; }
  SimDatabase* database(const std::string& participant) {
    return databases_.at(participant).get();
  }
  testing::LogChecker* log_checker(const std::string& log);

  // A role's log on a disk of `host`, for the process that starts there.
  LogStore* LogOn(testing::SimHost* host, const std::string& name);
  uint64_t NextLeaseToken() { return ++lease_token_; }
  uint64_t LatestLeaseToken() const { return lease_token_; }

  // Which of the hosts with this coordinator believes that it leads now. A
  // lease may be wrong: while there are faults, sometimes both do.
  bool Leads(const std::string& host, const std::string& coordinator);

  // The branches of the next transaction; none: begin no more.
  std::vector<Branch> NextTransaction(const std::string& coordinator);

  // What RunAsync is to call: exactly once, unless its process dies, and with
  // an answer that there was a reason for.
  Coordinator::RunDone Answer(CoordinatorRole* role,
                              std::vector<Branch> branches);
  void ToldLater(const TxnId& id, Decision decision);

  // Some transaction whose outcome was told, to ask `coordinator` after once
  // more; nullptr: there is none. And the answer, which must be the same, or
  // that it is not retained.
  const TxnId* SomeTold();
  void ToldAgain(const std::string& coordinator, const TxnId& id,
                 const absl::StatusOr<std::optional<Decision>>& outcome);

  // Whether an operator decides a branch that has long been in doubt, and how.
  std::optional<Decision> Rules(const TxnId& id,
                                const std::string& participant);
  // What was decided so stands there, and could be forgotten just if the
  // coordinator has answered.
  void CheckVerdict(const std::string& participant,
                    const Participant::Verdict& verdict,
                    const absl::Status& forgotten);

  // A coordinator is to drain now. It says that it has: to its callers it owes
  // nothing, and no commit is retained.
  bool Drains(const std::string& coordinator);
  void Drained(CoordinatorRole* role);

  // Transactions whose caller was told "unknown" and nothing since, and how
  // many branches they have.
  std::map<TxnId, size_t> unknown() const { return unknown_; }

  // A vote has reached the coordinator that began the transaction.
  void Counted(const TxnId& id, const std::string& participant,
               Vote::Kind vote) {
    checkers_.Counted(id, participant, vote);
  }

  // A role stopped for good, or could not be opened. It must have had a reason.
  // `epoch`: under which it wrote a shared log, or wanted to.
  void Stopped(const testing::SimHost& host, std::string_view role,
               std::optional<Epoch> epoch, const absl::Status& health);

  // Every host of this coordinator or participant was lost. Nobody waits for it
  // any more: what it alone knows stays in doubt.
  bool IsGone(std::string_view role);
  bool IsGone(const TxnId& id);  // Its coordinator.
  bool calm() const { return calm_; }

  void Enter(const std::string& host, TxnProcess* process) {
    processes_[host] = process;
  }
  void Leave(const std::string& host, TxnProcess* process) {
    if (processes_[host] == process) processes_[host] = nullptr;
  }

 private:
  class Owed;

  void AddHosts();
  void Told(const absl::StatusOr<Outcome>& outcome,
            const std::vector<Branch>& branches, bool has_stopped);
  bool ItsLogFailed(std::string_view role);
  bool IsDisturbed(const testing::SimHost& host, std::string_view log);
  bool IsFenced(std::string_view log, Epoch epoch, const absl::Status& why);
  bool IsExcused(const TxnId& id, const std::string& participant);
  void Read();
  void StartAll();
  void Settle(std::string_view phase);
  void Probe(const std::string& name);
  void CheckLogs();
  struct Held;
  Held HeldBy(const std::string& log);
  Coordinator* Leader(const std::string& coordinator);

  const TxnPlan plan_;
  const internal::ShortLogLag log_lag_;
  testing::Violations violations_;
  TxnCheckers checkers_;
  std::map<std::string, testing::LogChecker> log_checkers_;
  std::map<std::string, std::unique_ptr<SimDatabase>> databases_;
  std::map<std::string, std::unique_ptr<FileDisk>> disks_;  // By role.
  std::map<TxnId, size_t> unknown_;
  std::map<TxnId, Decision> known_;  // Of which a caller was told more.
  std::map<std::string, TxnProcess*> processes_;
  std::set<const Owed*> owed_;
  std::map<std::string, size_t, std::less<>> failures_;  // Of logs, explained.
  std::map<std::string, Epoch, std::less<>> claimed_;  // Perhaps. Shared logs.
  bool calm_ = false;
  uint64_t lease_token_ = 0;
  std::map<std::string, uint64_t> asked_;  // For a transaction to begin.
  uint64_t begun_ = 0;
  uint64_t asked_again_ = 0;
  uint64_t asked_operator_ = 0;
  uint64_t asked_to_drain_ = 0;
  uint64_t committed_ = 0;
  testing::Simulation sim_;  // Last: its processes use all of the above.
};

// A coordinator's life in one process: opens it when it may lead, begins
// transactions, finds out what was left unknown, and lets go what was told.
class CoordinatorRole {
 public:
  CoordinatorRole(TxnWorld* world, testing::SimHost* host,
                  const TxnPlan::Host& plan);
  ~CoordinatorRole();

  // OK also if there is nothing to open now.
  absl::Status Open();
  void Tick(uint64_t tick);

  // nullptr: not open, or being destroyed.
  Coordinator* coordinator() { return coordinator_.get(); }
  const testing::SimHost& host() const { return *host_; }
  const std::string& name() const { return plan_.coordinator; }
  bool IsQuiet() const;

 private:
  void Close();
  void Drain();
  void Count(const Envelope& envelope);
  void Begin();
  void Ask();

  TxnWorld* const world_;
  testing::SimHost* const host_;
  const TxnPlan::Host& plan_;
  testing::CheckedLog log_;
  uint64_t token_ = 0;  // Of the lease under which it was opened,
  Epoch epoch_ = 0;     // and the epoch that it claimed.
  bool draining_ = false;
  bool drained_ = false;
  std::unique_ptr<Coordinator> coordinator_;
};

class ParticipantRole {
 public:
  ParticipantRole(TxnWorld* world, testing::SimHost* host,
                  const TxnPlan::Host& plan);
  ~ParticipantRole();

  absl::Status Open();
  void Tick();
  bool IsQuiet() const;

 private:
  void Operate();

  TxnWorld* const world_;
  testing::SimHost* const host_;
  const TxnPlan::Host& plan_;
  testing::CheckedLog log_;
  std::unique_ptr<SimResource> resource_;
  std::unique_ptr<Participant> participant_;
};

class TxnProcess {
 public:
  TxnProcess(TxnWorld* world, testing::SimHost* host,
             const TxnPlan::Host& plan);
  ~TxnProcess();

  bool Open();
  CoordinatorRole* coordinator() { return coordinator_.get(); }
  bool IsQuiet() const;

 private:
  void Tick();

  TxnWorld* const world_;
  testing::SimHost* const host_;
  const TxnPlan::Host& plan_;
  Executor* const executor_;
  uint64_t ticks_ = 0;
  std::unique_ptr<ParticipantRole> participant_;
  std::unique_ptr<CoordinatorRole> coordinator_;
};

}  // namespace sim
}  // namespace trivet

#endif  // TRIVET_TESTS_SIM_TXN_WORLD_H_
