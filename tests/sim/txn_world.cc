// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/txn_world.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "src/internal/backoff.h"
#include "src/txn/codec.h"
#include "src/txn/describe.h"
#include "src/txn/peer_table.h"
#include "tests/sim/history.h"
#include "tests/sim/sim_database.h"
#include "trivet/testing/fault_options.h"
#include "trivet/testing/log_checker.h"
#include "trivet/testing/progress_checker.h"
#include "trivet/testing/sim_host.h"
#include "trivet/testing/simulation.h"
#include "trivet/txn/coordinator.h"
#include "trivet/txn/transaction.h"
#include "trivet/txn/txn_message.h"
#include "trivet/txn/txn_record.h"

namespace trivet {
namespace sim {
namespace {

using internal::PeerTable;
using testing::FaultOptions;
using testing::SimHost;
using testing::Simulation;

constexpr absl::Duration kFaultyTime = absl::Seconds(6);
constexpr absl::Duration kSettleMax = absl::Minutes(2);

// Of a transaction that a participant remembers at most that many records are
// live. What comes in one append is not looked at in between.
constexpr size_t kLivePerTransaction = 4;
constexpr size_t kLengthSlack = 8;

std::string DescribePayload(std::string_view payload) {
  PeerTable peers;
  const internal::DecodedPayload decoded = internal::DecodePayload(
      payload, [&](std::string_view name) { return peers.Intern(name); });
  std::string text;
  for (const TxnMessage& message : decoded.messages) {
    absl::StrAppend(&text, text.empty() ? "[" : "; ",
                    internal::Describe(message, peers));
  }
  return text.empty() ? "[damaged]" : text + "]";
}

}  // namespace

// What a log held when it was last claimed.
struct TxnWorld::Held {
  struct Open {
    std::string what;
    bool by_who_is_gone = false;
  };
  std::vector<Open> open;  // Still to be done.
  size_t remembered = 0;   // Transactions, also those of which all is done.
};

TxnWorld::TxnWorld(const HistoryOptions& options, TxnKind kind)
    : plan_(options.seed, kind),
      log_lag_(plan_.log_lag),
      checkers_(&violations_),
      sim_(options, plan_.faults) {
  if (options.trace) sim_.DescribePayloads(DescribePayload);
  for (const std::string& participant : plan_.participants) {
    auto database = std::make_unique<SimDatabase>(participant, &checkers_);
    database->SetVotes(&sim_, plan_.no_percent, plan_.read_only_percent);
    databases_.emplace(participant, std::move(database));
  }
  sim_.OnEvent([this] { Read(); });
}

TxnWorld::~TxnWorld() = default;

testing::LogChecker* TxnWorld::log_checker(const std::string& log) {
  return &log_checkers_.try_emplace(log, log, &violations_).first->second;
}

LogStore* TxnWorld::LogOn(SimHost* host, const std::string& name) {
  if (plan_.on_files.count(name) == 0) return host->log(name);
  std::unique_ptr<FileDisk>& disk = disks_[name];
  if (disk == nullptr) {
    disk = std::make_unique<FileDisk>(host, name, [this] {
      return std::none_of(disks_.begin(), disks_.end(), [](const auto& other) {
        return other.second->has_rotted();
      });
    });
  }
  return disk->NewPort();
}

bool TxnWorld::IsGone(std::string_view role) {
  return std::all_of(
      plan_.hosts.begin(), plan_.hosts.end(), [&](const TxnPlan::Host& host) {
        return (host.coordinator != role && host.participant != role) ||
               sim_.FindHost(host.name)->IsLost();
      });
}

bool TxnWorld::IsGone(const TxnId& id) {
  return IsGone(
      std::string_view(id.coordinator).substr(0, id.coordinator.rfind('#')));
}

bool TxnWorld::Leads(const std::string& host, const std::string& coordinator) {
  if (calm_) {
    const std::string first = coordinator + "-a";
    return host == first || sim_.FindHost(first)->IsLost();
  }
  const auto slot =
      static_cast<uint64_t>(absl::ToInt64Milliseconds(sim_.Elapsed()) / 1500);
  const uint64_t drawn = sim_.Draw("leader", slot) % 8;
  if (drawn == 7) return true;  // Both believe it.
  return host == coordinator + (drawn % 2 == 0 ? "-a" : "-b");
}

std::vector<Branch> TxnWorld::NextTransaction(const std::string& coordinator) {
  const uint64_t number = begun_;
  if (calm_ || number >= plan_.transactions ||
      sim_.Draw("begin " + coordinator, asked_[coordinator]++) % plan_.burst ==
          0) {
    return {};
  }
  ++begun_;
  std::vector<std::string> chosen;
  for (const std::string& participant : plan_.participants) {
    if (sim_.Draw("takes part " + participant, number) % 4 != 0) {
      chosen.push_back(participant);
    }
  }
  if (chosen.empty()) chosen = plan_.participants;
  const std::string work = WorkFor(absl::StrCat(number), chosen);
  std::vector<Branch> branches;
  for (const std::string& participant : chosen) {
    branches.push_back({participant, work});
  }
  return branches;
}

// A reader who looks at once for what has changed, and waits while any of it is
// locked: when the lock goes, that is a change.
void TxnWorld::Read() {
  for (const TxnId& id : std::exchange(checkers_.changed, {})) {
    std::map<std::string, bool> shows;
    bool locked = false;
    for (const auto& [name, database] : databases_) {
      shows[name] = database->Shows(id);
      locked = locked || database->Locks(id);
    }
    for (const auto& [participant, decision] : checkers_.ruled[id]) {
      shows.erase(participant);
    }
    if (!locked) checkers_.isolation.Read(id, shows);
  }
}

void TxnWorld::AddHosts() {
  for (const TxnPlan::Host& plan : plan_.hosts) {
    sim_.AddHost(plan.name, [this, &plan](SimHost& host) {
      host.OnStop([this, &plan](bool power_loss) {
        for (const std::string& role : {plan.coordinator, plan.participant}) {
          const auto disk = disks_.find(role);
          if (disk != disks_.end()) disk->second->Stop(power_loss);
        }
      });
      auto process = std::make_shared<TxnProcess>(this, &host, plan);
      if (!process->Open()) process = nullptr;
      return process;
    });
  }
}

void TxnWorld::StartAll() {
  for (const TxnPlan::Host& plan : plan_.hosts) {
    sim_.FindHost(plan.name)->Restart();
  }
}

void TxnWorld::Settle(std::string_view phase) {
  testing::ProgressChecker progress(&violations_);
  const auto expect = [&](std::string what, std::function<bool()> holds) {
    progress.Expect(what + ", " + std::string(phase), std::move(holds));
  };
  for (const TxnPlan::Host& plan : plan_.hosts) {
    expect(plan.name + " is up with nobody in doubt or untold", [&] {
      if (sim_.FindHost(plan.name)->IsLost()) return true;
      const TxnProcess* const process = processes_[plan.name];
      return process != nullptr && process->IsQuiet();
    });
  }
  for (const auto& [name, database] : databases_) {
    expect(name + " has nothing prepared",
           [this, role = name, shard = database.get()] {
             const std::vector<TxnId> ids = shard->Prepared();
             return IsGone(role) ||
                    std::all_of(ids.begin(), ids.end(),
                                [this](const TxnId& id) { return IsGone(id); });
           });
  }
  expect("every caller was told", [&] { return owed_.empty(); });
  // Of a single branch it may stay open whether it was let go or aborted.
  expect("what was unknown is known", [&] {
    return std::all_of(unknown_.begin(), unknown_.end(),
                       [&](const auto& unknown) {
                         return unknown.second < 2 || IsGone(unknown.first);
                       });
  });
  progress.Await(&sim_, kSettleMax);
}

Coordinator* TxnWorld::Leader(const std::string& coordinator) {
  for (const TxnPlan::Host& plan : plan_.hosts) {
    if (plan.coordinator != coordinator) continue;
    TxnProcess* const process = processes_[plan.name];
    if (process == nullptr) continue;
    Coordinator* const open = process->coordinator()->coordinator();
    if (open != nullptr && open->Health().ok()) return open;
  }
  return nullptr;
}

// AC4: without faults, and with a yes from all, it commits. Then there is
// nothing left to wait for.
void TxnWorld::Probe(const std::string& name) {
  Coordinator* const leader = Leader(name);
  if (leader == nullptr) {
    violations_.Add("AC5", absl::StrCat("nobody leads ", name));
    return;
  }
  std::vector<Branch> branches;
  std::vector<std::string> left;
  for (const std::string& participant : plan_.participants) {
    if (!IsGone(participant)) left.push_back(participant);
  }
  for (const std::string& participant : left) {
    branches.push_back({participant, WorkFor("probe", left)});
  }
  const auto result = std::make_shared<std::string>("no answer");
  leader->RunAsync(branches, [this, branches,
                              result](const absl::StatusOr<Outcome>& outcome) {
    *result = !outcome.ok() ? outcome.status().ToString()
              : outcome->decision == Decision::kCommit ? "commit"
                                                       : outcome->reason;
    Told(outcome, branches, /*has_stopped=*/false);
  });
  const auto drained = std::make_shared<bool>(false);
  leader->Drain([drained] { *drained = true; });
  // Who is gone acknowledges nothing, and is waited for.
  bool drains = sim_.RunUntil([&] { return *drained; }, absl::Seconds(10)).ok();
  for (const auto& open : HeldBy(name).open) {
    drains = drains || open.by_who_is_gone;
  }
  if (!drains) violations_.Add("AC5", absl::StrCat(name, " cannot drain"));
  if (*result != "commit") {
    violations_.Add("AC4", absl::StrCat(name, " cannot commit: ", *result));
  }
}

TxnWorld::Held TxnWorld::HeldBy(const std::string& log) {
  PeerTable peers;
  std::map<TxnKey, std::optional<bool>> open;  // By who is gone?
  std::map<PeerId, TxnNumber> horizons;
  std::set<TxnKey> ruled;  // By an operator, and nobody has heard of it.
  const auto gone = [&](PeerId peer) {
    return IsGone(internal::AddressOf(peers.Name(peer)));
  };
  Held held;
  for (const std::string& bytes : log_checker(log)->visited()) {
    const absl::StatusOr<TxnRecord> record =
        internal::DecodeRecord(bytes, &peers);
    if (!record.ok()) {
      held.open.push_back({record.status().ToString()});
    } else if (const auto* decided = std::get_if<CommitDecided>(&*record)) {
      open[decided->txn] = std::any_of(decided->yes_voters.begin(),
                                       decided->yes_voters.end(), gone);
    } else if (const auto* ended = std::get_if<Ended>(&*record)) {
      open[ended->txn] = std::nullopt;
    } else if (const auto* prepared = std::get_if<Prepared>(&*record)) {
      open.try_emplace(prepared->txn, gone(prepared->txn.coordinator));
    } else if (const auto* passed = std::get_if<HorizonPassed>(&*record)) {
      TxnNumber& horizon = horizons[passed->coordinator];
      horizon = std::max(horizon, passed->horizon);
    } else if (const auto* resolved = std::get_if<Resolved>(&*record)) {
      open[resolved->txn] = std::nullopt;
    } else if (const auto* applied = std::get_if<Applied>(&*record)) {
      open[applied->txn] = std::nullopt;
    } else if (const auto* ruling = std::get_if<Heuristic>(&*record)) {
      ruled.insert(ruling->txn);
    } else if (const auto* forgotten = std::get_if<Forgotten>(&*record)) {
      ruled.erase(forgotten->txn);
    }
  }
  const bool is_participant = databases_.count(log) > 0;
  for (const auto& [txn, by_who_is_gone] : open) {
    // Below the horizon a Prepared alone is over, and waits to be trimmed.
    const bool is_over = txn.number < horizons[txn.coordinator];
    const bool is_kept = !is_over || ruled.count(txn) > 0;
    if (is_kept && (is_participant || by_who_is_gone)) ++held.remembered;
    if (is_over || !by_who_is_gone) continue;
    held.open.push_back({internal::Describe(txn, peers), *by_who_is_gone});
  }
  return held;
}

// All logs hold nothing that is still to be done, except for who is gone, and
// not much more than what has to be remembered.
void TxnWorld::CheckLogs() {
  for (const auto& [name, checker] : log_checkers_) {
    if (IsGone(name)) continue;
    const Held held = HeldBy(name);
    for (const Held::Open& open : held.open) {
      if (open.by_who_is_gone) continue;
      violations_.Add("AC5", absl::StrCat("log ", name, " still holds ",
                                          open.what, " open"));
    }
    // Files are trimmed as a whole.
    if (plan_.on_files.count(name) > 0) continue;
    const size_t length = checker.visited().size();
    const size_t live =
        kLivePerTransaction * held.remembered + plan_.coordinators.size() + 1;
    const size_t length_max =
        std::max(plan_.log_lag.min, internal::LogLag::kFactor * live) +
        kLengthSlack;
    if (length <= length_max) continue;
    violations_.Add("AC5", absl::StrCat("log ", name, " has ", length,
                                        " records, and remembers only ",
                                        held.remembered, " transactions"));
  }
}

// Who is lost owes nothing, nor does whoever an operator overruled. Who waits
// for a coordinator that is lost holds on to what it prepared.
bool TxnWorld::IsExcused(const TxnId& id, const std::string& participant) {
  if (participant.empty()) return IsGone(id);
  if (IsGone(participant) || checkers_.IsRuled(id, participant)) return true;
  const std::vector<TxnId> prepared = databases_.at(participant)->Prepared();
  return IsGone(id) &&
         std::find(prepared.begin(), prepared.end(), id) != prepared.end();
}

void TxnWorld::Run() {
  AddHosts();
  sim_.RunFor(kFaultyTime);
  sim_.Calm();
  calm_ = true;
  Settle("once faults have stopped");
  if (!violations_.empty()) return;
  // The power goes everywhere; what was told must be on the disks.
  for (const TxnPlan::Host& plan : plan_.hosts) {
    sim_.FindHost(plan.name)->PowerLoss();
  }
  StartAll();
  Settle("after a loss of power everywhere");
  if (!violations_.empty()) return;
  for (const std::string& name : plan_.coordinators) {
    if (!IsGone(name)) Probe(name);
  }
  if (!violations_.empty()) return;
  sim_.RunFor(absl::Seconds(2));
  // A last start shows what is in the logs.
  for (const TxnPlan::Host& plan : plan_.hosts) {
    sim_.FindHost(plan.name)->Crash();
  }
  StartAll();
  sim_.RunFor(absl::Milliseconds(200));
  CheckLogs();
  checkers_.told.Finish([this](const TxnId& id, std::string_view participant) {
    return IsExcused(id, std::string(participant));
  });
}

History TxnWorld::Report() const {
  History history = sim_.Report(violations_, plan_.ToString());
  uint64_t trimmed[2] = {};
  for (const auto& [name, log] : log_checkers_) {
    if (log.trimmed() > 1) ++trimmed[databases_.count(name)];
  }
  history.counters = {{"begun", begun_},
                      {"ended well", committed_},
                      {"coordinators", plan_.coordinators.size()},
                      {"coordinators trimmed", trimmed[0]},
                      {"participants", plan_.participants.size()},
                      {"participants trimmed", trimmed[1]}};
  return history;
}

namespace {

History RunHistory(const HistoryOptions& options, TxnKind kind) {
  TxnWorld world(options, kind);
  world.Run();
  return world.Report();
}

}  // namespace

History RunTxnHistory(const HistoryOptions& options) {
  return RunHistory(options, TxnKind::kShort);
}

History RunLongTxnHistory(const HistoryOptions& options) {
  return RunHistory(options, TxnKind::kLong);
}

History RunTxnOnFilesHistory(const HistoryOptions& options) {
  return RunHistory(options, TxnKind::kOnFiles);
}

}  // namespace sim
}  // namespace trivet
