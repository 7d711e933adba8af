// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/txn_plan.h"

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "src/internal/backoff.h"
#include "trivet/testing/fault_options.h"

namespace trivet {
namespace sim {
namespace {

using testing::FaultOptions;

// Choices of the plan, each of its own.
uint64_t Choose(uint64_t seed, uint64_t what, uint64_t among) {
  return internal::SplitMix64::Mix(seed * 0x9E3779B97F4A7C15 + what) % among;
}

}  // namespace

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
  if (!is_long && Choose(seed, 9, 4) != 0) {  // Else as a host has it.
    log_lag.min = uint64_t{4} << Choose(seed, 10, 3);
    log_lag.min_riding = log_lag.min / 2;
  }
  has_operator = !is_long && !faultless && Choose(seed, 11, 4) == 0;
  drains = Choose(seed, 12, 4) == 0;
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
    PutOnFiles(seed);
  } else {
    faults.sector_loss = faults.torn_write = faults.name_loss = 0;
    faults.bit_rot = 0;
  }
  if (is_long) MakeLong();
}

void TxnPlan::PutOnFiles(uint64_t seed) {
  uint64_t what = 20;
  for (const Host& host : hosts) {
    for (const std::string& role : {host.coordinator, host.participant}) {
      if (!host.shared_log && Choose(seed, ++what, 4) != 0) {
        on_files.insert(role);
      }
    }
  }
  if (faults.bit_rot > 0) faults.host_loss = 0;  // One of all hosts goes.
}

// And with many in flight when there is a crash.
void TxnPlan::MakeLong() {
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
                  "% read_only=", read_only_percent, "% log_lag=", log_lag.min,
                  has_operator ? " operator" : "", drains ? " drains" : "");
  return text;
}

}  // namespace sim
}  // namespace trivet
