// SPDX-License-Identifier: Apache-2.0

#include "tests/txn/small_world.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "trivet/host/log_store.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/txn/coordinator_machine.h"
#include "trivet/txn/participant_machine.h"
#include "trivet/txn/transaction.h"
#include "trivet/txn/txn_effects.h"
#include "trivet/txn/txn_message.h"
#include "trivet/txn/txn_record.h"

namespace trivet {
namespace {

// A run has less than two hundred; one with ten times as many has no end.
constexpr size_t kEventsMax = 2000;

const std::string& NameOf(size_t host) {
  static const std::array<std::string, SmallWorld::kHosts> names = {"bank", "a",
                                                                    "b"};
  return names[host];
}

size_t PlaceOf(PeerId peer) { return static_cast<size_t>(peer); }

size_t KeptOf(Tail tail, size_t count) {
  return tail == Tail::kLost ? 0 : tail == Tail::kKept ? count : count / 2;
}

}  // namespace

std::string SmallFaults::ToString() const {
  std::string text;
  constexpr const char* kTails[] = {"all lost", "half lost", "nothing lost"};
  for (const CrashPoint& crash : crashes) {
    absl::StrAppend(&text, NameOf(crash.host), " crashes before event ",
                    crash.event, ", ", kTails[static_cast<int>(crash.tail)],
                    crash.stays_down ? ", and stays down; " : "; ");
  }
  constexpr const char* kMail[] = {"is lost", "comes twice",
                                   "comes again late"};
  if (mail.has_value()) {
    absl::StrAppend(&text, "message ", mail->message, " ", kMail[mail->kind]);
  }
  constexpr const char* kActs[] = {"abort wanted", "commit ruled",
                                   "abort ruled", "Apply fails",
                                   "Apply fails, done"};
  if (act.has_value()) {
    absl::StrAppend(&text, kActs[act->kind], " at ", act->at, ", ",
                    NameOf(act->host), "; ");
  }
  return text;
}

SmallWorld::SmallWorld(const Votes& votes, SmallFaults faults, const Age& age)
    : votes_(votes), faults_(std::move(faults)), age_(age) {}

std::string SmallWorld::Run() {
  for (size_t host = 0; host < kHosts; ++host) Start(host);
  quiet_ = true;
  while (calls_ < age_.transactions) {
    Begin();
    Settle(false);
  }
  quiet_ = false;
  Begin();
  Settle(false);
  quiet_ = true;
  const bool is_fault_free =
      faults_.crashes.empty() && !faults_.mail && !faults_.act;
  const bool all_agree =
      std::count(votes_.begin(), votes_.end(), Vote::kNo) == 0;
  if (is_fault_free &&
      told_ != (all_agree ? Decision::kCommit : Decision::kAbort)) {
    Violate("AC4", "without a fault the votes decide");
  }
  queue_.insert(queue_.end(), late_.begin(), late_.end());
  Settle(false);
  // Whatever was, the next one works.
  told_.reset();
  Begin();
  Settle(false);
  if (told_ != Decision::kCommit) Violate("AC4", "the next one must commit");
  for (size_t host = 0; host < kHosts; ++host) {
    Crash(host, Tail::kLost);
    Start(host);
  }
  Settle(true);
  // And once more what nobody remembers any more.
  queue_.insert(queue_.end(), late_.begin(), late_.end());
  Settle(true);
  CheckEnd();
  told_checker_.Finish([this](const TxnId& id, std::string_view participant) {
    return (participant == "a" && hosts_[1].ruled.count(id.number) > 0) ||
           (participant == "b" && hosts_[2].ruled.count(id.number) > 0);
  });
  return violations_.empty() ? "" : violations_.list().front();
}

void SmallWorld::Violate(const std::string& property, const std::string& what) {
  violations_.Add(property, what);
}

// --- Lives ------------------------------------------------------------------

void SmallWorld::Start(size_t index) {
  Host& host = hosts_[index];
  host.is_up = true;
  ++host.life;
  ++host.epoch;
  host.synced = host.log.size();  // What a claim visits is durable.
  const internal::ShortLogLag lag(age_.log_lag);
  if (index == 0) {
    CoordinatorOptions options;
    options.resend_max = absl::Seconds(1);
    host.coordinator.emplace(RoleIdentity{"bank#1", PeerId{0}, host.epoch},
                             options, host.epoch, host.log);
  } else {
    ParticipantOptions options;
    options.inquire_max = absl::Seconds(1);
    options.orphan_scan = absl::Seconds(3);
    const RoleIdentity self{NameOf(index), static_cast<PeerId>(index),
                            host.epoch};
    host.participant.emplace(self, options, index, host.log);
  }
  Tick(index);
}

void SmallWorld::Crash(size_t index, Tail tail) {
  Host& host = hosts_[index];
  if (!host.is_up) return;
  host.is_up = false;
  // In the order of the log: what is in the page cache, and what was on its
  // way there.
  for (const std::vector<LogWrite>& append : host.appends) {
    for (const LogWrite& write : append) {
      host.log.push_back({host.next++, write.record});
    }
  }
  host.log.resize(host.synced + KeptOf(tail, host.log.size() - host.synced));
  host.next = host.log.empty() ? 1 : host.log.back().index + 1;
  host.appends.clear();
  const size_t carried_out = KeptOf(tail, host.calls.size());
  for (size_t i = 0; i < carried_out; ++i) {
    Vote vote;
    CarryOut(index, host.calls[i], &vote);
  }
  host.calls.clear();
  host.coordinator.reset();
  host.participant.reset();
}

void SmallWorld::CrashIfDue() {
  while (!quiet_ && crashed_ < faults_.crashes.size() &&
         faults_.crashes[crashed_].event == events_) {
    const CrashPoint& crash = faults_.crashes[crashed_++];
    Crash(crash.host, crash.tail);
    if (!crash.stays_down && !hosts_[crash.host].is_up) Start(crash.host);
  }
}

void SmallWorld::ActIfDue() {
  if (quiet_ || acted_ || !faults_.act || faults_.act->at != events_) return;
  const Act& act = *faults_.act;
  if (act.kind == Act::kApplyFails || act.kind == Act::kApplyFailsDone) return;
  acted_ = true;
  Host& host = hosts_[act.kind == Act::kAbort ? 0 : act.host];
  if (!host.is_up) return;
  if (act.kind == Act::kAbort) {
    return StepCoordinator(CoordinatorMachine::AbortRequested{calls_});
  }
  const auto doubts = host.participant->InDoubt();
  if (doubts.empty()) return;
  host.ruled.insert(doubts.front().txn.number);
  StepParticipant(act.host, ParticipantMachine::ResolveRequested{
                                doubts.front().txn, act.kind == Act::kRuleCommit
                                                        ? Decision::kCommit
                                                        : Decision::kAbort});
}

void SmallWorld::Begin() {
  CoordinatorMachine::Begun begun;
  begun.call = ++calls_;
  begun.deadline = now_ + absl::Seconds(5);
  for (size_t host = 1; host < kHosts; ++host) {
    begun.shares.push_back(
        {static_cast<PeerId>(host), absl::StrCat("work ", begun.call)});
  }
  StepCoordinator(std::move(begun));
}

// --- What happens -----------------------------------------------------------

void SmallWorld::Settle(bool forget_all) {
  size_t events = 0;
  do {
    CrashIfDue();
    ActIfDue();
    if (++events > kEventsMax) return Violate("AC5", "no end in sight");
    if (DoNext() && !quiet_) ++events_;
  } while (violations_.empty() && !IsSettled(forget_all));
}

bool SmallWorld::DoNext() {
  if (!queue_.empty()) {
    Event event = std::move(queue_.front());
    queue_.pop_front();
    Handle(std::move(event));
    return true;
  }
  for (size_t host = 0; host < kHosts; ++host) {
    if (!hosts_[host].is_up) {
      Start(host);
      return true;
    }
  }
  TakeUntold();
  ForgetVerdicts();
  return !queue_.empty() || PassTime();
}

// Nobody is in the middle of anything. `forget_all`: or remembers anything.
bool SmallWorld::IsSettled(bool forget_all) {
  if (!queue_.empty()) return false;
  if (!quiet_ && crashed_ < faults_.crashes.size() &&
      faults_.crashes[crashed_].event == events_) {
    return false;  // One comes now, at the very end.
  }
  for (const Host& host : hosts_) {
    if (!host.is_up || !host.prepared.empty()) return false;
    if (host.coordinator && host.coordinator->in_flight() > 0) return false;
    if (!host.participant) continue;
    if (host.participant->in_flight() > 0) return false;
    if (forget_all && host.participant->remembered() > 0) return false;
  }
  return true;
}

bool SmallWorld::PassTime() {
  size_t next = 0;
  for (size_t host = 1; host < kHosts; ++host) {
    if (WakeupOf(hosts_[host]) < WakeupOf(hosts_[next])) next = host;
  }
  const MonotonicTime when = WakeupOf(hosts_[next]);
  if (when == MonotonicTime::InfiniteFuture()) return false;
  now_ = std::max(now_, when);
  Tick(next);
  return true;
}

MonotonicTime SmallWorld::WakeupOf(const Host& host) const {
  return host.coordinator ? host.coordinator->NextWakeup()
                          : host.participant->NextWakeup();
}

// Whoever began it asks the next life of the coordinator.
void SmallWorld::TakeUntold() {
  for (const TxnNumber number : hosts_[0].coordinator->Untold()) {
    told_checker_.Told(IdOf(number), Decision::kCommit);
    StepCoordinator(CoordinatorMachine::ForgetRequested{number});
  }
}

// An operator lets go what the coordinator has answered.
void SmallWorld::ForgetVerdicts() {
  for (size_t index = 1; index < kHosts; ++index) {
    for (const auto& verdict : hosts_[index].participant->Verdicts()) {
      if (!verdict.answer.has_value()) continue;
      StepParticipant(index, ParticipantMachine::ForgetRequested{verdict.txn});
    }
  }
}

void SmallWorld::Handle(Event event) {
  Host& host = hosts_[event.host];
  if (!host.is_up) return;
  if (event.kind == Event::kMessage) {
    Received received{event.from, std::move(event.message)};
    return event.host == 0 ? StepCoordinator(std::move(received))
                           : StepParticipant(event.host, std::move(received));
  }
  if (event.life != host.life) return;
  if (event.kind == Event::kAppended) return CompleteAppend(&host, event.host);
  AnswerCall(event.host);
}

void SmallWorld::CompleteAppend(Host* host, size_t index) {
  const std::vector<LogWrite> writes = std::move(host->appends.front());
  host->appends.pop_front();
  bool forced = false;
  std::vector<Appended> appended;
  for (const LogWrite& write : writes) {
    appended.push_back({write.ticket, host->next});
    host->log.push_back({host->next++, write.record});
    forced = forced || write.durability == Durability::kForced;
  }
  if (forced) host->synced = host->log.size();
  for (Appended& each : appended) {
    index == 0 ? StepCoordinator(std::move(each))
               : StepParticipant(index, std::move(each));
  }
}

void SmallWorld::AnswerCall(size_t index) {
  Host& host = hosts_[index];
  const HostCall call = std::move(host.calls.front());
  host.calls.pop_front();
  Vote vote;
  absl::Status applied;
  const size_t apply =
      call.kind != HostCall::kApply || quiet_ ? SIZE_MAX : applies_++;
  if (faults_.act.has_value() && faults_.act->at == apply) {
    const Act::Kind kind = faults_.act->kind;
    if (kind == Act::kApplyFails || kind == Act::kApplyFailsDone) {
      applied = absl::UnavailableError("the database is away");
    }
    if (kind == Act::kApplyFails) {
      return StepParticipant(
          index, ParticipantMachine::ApplyReturned{call.txn, applied});
    }
  }
  CarryOut(index, call, &vote);
  switch (call.kind) {
    case HostCall::kPrepare:
      return StepParticipant(index, ParticipantMachine::Voted{call.txn, vote});
    case HostCall::kApply:
      return StepParticipant(
          index, ParticipantMachine::ApplyReturned{call.txn, applied});
    case HostCall::kList:
      break;
  }
  std::vector<TxnKey> listed;
  for (const auto& [number, work] : host.prepared) {
    listed.push_back({PeerId{0}, number});
  }
  StepParticipant(index, ParticipantMachine::Listed{listed});
}

// The resource of a participant; it lives as long as its disk.
void SmallWorld::CarryOut(size_t index, const HostCall& call, Vote* vote) {
  Host& host = hosts_[index];
  const TxnId id = IdOf(call.txn.number);
  if (call.kind == HostCall::kPrepare) {
    const bool is_the_one =
        call.work == absl::StrCat("work ", age_.transactions + 1);
    *vote = is_the_one ? votes_[index - 1] : Vote::kYes;
    atomicity_.Voted(id, NameOf(index), vote->kind);
    told_checker_.Voted(id, NameOf(index), vote->kind);
    isolation_.Voted(id, NameOf(index), vote->kind);
    if (vote->kind == Vote::kYes) host.prepared[call.txn.number] = call.work;
    return Read(call.txn.number);
  }
  if (call.kind == HostCall::kList) return;
  const bool is_commit = call.decision == Decision::kCommit;
  const auto held = host.prepared.find(call.txn.number);
  const bool was_prepared = held != host.prepared.end();
  const bool was_committed = host.committed.count(call.txn.number) > 0;
  if (is_commit &&
      (was_prepared
           ? held->second != call.work
           : was_committed && host.committed[call.txn.number] != call.work)) {
    Violate("Work", "what is applied is not what was prepared");
  }
  host.prepared.erase(call.txn.number);
  if (!was_prepared && was_committed == is_commit) return;  // A repeat.
  if (is_commit) host.committed[call.txn.number] = call.work;
  Read(call.txn.number);
  if (host.ruled.count(call.txn.number) > 0) return;  // It binds nobody.
  if (is_commit) {
    atomicity_.Committed(id, NameOf(index));
    told_checker_.Committed(id, NameOf(index));
  } else {
    atomicity_.Aborted(id, NameOf(index));
    told_checker_.Aborted(id, NameOf(index));
  }
}

// A reader who waits while any of it is locked.
void SmallWorld::Read(TxnNumber number) {
  std::map<std::string, bool> shows;
  for (size_t index = 1; index < kHosts; ++index) {
    const Host& host = hosts_[index];
    if (host.prepared.count(number) > 0) return;
    if (host.ruled.count(number) > 0) continue;
    shows[NameOf(index)] = host.committed.count(number) > 0;
  }
  isolation_.Read(IdOf(number), shows);
}

// --- Machines and their effects ---------------------------------------------

void SmallWorld::Tick(size_t index) {
  index == 0 ? StepCoordinator(Ticked{}) : StepParticipant(index, Ticked{});
}

template <typename StepEvent>
void SmallWorld::StepCoordinator(StepEvent event) {
  CoordinatorMachine::Effects effects;
  hosts_[0].coordinator->Step(now_, std::move(event), &effects);
  for (const auto& finished : effects.finished) {
    told_ = finished.decision;
    if (!told_.has_value()) Violate("CL", "an outcome that nobody knows");
    told_checker_.Told(IdOf(finished.number), *told_);
  }
  for (const Outgoing& outgoing : effects.messages) {
    const auto* request = std::get_if<PrepareRequest>(&outgoing.message);
    if (request == nullptr) continue;
    std::string& work = works_[{request->txn.number, outgoing.to}];
    if (!work.empty() && work != request->work) Violate("ID", "used twice");
    work = request->work;
    const TxnId id = IdOf(request->txn.number);
    atomicity_.Knows(id, {NameOf(1), NameOf(2)});
    told_checker_.Knows(id, {NameOf(1), NameOf(2)});
    isolation_.Knows(id, {NameOf(1), NameOf(2)});
  }
  Perform(0, &effects);
}

template <typename StepEvent>
void SmallWorld::StepParticipant(size_t index, StepEvent event) {
  Host& host = hosts_[index];
  ParticipantMachine::Effects effects;
  host.participant->Step(now_, std::move(event), &effects);
  for (auto& prepare : effects.prepares) {
    atomicity_.Asked(IdOf(prepare.txn.number), NameOf(index));
    host.calls.push_back(
        {HostCall::kPrepare, prepare.txn, {}, std::move(prepare.work)});
  }
  for (auto& apply : effects.applies) {
    host.calls.push_back(
        {HostCall::kApply, apply.txn, apply.decision, std::move(apply.work)});
  }
  if (effects.list_prepared)
    host.calls.push_back({HostCall::kList, {}, {}, {}});
  const size_t calls = effects.prepares.size() + effects.applies.size() +
                       (effects.list_prepared ? 1 : 0);
  for (size_t i = 0; i < calls; ++i) {
    queue_.push_back({Event::kAnswer, index, host.life, {}, {}});
  }
  Perform(index, &effects);
}

void SmallWorld::Perform(size_t index, TxnEffects* effects) {
  Host& host = hosts_[index];
  if (effects->stopped.has_value()) {
    Violate("Health", effects->stopped->ToString());
  }
  for (Outgoing& outgoing : effects->messages) {
    Send(index, std::move(outgoing));
  }
  if (!effects->writes.empty()) {
    host.appends.push_back(std::move(effects->writes));
    queue_.push_back({Event::kAppended, index, host.life, {}, {}});
  }
  while (!host.log.empty() && host.log.front().index < effects->trim_before) {
    host.log.erase(host.log.begin());
    if (host.synced > 0) --host.synced;
  }
}

void SmallWorld::Send(size_t from, Outgoing outgoing) {
  Event event{Event::kMessage, PlaceOf(outgoing.to), 0,
              static_cast<PeerId>(from), std::move(outgoing.message)};
  const size_t number = quiet_ ? SIZE_MAX : messages_++;
  if (faults_.mail.has_value() && faults_.mail->message == number) {
    if (faults_.mail->kind == MailFault::kLost) return;
    if (faults_.mail->kind == MailFault::kDoubled) queue_.push_back(event);
    if (faults_.mail->kind == MailFault::kDoubledLate) late_.push_back(event);
  }
  queue_.push_back(std::move(event));
}

void SmallWorld::CheckEnd() {
  if (!violations_.empty()) return;
  for (const Host& host : hosts_) {
    // Only whose it is lives on, and a horizon; what else there is waits for
    // the next copies.
    const size_t live = host.participant ? 2 : 1;
    if (host.log.size() >
        std::max(age_.log_lag.min, internal::LogLag::kFactor * live) + 4) {
      Violate("AC5", absl::StrCat("a log has ", host.log.size(),
                                  " records, and nothing is remembered"));
    }
    if (!host.participant) continue;
    if (!host.participant->InDoubt().empty() || !host.prepared.empty()) {
      Violate("AC5", "in doubt at the end");
    }
  }
}

}  // namespace trivet
