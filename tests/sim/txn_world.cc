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

// Choices of the plan, each of its own.
uint64_t Choose(uint64_t seed, uint64_t what, uint64_t among) {
  return internal::SplitMix64::Mix(seed * 0x9E3779B97F4A7C15 + what) % among;
}

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

// What a log still held to be done when it was last claimed.
struct TxnWorld::Open {
  std::string what;
  bool by_who_is_gone = false;
};

TxnPlan::TxnPlan(uint64_t seed, TxnKind kind)
    : faults(FaultOptions::Swarm(seed)) {
  const uint64_t shards = 2 + Choose(seed, 1, 3);
  for (uint64_t i = 0; i < shards; ++i) {
    participants.push_back(absl::StrCat("shard-", i));
    hosts.push_back({absl::StrCat("host-", i), "", false, participants[i]});
  }
  // One coordinator stands alone, on a host of its own or beside a shard; the
  // other is a pair over a shared log. Either may be missing.
  const bool is_long = kind == TxnKind::kLong;
  faultless = !is_long && Choose(seed, 8, 16) == 0;
  const uint64_t which = faultless ? 0 : Choose(seed, 2, 4);
  if (which != 1) {
    coordinators.emplace_back("till");
    if (Choose(seed, 3, 3) == 0) {
      hosts[0].coordinator = "till";
    } else {
      hosts.push_back({"desk", "till", false, ""});
    }
  }
  if (which == 1 || which == 2) {
    coordinators.emplace_back("bank");
    hosts.push_back({"bank-a", "bank", true, ""});
    hosts.push_back({"bank-b", "bank", true, ""});
  }
  transactions = 10 + Choose(seed, 4, 20);
  no_percent = Choose(seed, 5, 3) * 6;
  read_only_percent = Choose(seed, 6, 3) * 15;
  if (faultless) {
    faults = FaultOptions();
    no_percent = 0;
  }
  faults.call_timeout = absl::Milliseconds(300);
  faults.restart_max = absl::Milliseconds(800);
  faults.delay_tail_max = absl::Seconds(3);
  faults.partition_max = absl::Seconds(2);
  faults.pause_max = absl::Seconds(2);
  faults.suspend_max = absl::Seconds(2);
  faults.slow_host_max = absl::Seconds(2);
  faults.slow_sync_max = absl::Milliseconds(500);
  faults.lease_lost = faults.session_loss = faults.ttl_restored = 0;
  faults.stale_read = 0;
  if (kind == TxnKind::kOnFiles) {
    uint64_t what = 20;
    for (const Host& host : hosts) {
      for (const std::string& role : {host.coordinator, host.participant}) {
        if (!host.shared_log && Choose(seed, ++what, 4) != 0) {
          on_files.insert(role);
        }
      }
    }
    if (faults.bit_rot > 0) faults.host_loss = 0;  // One of all hosts goes.
  } else {
    faults.sector_loss = faults.torn_write = faults.name_loss = 0;
    faults.bit_rot = 0;
  }
  if (is_long) {  // And with many in flight when there is a crash.
    transactions = 1500;
    burst = 25;
    faults.crash = 0.0005;
    faults.power_loss = 0.5;
    faults.restart_max = absl::Milliseconds(200);
    faults.delay_max = absl::Milliseconds(20);
    faults.pause = faults.partition = faults.delay_tail = 0;
    faults.partition_one_way = faults.partition_flapping = 0;
    faults.suspend = faults.slow_host = faults.slow_sync = 0;
    faults.crash_in_append = faults.disk_full = faults.host_loss = 0;
  }
}

std::string TxnPlan::ToString() const {
  std::string text;
  for (const Host& host : hosts) {
    absl::StrAppend(
        &text, host.name, "(", host.coordinator,
        host.shared_log ? ", shared log" : "",
        host.coordinator.empty() || host.participant.empty() ? "" : ", ",
        host.participant, ") ");
  }
  for (const std::string& role : on_files) {
    absl::StrAppend(&text, role, " on files ");
  }
  absl::StrAppend(&text, "transactions=", transactions, " no=", no_percent,
                  "% read_only=", read_only_percent, "%");
  return text;
}

TxnWorld::TxnWorld(const HistoryOptions& options, TxnKind kind)
    : plan_(options.seed, kind),
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
    if (!locked) checkers_.isolation.Read(id, shows);
  }
}

// A callback that is owed to a caller.
class TxnWorld::Owed {
 public:
  Owed(TxnWorld* world, const SimHost* host)
      : world_(world), host_(host), starts_(host->starts()) {
    world_->owed_.insert(this);
  }
  Owed(const Owed&) = delete;
  Owed& operator=(const Owed&) = delete;

  // It may be destroyed uncalled only with its process.
  ~Owed() {
    world_->owed_.erase(this);
    if (times_ == 0 && host_->IsUp() && host_->starts() == starts_) {
      world_->violations_.Add("Answer", "a caller was never told");
    }
  }

  void Comes() {
    world_->owed_.erase(this);
    if (++times_ > 1) world_->violations_.Add("Answer", "a caller came twice");
  }

 private:
  TxnWorld* const world_;
  const SimHost* const host_;
  const uint64_t starts_;
  int times_ = 0;
};

Coordinator::RunDone TxnWorld::Answer(CoordinatorRole* role,
                                      std::vector<Branch> branches) {
  return
      [this, role, owed = std::make_unique<Owed>(this, &role->host()),
       branches = std::move(branches)](const absl::StatusOr<Outcome>& outcome) {
        owed->Comes();
        // The destructor says what is still owed, and can be asked nothing.
        Coordinator* const open = role->coordinator();
        if (absl::IsCancelled(outcome.status()) && open == nullptr) return;
        Told(outcome, branches, open == nullptr || !open->Health().ok());
      };
}

// Nothing is refused, and nothing is left unknown, but by a coordinator that
// has stopped.
void TxnWorld::Told(const absl::StatusOr<Outcome>& outcome,
                    const std::vector<Branch>& branches, bool has_stopped) {
  if (!outcome.ok()) {
    if (has_stopped && absl::IsFailedPrecondition(outcome.status())) return;
    violations_.Add("Answer", outcome.status().ToString());
    return;
  }
  checkers_.told.Knows(outcome->id, ParticipantsIn(branches.front().work));
  if (!outcome->decision.has_value()) {
    if (!has_stopped) {
      violations_.Add("Answer", absl::StrCat(outcome->id.ToString(),
                                             " is unknown without a reason"));
    }
    sim_.Note(absl::StrCat("told unknown ", outcome->id.ToString()));
    if (known_.count(outcome->id) == 0) unknown_[outcome->id] = branches.size();
    return;
  }
  if (plan_.faultless && outcome->decision != Decision::kCommit) {
    violations_.Add("AC4", absl::StrCat(outcome->id.ToString(),
                                        " aborted: ", outcome->reason));
  }
  ToldLater(outcome->id, *outcome->decision);
}

void TxnWorld::ToldLater(const TxnId& id, Decision decision) {
  sim_.Note(
      absl::StrCat("told ", internal::Describe(decision), " ", id.ToString()));
  if (decision == Decision::kCommit && known_.count(id) == 0) ++committed_;
  known_.insert(id);
  unknown_.erase(id);
  checkers_.told.Told(id, decision);
}

const TxnId* TxnWorld::SomeTold() {
  if (known_.empty()) return nullptr;
  const uint64_t drawn = sim_.Draw("ask again", asked_again_++);
  return &*std::next(known_.begin(),
                     static_cast<int64_t>(drawn % known_.size()));
}

// Whether there was a failure of this log that no stop has been explained by.
bool TxnWorld::ItsLogFailed(std::string_view role) {
  const std::string place = absl::StrCat(" -> ", std::string(role), " ");
  size_t failures = 0;
  for (const testing::SimFault& fault : sim_.FaultsFired()) {
    const bool fails = fault.kind == "sync error" ||
                       fault.kind == "claim error" ||
                       fault.kind == "read error" || fault.kind == "disk full";
    if (fails && absl::StrContains(fault.id, place)) ++failures;
  }
  size_t& explained = failures_[std::string(role)];
  return std::exchange(explained, failures) < failures;
}

void TxnWorld::Stopped(const SimHost& host, std::string_view role,
                       bool has_shared_log, const absl::Status& health) {
  sim_.Note(absl::StrCat(std::string(role), " stopped: ", health.ToString()));
  if (!host.IsUp()) return;  // Also if its disk has rotted.
  if (has_shared_log) {
    // It is fenced, or somewhere between the two the network is slow or cut.
    if (absl::IsAborted(health)) return;
    if (absl::IsUnavailable(health) && !settled_) return;
  } else if ((absl::IsUnavailable(health) ||
              absl::IsResourceExhausted(health)) &&
             ItsLogFailed(role)) {
    return;
  }
  violations_.Add("Health",
                  absl::StrCat(std::string(role), ": ", health.ToString()));
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
  for (const Open& open : OpenIn(name)) drains = drains || open.by_who_is_gone;
  if (!drains) violations_.Add("AC5", absl::StrCat(name, " cannot drain"));
  if (*result != "commit") {
    violations_.Add("AC4", absl::StrCat(name, " cannot commit: ", *result));
  }
}

std::vector<TxnWorld::Open> TxnWorld::OpenIn(const std::string& log) {
  PeerTable peers;
  std::map<TxnKey, std::optional<bool>> open;  // By who is gone?
  std::map<PeerId, TxnNumber> horizons;
  const auto gone = [&](PeerId peer) {
    return IsGone(internal::AddressOf(peers.Name(peer)));
  };
  std::vector<Open> all;
  for (const std::string& bytes : log_checker(log)->visited()) {
    const absl::StatusOr<TxnRecord> record =
        internal::DecodeRecord(bytes, &peers);
    if (!record.ok()) {
      all.push_back({record.status().ToString()});
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
    }
  }
  for (const auto& [txn, by_who_is_gone] : open) {
    // Below the horizon a Prepared alone is over, and waits to be trimmed.
    if (!by_who_is_gone || txn.number < horizons[txn.coordinator]) continue;
    all.push_back({internal::Describe(txn, peers), *by_who_is_gone});
  }
  return all;
}

// All logs hold nothing that is still to be done, except for who is gone.
void TxnWorld::CheckLogsEmpty() {
  for (const auto& [name, checker] : log_checkers_) {
    if (IsGone(name)) continue;
    for (const Open& open : OpenIn(name)) {
      if (open.by_who_is_gone) continue;
      violations_.Add("AC5", absl::StrCat("log ", name, " still holds ",
                                          open.what, " open"));
    }
  }
}

void TxnWorld::Run() {
  AddHosts();
  sim_.RunFor(kFaultyTime);
  sim_.Calm();
  calm_ = true;
  Settle("once faults have stopped");
  settled_ = true;
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
  CheckLogsEmpty();
  checkers_.told.Finish([this](const TxnId& id, std::string_view participant) {
    return IsGone(id) || IsGone(participant);
  });
}

History TxnWorld::Report() const {
  History history = sim_.Report(violations_, plan_.ToString());
  history.counters = {{"begun", begun_}, {"ended well", committed_}};
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
