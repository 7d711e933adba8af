// SPDX-License-Identifier: Apache-2.0
//
// Simulation: a world with virtual time, an unreliable network, disks that
// forget what was not synced, and processes that crash. One seed, one history.
//
//   Simulation sim(seed, FaultOptions::Swarm(seed));
//   sim.AddHost("bank", [](SimHost& host) {
//     return std::make_shared<BankProcess>(host);  // at every start
//   });
//   absl::Status ended = sim.RunUntil([&] { return done; }, absl::Minutes(5));
//
//   AddHost, ports           Calm, Partition, Crash
//        |                          |
//        v                          v
//   +------------------------------------------+
//   | event heap, ordered by (time, sequence)  | --> trace, hash
//   +------------------------------------------+
//        | one at a time, each a possible crash
//        v
//   tasks, envelopes, completions --> your process
//
// Ships to users in trivet::testkit, which does not need a test framework: test
// your own adapters and code with it. It never sleeps; the async forms of
// everything run in it, and so do processes that draw random ids.
//
// Thread safety: none. A Simulation belongs to the thread that made it. Equal
// seeds give equal histories for programs that neither order by addresses nor
// iterate hash tables that are seeded per process.

#ifndef TRIVET_TESTING_SIMULATION_H_
#define TRIVET_TESTING_SIMULATION_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "trivet/config.h"
#include "trivet/testing/fault_options.h"
#include "trivet/testing/history.h"
#include "trivet/testing/sim_host.h"
#include "trivet/testing/violations.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {
class World;
}  // namespace internal
namespace testing {

class TRIVET_EXPORT Simulation {
 public:
  using Boot = SimHost::Boot;
  using Fault = SimFault;

  // REQUIRES: faults.Validate().ok(). Else the process ends, and says why not.
  explicit Simulation(uint64_t seed, FaultOptions faults = {});

  // For a scenario of SimMain: the faults that `options` leaves out do not
  // strike, whatever `faults` says.
  Simulation(const HistoryOptions& options, FaultOptions faults);
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  // Ends every process, hosts in the order they were added.
  ~Simulation();

  // Adds a machine and starts its process. Without `boot` nothing runs on it
  // but what is posted to its executor, and it never crashes by chance: a
  // place for a service. REQUIRES: `name` is new, and not SimHost::kWorld.
  SimHost& AddHost(std::string name, Boot boot = nullptr);

  // nullptr: there is none.
  SimHost* FindHost(std::string_view name);

  // Cuts the link between two hosts, both ways, or from one to the other, until
  // Heal(). An envelope is lost if the link is cut when it leaves or arrives.
  // REQUIRES: hosts that were added, or SimHost::kWorld.
  void Partition(std::string_view a, std::string_view b);
  void PartitionOneWay(std::string_view from, std::string_view to);
  void Heal();

  // No fault strikes by chance from now on; cut links are healed. A host that
  // is paused or down by chance comes back within FaultOptions::pause_max or
  // restart_max, and what was sent takes as long as it takes.
  void Calm();

  // Spans may be infinite: time ends after 73 years.
  void RunFor(absl::Duration span);

  // kDeadlineExceeded, with the tail of the trace, if `goal` stays false.
  absl::Status RunUntil(absl::FunctionRef<bool()> goal, absl::Duration limit);

  // Calls `look` after every event, from now on: for checkers of what must hold
  // at every moment.
  void OnEvent(absl::AnyInvocable<void()> look);

  // The time since the simulation began, and how many events have run.
  absl::Duration Elapsed() const;
  uint64_t events() const;

  // A number that depends on the seed, `what` and `ordinal` alone: for choices
  // of the test itself.
  uint64_t Draw(std::string_view what, uint64_t ordinal) const;

  // --- What happened --------------------------------------------------------
  // One line per event that is worth one; equal seeds give equal traces. Long
  // runs keep only the latest.
  std::string Trace() const;

  // Of every event since the beginning; the same on every platform.
  uint64_t TraceHash() const;

  // Adds a line of the test's own to the trace.
  void Note(std::string_view text);

  // Has every envelope's payload described in the trace. Not in its hash.
  void DescribePayloads(
      absl::AnyInvocable<std::string(std::string_view payload)> describe);

  // The faults that struck by chance, and a way to leave some of them out: the
  // simulation that is given their ids before its first host runs without them.
  // Removing faults while the failure stays explains it.
  std::vector<Fault> FaultsFired() const;
  void Mute(const std::vector<std::string>& fault_ids);

  // All of the above, with what the checkers found. `configuration`: what the
  // seed chose besides the faults.
  History Report(const Violations& violations,
                 std::string_view configuration = {}) const;

 private:
  const bool trace_wanted_ = false;
  const std::unique_ptr<internal::World> world_;
};

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_TESTING_SIMULATION_H_
