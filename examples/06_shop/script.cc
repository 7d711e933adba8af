// SPDX-License-Identifier: Apache-2.0

#include "script.h"

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/notification.h"
#include "setup.h"

namespace shop {
namespace {

constexpr char kRegister[] = "faults";
constexpr std::array<size_t, kFaults + 1> kBeginPercent = {10, 20, 30,
                                                           55, 80, 100};

absl::Status TookTooLong(const std::string& what) {
  return absl::DeadlineExceededError(absl::StrCat(
      what, " took longer than ", absl::FormatDuration(kPatience)));
}

}  // namespace

const char* NameOf(Fault fault) {
  switch (fault) {
    case Fault::kCoordinator:
      return "coordinator destroyed between decision and notices";
    case Fault::kNode:
      return "node destroyed, reopened from its log";
    case Fault::kJoin:
      return "node joined under load";
    case Fault::kLoss:
      return "node destroyed with its data, rebuilt under load";
    case Fault::kStale:
      return "stale coordinator came back, refused";
  }
  return "";
}

absl::StatusOr<FaultNotes> FaultNotes::Read(trivet::VersionedStore* registers) {
  FaultNotes notes(Register(registers, kRegister));
  const absl::StatusOr<std::string> text = notes.register_.Read();
  if (!text.ok()) return text.status();
  std::istringstream lines(*text);
  for (FaultNote& note : notes.notes_) {
    std::getline(lines, note.node);
    std::getline(lines, note.survived);
  }
  return notes;
}

absl::Status FaultNotes::Write() {
  std::string text;
  for (const FaultNote& note : notes_)
    absl::StrAppend(&text, note.node, "\n", note.survived, "\n");
  return register_.Write(text);
}

absl::Status FaultNotes::Choose(Fault fault, const std::string& node) {
  notes_[static_cast<size_t>(fault)].node = node;
  return Write();
}

absl::Status FaultNotes::Survived(Fault fault, const std::string& how) {
  notes_[static_cast<size_t>(fault)].survived = how;
  return Write();
}

Script::Script(Cast cast, std::vector<std::unique_ptr<Front>>* fronts,
               size_t orders, size_t in_flight, uint64_t seed)
    : cast_(std::move(cast)),
      fronts_(fronts),
      orders_(orders),
      window_(std::max<size_t>(1, std::min(in_flight, orders / 40))),
      seed_(seed) {}

size_t Script::Begin(size_t fault) const {
  return orders_ * kBeginPercent[fault] / 100;
}

double Script::Now() const {
  return absl::ToDoubleSeconds(cast_.console->Elapsed());
}

absl::StatusOr<Change> Script::AwaitChange(Change::Kind kind,
                                           const std::string& node) {
  const size_t from = Begin(at_) + window_;
  const size_t more = std::max(from, Begin(at_ + 1)) - from;
  for (;;) {
    const std::shared_ptr<const Plan> plan = cast_.directory->plan();
    const Change* const change = plan->membership().Find(kind, node);
    if (change != nullptr && change->Finished()) return *change;
    if (change != nullptr)
      cast_.checkout->Allow(from + more * change->steps_done / change->steps);
    const double give_up = Now() + absl::ToDoubleSeconds(kPatience);
    while (!cast_.directory->AwaitOther(plan.get(), absl::Seconds(1))) {
      const absl::Status alarm = cast_.room.alarm->status();
      if (!alarm.ok()) return alarm;
      if (Now() > give_up)
        return TookTooLong(absl::StrCat("to move more rows of ", node));
    }
  }
}

absl::Status Script::Run() {
  for (; at_ < kFaults; ++at_) {
    const auto fault = static_cast<Fault>(at_);
    // A few more than that, so that the load does not end before it begins.
    cast_.checkout->Allow(Begin(at_) + window_);
    if (absl::Status decided = Await(Begin(at_)); !decided.ok()) return decided;
    if (!(*cast_.notes)[fault].survived.empty()) continue;
    if (absl::Status done = Happen(fault); !done.ok()) return done;
  }
  cast_.checkout->Allow(orders_);
  return Await(orders_);
}

absl::Status Script::Await(size_t decided) const {
  size_t last = 0;
  double moved = Now();
  while (!cast_.checkout->AwaitDecided(decided, absl::Seconds(1)) &&
         !cast_.checkout->IsIdle()) {
    const absl::Status alarm = cast_.room.alarm->status();
    if (!alarm.ok()) return alarm;
    if (const size_t now = cast_.checkout->tally().decided; now != last) {
      last = now;
      moved = Now();
    }
    if (Now() - moved > absl::ToDoubleSeconds(kPatience))
      return TookTooLong("to decide one more order");
  }
  return absl::OkStatus();
}

absl::Status Script::Happen(Fault fault) {
  switch (fault) {
    case Fault::kCoordinator:
      return KillCoordinator();
    case Fault::kNode:
      return KillNode();
    case Fault::kJoin:
      return JoinNode();
    case Fault::kLoss:
      return LoseNode();
    case Fault::kStale:
      return PauseCoordinator();
  }
  return absl::OkStatus();
}

Front* Script::StrikeLeader(const Arm& arm, bool* had_decision) {
  size_t limit = Begin(at_) + window_;
  for (;;) {
    Front* const leader = cast_.chair->AwaitLeader(kPatience);
    if (leader == nullptr) return nullptr;
    const auto sprung = std::make_shared<absl::Notification>();
    arm(leader, [sprung] { sprung->Notify(); });
    const double give_up = Now() + absl::ToDoubleSeconds(kPatience);
    while (cast_.chair->IsLeader(leader) && Now() < give_up) {
      if (sprung->WaitForNotificationWithTimeout(absl::Milliseconds(10))) break;
      if (!cast_.checkout->IsIdle()) continue;
      if (limit >= Begin(at_ + 1)) break;
      cast_.checkout->Allow(limit += window_);
    }
    leader->Disarm();
    *had_decision = sprung->HasBeenNotified();
    if (*had_decision || cast_.chair->IsLeader(leader)) return leader;
  }
}

absl::Status Script::KillCoordinator() {
  bool had_decision = false;
  Front* const leader = StrikeLeader(
      [](Front* front, Valve::Call sprung) {
        front->CutAfterNextDecision(std::move(sprung));
      },
      &had_decision);
  if (leader == nullptr) return TookTooLong("to find a leader");
  const double began = Now();
  cast_.console->Say(absl::StrCat(
      leader->name(), " destroyed",
      had_decision ? ": its last decision is durable, nobody was told" : ""));
  fronts_->erase(
      std::find_if(fronts_->begin(), fronts_->end(),
                   [&](const auto& front) { return front.get() == leader; }));
  if (cast_.chair->AwaitLeader(kPatience) == nullptr)
    return TookTooLong("to take over from the coordinator");
  const double took = Now() - began;
  auto hired = cast_.hire("front-3");  // A new standby.
  if (!hired.ok()) return hired.status();
  fronts_->push_back(*std::move(hired));
  return cast_.notes->Survived(
      Fault::kCoordinator,
      absl::StrFormat("standby took over in %.2f s", took));
}

absl::StatusOr<std::string> Script::NodeFor(Fault fault) {
  if (const std::string& known = (*cast_.notes)[fault].node; !known.empty())
    return known;
  const auto nodes = cast_.directory->plan()->after().nodes();
  const std::string node =
      nodes[(seed_ + static_cast<size_t>(fault)) % nodes.size()].id;
  if (absl::Status chosen = cast_.notes->Choose(fault, node); !chosen.ok())
    return chosen;
  return node;
}

absl::Status Script::KillNode() {
  const absl::StatusOr<std::string> node = NodeFor(Fault::kNode);
  if (!node.ok()) return node.status();
  const double began = Now();
  cast_.console->Say(absl::StrCat(*node, " destroyed, its files remain"));
  cast_.checkout->Allow(Begin(at_ + 1));
  cast_.cluster->Kill(*node);
  // Long enough for some orders to find it gone, too short for its lease.
  cast_.checkout->AwaitDecided(
      cast_.checkout->tally().decided + window_,
      std::min(absl::Milliseconds(200), cast_.room.lease / 4));
  const absl::Status opened = cast_.cluster->Start(cast_.room, *node);
  if (!opened.ok()) return opened;
  size_t in_doubt = 0;
  cast_.cluster->With(*node,
                      [&](Node& up) { in_doubt = up.in_doubt_at_start(); });
  const double took = Now() - began;
  cast_.console->Say(absl::StrFormat(
      "%s reopened from its log, %d transactions in doubt: it asks for them",
      *node, in_doubt));
  return cast_.notes->Survived(
      Fault::kNode, absl::StrFormat("%s back in %.2f s", *node, took));
}

absl::Status Script::JoinNode() {
  const std::string node = NodeName(kFirstNodes + 1);
  const double began = Now();
  const std::shared_ptr<const Plan> plan = cast_.directory->plan();
  if (plan->membership().Find(Change::kJoined, node) == nullptr) {
    // Else an earlier process began it, and it goes on already.
    if (absl::Status made = Node::Create(cast_.room.data, node); !made.ok())
      return made;
    if (absl::Status up = cast_.cluster->Start(cast_.room, node); !up.ok())
      return up;
    cast_.console->Say(absl::StrCat(node, " joins"));
    cast_.keeper->Join(node);
  }
  const absl::StatusOr<Change> change = AwaitChange(Change::kJoined, node);
  if (!change.ok()) return change.status();
  return cast_.notes->Survived(
      Fault::kJoin,
      absl::StrFormat("%s: %d ranges, %d rows in %.2f s", node, change->ranges,
                      change->rows_moved, Now() - began));
}

absl::Status Script::LoseNode() {
  const absl::StatusOr<std::string> node = NodeFor(Fault::kLoss);
  if (!node.ok()) return node.status();
  const double began = Now();
  cast_.console->Say(absl::StrCat(*node, " destroyed together with its files"));
  cast_.cluster->Kill(*node);
  std::error_code error;
  std::filesystem::remove_all(absl::StrCat(cast_.room.data, "/", *node), error);
  if (error) return absl::UnavailableError(error.message());
  const absl::StatusOr<Change> change = AwaitChange(Change::kLost, *node);
  if (!change.ok()) return change.status();
  return cast_.notes->Survived(
      Fault::kLoss,
      absl::StrFormat("%s: %d ranges, %d rows in %.2f s", *node, change->ranges,
                      change->rows_moved, Now() - began));
}

absl::Status Script::PauseCoordinator() {
  bool had_decision = false;
  Front* const leader = StrikeLeader(
      [](Front* front, Valve::Call sprung) {
        front->PauseBeforeNextDecision(std::move(sprung));
      },
      &had_decision);
  if (leader == nullptr) return TookTooLong("to find a leader");
  if (!had_decision) leader->PauseNow();
  cast_.console->Say(absl::StrCat(
      leader->name(), " paused",
      had_decision ? " with a decision on its way to the log" : ""));
  if (!cast_.chair->AwaitOther(leader, kPatience))
    return TookTooLong("to depose the paused coordinator");
  cast_.checkout->AwaitDecided(cast_.checkout->tally().decided + window_,
                               absl::Seconds(2));
  cast_.console->Say(absl::StrCat(
      leader->name(), " comes back, and does not know that it was deposed:"));
  const Front::Awakening awakening = leader->Resume(had_decision);
  if (awakening.had_stopped) return PauseCoordinator();  // Was no leader.
  if (had_decision)
    cast_.console->More(absl::StrCat("log:      ", awakening.log.ToString()));
  cast_.console->More(
      absl::StrCat("outcomes: ", awakening.outcomes.ToString()));
  if (had_decision && !absl::IsAborted(awakening.log))
    return absl::InternalError("the log let a stale coordinator decide");
  if (!absl::IsFailedPrecondition(awakening.outcomes))
    return absl::InternalError("the gate let a stale coordinator report");
  return cast_.notes->Survived(
      Fault::kStale, had_decision ? "by the log and by the fencing gate"
                                  : "by the fencing gate; it had no decision");
}

}  // namespace shop
