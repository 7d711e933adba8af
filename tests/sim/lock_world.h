// SPDX-License-Identifier: Apache-2.0
//
// LockWorld: the lock service, the guarded storage, the checkers of one history
// of leases, and the clients, which run the real LockClient.
//
//   client --LockClient--> SimLockBackend --> GrantChecker, MemoryLockBackend
//     |               or CasLockBackend ----> the world's registers
//     |-- writes with its token ------------> FencingGate, one per lock

#ifndef TRIVET_TESTS_SIM_LOCK_WORLD_H_
#define TRIVET_TESTS_SIM_LOCK_WORLD_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tests/sim/history.h"
#include "tests/sim/stale_lock_backend.h"
#include "tests/sim/stingy_lock_backend.h"
#include "trivet/adapters/memory/memory_lock_backend.h"
#include "trivet/host/executor.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/lock/fencing_token.h"
#include "trivet/lock/lease_options.h"
#include "trivet/lock/lock_backend.h"
#include "trivet/lock/lock_client.h"
#include "trivet/testing/exclusion_checker.h"
#include "trivet/testing/fault_options.h"
#include "trivet/testing/fencing_checker.h"
#include "trivet/testing/grant_checker.h"
#include "trivet/testing/sim_host.h"
#include "trivet/testing/simulation.h"
#include "trivet/testing/violations.h"

namespace trivet {
namespace sim {

// What is decided before the history begins.
struct LockPlan {
  explicit LockPlan(uint64_t seed);
  std::string ToString() const;

  bool cas = false;        // Registers with compare-and-set, or a service.
  bool stingy = false;     // The service renews only what is to be renewed.
  bool end_early = false;  // The service may lose leases.
  bool stale = false;      // Registers may show who held a lock before.
  std::vector<std::string> clients;
  std::vector<std::string> locks;
  LeaseOptions lease;
  testing::FaultOptions faults;
};

class LockWorld {
 public:
  explicit LockWorld(const HistoryOptions& options);
  ~LockWorld();

  void Run();
  History Report() const;

  // --- For processes --------------------------------------------------------
  const LockPlan& plan() const { return plan_; }
  bool calm() const { return calm_; }
  testing::ExclusionChecker& exclusion() { return exclusion_; }
  std::unique_ptr<LockBackend> NewBackend(testing::SimHost* host);
  uint64_t Draw(std::string_view what, uint64_t among);

  // Whether the service took the lease away. It excludes nobody any more.
  bool EndedEarly(const std::string& lock, FencingToken token) const {
    return checked_->EndedEarly(lock, token);
  }

  // What is known of `lock` by whoever begins to ask for it now.
  struct Known {
    std::optional<FencingToken> latest;
    absl::Duration since;
  };
  Known KnownOf(const std::string& lock) const {
    return {fencing_.Latest(lock), sim_.Elapsed()};
  }
  void Granted(const std::string& client, const std::string& lock,
               FencingToken token, const Known& before);

  // Whether a read of `lock` was stale since then, so that its holder was told
  // that it is not.
  bool WasStale(const std::string& lock, const Known& since) const;
  void Violated(std::string_view property, std::string_view what) {
    violations_.Add(property, what);
  }
  // At the storage, by somebody who holds the lock then, or does not.
  void Write(const std::string& lock, FencingToken token, bool held);

 private:
  void DisturbService();  // As restarts of its store do.
  void EndEarly(const std::string& lock);

  const LockPlan plan_;
  testing::Violations violations_;
  testing::ExclusionChecker exclusion_;
  testing::FencingChecker fencing_;
  std::map<std::string, FencingGate> storage_;
  std::map<std::string, uint64_t> draws_;
  std::map<std::string, uint64_t> grants_;  // By client and lock, since calm.
  bool calm_ = false;
  uint64_t granted_ = 0;
  uint64_t admitted_ = 0;
  testing::Simulation sim_;
  std::unique_ptr<MemoryLockBackend> service_;
  std::unique_ptr<StingyLockBackend> stingy_;
  std::unique_ptr<testing::GrantChecker> checked_;
  std::unique_ptr<StaleLockBackend> stale_;
};

// One client process: on every lock a worker that takes it, writes under it,
// and gives it back, keeps it until it is lost, or forgets about it.
class LockProcess {
 public:
  LockProcess(LockWorld* world, testing::SimHost* host);
  ~LockProcess();

 private:
  class Listener;
  // What has become of one lease.
  struct Fate {
    bool lost = false;  // And its holder was told.
    bool given_back = false;
  };
  struct Worker {
    std::string lock;
    std::string holder;  // Its name for the checkers.
    std::shared_ptr<Lease> lease;
    std::shared_ptr<Fate> fate;  // Of `lease`.
    std::string lease_id;
    uint64_t round = 0;
    // Of what it asks for.
    LockWorld::Known known;
    MonotonicTime give_up_at;  // InfinitePast: it does not wait.
    bool cancelled = false;
  };

  void Contend(Worker* worker);
  void CheckError(const Worker& worker, const absl::Status& error);
  void WatchLease(Worker* worker);
  void AwaitLoss(const std::string& holder, const std::shared_ptr<Fate>& fate,
                 const std::weak_ptr<Lease>& lease);
  void AwaitAnswer(Worker* worker, absl::Duration timeout);
  void GotAnswer(Worker* worker, absl::StatusOr<std::optional<Lease>> answer);
  void Use(Worker* worker, uint64_t round, MonotonicTime until);
  void LetGo(Worker* worker);
  void Ended(const std::string& lease_id, FencingToken token);
  void After(absl::Duration delay, Executor::Task task);
  void AfterTimers(Executor::Task task);
  absl::Duration Between(absl::Duration least, absl::Duration most);

  LockWorld* const world_;
  testing::SimHost* const host_;
  Executor* const executor_;
  bool going_ = false;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<Listener> backend_;
  std::unique_ptr<LockClient> client_;
};

}  // namespace sim
}  // namespace trivet

#endif  // TRIVET_TESTS_SIM_LOCK_WORLD_H_
