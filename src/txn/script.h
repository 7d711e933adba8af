// SPDX-License-Identifier: Apache-2.0
//
// Scripts: what happens to a machine, and what it wants done, as text.
//
//   receive bank#1 PrepareRequest id=bank#1/1.7 horizon=1.7 work="credit 40"
//   ----
//   prepare id=bank#1/1.7 work="credit 40"
//
// tests/txn/script_runner.h has the whole language, reads the upper half and
// writes the lower one. A ScriptWriter writes both, from a machine that runs in
// a driver: what a machine did in a simulation can be done to it again.
//
// Names stand there as they are. One with a blank, a quote, '=' or ',' in it
// cannot be read back.
//
// Thread safety: functions of their arguments; ScriptWriter is
// thread-compatible.

#ifndef TRIVET_SRC_TXN_SCRIPT_H_
#define TRIVET_SRC_TXN_SCRIPT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "src/internal/transcript.h"
#include "src/txn/peer_table.h"
#include "trivet/config.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/txn/coordinator_machine.h"
#include "trivet/txn/participant_machine.h"
#include "trivet/txn/txn_effects.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

// What a machine wants done, a line each.
TRIVET_EXPORT std::string ScriptOf(const CoordinatorMachine::Effects& effects,
                                   const PeerTable& peers);
TRIVET_EXPORT std::string ScriptOf(const ParticipantMachine::Effects& effects,
                                   const PeerTable& peers);
TRIVET_EXPORT std::string ScriptOfWakeup(MonotonicTime wakeup,
                                         MonotonicTime now);

// What happens to the machine `self`, on one line.
TRIVET_EXPORT std::string ScriptOf(const CoordinatorMachine::Event& event,
                                   MonotonicTime now, PeerId self,
                                   const PeerTable& peers);
TRIVET_EXPORT std::string ScriptOf(const ParticipantMachine::Event& event,
                                   MonotonicTime now, PeerId self,
                                   const PeerTable& peers);

// Shows `visit` each option that a machine heeds: its name and the field.
template <typename Options, typename Visit>
void VisitOptions(Options& options, Visit visit) {
  if constexpr (std::is_same_v<std::remove_const_t<Options>,
                               CoordinatorOptions>) {
    visit("resend_min", options.resend_min);
    visit("resend_max", options.resend_max);
    visit("max_branches", options.max_branches);
  } else {
    visit("inquire_min", options.inquire_min);
    visit("inquire_max", options.inquire_max);
    visit("apply_retry_min", options.apply_retry_min);
    visit("apply_retry_max", options.apply_retry_max);
    visit("horizon_delay", options.horizon_delay);
    visit("orphan_scan", options.orphan_scan);
  }
  visit("max_in_flight", options.max_in_flight);
  visit("max_work_bytes", options.max_work_bytes);
}

// Writes the script of one machine to a transcript.
class TRIVET_EXPORT ScriptWriter {
 public:
  // With what a machine is built from. nullptr: nobody wants a script.
  static std::unique_ptr<ScriptWriter> Start(
      const RoleIdentity& self, const CoordinatorOptions& options,
      uint64_t jitter_seed, const std::vector<LoggedRecord>& recovered,
      const PeerTable& peers);
  static std::unique_ptr<ScriptWriter> Start(
      const RoleIdentity& self, const ParticipantOptions& options,
      uint64_t jitter_seed, const std::vector<LoggedRecord>& recovered,
      const PeerTable& peers);

  // Before the step, so that one which ends the process is there.
  template <typename Event>
  void Happens(MonotonicTime now, const Event& event, const PeerTable& peers) {
    AddCommand(now, ScriptOf(event, now, self_, peers), peers);
  }

  // After it.
  template <typename Effects>
  void LedTo(const Effects& effects, MonotonicTime wakeup,
             const PeerTable& peers) {
    AddEffects(ScriptOf(effects, peers), wakeup);
  }

 private:
  ScriptWriter(std::unique_ptr<Transcript> transcript, PeerId self)
      : transcript_(std::move(transcript)), self_(self) {}

  template <typename Options>
  static std::unique_ptr<ScriptWriter> StartAs(
      const char* role, const RoleIdentity& self, const Options& options,
      uint64_t jitter_seed, const std::vector<LoggedRecord>& recovered,
      const PeerTable& peers);

  std::string NewNames(const PeerTable& peers);
  void AddCommand(MonotonicTime now, std::string command,
                  const PeerTable& peers);
  void AddEffects(const std::string& effects, MonotonicTime wakeup);

  const std::unique_ptr<Transcript> transcript_;
  const PeerId self_;
  size_t named_ = 0;                                   // How many of the peers.
  MonotonicTime now_ = MonotonicTime::InfinitePast();  // Nothing has happened.
  MonotonicTime wakeup_ = MonotonicTime::InfiniteFuture();
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_TXN_SCRIPT_H_
