// SPDX-License-Identifier: Apache-2.0

#include "src/testing/sweep.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "src/internal/child_process.h"
#include "src/testing/history_wire.h"
#include "src/testing/sim_flags.h"
#include "trivet/testing/history.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {
namespace {

using testing::History;
using testing::HistoryOptions;

// How hashes of histories are put together, one after the other.
constexpr uint64_t kHashFactor = 31;

// A sweep's consecutive seeds that one child runs, and what it has come to.
struct Stretch {
  SeedRange seeds;
  SweepTotals totals;
  HistoryHeard heard;

  bool HasFailed() const {
    return heard.ended && !heard.history.violations.empty();
  }
  bool IsWhole() const {
    return heard.ended && heard.seed == seeds.last && !HasFailed();
  }
};

// In a child. Whoever fails is the last.
void RunInChild(const Sweep& sweep, SeedRange seeds,
                const ChildProcesses::Parent& parent) {
  HistoryOptions options;
  options.faults = sweep.faults;
  options.trace = sweep.trace;
  options.on_fault = [&parent](const testing::SimFault& fault) {
    parent.Note(FaultMessage(fault));
  };
  for (options.seed = seeds.first;; ++options.seed) {
    parent.Note(BegunMessage(options.seed));
    const History history = sweep.scenario->run(options);
    parent.Tell(EndedMessage(options.seed, history));
    parent.ForgetNotes();
    if (!history.violations.empty() || options.seed == seeds.last) return;
  }
}

// What a child's end makes of its stretch.
SweepResult ResultOf(Stretch stretch, ChildProcesses::News end,
                     absl::Duration limit) {
  for (const std::string& note : end.notes) {
    if (!Hear(note, &stretch.heard)) break;  // It wrote where it must not.
  }
  SweepResult result;
  result.totals = std::move(stretch.totals);
  result.history = std::move(stretch.heard.history);
  result.said = std::move(end.said);
  // The program may also have been left from inside, as if all were well.
  if (stretch.IsWhole() && end.died.empty()) return result;
  result.seed = stretch.heard.seed;
  if (stretch.HasFailed()) return result;
  result.died = true;
  result.late = end.late;
  if (end.late) {
    result.history.violations.Add(
        "hang", absl::StrCat("it had not ended after ",
                             absl::FormatDuration(limit), " of real time"));
  } else {
    result.history.violations.Add(
        "died", end.died.empty() ? "the process ended" : end.died);
  }
  return result;
}

// How many seeds a child takes: enough to be worth it, and few enough that none
// has long to go when all others are done. Nothing that comes out depends on
// it.
uint64_t SeedsPerChild(const Sweep& sweep) {
  const uint64_t more = sweep.seeds.last - sweep.seeds.first;  // Than one.
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
  ChildProcesses children(sweep.limit);
  std::map<uint64_t, Stretch> stretches;  // By the first seed.
  std::map<uint64_t, std::pair<uint64_t, SweepTotals>> done;  // And the last.
  SweepTotals totals;  // Of all before this seed:
  uint64_t in_order = sweep.seeds.first;
  SweepResult lowest;
  uint64_t next = sweep.seeds.first;
  bool all_started = false;
  while (!all_started || children.running() > 0) {
    if (!all_started && children.running() < sweep.jobs) {
      const uint64_t left = sweep.seeds.last - next;
      const SeedRange seeds = {next, next + std::min(left, step - 1)};
      absl::Status started =
          children.Start(next, [&](const ChildProcesses::Parent& parent) {
            RunInChild(sweep, seeds, parent);
          });
      if (!started.ok()) return started;
      stretches[next] = {seeds, {}, {}};
      stretches[next].heard.seed = next;
      all_started = seeds.last == sweep.seeds.last;
      next = seeds.last + 1;
      continue;
    }
    ChildProcesses::News news = children.Await();
    Stretch& stretch = stretches.at(news.key);
    if (news.told.has_value()) {
      if (!Hear(*news.told, &stretch.heard)) continue;
      stretch.totals.Add(stretch.heard.history);
      children.GiveTime(news.key);
      continue;
    }
    const uint64_t first = news.key;
    const uint64_t last = stretch.seeds.last;
    SweepResult result =
        ResultOf(std::move(stretch), std::move(news), sweep.limit);
    stretches.erase(first);
    if (!result.seed.has_value()) {
      std::fwrite(result.said.data(), 1, result.said.size(), stderr);
      done[first] = {last, std::move(result.totals)};
      while (!done.empty() && done.begin()->first == in_order) {
        totals.Add(done.begin()->second.second);
        in_order = done.begin()->second.first + 1;
        done.erase(done.begin());
      }
      if (!lowest.seed.has_value()) lowest.history = std::move(result.history);
    } else if (!lowest.seed.has_value() || *result.seed < *lowest.seed) {
      lowest = std::move(result);
      children.KillAbove(*lowest.seed);  // Those below may fail yet.
      all_started = true;
    }
  }
  if (!lowest.seed.has_value()) lowest.totals = std::move(totals);
  return lowest;
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
