// SPDX-License-Identifier: Apache-2.0

#include "src/testing/sweep.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "src/internal/child_process.h"
#include "src/testing/sim_flags.h"
#include "trivet/testing/history.h"
#include "trivet/testing/sim_main.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {
namespace {

using testing::History;
using testing::HistoryOptions;

// How hashes of histories are put together, one after the other.
constexpr uint64_t kHashFactor = 31;

// --- In a child --------------------------------------------------------------
// It reports on stderr, in lines that begin with this. All others are what the
// program itself says.
constexpr char kMark[] = "\x01";

void Say(const std::string& line) {
  std::fputs(absl::StrCat(kMark, line, "\n").c_str(), stderr);
}

void SayTotals(const SweepTotals& totals) {
  Say(absl::StrCat("histories ", totals.histories));
  Say(absl::StrCat("events ", totals.events));
  Say(absl::StrCat("hash ", totals.hash));
  for (const auto& [kind, count] : totals.faults) {
    Say(absl::StrCat("fault ", count, " ", kind));
  }
  for (const auto& [name, count] : totals.counters) {
    Say(absl::StrCat("counter ", count, " ", name));
  }
}

void RunInChild(const Sweep& sweep, SeedRange seeds) {
  SweepTotals totals;
  for (uint64_t seed = seeds.first;; ++seed) {
    Say(absl::StrCat("at ", seed));
    HistoryOptions options;
    options.seed = seed;
    options.faults = sweep.faults;
    const History history = sweep.scenario->run(options);
    totals.Add(history);
    if (!history.violations.empty()) {
      std::fputs(history.violations.list().front().c_str(), stderr);
      std::fputs("\n", stderr);
      Say(absl::StrCat("failed ", seed));
      return;
    }
    if (seed == seeds.last) break;
  }
  SayTotals(totals);
}

// --- In the parent -----------------------------------------------------------

// What a child has said of its seeds, taken apart.
SweepResult Understand(const ChildProcesses::Ended& child, SeedRange seeds) {
  SweepResult result;
  uint64_t at = seeds.first;
  for (const absl::string_view line : absl::StrSplit(child.said, '\n')) {
    if (!absl::StartsWith(line, kMark)) {
      if (!line.empty()) absl::StrAppend(&result.said, line, "\n");
      continue;
    }
    const std::vector<std::string> words =
        absl::StrSplit(line.substr(1), absl::MaxSplits(' ', 2));
    uint64_t number = 0;
    const bool is_number =
        words.size() > 1 && absl::SimpleAtoi(words[1], &number);
    if (!is_number) continue;  // Cut off in the middle by a death.
    if (words[0] == "at") at = number;
    if (words[0] == "failed") result.seed = number;
    if (words[0] == "histories") result.totals.histories = number;
    if (words[0] == "events") result.totals.events = number;
    if (words[0] == "hash") result.totals.hash = number;
    if (words.size() < 3) continue;
    if (words[0] == "fault") result.totals.faults[words[2]] = number;
    if (words[0] == "counter") result.totals.counters[words[2]] = number;
  }
  // The program may also have been left from inside, as if all were well.
  const bool is_whole = child.died.empty() &&
                        result.totals.histories - 1 == seeds.last - seeds.first;
  if (!is_whole && !result.seed.has_value()) {
    result.seed = at;
    result.died = true;
    absl::StrAppend(&result.said, "died in seed ", at, ": ",
                    child.died.empty() ? "the process ended" : child.died,
                    "\n");
  }
  return result;
}

// How many seeds a child takes: enough to be worth it, and few enough that none
// has long to go when all others are done. Nothing that comes out depends on
// it.
uint64_t SeedsPerChild(const Sweep& sweep) {
  const uint64_t more = sweep.seeds.last - sweep.seeds.first;  // Than one.
  if (sweep.jobs == 1) return more == UINT64_MAX ? more : more + 1;
  return std::clamp<uint64_t>(more / (8 * sweep.jobs), 1, 250);
}

}  // namespace

void SweepTotals::Add(const History& history) {
  ++histories;
  events += history.events;
  hash = hash * kHashFactor + history.hash;
  for (const testing::SimFault& fault : history.faults) ++faults[fault.kind];
  for (const auto& [name, count] : history.counters) counters[name] += count;
}

void SweepTotals::Add(const SweepTotals& later) {
  histories += later.histories;
  events += later.events;
  for (uint64_t i = 0; i < later.histories; ++i) hash *= kHashFactor;
  hash += later.hash;
  for (const auto& [kind, count] : later.faults) faults[kind] += count;
  for (const auto& [name, count] : later.counters) counters[name] += count;
}

std::string SweepTotals::ToString() const {
  std::string text =
      absl::StrCat(histories, histories == 1 ? " history, " : " histories, ",
                   events, " events, ");
  for (const auto& [name, count] : counters) {
    absl::StrAppend(&text, count, " ", name, ", ");
  }
  absl::StrAppend(&text, "hash ", absl::Hex(hash, absl::kZeroPad16), "\n");
  for (const auto& [kind, count] : faults) {
    absl::StrAppend(&text, "  ", count, " x ", kind, "\n");
  }
  return text;
}

absl::StatusOr<SweepResult> Run(const Sweep& sweep) {
  const uint64_t step = SeedsPerChild(sweep);
  ChildProcesses children;
  std::map<uint64_t, SeedRange> stretches;  // By the first seed.
  std::map<uint64_t, SweepTotals> done;
  SweepResult lowest;
  uint64_t next = sweep.seeds.first;
  bool all_started = false;
  while (!all_started || children.running() > 0) {
    if (!all_started && children.running() < sweep.jobs) {
      const uint64_t left = sweep.seeds.last - next;
      const SeedRange seeds = {next, next + std::min(left, step - 1)};
      absl::Status started =
          children.Start(next, [&] { RunInChild(sweep, seeds); });
      if (!started.ok()) return started;
      stretches[next] = seeds;
      all_started = seeds.last == sweep.seeds.last;
      next = seeds.last + 1;
      continue;
    }
    const ChildProcesses::Ended child = children.AwaitOne();
    SweepResult result = Understand(child, stretches.at(child.key));
    if (!result.seed.has_value()) {
      std::fputs(result.said.c_str(), stderr);
      done[child.key] = std::move(result.totals);
    } else if (!lowest.seed.has_value() || *result.seed < *lowest.seed) {
      lowest = std::move(result);
      children.KillAbove(*lowest.seed);  // Those below may fail yet.
      all_started = true;
    }
  }
  if (lowest.seed.has_value()) return lowest;
  for (const auto& [first, totals] : done) lowest.totals.Add(totals);
  return lowest;
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
