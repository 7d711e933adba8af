// SPDX-License-Identifier: Apache-2.0
//
// Node: one machine, the inside of a SimHost. Process: one run of the program
// on it, with the ports it was given.
//
//   Node  (clock, disks, up or down) 1 ----- n Process  (ports, pending work)
//
// A process dies in two steps. Die(): its ports are dead, at once. Bury(): what
// waits for it is destroyed, then the program; at once too, unless the program
// is on the stack.

#ifndef TRIVET_SRC_TESTING_NODE_H_
#define TRIVET_SRC_TESTING_NODE_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "src/testing/dice.h"
#include "src/testing/event_queue.h"
#include "src/testing/log_file.h"
#include "trivet/config.h"
#include "trivet/host/executor.h"
#include "trivet/host/log_store.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/host/transport.h"
#include "trivet/host/versioned_store.h"
#include "trivet/testing/sim_host.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

class LocalLog;
class Process;
class SharedLog;
class World;

// A host's clock: world time through an origin and a rate of its own. Integers
// only, so that it is the same on every platform.
class SimClock {
 public:
  SimClock() = default;
  SimClock(int64_t world_origin, int64_t own_origin, int64_t fast_ppb)
      : world_origin_(world_origin),
        own_origin_(own_origin),
        fast_ppb_(fast_ppb) {}

  MonotonicTime At(int64_t world_time) const;

  // The first world time at which this clock shows `own_time` or later.
  // INT64_MAX: never.
  int64_t WorldTime(MonotonicTime own_time) const;

 private:
  int64_t Elapsed(int64_t world_time) const;

  int64_t world_origin_ = 0;
  int64_t own_origin_ = 0;
  int64_t fast_ppb_ = 0;  // Parts per billion faster than the world.
};

class Node {
 public:
  Node(World* world, std::string name, testing::SimHost::Boot boot);
  ~Node();

  World* world() const { return world_; }
  std::string_view name() const { return name_; }
  uint64_t hash() const { return hash_; }
  void set_host(testing::SimHost* host) { host_ = host; }

  // The latest; dead if the node is down.
  Process* process() const { return processes_.back().get(); }
  bool HasProgram() const { return boot_ != nullptr; }
  uint64_t starts() const { return starts_; }
  const SimClock& clock() const { return clock_; }

  void Start();
  void Stop(bool power_loss, bool by_chance);
  void Pause(int64_t span);
  int64_t paused_until() const { return paused_until_; }

  // Events stand in line while the host is paused, and behind those that do.
  bool MustWait() const;
  bool HasWaiting() const { return !waiting_.empty(); }
  bool Wait(SimEvent event);  // Whether it is the first in line.
  std::optional<SimEvent> TakeWaiting();
  void DropWaiting() { std::deque<SimEvent>().swap(waiting_); }

  // A pause in which nothing arrives either.
  void Suspend(int64_t span);
  bool IsAsleep() const;

  // How much of its sleep a timer that was due now has missed.
  int64_t SleptAt(int64_t now) const {
    return now < asleep_until_ ? now - asleep_since_ : 0;
  }

  // All the sleep that there has been until now, for a clock that stops in it.
  int64_t SleptBefore(int64_t now) const {
    return slept_ - (now < asleep_until_ ? asleep_until_ - now : 0);
  }

  // Every event takes time for a while.
  void SlowDown(int64_t span);
  int64_t slow_until() const { return slow_until_; }
  void TakeTime(uint64_t event);

  // For good: it never starts again.
  void Lose();
  bool IsLost() const { return lost_; }

  // Told when the process ends, before the program is destroyed.
  void OnStop(absl::AnyInvocable<void(bool power_loss)> on_stop) {
    on_stop_ = std::move(on_stop);
  }

  // Counts one moment at which the process may crash by chance, and says
  // whether it is still alive.
  bool PassCrashPoint(bool in_append = false);

  LocalFile* File(std::string_view name) { return &files_[std::string(name)]; }

  // The ordinal of the next decision of this kind here.
  uint64_t next_timer() { return timers_++; }
  uint64_t next_draw() { return draws_++; }
  uint64_t NextAsked(uint64_t about) { return asked_[about]++; }

 private:
  void LosePower();
  void SetClock();

  World* const world_;
  const std::string name_;
  const uint64_t hash_;
  testing::SimHost::Boot boot_;
  testing::SimHost* host_ = nullptr;

  SimClock clock_;
  std::vector<std::unique_ptr<Process>> processes_;
  std::map<std::string, LocalFile, std::less<>> files_;
  absl::AnyInvocable<void(bool power_loss)> on_stop_;
  std::deque<SimEvent> waiting_;
  int64_t paused_until_ = 0;
  int64_t asleep_since_ = 0;
  int64_t asleep_until_ = 0;
  int64_t slept_ = 0;
  int64_t slow_until_ = 0;
  bool lost_ = false;
  uint64_t starts_ = 0;
  uint64_t stops_ = 0;
  uint64_t power_cycles_ = 0;
  uint64_t crash_points_ = 0;
  uint64_t started_at_point_ = 0;  // Of which this process passed none yet.
  uint64_t timers_ = 0;
  uint64_t draws_ = 0;
  std::map<uint64_t, uint64_t> asked_;  // Faults of the program's own.
};

class Process {
 public:
  using Receiver = absl::AnyInvocable<void(Envelope)>;
  using CallDone = absl::AnyInvocable<void(absl::Status) &&>;

  explicit Process(Node* node);
  ~Process();

  Node* node() const { return node_; }
  World* world() const { return node_->world(); }
  bool alive() const { return alive_; }

  // Runs something of this process; it may die meanwhile.
  void Run(Executor::Task task);
  bool OnStack() const { return depth_ > 0; }

  // Gives it the program that Run()s in it.
  void Hold(std::shared_ptr<void> program) { program_ = std::move(program); }

  void Die();

  Executor* executor();
  Transport* transport();
  VersionedStore* versioned_store();
  LogStore* Log(std::string_view file);
  LogStore* SharedLogNamed(std::string_view name);

  void OnReceive(std::string role, Receiver receive);
  bool Plays(std::string_view role) const;
  void Receive(Envelope envelope);

  void Call(std::string_view service,
            absl::AnyInvocable<void(Executor::Task reply) &&> act,
            CallDone done, std::optional<absl::Duration> timeout);

 private:
  class ExecutorPort;
  class TransportPort;
  class StorePort;

  void Bury();
  void AnswerCall(Node* service, uint64_t call, uint64_t ordinal);
  void FinishCall(uint64_t call, absl::Status status);

  Node* const node_;
  bool alive_ = true;
  bool buried_ = false;
  int depth_ = 0;
  std::shared_ptr<void> program_;
  const std::unique_ptr<ExecutorPort> executor_;
  const std::unique_ptr<TransportPort> transport_;
  const std::unique_ptr<StorePort> store_;
  std::map<std::string, std::unique_ptr<LocalLog>, std::less<>> logs_;
  std::map<std::string, std::unique_ptr<SharedLog>, std::less<>> shared_logs_;
  std::map<std::string, std::shared_ptr<Receiver>, std::less<>> receivers_;
  std::map<uint64_t, CallDone> calls_;  // Not answered yet.
  uint64_t next_call_ = 0;
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_TESTING_NODE_H_
