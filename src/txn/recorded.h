// SPDX-License-Identifier: Apache-2.0
//
// Recorded: a machine whose steps are written down as a script, if somebody
// wants one.
//
// Thread safety: thread-compatible, as the machine.

#ifndef TRIVET_SRC_TXN_RECORDED_H_
#define TRIVET_SRC_TXN_RECORDED_H_

#include <iterator>
#include <memory>
#include <utility>
#include <vector>

#include "src/txn/peer_table.h"
#include "src/txn/script.h"
#include "src/txn/shared_peers.h"
#include "trivet/config.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/txn/coordinator_machine.h"
#include "trivet/txn/participant_machine.h"
#include "trivet/txn/txn_effects.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

template <typename T>
void AppendAll(std::vector<T>&& from, std::vector<T>* to) {
  to->insert(to->end(), std::make_move_iterator(from.begin()),
             std::make_move_iterator(from.end()));
}

// Has `to` hold what it would if both had stepped into it.
inline void AppendCommon(TxnEffects&& from, TxnEffects* to) {
  AppendAll(std::move(from.writes), &to->writes);
  AppendAll(std::move(from.messages), &to->messages);
  if (from.trim_before != 0) to->trim_before = from.trim_before;
  if (from.stopped.has_value()) to->stopped = std::move(from.stopped);
}

inline void Append(CoordinatorMachine::Effects&& from,
                   CoordinatorMachine::Effects* to) {
  AppendAll(std::move(from.finished), &to->finished);
  AppendAll(std::move(from.refused), &to->refused);
  AppendCommon(std::move(from), to);
}

inline void Append(ParticipantMachine::Effects&& from,
                   ParticipantMachine::Effects* to) {
  AppendAll(std::move(from.prepares), &to->prepares);
  AppendAll(std::move(from.applies), &to->applies);
  if (from.list_prepared) to->list_prepared = true;
  AppendCommon(std::move(from), to);
}

template <typename Machine>
class Recorded : public Machine {
 public:
  using Event = typename Machine::Event;
  using Effects = typename Machine::Effects;

  // Without `writer` it is `machine` alone. `peers` need not be built yet.
  Recorded(Machine machine, std::unique_ptr<ScriptWriter> writer,
           const SharedPeers* peers)
      : Machine(std::move(machine)),
        writer_(std::move(writer)),
        peers_(peers) {}

  void Step(MonotonicTime now, Event&& event, Effects* effects) {
    if (writer_ == nullptr) {
      return Machine::Step(now, std::move(event), effects);
    }
    peers_->Read(
        [&](const PeerTable& peers) { writer_->Happens(now, event, peers); });
    Effects own;
    Machine::Step(now, std::move(event), &own);
    peers_->Read([&](const PeerTable& peers) {
      writer_->LedTo(own, Machine::NextWakeup(), peers);
    });
    Append(std::move(own), effects);
  }

 private:
  std::unique_ptr<ScriptWriter> writer_;
  const SharedPeers* peers_;
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_TXN_RECORDED_H_
