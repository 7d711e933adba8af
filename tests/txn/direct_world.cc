// SPDX-License-Identifier: Apache-2.0

#include "tests/txn/direct_world.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "trivet/host/log_store.h"
#include "trivet/txn/coordinator_machine.h"
#include "trivet/txn/participant_machine.h"
#include "trivet/txn/transaction.h"
#include "trivet/txn/txn_effects.h"
#include "trivet/txn/txn_record.h"

namespace trivet {
namespace {

bool IsForced(const TxnEffects& effects) {
  return std::any_of(effects.writes.begin(), effects.writes.end(),
                     [](const LogWrite& write) {
                       return write.durability == Durability::kForced;
                     });
}

}  // namespace

DirectWorld::DirectWorld(size_t participants)
    : events_(participants), indexes_(participants, 1) {
  const std::vector<LoggedRecord> log = {{1, LogIdentity{"1"}}};
  coordinator_.emplace(RoleIdentity{"bank#1", PeerId{0}, 1},
                       CoordinatorOptions(), 1, log);
  for (size_t p = 0; p < participants; ++p) {
    const std::vector<LoggedRecord> owned = {{1, LogOwner{"p"}}};
    participants_.emplace_back(RoleIdentity{"p", static_cast<PeerId>(p + 1), 1},
                               ParticipantOptions(), p, owned);
  }
  coordinator_events_.push_back(Ticked{});
  for (size_t p = 0; p < participants; ++p) events_[p].push_back(Ticked{});
  RunUntilIdle();
}

std::optional<Decision> DirectWorld::Run(const std::vector<Vote>& votes) {
  votes_ = votes;
  outcome_.reset();
  CoordinatorMachine::Begun begun;
  begun.deadline = now_ + absl::Seconds(5);
  for (size_t p = 0; p < votes.size(); ++p) {
    begun.shares.push_back({static_cast<PeerId>(p + 1), "work"});
  }
  coordinator_events_.push_back(std::move(begun));
  RunUntilIdle();
  return outcome_;
}

void DirectWorld::RunUntilIdle() {
  for (bool busy = true; busy;) {
    busy = !coordinator_events_.empty();
    if (busy) StepCoordinator();
    for (size_t p = 0; p < participants_.size(); ++p) {
      if (events_[p].empty()) continue;
      StepParticipant(p);
      busy = true;
    }
  }
}

void DirectWorld::StepCoordinator() {
  CoordinatorMachine::Event event = std::move(coordinator_events_.front());
  coordinator_events_.pop_front();
  CoordinatorMachine::Effects effects;
  coordinator_->Step(now_, std::move(event), &effects);
  for (const auto& finished : effects.finished) outcome_ = finished.decision;
  if (IsForced(effects)) ++coordinator_forced;
  for (const LogWrite& write : effects.writes) {
    coordinator_events_.push_back(Appended{write.ticket, ++coordinator_index_});
  }
  for (Outgoing& outgoing : effects.messages) {
    ++messages;
    events_[static_cast<size_t>(outgoing.to) - 1].push_back(
        Received{PeerId{0}, std::move(outgoing.message)});
  }
}

void DirectWorld::StepParticipant(size_t p) {
  ParticipantMachine::Event event = std::move(events_[p].front());
  events_[p].pop_front();
  ParticipantMachine::Effects effects;
  participants_[p].Step(now_, std::move(event), &effects);
  if (IsForced(effects)) ++participants_forced;
  for (const LogWrite& write : effects.writes) {
    events_[p].push_back(Appended{write.ticket, ++indexes_[p]});
  }
  for (const auto& prepare : effects.prepares) {
    // A no takes longer than Prepared, so that it crosses with no yes.
    const size_t delay = votes_[p].kind == Vote::kNo ? 4 : 0;
    for (size_t i = 0; i < delay; ++i) events_[p].push_back(Ticked{});
    events_[p].push_back(ParticipantMachine::Voted{prepare.txn, votes_[p]});
  }
  for (const auto& apply : effects.applies) {
    ++(apply.decision == Decision::kCommit ? applied_commits : applied_aborts);
    events_[p].push_back(
        ParticipantMachine::ApplyReturned{apply.txn, absl::OkStatus()});
  }
  for (Outgoing& outgoing : effects.messages) {
    ++messages;
    coordinator_events_.push_back(
        Received{static_cast<PeerId>(p + 1), std::move(outgoing.message)});
  }
}

}  // namespace trivet
