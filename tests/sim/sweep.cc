// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/sweep.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/sim/history.h"
#include "trivet/testing/simulation.h"

namespace trivet {
namespace sim {
namespace {

constexpr size_t kFaultsShown = 60;

char now_running[80];

// On the way out: only what a signal handler may do.
void SayWhichHistory(int) {
  size_t length = 0;
  while (now_running[length] != '\0') ++length;
  const ssize_t wrote = write(STDERR_FILENO, now_running, length);
  static_cast<void>(wrote);
}

// "AC1" of "AC1: shard-a commits ...".
std::string PropertyOf(const History& history) {
  if (history.violations.empty()) return "";
  const std::string& first = history.violations.list().front();
  return first.substr(0, first.find(':'));
}

}  // namespace

HistoryRunner RunnerOf(const std::string& suite) {
#ifdef TRIVET_SIM_TXN
  if (suite == "txn") return RunTxnHistory;
  if (suite == "long_txn") return RunLongTxnHistory;
  if (suite == "txn_on_files") return RunTxnOnFilesHistory;
#endif
#ifdef TRIVET_SIM_LOCK
  if (suite == "lock") return RunLockHistory;
#endif
  return nullptr;
}

std::string SweepTotals::ToString() const {
  std::string text =
      absl::StrCat(histories, " histories, ", events, " events, ", begun,
                   " begun, ", ended_well, " ended well, hash ",
                   absl::Hex(hash, absl::kZeroPad16), "\n");
  for (const auto& [kind, count] : faults) {
    absl::StrAppend(&text, "  ", count, " x ", kind, "\n");
  }
  return text;
}

std::optional<Failure> Run(const Sweep& sweep, SweepTotals* totals) {
  const HistoryRunner run = RunnerOf(sweep.suite);
  std::signal(SIGABRT, SayWhichHistory);
  for (uint64_t i = 0; i < sweep.histories; ++i) {
    HistoryOptions options;
    options.seed = sweep.seed + i;
    std::snprintf(now_running, sizeof(now_running),
                  "died in --suite=%s --seed=%llu\n", sweep.suite.c_str(),
                  static_cast<unsigned long long>(options.seed));
    History history = run(options);
    ++totals->histories;
    totals->events += history.events;
    for (const testing::Simulation::Fault& fault : history.faults) {
      ++totals->faults[fault.kind];
    }
    totals->begun += history.begun;
    totals->ended_well += history.ended_well;
    totals->hash = totals->hash * 31 + history.hash;
    if (!history.violations.empty()) {
      return Failure{options.seed, std::move(history)};
    }
  }
  return std::nullopt;
}

// Leaves out half of the faults, then quarters, and so on, as long as it fails
// by the same property.
Failure Shrink(const std::string& suite, Failure failure) {
  const HistoryRunner run = RunnerOf(suite);
  HistoryOptions options;
  options.seed = failure.seed;
  size_t part = std::max<size_t>(failure.history.faults.size() / 2, 1);
  while (true) {
    bool smaller = false;
    for (size_t first = 0; first < failure.history.faults.size();) {
      HistoryOptions fewer = options;
      const size_t end = std::min(first + part, failure.history.faults.size());
      for (size_t i = first; i < end; ++i) {
        fewer.muted.push_back(failure.history.faults[i].id);
      }
      History history = run(fewer);
      if (PropertyOf(history) != PropertyOf(failure.history) ||
          history.faults.size() >= failure.history.faults.size()) {
        first = end;
        continue;
      }
      options = std::move(fewer);
      failure.history = std::move(history);
      smaller = true;
    }
    if (part == 1 && !smaller) break;
    part = std::max<size_t>(part / 2, 1);
  }
  options.trace = true;
  failure.history = run(options);
  return failure;
}

std::string Describe(const std::string& suite, const Failure& failure) {
  const History& history = failure.history;
  std::string text =
      absl::StrCat("FAILED: suite ", suite, ", seed ", failure.seed, "\n",
                   history.configuration, "\n", history.violations.ToString(),
                   history.faults.size(), " faults fired:\n");
  for (size_t i = 0; i < history.faults.size() && i < kFaultsShown; ++i) {
    absl::StrAppend(&text, "  ", history.faults[i].text, "\n");
  }
  if (history.faults.size() > kFaultsShown) absl::StrAppend(&text, "  ...\n");
  absl::StrAppend(&text, "again: trivet_sim --suite=", suite,
                  " --seed=", failure.seed, " --shrink --trace\n");
  return text;
}

}  // namespace sim
}  // namespace trivet
