// SPDX-License-Identifier: Apache-2.0

#include "tests/txn/model.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "src/txn/describe.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/txn/coordinator_machine.h"
#include "trivet/txn/participant_machine.h"
#include "trivet/txn/transaction.h"
#include "trivet/txn/txn_effects.h"
#include "trivet/txn/txn_message.h"
#include "trivet/txn/txn_record.h"

namespace trivet {

using internal::Describe;

namespace {

template <typename T>
T TakeAt(std::vector<T>* from, size_t at) {
  T taken = std::move((*from)[at]);
  from->erase(from->begin() + static_cast<ptrdiff_t>(at));
  return taken;
}

}  // namespace

Model::Model(uint64_t seed, ModelFaults faults) : dice_(seed), faults_(faults) {
  names_.Intern("bank#1");
  for (size_t p = 0; p < kParticipants; ++p) {
    names_.Intern(absl::StrCat("p", p));
  }
}
Model::~Model() = default;

std::string Model::Run() {
  StartCoordinator();
  for (size_t p = 0; p < kParticipants; ++p) StartParticipant(p);
  for (size_t i = 0; i < kSteps && violation_.empty(); ++i) {
    RandomStep();
    BuryStopped();
  }
  quiet_ = true;
  old_.clear();
  for (int restart = 0; restart < 2 && violation_.empty(); ++restart) {
    size_t rounds = 0;
    while (violation_.empty() && !QuietRound()) {
      if (++rounds > kQuietRounds) Violate("AC5: no end in sight", {});
    }
    if (!violation_.empty()) break;
    CheckEnd();
    // Once more from what is on disk.
    for (auto& process : coordinators_) Crash(&process);
    for (auto& process : participants_) Crash(&process);
    BuryStopped();
  }
  return violation_;
}

// --- Steps ------------------------------------------------------------------

std::vector<Model::Process*> Model::Alive() {
  std::vector<Process*> alive;
  for (auto& process : coordinators_) alive.push_back(process.get());
  for (auto& process : participants_) {
    if (process != nullptr) alive.push_back(process.get());
  }
  return alive;
}

void Model::RandomStep() {
  if ((coordinators_.empty() && dice_.Chance(20)) ||
      dice_.Chance(faults_.fail_over)) {
    return StartCoordinator();
  }
  const size_t place = dice_.Below(kParticipants);
  if (participants_[place] == nullptr && dice_.Chance(30)) {
    return StartParticipant(place);
  }
  if (dice_.Chance(faults_.operator_decides)) return OperatorDecides();
  if (dice_.Chance(faults_.crash)) {
    const size_t which = dice_.Below(kParticipants + 1);
    if (which < kParticipants) return Crash(&participants_[which]);
    if (!coordinators_.empty()) {
      return Crash(&coordinators_[dice_.Below(coordinators_.size())]);
    }
  }
  if (histories_.size() < kTxns && dice_.Chance(10)) return Begin();
  if (dice_.Chance(5)) return LandLate(place);
  if (dice_.Chance(40)) return Deliver(true);
  const std::vector<Process*> alive = Alive();
  if (alive.empty()) return;
  Process* const process = alive[dice_.Below(alive.size())];
  switch (dice_.Below(5)) {
    case 0:
    case 1:
      return CompleteAppend(process, true);
    case 2:
    case 3:
      return HostAnswers(process, true);
    default:
      return Tick(process);
  }
}

void Model::Begin() {
  if (coordinators_.empty()) return;
  // Also at one that does not know yet that it was deposed.
  Process* const process =
      coordinators_[dice_.Below(coordinators_.size())].get();
  CoordinatorMachine::Begun begun;
  begun.call = ++calls_;
  begun.deadline = now_ + absl::Milliseconds(1 + dice_.Below(5000));
  for (size_t p = 0; p < kParticipants; ++p) {
    if (dice_.Chance(80)) {
      begun.shares.push_back({PeerAt(p), absl::StrCat("work ", begun.call)});
    }
  }
  if (!begun.shares.empty()) Step(process, std::move(begun));
}

void Model::Deliver(bool faults) {
  if (faults && !old_.empty() && dice_.Chance(20)) {
    soup_.push_back(old_[dice_.Below(old_.size())]);
  }
  if (soup_.empty()) return;
  Letter letter = TakeAt(&soup_, dice_.Below(soup_.size()));
  if (faults && dice_.Chance(faults_.loss)) return;
  if (faults && dice_.Chance(faults_.duplication)) old_.push_back(letter);
  if (keep_trace_) {
    absl::StrAppend(&trace_, names_.Name(letter.to), " receives ",
                    Describe(letter.message, names_), "\n");
  }
  Received received{letter.from, std::move(letter.message)};
  if (letter.to == kCoordinator) {
    if (coordinators_.empty()) return;
    const size_t which = dice_.Below(coordinators_.size());
    Step(coordinators_[which].get(),
         CoordinatorMachine::Event(std::move(received)));
  } else {
    Process* const process = participants_[PlaceOf(letter.to)].get();
    if (process != nullptr) {
      Step(process, ParticipantMachine::Event(std::move(received)));
    }
  }
}

void Model::CompleteAppend(Process* process, bool faults) {
  if (process->appends.empty()) return;
  const Append append = std::move(process->appends.front());
  process->appends.pop_front();
  absl::Status status = process->log->Check(process->epoch);
  if (status.ok() && faults && dice_.Chance(faults_.append_failure)) {
    process->log->Fail(append.writes, &dice_);
    status = absl::InternalError("disk");
  }
  LogIndex index = 0;
  if (status.ok()) {
    index = process->log->Append(append.writes, append.writes.size(), &dice_);
  }
  Trace(process, absl::StrCat("appended #", append.writes.front().ticket, " ",
                              status.ToString()));
  for (const LogWrite& write : append.writes) {
    if (status.ok()) {
      Answer(process, {write.ticket, index++});
    } else {
      Answer(process, {write.ticket, status});
    }
  }
}

void Model::Answer(Process* process, const Appended& appended) {
  if (process->coordinator) {
    Step(process, CoordinatorMachine::Event(appended));
  } else {
    Step(process, ParticipantMachine::Event(appended));
  }
}

void Model::HostAnswers(Process* process, bool faults) {
  if (process->calls.empty()) return;
  const HostCall call =
      TakeAt(&process->calls, dice_.Below(process->calls.size()));
  Trace(process, absl::StrCat("host answers ", call.kind, " ",
                              Describe(call.txn, names_)));
  if (call.kind == HostCall::kList) {
    std::vector<TxnKey> listed = call.listed;
    if (dice_.Chance(50)) {
      listed.clear();
      for (const auto& [number, work] : resources_[process->place].prepared) {
        listed.push_back({kCoordinator, number});
      }
    }
    return Step(process, ParticipantMachine::Listed{listed});
  }
  if (call.kind == HostCall::kApply) {
    if (faults && dice_.Chance(faults_.apply_failure)) {
      const absl::Status busy = absl::UnavailableError("busy");
      return Step(process, ParticipantMachine::ApplyReturned{call.txn, busy});
    }
    OnApplied(process->place, call);
    return Step(process, ParticipantMachine::ApplyReturned{call.txn, {}});
  }
  Vote vote = Vote::kYes;
  if (dice_.Chance(faults_.vote_no)) vote = Vote::kNo;
  if (dice_.Chance(faults_.vote_read_only)) vote = Vote::kReadOnly;
  if (vote.kind == Vote::kReadOnly) {
    histories_[call.txn.number].read_only.insert(process->place);
  }
  auto& prepared = resources_[process->place].prepared;
  if (vote.kind == Vote::kYes) {
    prepared[call.txn.number] = call.work;
  } else {
    prepared.erase(call.txn.number);
  }
  Step(process, ParticipantMachine::Voted{call.txn, vote});
}

// A slow prepare of a process that is gone; the host refuses it if the id is
// over by its own marker.
void Model::LandLate(size_t place) {
  Resource& resource = resources_[place];
  if (resource.late.empty()) return;
  const HostCall call =
      TakeAt(&resource.late, dice_.Below(resource.late.size()));
  if (resource.committed.count(call.txn.number) > 0) return;
  resource.prepared.emplace(call.txn.number, call.work);
}

void Model::Tick(Process* process) {
  const MonotonicTime wakeup = process->coordinator
                                   ? process->coordinator->NextWakeup()
                                   : process->participant->NextWakeup();
  if (wakeup == MonotonicTime::InfiniteFuture()) return;
  now_ = std::max(now_, wakeup);
  if (process->coordinator) {
    Step(process, CoordinatorMachine::Event(Ticked{}));
  } else {
    Step(process, ParticipantMachine::Event(Ticked{}));
  }
}

void Model::Crash(std::unique_ptr<Process>* process) {
  if (*process == nullptr) return;
  ++crashes_;
  const std::unique_ptr<Process> dead = std::move(*process);
  Trace(dead.get(), "crashes");
  // Some of what was being appended may be there, but nothing behind what is
  // not.
  while (!dead->appends.empty() && dice_.Chance(50) &&
         dead->log->Check(dead->epoch).ok()) {
    const std::vector<LogWrite>& writes = dead->appends.front().writes;
    const size_t there = dice_.Below(writes.size() + 1);
    const bool whole = there == writes.size();
    dead->log->Append(writes, there, &dice_);
    dead->appends.pop_front();
    if (!whole || dice_.Chance(50)) break;
  }
  if (dice_.Chance(faults_.power_loss)) dead->log->LosePower(&dice_);
  for (const HostCall& call : dead->calls) {
    if (call.kind == HostCall::kPrepare && dice_.Chance(50)) {
      resources_[dead->place].late.push_back(call);
    }
    if (call.kind == HostCall::kApply && dice_.Chance(50)) {
      OnApplied(dead->place, call);
    }
  }
}

void Model::StartCoordinator() {
  auto process = std::make_unique<Process>();
  process->log = &coordinator_log_;
  const std::vector<LoggedRecord> visited =
      coordinator_log_.Claim(&process->epoch);
  CoordinatorOptions options;
  options.resend_max = absl::Seconds(1);
  process->coordinator.emplace(
      RoleIdentity{"bank#1", kCoordinator, process->epoch}, options,
      dice_.Below(1000), visited);
  // The process it stands in for may live on, deposed.
  coordinators_.push_back(std::move(process));
  Trace(coordinators_.back().get(), "starts");
  Tick(coordinators_.back().get());
}

void Model::StartParticipant(size_t place) {
  auto process = std::make_unique<Process>();
  process->log = &logs_[place];
  process->place = place;
  const std::vector<LoggedRecord> visited = logs_[place].Claim(&process->epoch);
  OnClaimed(place, visited);
  ParticipantOptions options;
  options.inquire_max = absl::Seconds(1);
  options.apply_retry_max = absl::Seconds(1);
  options.orphan_scan = absl::Seconds(3);
  process->participant.emplace(
      RoleIdentity{absl::StrCat("p", place), PeerAt(place), process->epoch},
      options, dice_.Below(1000), visited);
  participants_[place] = std::move(process);
  Trace(participants_[place].get(), "starts");
  Tick(participants_[place].get());
}

void Model::OperatorDecides() {
  const size_t place = dice_.Below(kParticipants);
  Process* const process = participants_[place].get();
  if (process == nullptr) return;
  const auto doubts = process->participant->InDoubt();
  if (doubts.empty()) return;
  const TxnKey txn = doubts[dice_.Below(doubts.size())].txn;
  histories_[txn.number].ruled.insert(place);
  Step(process,
       ParticipantMachine::ResolveRequested{
           txn, dice_.Chance(50) ? Decision::kCommit : Decision::kAbort});
}

// --- The quiet time ---------------------------------------------------------

bool Model::QuietRound() {
  if (coordinators_.empty() ||
      !coordinator_log_.Check(coordinators_.back()->epoch).ok()) {
    StartCoordinator();
  }
  for (size_t p = 0; p < kParticipants; ++p) {
    if (participants_[p] == nullptr) StartParticipant(p);
    while (!resources_[p].late.empty()) LandLate(p);
  }
  for (size_t i = soup_.size(); i > 0 && violation_.empty(); --i) {
    Deliver(false);
  }
  bool busy = !soup_.empty();
  for (Process* const process : Alive()) Tick(process);
  for (auto& process : coordinators_) {
    while (!process->appends.empty()) CompleteAppend(process.get(), false);
    busy = busy || process->coordinator->in_flight() > 0;
  }
  for (auto& process : participants_) {
    while (!process->calls.empty() || !process->appends.empty()) {
      HostAnswers(process.get(), false);
      CompleteAppend(process.get(), false);
    }
    for (const auto& verdict : process->participant->Verdicts()) {
      Step(process.get(), ParticipantMachine::ForgetRequested{verdict.txn});
    }
    busy = busy || process->participant->in_flight() > 0 ||
           process->participant->remembered() > 0 ||
           !resources_[process->place].prepared.empty();
  }
  BuryStopped();
  if (busy || coordinators_.empty()) return false;
  AskForUnknown();
  Process* const newest = coordinators_.back().get();
  const std::vector<TxnNumber> untold = newest->coordinator->Untold();
  for (const TxnNumber number : untold) {
    if (newest->coordinator->OutcomeOf(number).value() != Decision::kCommit) {
      Violate("CL: untold but not a commit", number);
    }
    Step(newest, CoordinatorMachine::ForgetRequested{number});
  }
  return untold.empty();
}

// A caller that was told "unknown" asks a later epoch, before it forgets.
void Model::AskForUnknown() {
  Process* const newest = coordinators_.back().get();
  for (auto& [number, history] : histories_) {
    const auto outcome = newest->coordinator->OutcomeOf(number);
    const bool abort = outcome.ok() && *outcome == Decision::kAbort;
    if (abort && history.told == Decision::kCommit) {
      Violate("CL: asked later, a commit is an abort", number);
    }
    if (!history.told_unknown || number.epoch >= newest->epoch) continue;
    if (outcome.ok() && !outcome->has_value()) continue;
    history.told_unknown = false;
    OnTold(number, outcome.ok() ? **outcome : Decision::kAbort);
  }
}

// --- Machines and their effects ---------------------------------------------

void Model::Step(Process* process, CoordinatorMachine::Event event) {
  CoordinatorMachine::Effects effects;
  process->coordinator->Step(now_, std::move(event), &effects);
  TraceEffects(process, effects);
  for (const auto& finished : effects.finished) {
    Trace(process, absl::StrCat("told ", Describe(finished.number), " ",
                                finished.decision ? Describe(*finished.decision)
                                                  : "unknown"));
    OnTold(finished.number, finished.decision);
  }
  Perform(process, kCoordinator, &effects);
  process->stopped = process->stopped || effects.stopped;
}

void Model::Step(Process* process, ParticipantMachine::Event event) {
  ParticipantMachine::Effects effects;
  process->participant->Step(now_, std::move(event), &effects);
  TraceEffects(process, effects);
  for (auto& prepare : effects.prepares) {
    Trace(process, "prepare " + Describe(prepare.txn, names_));
    const HostCall call{HostCall::kPrepare, prepare.txn, {}, prepare.work, {}};
    OnPrepare(process->place, call);
    process->calls.push_back(call);
  }
  for (auto& apply : effects.applies) {
    Trace(process, absl::StrCat("apply ", Describe(apply.txn, names_), " ",
                                Describe(apply.decision)));
    process->calls.push_back(
        {HostCall::kApply, apply.txn, apply.decision, apply.work, {}});
  }
  if (effects.list_prepared) {
    HostCall call{HostCall::kList, {}, {}, {}, {}};
    for (const auto& [number, work] : resources_[process->place].prepared) {
      call.listed.push_back({kCoordinator, number});
    }
    process->calls.push_back(std::move(call));
  }
  Perform(process, PeerAt(process->place), &effects);
  process->stopped = process->stopped || effects.stopped;
}

void Model::BuryStopped() {
  for (auto& process : coordinators_) {
    if (process == nullptr || !process->stopped) continue;
    // Every append is answered, so every caller is.
    while (!process->appends.empty()) CompleteAppend(process.get(), false);
    process.reset();
  }
  coordinators_.erase(
      std::remove(coordinators_.begin(), coordinators_.end(), nullptr),
      coordinators_.end());
  for (auto& process : participants_) {
    if (process != nullptr && process->stopped) Crash(&process);
  }
}

void Model::Perform(Process* process, PeerId self, TxnEffects* effects) {
  for (Outgoing& outgoing : effects->messages) {
    OnSent(self, outgoing.to, outgoing.message);
    soup_.push_back({self, outgoing.to, std::move(outgoing.message)});
  }
  if (effects->trim_before != 0) {
    process->log->Trim(process->epoch, effects->trim_before, &dice_);
  }
  if (!effects->writes.empty()) {
    process->appends.push_back({std::move(effects->writes)});
  }
}

void Model::Trace(const Process* process, const std::string& what) {
  if (!keep_trace_) return;
  const std::string name =
      process->coordinator
          ? absl::StrCat("bank/", process->epoch)
          : absl::StrCat("p", process->place, "/", process->epoch);
  absl::StrAppend(&trace_, name, " ", what, "\n");
}

void Model::TraceEffects(const Process* process, const TxnEffects& effects) {
  if (!keep_trace_) return;
  for (const LogWrite& write : effects.writes) {
    Trace(process, absl::StrCat("write #", write.ticket, " ",
                                Describe(write.record, names_)));
  }
  for (const Outgoing& message : effects.messages) {
    Trace(process, absl::StrCat("send ", names_.Name(message.to), " ",
                                Describe(message.message, names_)));
  }
  if (effects.stopped) Trace(process, effects.stopped->ToString());
}

}  // namespace trivet
