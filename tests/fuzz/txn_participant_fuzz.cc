// SPDX-License-Identifier: Apache-2.0
//
// A ParticipantMachine under any events in any order that its host and two
// coordinators may bring about, with crashes between them. What it asks of the
// host, says and lets go is compared with what it was told and what its log
// holds: its invariants, seen from outside.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/machine_log.h"
#include "trivet/host/log_store.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/txn/participant_machine.h"
#include "trivet/txn/transaction.h"
#include "trivet/txn/txn_effects.h"
#include "trivet/txn/txn_message.h"
#include "trivet/txn/txn_record.h"

namespace trivet {
namespace {

using Machine = ParticipantMachine;

constexpr int kStepsMax = 300;  // More of them only take longer.

struct Branch {
  bool asked = false;  // The host is to vote.
  std::set<Vote::Kind> votes;
  bool said_yes = false;
  bool prepared = false;   // Prepared stands in the log, or stood.
  bool resolved = false;   // Resolved does: nobody may prepare it again.
  bool committed = false;  // And says commit.
  bool ruled = false;      // Heuristic stands in the log.
  std::set<Decision> heard;
  std::set<Decision> orders;  // An operator's.
  std::optional<Decision> applying;
  std::optional<Decision> applied;
};

class World {
 public:
  explicit World(Input input) : input_(input) {
    options_.max_in_flight = 1 + input_.Below(8);
    Start();
  }

  void Run() {
    for (int i = 0; i < kStepsMax && !input_.IsEmpty(); ++i) RandomStep();
  }

 private:
  void Start() {
    ++epoch_;
    stopped_ = false;
    listing_ = false;
    for (const LoggedRecord& logged : log_.records()) {
      std::visit([this](const auto& r) { OnLogged(r); }, logged.record);
    }
    heard_ = durable_;
    for (auto& [key, branch] : branches_) {
      branch.asked = false;
      branch.applying.reset();
      CheckKept(key, branch);
    }
    machine_.emplace(RoleIdentity{"p", PeerId{9}, epoch_}, options_,
                     input_.Byte(), log_.records());
    Step(Ticked{});
  }

  void RandomStep() {
    const uint8_t pace = input_.Byte();
    if (pace >= 0xE0) now_ = now_ + absl::Milliseconds(100 * (pace - 0xDF));
    switch (input_.Below(16)) {
      case 0:
      case 1:
      case 2:
        return HostVotes();
      case 3:
      case 4:
        return HostApplied();
      case 5:
        return HostLists();
      case 6:
        return Operate();
      case 7:
        if (machine_->NextWakeup() != MonotonicTime::InfiniteFuture()) {
          now_ = std::max(now_, machine_->NextWakeup());
        }
        return Step(Ticked{});
      case 8:
        if (!input_.OneIn(3)) return;
        log_.Crash(&input_);
        return Start();
      case 9:
      case 10:
      case 11:
        return Complete();
      default:
        return Receive();
    }
  }

  TxnKey AnyKey() {
    const uint8_t byte = input_.Byte();
    return {PeerId{byte >= 0xE0 ? 1U : 0U}, {1U + byte / 16 % 2, byte % 8U}};
  }
  Decision AnyDecision() {
    return input_.OneIn(2) ? Decision::kCommit : Decision::kAbort;
  }

  void HostVotes() {
    constexpr Vote::Kind kKinds[] = {Vote::kYes, Vote::kYes, Vote::kYes,
                                     Vote::kReadOnly, Vote::kNo};
    const TxnKey key = AnyKey();
    Branch& branch = branches_[key];
    if (!branch.asked) return;
    branch.asked = false;
    const Vote::Kind kind = kKinds[input_.Below(5)];
    branch.votes.insert(kind);
    Step(Machine::Voted{key, kind});
  }

  void HostApplied() {
    const TxnKey key = AnyKey();
    Branch& branch = branches_[key];
    if (!branch.applying.has_value()) return;
    const bool failed = input_.OneIn(4);
    if (!failed) branch.applied = branch.applying;
    branch.applying.reset();
    Step(Machine::ApplyReturned{
        key, failed ? absl::UnavailableError("busy") : absl::OkStatus()});
  }

  void HostLists() {
    if (!listing_) return;
    listing_ = false;
    if (input_.OneIn(4)) {
      return Step(Machine::Listed{absl::UnavailableError("busy")});
    }
    std::vector<TxnKey> listed;
    for (size_t count = input_.Below(3); count > 0; --count) {
      const TxnKey key = AnyKey();
      // What was committed is nobody's orphan.
      if (branches_[key].applied != Decision::kCommit) listed.push_back(key);
    }
    Step(Machine::Listed{listed});
  }

  void Operate() {
    const TxnKey key = AnyKey();
    if (input_.OneIn(2)) return Step(Machine::ForgetRequested{key});
    const Decision decision = AnyDecision();
    if (machine_->IsInDoubt(key)) branches_[key].orders.insert(decision);
    Step(Machine::ResolveRequested{key, decision});
  }

  void Complete() {
    if (!log_.has_in_flight()) return;
    const TxnRecord record = log_.oldest_in_flight();
    Appended appended = log_.Complete(&input_);
    if (appended.index.ok()) {
      std::visit([this](const auto& r) { OnLogged(r); }, record);
    }
    Step(std::move(appended));
  }
  void OnLogged(const Prepared& r) { branches_[r.txn].prepared = true; }
  void OnLogged(const Resolved& r) {
    branches_[r.txn].resolved = true;
    if (r.decision == Decision::kCommit) branches_[r.txn].committed = true;
  }
  void OnLogged(const Heuristic& r) { branches_[r.txn].ruled = true; }
  void OnLogged(const HorizonPassed& r) {
    TxnNumber& durable = durable_[r.coordinator];
    durable = std::max(durable, r.horizon);
  }
  template <typename Other>
  void OnLogged(const Other&) {}

  void Receive() {
    const TxnKey key = AnyKey();
    const PeerId from = key.coordinator;
    switch (input_.Below(8)) {
      case 0: {
        const TxnNumber horizon{1, input_.Below(6)};
        Hear(from, horizon);
        return Step(Received{from, HorizonNotice{from, horizon}});
      }
      case 1:
      case 2:
      case 3: {
        const Decision decision = AnyDecision();
        branches_[key].heard.insert(decision);
        return Step(Received{from, DecisionNotice{key, decision}});
      }
      case 4:
        return Step(Received{from, VoteReply{key, Vote::kYes}});
      default: {
        const TxnNumber horizon{1, input_.Below(4)};
        Hear(from, horizon);
        return Step(Received{from, PrepareRequest{key, horizon, WorkOf(key)}});
      }
    }
  }
  static std::string WorkOf(const TxnKey& key) {
    return "work " + std::to_string(key.number.sequence);
  }
  void Hear(PeerId coordinator, TxnNumber horizon) {
    if (stopped_) return;
    TxnNumber& heard = heard_[coordinator];
    heard = std::max(heard, horizon);
  }

  void Step(Machine::Event event) {
    Machine::Effects effects;
    machine_->Step(now_, std::move(event), &effects);
    if (stopped_) {
      FUZZ_CHECK(effects.writes.empty() && effects.messages.empty());
      FUZZ_CHECK(effects.prepares.empty() && effects.applies.empty());
      FUZZ_CHECK(!effects.stopped.has_value());
    }
    for (const LogWrite& write : effects.writes) {
      std::visit([&](const auto& r) { CheckWrite(write, r); }, write.record);
    }
    for (const Outgoing& outgoing : effects.messages) {
      std::visit([&](const auto& m) { CheckSent(outgoing.to, m); },
                 outgoing.message);
    }
    for (const auto& prepare : effects.prepares) CheckPrepare(prepare);
    for (const auto& apply : effects.applies) CheckApply(apply);
    listing_ = listing_ || effects.list_prepared;
    log_.Take(effects);
    if (effects.trim_before != 0) {
      for (const auto& [key, branch] : branches_) CheckKept(key, branch);
    }
    stopped_ = stopped_ || effects.stopped.has_value();
    FUZZ_CHECK(machine_->InDoubt().size() <= machine_->in_flight());
  }

  void CheckPrepare(const Machine::Prepare& prepare) {
    Branch& branch = branches_[prepare.txn];
    FUZZ_CHECK(!branch.asked && prepare.work == WorkOf(prepare.txn));
    FUZZ_CHECK(!branch.resolved);  // P4
    FUZZ_CHECK(prepare.txn.number >= heard_[prepare.txn.coordinator]);
    branch.asked = true;
  }

  void CheckApply(const Machine::Apply& apply) {
    Branch& branch = branches_[apply.txn];
    FUZZ_CHECK(!branch.applying.has_value());
    const bool is_ordered =
        branch.ruled && branch.orders.count(apply.decision) > 0;
    const bool was_heard = branch.heard.count(apply.decision) > 0;
    if (apply.decision == Decision::kCommit) {  // P2
      FUZZ_CHECK(was_heard || is_ordered);
      FUZZ_CHECK(branch.prepared && apply.work == WorkOf(apply.txn));
    } else {
      FUZZ_CHECK(!branch.committed || branch.ruled);
      // Else it is an orphan, or nobody counts, or waits, for what it says.
      const bool is_passed = apply.txn.number < durable_[apply.txn.coordinator];
      if (branch.said_yes && !is_passed) FUZZ_CHECK(was_heard || is_ordered);
    }
    // Never undone, unless a coordinator says both, or an operator does not
    // know of a commit that was carried out just before the crash.
    if (branch.applied == Decision::kCommit && !is_ordered &&
        branch.heard.size() <= 1) {
      FUZZ_CHECK(apply.decision == Decision::kCommit);
    }
    branch.applying = apply.decision;
  }

  void CheckWrite(const LogWrite&, const Prepared& r) {
    FUZZ_CHECK(branches_[r.txn].votes.count(Vote::kYes) > 0);
    FUZZ_CHECK(r.work == WorkOf(r.txn));
  }
  void CheckWrite(const LogWrite&, const Resolved& r) {
    FUZZ_CHECK(branches_[r.txn].heard.count(r.decision) > 0);
  }
  void CheckWrite(const LogWrite&, const Applied& r) {
    FUZZ_CHECK(branches_[r.txn].applied.has_value());  // P6
  }
  void CheckWrite(const LogWrite& write, const Heuristic& r) {
    FUZZ_CHECK(branches_[r.txn].orders.count(r.decision) > 0);
    FUZZ_CHECK(write.durability == Durability::kForced);
  }
  void CheckWrite(const LogWrite&, const HorizonPassed& r) {
    FUZZ_CHECK(r.horizon <= heard_[r.coordinator]);
  }
  void CheckWrite(const LogWrite&, const LogOwner& r) {
    FUZZ_CHECK(r.participant == "p");
  }
  void CheckWrite(const LogWrite&, const Forgotten&) {}
  template <typename Other>
  void CheckWrite(const LogWrite&, const Other&) {
    FUZZ_CHECK(false);  // A coordinator's.
  }

  void CheckSent(PeerId to, const VoteReply& reply) {
    FUZZ_CHECK(to == reply.txn.coordinator);
    Branch& branch = branches_[reply.txn];
    if (reply.vote.kind == Vote::kReadOnly) {
      FUZZ_CHECK(branch.votes.count(Vote::kReadOnly) > 0);
    }
    if (reply.vote.kind != Vote::kYes) return;
    FUZZ_CHECK(branch.votes.count(Vote::kYes) > 0);
    FUZZ_CHECK(HasPrepared(reply.txn));  // P1
    branch.said_yes = true;
  }
  void CheckSent(PeerId to, const DecisionAck& ack) {
    FUZZ_CHECK(to == ack.txn.coordinator);
    FUZZ_CHECK(branches_[ack.txn].heard.count(Decision::kCommit) > 0);
    FUZZ_CHECK(branches_[ack.txn].committed ||  // P3
               ack.txn.number < durable_[ack.txn.coordinator]);
  }
  void CheckSent(PeerId to, const DecisionInquiry& inquiry) {
    FUZZ_CHECK(to == inquiry.txn.coordinator);
    FUZZ_CHECK(branches_[inquiry.txn].prepared);
  }
  void CheckSent(PeerId to, const HorizonRequest& request) {
    FUZZ_CHECK(to == request.coordinator);
  }
  template <typename Other>
  void CheckSent(PeerId, const Other&) {
    FUZZ_CHECK(false);  // A coordinator's.
  }

  bool HasPrepared(const TxnKey& key) const {
    return log_.Has<Prepared>(
        [&key](const Prepared& r) { return r.txn == key; });
  }

  // P6, P5: what the host has not finished with, and what is not below a
  // durable horizon, can still be read. An abort needs no record there: the
  // host lists what it holds.
  void CheckKept(const TxnKey& key, const Branch& branch) const {
    const auto durable = durable_.find(key.coordinator);
    const bool is_below =
        durable != durable_.end() && key.number < durable->second;
    if (branch.said_yes && !branch.applied.has_value() &&
        (branch.committed || branch.ruled || !is_below)) {
      FUZZ_CHECK(HasPrepared(key));
    }
    if (branch.committed && !is_below) {
      FUZZ_CHECK(log_.Has<Resolved>(
          [&key](const Resolved& r) { return r.txn == key; }));
    }
  }

  Input input_;
  ParticipantOptions options_;
  MonotonicTime now_ = MonotonicTime::FromOrigin(absl::Hours(1));
  MachineLog log_;
  Epoch epoch_ = 0;
  std::optional<Machine> machine_;
  bool stopped_ = false;
  bool listing_ = false;
  std::map<TxnKey, Branch> branches_;
  std::map<PeerId, TxnNumber> heard_;    // The largest horizons, in this life,
  std::map<PeerId, TxnNumber> durable_;  // and in the log.
};

}  // namespace
}  // namespace trivet

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  trivet::World(trivet::Input(data, size)).Run();
  return 0;
}
