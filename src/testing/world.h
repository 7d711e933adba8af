// SPDX-License-Identifier: Apache-2.0
//
// World: what all hosts of a simulation share. Time and the event queue, the
// network between hosts, the shared stores, chance, and the trace.

#ifndef TRIVET_SRC_TESTING_WORLD_H_
#define TRIVET_SRC_TESTING_WORLD_H_

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "src/internal/random.h"
#include "src/testing/dice.h"
#include "src/testing/event_queue.h"
#include "src/testing/log_file.h"
#include "src/testing/node.h"
#include "src/testing/trace.h"
#include "src/testing/transcripts.h"
#include "trivet/config.h"
#include "trivet/host/executor.h"
#include "trivet/host/transport.h"
#include "trivet/host/versioned_store.h"
#include "trivet/testing/fault_options.h"
#include "trivet/testing/history.h"
#include "trivet/testing/sim_host.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

// One direction between two hosts.
struct Link {
  std::string_view from;
  std::string_view to;
  uint64_t hash = 0;
  uint64_t envelopes = 0;  // Sent so far: the ordinal of the next one.
  uint64_t calls = 0;
  int64_t cut_until = 0;  // By chance.
  int64_t flaps_until = 0;
  bool cut = false;  // By the test.
};

class World : private RandomSource {
 public:
  using Task = Executor::Task;
  static constexpr int64_t kEndOfTime = INT64_MAX / 4;
  static constexpr int64_t kFlap = 7'000'000;

  World(uint64_t seed, testing::FaultOptions faults);
  ~World() override;

  const testing::FaultOptions& faults() const { return faults_; }
  const Dice& dice() const { return dice_; }
  int64_t now() const { return now_; }

  // `span` from now. Time ends after 73 years, so that clocks that are fast can
  // still show it.
  int64_t After(absl::Duration span) const {
    return now_ + std::min(kEndOfTime - now_, absl::ToInt64Nanoseconds(span));
  }

  uint64_t events() const { return events_; }
  Trace& trace() { return trace_; }
  const Trace& trace() const { return trace_; }

  // `text`, kept as long as the world.
  std::string_view Keep(std::string_view text);

  // Whether the fault strikes. Then it stands in the trace, about `who`, and on
  // the link to `whom` if that is named; both must be kept by the world.
  bool Strikes(Chance chance, double probability, uint64_t about,
               uint64_t ordinal, std::string_view who,
               std::string_view whom = {}) {
    return StrikesAs(ToString(chance), probability, chance, about, ordinal, who,
                     whom);
  }

  // The same, with another name in its id. Name, `who`, `whom` and `ordinal`
  // must tell decisions apart as `chance`, `about` and `ordinal` do.
  bool StrikesAs(std::string_view name, double probability, Chance chance,
                 uint64_t about, uint64_t ordinal, std::string_view who,
                 std::string_view whom);

  // How long one leg over the network takes.
  int64_t Delay(Chance chance, const Link& link, uint64_t ordinal);

  // --- Events ---------------------------------------------------------------
  void At(int64_t when, Task task) {
    Push(when, {nullptr, nullptr, std::move(task)});
  }
  void AtNode(int64_t when, Node* node, Task task) {
    Push(when, {node, nullptr, std::move(task)});
  }
  void AtProcess(int64_t when, Process* process, Task task,
                 bool is_timer = false) {
    Push(when, {process->node(), process, std::move(task), is_timer});
  }
  std::vector<Task> TakeTasksOf(const Process* process) {
    return queue_.TakeTasksOf(process);
  }

  // Runs what is due by `until`, as long as `go_on` says so. The clock stands
  // at `until` if it never said no.
  void Run(int64_t until, absl::FunctionRef<bool()> go_on);

  // --- Hosts and the network between them -----------------------------------
  testing::SimHost& AddHost(std::string name, testing::SimHost::Boot boot);
  Node* Find(std::string_view name);  // Of a host, or kWorld.
  testing::SimHost* FindHost(std::string_view name);
  void Play(std::string_view role, Node* node);
  void Send(Process* from, Envelope envelope);
  Link& LinkBetween(const Node& from, const Node& to);
  bool IsCut(const Link& link) const {
    return link.cut || link.cut_until > now_ ||
           (link.flaps_until > now_ && now_ / kFlap % 2 == 0);
  }
  void Cut(std::string_view from, std::string_view to);
  void Heal();
  void Calm();

  // --- What every host reaches ----------------------------------------------
  SharedFile* SharedLogFile(std::string_view name);
  struct Register {
    VersionedValue now;
    VersionedValue before;  // The latest write.
    uint64_t reads = 0;
  };
  Register& RegisterOf(const std::string& key) { return registers_[key]; }

  // --- For Simulation -------------------------------------------------------
  void OnEvent(absl::AnyInvocable<void()> look) { look_ = std::move(look); }
  void DescribePayloads(
      absl::AnyInvocable<std::string(std::string_view)> describe) {
    describe_ = std::move(describe);
  }
  std::vector<testing::SimFault> FaultsFired() const { return fired_; }
  std::vector<std::string> FaultsLeftOut() const { return left_out_; }
  void SetFilter(const testing::FaultFilter& filter);
  void OnFault(std::function<void(const testing::SimFault&)> on_fault) {
    on_fault_ = std::move(on_fault);
  }
  void WriteScripts(testing::ScriptSink sink) {
    transcripts_ = std::make_unique<Transcripts>(this, std::move(sink));
  }

  // Whose event is running. nullptr: nobody's.
  const Process* running() const { return running_; }

 private:
  friend class Process;  // Tells which one is running.

  uint64_t Draw() override;  // What the program draws from "the kernel".
  void Push(int64_t when, SimEvent event) {
    queue_.Push(when > now_ ? when : now_, std::move(event));
  }
  void RunOne();
  void Run(SimEvent event);
  void WakeLater(Node* node);
  void Deliver(Node* from, Node* to, const Envelope& envelope);
  Node* Route(const Envelope& envelope, const Node& from);
  void Disturb();  // Once a second: links and hosts.
  void DisturbLink(const Node& a, const Node& b, uint64_t tick);
  void DisturbHost(Node* node, uint64_t tick);

  // Up to `most`, by this tick's strike of `chance`.
  int64_t SpanOf(Chance chance, absl::Duration most, uint64_t about,
                 uint64_t tick) const {
    return dice_.UpTo(absl::ToInt64Nanoseconds(most), chance, ~about, tick);
  }

  const testing::FaultOptions faults_;
  const Dice dice_;
  Trace trace_;
  std::set<std::string, std::less<>> kept_;

  int64_t now_ = 0;
  uint64_t events_ = 0;
  EventQueue queue_;
  Process* running_ = nullptr;
  uint64_t drawn_ = 0;  // By nobody's process: the test itself.
  uint64_t ticks_ = 0;  // Of Disturb.
  bool calm_ = false;
  bool lost_one_ = false;  // Of the hosts, by chance.

  Node outside_;  // kWorld: what is nobody's host.
  std::vector<std::unique_ptr<testing::SimHost>> hosts_;
  std::map<std::string, std::vector<Node*>, std::less<>> players_;
  std::map<uint64_t, Link> links_;  // By hash.
  std::map<std::string, SharedFile, std::less<>> shared_logs_;
  std::map<std::string, Register> registers_;

  std::unique_ptr<Transcripts> transcripts_;
  absl::AnyInvocable<void()> look_;
  absl::AnyInvocable<std::string(std::string_view)> describe_;
  std::function<void(const testing::SimFault&)> on_fault_;
  std::vector<testing::SimFault> fired_;
  std::vector<std::string> left_out_;
  std::set<std::string, std::less<>> muted_;
  std::set<std::string, std::less<>>
      chosen_;  // The only ones, if only_chosen_.
  bool only_chosen_ = false;
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_TESTING_WORLD_H_
