// SPDX-License-Identifier: Apache-2.0
//
// SimHost: one machine of a Simulation. Its clock, its network, its disks, and
// the process that runs on it.
//
//   struct Bank {                                  // the process
//     explicit Bank(SimHost& host) : shard(Participant::Open(
//         host.executor(), host.transport(), host.log("shard"), ...)) {
//       host.OnReceive("shard-a", [this](Envelope e) { ... });
//     }
//   };
//   SimHost& host = sim.AddHost("bank", [](SimHost& h) {
//     return std::make_shared<Bank>(h);            // at every start
//   });
//
// Ports belong to one run of the process. When it ends, they go dead first:
// what the dying process still calls does nothing, and every task, completion
// and message that waits for it is destroyed. Then the process is destroyed.
// Port objects stay valid, and dead, as long as the Simulation.
//
// Thread safety: none; everything in a Simulation runs on one thread.

#ifndef TRIVET_TESTING_SIM_HOST_H_
#define TRIVET_TESTING_SIM_HOST_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "trivet/config.h"
#include "trivet/host/executor.h"
#include "trivet/host/log_store.h"
#include "trivet/host/transport.h"
#include "trivet/host/versioned_store.h"
#include "trivet/testing/fault_options.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {
class Node;
class World;
}  // namespace internal
namespace testing {

class TRIVET_EXPORT SimHost {
 public:
  // Starts the process: the first time, and after every crash. nullptr: it did
  // not start; it is tried again as after a crash.
  using Boot = absl::AnyInvocable<std::shared_ptr<void>(SimHost&)>;

  // Of Call(): a service that can be asked from every host and never fails.
  static constexpr std::string_view kWorld = "world";

  SimHost(const SimHost&) = delete;
  SimHost& operator=(const SimHost&) = delete;
  ~SimHost();

  std::string_view name() const;

  // --- The ports of the process that runs now -------------------------------
  // Time counts from an origin of the host's own, at the host's own rate.
  Executor* executor();

  // Carries an envelope to one of the hosts that receive for its address.
  Transport* transport();

  // A log on a disk of this host. What a crash left unsynced stays in the page
  // cache, as a prefix; a loss of power leaves any prefix of that.
  LogStore* log(std::string_view file);

  // A log that every host of the simulation can reach, over the network. What
  // it has accepted is durable; an append may arrive after its sender died.
  LogStore* shared_log(std::string_view name);

  // The world's registers, over the network.
  VersionedStore* versioned_store();

  // Envelopes to `role` come here; with nullptr no more do. A host may play
  // several roles, and several hosts the same one.
  void OnReceive(std::string role, absl::AnyInvocable<void(Envelope)> receive);

  // One request to `service`, a host's name or kWorld: for ports of your own,
  // see sim_lock_backend.h. `act` runs there, unless the request is lost, and
  // also if the caller has died meanwhile; calling `reply` then sends the
  // answer back. `done` runs here once: OK, or kUnavailable if no answer came
  // within `timeout`, which is FaultOptions::call_timeout if not given. No
  // answer says nothing about `act`.
  using Reply = absl::AnyInvocable<void() &&>;
  void Call(std::string_view service,
            absl::AnyInvocable<void(Reply reply) &&> act,
            absl::AnyInvocable<void(absl::Status) &&> done,
            std::optional<absl::Duration> timeout = std::nullopt);

  // --- Faults of your own ---------------------------------------------------
  // For ports of your own, and for mocks: whether a fault strikes now. As all
  // faults it is named by its class, this host, the place, and how often that
  // was asked, stands in the trace and in FaultsFired(), can be left out, and
  // never strikes once Simulation::Calm() was called. `kind` is a name that the
  // simulation's own classes do not have.
  bool Strikes(std::string_view kind, double probability,
               std::string_view place = {});

  // A number for what such a fault does: the seed's, the next one each time.
  // Draw it whether or not the fault strikes, so that one that is left out
  // moves no other.
  uint64_t Draw(std::string_view kind, std::string_view place = {});

  // A moment at which the process may crash by chance, as in the middle of a
  // call of a port of your own. False: it has, and what still runs is undone.
  bool PassCrashPoint(bool in_append = false);

  const FaultOptions& faults() const;

  // Has `on_stop` called whenever the process ends, before the program is
  // destroyed, and at a loss of power while it is down: for disks of your own.
  void OnStop(absl::AnyInvocable<void(bool power_loss)> on_stop);

  // --- What happens to it ---------------------------------------------------
  // Ends the process. Where it is on the stack it is destroyed once it has
  // returned; its ports are dead at once. The host stays down until Restart().
  void Crash();
  void PowerLoss();  // Crash(), and the page cache is gone. Also while down.

  // Nothing runs until `span` has passed. The clock does, and so do disks.
  void Pause(absl::Duration span);

  // Starts the process. Does nothing while it runs.
  void Restart();

  // Ends the process for good: the host never starts again.
  void Lose();
  bool IsLost() const;

  bool IsUp() const;

  // How often the process has been started.
  uint64_t starts() const;

 private:
  friend class ::trivet::internal::World;
  explicit SimHost(std::unique_ptr<internal::Node> node);
  const std::unique_ptr<internal::Node> node_;
};

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_TESTING_SIM_HOST_H_
