// SPDX-License-Identifier: Apache-2.0
//
// Fronts compete for one chair. Whoever holds the lease "coordinator" opens the
// one coordinator named "shop" over the one shared log, with the lease's
// fencing token as its epoch, and takes orders; the others wait.
//
//   front-1 --- lease, token 7 ---> Coordinator "shop", epoch 7 ---> log
//   front-2 --- waits                                                 ^
//            then token 12 -------> Coordinator "shop", epoch 12 -----+
//                                   epoch 7 is fenced from here on
//
// The lease may be wrong at any time, as when its holder is paused. Nothing
// depends on it but that there is somebody to serve: the log refuses an older
// epoch, and the outcomes stand behind a gate that refuses an older token.
//
// Thread safety: thread-safe.

#ifndef SHOP_FRONT_H_
#define SHOP_FRONT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "directory.h"
#include "node.h"
#include "orders.h"
#include "outcomes.h"
#include "trivet/lock/lock_client.h"
#include "trivet/txn/coordinator.h"
#include "valve.h"

namespace shop {

// How long nothing may get on before the shop gives up. Nothing else waits for
// that long: only a broken machine needs it, a slow one does not.
inline constexpr absl::Duration kPatience = absl::Seconds(120);

class Front;

// The verdict, durable; nullopt: try again. Never called if the front dies.
using Reply = absl::AnyInvocable<void(std::optional<Verdict>) &&>;

// Who leads.
class Chair {
 public:
  // Called whenever somebody new leads: orders that an earlier leader has not
  // answered will not be answered by it any more.
  using OnLeader =
      std::function<void(const std::string& name, trivet::FencingToken token)>;
  explicit Chair(OnLeader on_leader) : on_leader_(std::move(on_leader)) {}

  // The `attempt`-th time, from 1 on. False: nobody leads.
  bool PlaceOrder(const Order& order, uint32_t attempt, Reply reply);
  void Receive(trivet::Envelope envelope);

  void Sit(Front* front, trivet::FencingToken token);
  void Leave(Front* front);

  // Waits until somebody leads, or somebody else than `front`.
  Front* AwaitLeader(absl::Duration timeout) const;  // nullptr: in vain.
  bool AwaitOther(const Front* front, absl::Duration timeout) const;
  bool IsLeader(const Front* front) const;

 private:
  const OnLeader on_leader_;
  mutable absl::Mutex mu_;
  Front* leader_ ABSL_GUARDED_BY(mu_) = nullptr;
};

class Front {
 public:
  struct Shared {
    Room room;
    trivet::LogStore* log = nullptr;  // Of the coordinator.
    Outcomes* outcomes = nullptr;
    Chair* chair = nullptr;
  };

  // Begins to campaign, on a thread of its own.
  static absl::StatusOr<std::unique_ptr<Front>> Start(Shared shared,
                                                      std::string name);

  // Dies as in a crash: nothing is said, released or written any more.
  ~Front();

  const std::string& name() const { return name_; }

  // REQUIRES: called by the chair, on which this front sits.
  void PlaceOrder(const Order& order, uint32_t attempt, Reply reply);
  void Receive(trivet::Envelope envelope);

  // Cuts this front off when its next decision has just become durable, before
  // anybody hears of it; then calls `done`, which must not block.
  void CutAfterNextDecision(Valve::Call done);
  // Pauses this front when its next decision is on its way to the log.
  void PauseBeforeNextDecision(Valve::Call done);
  void PauseNow();
  void Disarm() { log_.Disarm(); }

  // Lets a paused front go on. It does not know that time has passed: what it
  // was about to do, it does now. Returns what became of that; waits for the
  // log's word if a decision `was_on_its_way`.
  struct Awakening {
    bool had_stopped = false;  // By itself, before it was paused.
    absl::Status log;       // Why the log refused its decision; OK: it did not.
    absl::Status outcomes;  // What the gate said to its old token.
  };
  Awakening Resume(bool was_on_its_way);

 private:
  Front(Shared shared, std::string name);

  void Live();
  std::optional<trivet::Lease> Campaign();  // nullopt: it is over.
  void Lead(trivet::Lease lease);
  void Pause();
  void Report(trivet::FencingToken token, const std::string& order,
              std::optional<Verdict> verdict, Reply reply);

  const Shared shared_;
  const std::string name_;
  Valve valve_;
  TransportPort transport_;
  LogPort log_;
  LockPort backend_;

  absl::Mutex mu_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  bool paused_ ABSL_GUARDED_BY(mu_) = false;
  bool lost_ ABSL_GUARDED_BY(mu_) = false;
  std::optional<absl::StatusOr<trivet::Lease>> won_ ABSL_GUARDED_BY(mu_);
  trivet::FencingToken token_ ABSL_GUARDED_BY(mu_);
  // While it leads, or is paused and believes that it does. The chair may use
  // it without the mutex.
  std::unique_ptr<trivet::Coordinator> coordinator_;

  std::unique_ptr<trivet::LockClient> locks_;
  std::thread life_;
};

}  // namespace shop

#endif  // SHOP_FRONT_H_
