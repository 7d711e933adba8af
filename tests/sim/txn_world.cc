// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/txn_world.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
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

TxnPlan::TxnPlan(uint64_t seed, bool is_long)
    : faults(FaultOptions::Swarm(seed)) {
  const uint64_t shards = 2 + Choose(seed, 1, 3);
  for (uint64_t i = 0; i < shards; ++i) {
    participants.push_back(absl::StrCat("shard-", i));
    hosts.push_back({absl::StrCat("host-", i), "", false, participants[i]});
  }
  // One coordinator stands alone, on a host of its own or beside a shard; the
  // other is a pair over a shared log. Either may be missing.
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
  if (is_long) {  // And with many in flight when there is a crash.
    transactions = 1500;
    burst = 25;
    faults.crash = 0.0005;
    faults.power_loss = 0.5;
    faults.restart_max = absl::Milliseconds(200);
    faults.delay_max = absl::Milliseconds(20);
    faults.pause = faults.partition = faults.delay_tail = 0;
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
  absl::StrAppend(&text, "transactions=", transactions, " no=", no_percent,
                  "% read_only=", read_only_percent, "% ", faults.ToString());
  return text;
}

TxnWorld::TxnWorld(const HistoryOptions& options, bool is_long)
    : options_(options),
      plan_(options.seed, is_long),
      atomicity_(&violations_),
      told_(&violations_),
      sim_(options.seed, plan_.faults) {
  sim_.Mute(options.muted);
  if (options.trace) sim_.DescribePayloads(DescribePayload);
  for (const std::string& participant : plan_.participants) {
    auto database =
        std::make_unique<SimDatabase>(participant, &atomicity_, &told_);
    database->SetVotes(&sim_, plan_.no_percent, plan_.read_only_percent);
    databases_.emplace(participant, std::move(database));
  }
}

TxnWorld::~TxnWorld() = default;

testing::LogChecker* TxnWorld::log_checker(const std::string& log) {
  return &log_checkers_.try_emplace(log, log, &violations_).first->second;
}

bool TxnWorld::Leads(const std::string& host, const std::string& coordinator) {
  if (calm_) return host == coordinator + "-a";
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

void TxnWorld::Told(const absl::StatusOr<Outcome>& outcome,
                    const std::vector<Branch>& branches) {
  if (!outcome.ok()) return;  // Nothing was begun, or its process went.
  told_.Knows(outcome->id, ParticipantsIn(branches.front().work));
  if (!outcome->decision.has_value()) {
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
  told_.Told(id, decision);
}

void TxnWorld::Stopped(std::string_view role, bool may_be_fenced,
                       const absl::Status& health) {
  sim_.Note(absl::StrCat(std::string(role), " stopped: ", health.ToString()));
  if (absl::IsUnavailable(health)) return;
  if (absl::IsAborted(health) && may_be_fenced) return;
  violations_.Add("Health",
                  absl::StrCat(std::string(role), ": ", health.ToString()));
}

void TxnWorld::AddHosts() {
  for (const TxnPlan::Host& plan : plan_.hosts) {
    sim_.AddHost(plan.name, [this, &plan](SimHost& host) {
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
      const TxnProcess* const process = processes_[plan.name];
      return process != nullptr && process->IsQuiet();
    });
  }
  for (const auto& [name, database] : databases_) {
    expect(name + " has nothing prepared",
           [&, shard = database.get()] { return shard->Prepared().empty(); });
  }
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
  for (const std::string& participant : plan_.participants) {
    branches.push_back({participant, WorkFor("probe", plan_.participants)});
  }
  std::string result = "no answer";
  leader->RunAsync(branches, [&](const absl::StatusOr<Outcome>& outcome) {
    result = !outcome.ok() ? outcome.status().ToString()
             : outcome->decision == Decision::kCommit ? "commit"
                                                      : outcome->reason;
    Told(outcome, branches);
  });
  bool drained = false;
  leader->Drain([&] { drained = true; });
  if (!sim_.RunUntil([&] { return drained; }, absl::Seconds(10)).ok()) {
    violations_.Add("AC5", absl::StrCat(name, " cannot drain"));
  }
  if (result != "commit") {
    violations_.Add("AC4", absl::StrCat(name, " cannot commit: ", result));
  }
}

// Both logs hold nothing that is still to be done.
void TxnWorld::CheckLogsEmpty() {
  for (const auto& [name, checker] : log_checkers_) {
    PeerTable peers;
    std::map<std::string, int> open;
    for (const std::string& bytes : checker.visited()) {
      const absl::StatusOr<TxnRecord> record =
          internal::DecodeRecord(bytes, &peers);
      if (!record.ok()) {
        violations_.Add("AC5", absl::StrCat("log ", name, ": ",
                                            record.status().ToString()));
        continue;
      }
      if (const auto* decided = std::get_if<CommitDecided>(&*record)) {
        open[internal::Describe(decided->txn, peers)] = 1;
      } else if (const auto* ended = std::get_if<Ended>(&*record)) {
        open[internal::Describe(ended->txn, peers)] = 0;
      } else if (const auto* prepared = std::get_if<Prepared>(&*record)) {
        open.try_emplace(internal::Describe(prepared->txn, peers), 1);
      } else if (const auto* resolved = std::get_if<Resolved>(&*record)) {
        open[internal::Describe(resolved->txn, peers)] = 0;
      }
    }
    for (const auto& [id, count] : open) {
      if (count == 0) continue;
      violations_.Add("AC5",
                      absl::StrCat("log ", name, " still holds ", id, " open"));
    }
  }
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
  for (const std::string& name : plan_.coordinators) Probe(name);
  if (!violations_.empty()) return;
  sim_.RunFor(absl::Seconds(2));
  // A last start shows what is in the logs.
  for (const TxnPlan::Host& plan : plan_.hosts) {
    sim_.FindHost(plan.name)->Crash();
  }
  StartAll();
  sim_.RunFor(absl::Milliseconds(200));
  CheckLogsEmpty();
  told_.Finish();
}

void TxnWorld::Report(History* history) const {
  history->violations = violations_;
  history->configuration = plan_.ToString();
  history->faults = sim_.FaultsFired();
  if (options_.trace) history->trace = sim_.Trace();
  history->hash = sim_.TraceHash();
  history->events = sim_.events();
  history->begun = begun_;
  history->ended_well = committed_;
}

namespace {

History RunHistory(const HistoryOptions& options, bool is_long) {
  History history;
  TxnWorld world(options, is_long);
  world.Run();
  world.Report(&history);
  return history;
}

}  // namespace

History RunTxnHistory(const HistoryOptions& options) {
  return RunHistory(options, /*is_long=*/false);
}

History RunLongTxnHistory(const HistoryOptions& options) {
  return RunHistory(options, /*is_long=*/true);
}

}  // namespace sim
}  // namespace trivet
