// SPDX-License-Identifier: Apache-2.0

#include "trivet/testing/sim_main.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "src/internal/invariant.h"
#include "src/testing/replay_file.h"
#include "src/testing/script_folder.h"
#include "src/testing/sim_flags.h"
#include "src/testing/sweep.h"
#include "trivet/testing/history.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {
namespace {

using testing::History;
using testing::HistoryOptions;
using testing::PlantedBugs;
using testing::Scenario;

constexpr int kClean = EXIT_SUCCESS;
constexpr int kFound = 1;
constexpr int kWrongUse = 2;
constexpr size_t kFaultsShown = 60;
constexpr size_t kViolationsShown = 10;

void Print(const std::string& text) { std::fputs(text.c_str(), stdout); }

class SimProgram {
 public:
  SimProgram(std::string name, const std::vector<Scenario>& scenarios,
             const PlantedBugs& bugs)
      : name_(std::move(name)), scenarios_(scenarios), bugs_(bugs) {}

  int Main(const std::vector<std::string>& arguments) {
    absl::StatusOr<SimFlags> flags =
        ParseSimFlags(arguments, scenarios_, bugs_);
    if (!flags.ok()) {
      Complain(flags.status());
      std::fputs(SimUsage(name_, !bugs_.bugs.empty()).c_str(), stderr);
      return kWrongUse;
    }
    flags_ = *std::move(flags);
    if (flags_.help) Print(SimUsage(name_, !bugs_.bugs.empty()));
    if (flags_.list) {
      for (const Scenario& scenario : scenarios_) Print(scenario.name + "\n");
    }
    if (flags_.list_bugs) {
      for (const PlantedBugs::Bug& bug : bugs_.bugs) Print(bug.name + "\n");
    }
    if (flags_.help || flags_.list || flags_.list_bugs) return kClean;
    if (!flags_.scripts.empty()) {
      const absl::Status made = MakeFolder(flags_.scripts);
      if (!made.ok()) {
        Complain(made);
        return kWrongUse;
      }
    }
    if (!flags_.bug.empty()) return FindBug();
    if (!flags_.replay.empty()) return ReplayAll();
    return SweepSeeds(flags_.seeds.value_or(SeedRange()));
  }

 private:
  void Complain(const absl::Status& status) const {
    std::fputs(absl::StrCat(name_, ": ", status.message(), "\n").c_str(),
               stderr);
  }

  const Scenario* Find(const std::string& name) const {
    for (const Scenario& scenario : scenarios_) {
      if (scenario.name == name) return &scenario;
    }
    return nullptr;
  }

  // A single history runs in this process, where a debugger finds it.
  int SweepSeeds(SeedRange seeds) {
    const Scenario& scenario = *Find(flags_.scenario);
    if (seeds.first == seeds.last) {
      return RunOne(scenario, {scenario.name, seeds.first, {}});
    }
    const absl::StatusOr<SweepResult> result =
        Run({&scenario, seeds, {}, flags_.jobs.value_or(1)});
    if (!result.ok()) {
      Complain(result.status());
      return kWrongUse;
    }
    const std::optional<uint64_t> failed = result->seed;
    if (!failed.has_value()) {
      Print(absl::StrCat(scenario.name, ": ", result->totals.ToString()));
      return kClean;
    }
    const Replay replay = {scenario.name, *failed, {}};
    return ReportFailure(scenario, replay, *result);
  }

  int ReportFailure(const Scenario& scenario, const Replay& replay,
                    const SweepResult& result) {
    return result.died ? ReportDeath(replay, result)
                       : RunOne(scenario, replay, result.said);
  }

  // A child that died cannot be looked into.
  int ReportDeath(const Replay& replay, const SweepResult& result) {
    Print(absl::StrCat("FAILED: scenario ", replay.scenario, ", seed ",
                       replay.seed, "\n", result.said, "again: ", name_, " ",
                       replay.scenario, " --seeds ", replay.seed, "\n"));
    return Keep(replay);
  }

  // `said`: by a child in which it failed; empty if it has not been run.
  int RunOne(const Scenario& scenario, Replay replay,
             const std::string& said = "") {
    const HistoryOptions options = {replay.seed, replay.faults, flags_.trace};
    const Scenario writing = WritingScripts(scenario, flags_.scripts);
    History history = writing.run(options);
    const std::string stale = StaleFaults(replay, history);
    if (history.violations.empty() && !said.empty()) {
      Print(absl::StrCat(
          "FAILED: scenario ", replay.scenario, ", seed ", replay.seed, "\n",
          said, "and not when it was run again: not its seed alone decides\n"));
      return kFound;
    }
    if (history.violations.empty()) {
      Print(history.trace);
      SweepTotals totals;
      totals.Add(history);
      Print(absl::StrCat(scenario.name, ": ", totals.ToString(), stale));
      return kClean;
    }
    std::string how;
    if (flags_.shrink) {
      Shrunk shrunk = Shrink(scenario, options, std::move(history));
      replay.faults = std::move(shrunk.faults);
      history = std::move(shrunk.history);
      if (!flags_.scripts.empty()) writing.run({replay.seed, replay.faults});
      how = absl::StrCat("shrunk in ", shrunk.runs, " runs",
                         shrunk.complete ? "" : ", and given up there",
                         "; to see it again:\n", ToString(replay));
    } else if (replay.faults.empty()) {
      how = absl::StrCat("again: ", name_, " ", scenario.name, " --seeds ",
                         replay.seed, " --shrink --trace\n");
    }
    Print(absl::StrCat(history.trace, Describe(replay, history), stale, how));
    return Keep(replay);
  }

  static std::string FirstOf(const testing::Violations& violations) {
    std::string text;
    const std::vector<std::string>& list = violations.list();
    for (size_t i = 0; i < list.size() && i < kViolationsShown; ++i) {
      absl::StrAppend(&text, list[i], "\n");
    }
    if (violations.count() > kViolationsShown) {
      absl::StrAppend(&text, "and ", violations.count() - kViolationsShown,
                      " more\n");
    }
    return text;
  }

  static std::string Describe(const Replay& replay, const History& history) {
    std::string text =
        absl::StrCat("FAILED: scenario ", replay.scenario, ", seed ",
                     replay.seed, "\n", history.configuration, "\n",
                     history.violations.ToString(), history.faults.size(),
                     history.faults.size() == 1 ? " fault" : " faults",
                     " struck", history.faults.empty() ? "\n" : ":\n");
    for (size_t i = 0; i < history.faults.size() && i < kFaultsShown; ++i) {
      absl::StrAppend(&text, "  ", history.faults[i].text, "\n");
    }
    if (history.faults.size() > kFaultsShown) {
      absl::StrAppend(&text, "  and ", history.faults.size() - kFaultsShown,
                      " more\n");
    }
    return text;
  }

  // Of a failure: for the next time.
  int Keep(const Replay& replay) {
    if (flags_.out.empty()) return kFound;
    const absl::Status written = WriteReplay(flags_.out, replay);
    if (!written.ok()) {
      Complain(written);
      return kWrongUse;
    }
    Print(absl::StrCat("kept: ", name_, " --replay ", flags_.out, "\n"));
    return kFound;
  }

  // All histories of the file, or those of one scenario.
  int ReplayAll() {
    const absl::StatusOr<std::vector<Replay>> replays =
        ReadReplays(flags_.replay);
    if (!replays.ok()) {
      Complain(replays.status());
      return kWrongUse;
    }
    size_t ran = 0;
    int worst = kClean;
    for (const Replay& replay : *replays) {
      const Scenario* const scenario = Find(replay.scenario);
      if (!flags_.scenario.empty() && replay.scenario != flags_.scenario) {
        continue;
      }
      if (scenario == nullptr) {
        Complain(absl::NotFoundError(absl::StrCat(
            flags_.replay, ": there is no scenario '", replay.scenario,
            "'; there are: ", NamesOf(scenarios_))));
        return kWrongUse;
      }
      ++ran;
      worst = std::max(worst, ReplayOne(*scenario, replay));
      if (worst == kWrongUse) return worst;
    }
    if (ran > 0) return worst;
    Complain(absl::NotFoundError(absl::StrCat(
        flags_.replay, ": there is no history of ", flags_.scenario)));
    return kWrongUse;
  }

  // Once in a child first: one that ends its process is reported as others, and
  // does not keep those behind it from being run.
  int ReplayOne(const Scenario& scenario, const Replay& replay) {
    const absl::StatusOr<SweepResult> result =
        Run({&scenario, {replay.seed, replay.seed}, replay.faults, 1});
    if (!result.ok()) {
      Complain(result.status());
      return kWrongUse;
    }
    return result->seed.has_value() ? ReportFailure(scenario, replay, *result)
                                    : RunOne(scenario, replay);
  }

  int FindBug() {
    const PlantedBugs::Bug& bug = *std::find_if(
        bugs_.bugs.begin(), bugs_.bugs.end(),
        [this](const auto& one) { return one.name == flags_.bug; });
    TRIVET_INVARIANT(Find(bug.scenario) != nullptr && bug.histories_max > 0,
                     "a planted bug names a scenario and a limit");
    const Scenario& scenario = *Find(bug.scenario);
    const SeedRange seeds =
        flags_.seeds.value_or(SeedRange{0, bug.histories_max - 1});
    bugs_.activate(bug.name);
    const absl::StatusOr<SweepResult> with =
        Run({&scenario, seeds, {}, flags_.jobs.value_or(1)});
    if (!with.ok()) {
      Complain(with.status());
      return kWrongUse;
    }
    const auto not_found = [&](const std::string& why) {
      Print(absl::StrCat("NOT FOUND: ", bug.name, why, "\n"));
      return kFound;
    };
    const std::optional<uint64_t> failed = with->seed;
    if (!failed.has_value()) {
      return not_found(
          absl::StrCat(", in ", with->totals.histories, " histories"));
    }
    // A history that fails without the bug as well has not found it.
    const uint64_t seed = *failed;
    bugs_.activate("");
    const absl::StatusOr<SweepResult> without =
        Run({&scenario, {seed, seed}, {}, 1});
    if (!without.ok() || without->seed.has_value()) {
      return not_found(absl::StrCat("; without it seed ", seed, " fails too\n",
                                    without.ok() ? without->said : ""));
    }
    Print(absl::StrCat("found ", bug.name, " after ", seed - seeds.first + 1,
                       " histories (seed ", seed, ")\n", with->said));
    const Replay replay = {scenario.name, seed, {}};
    if (!with->died && (flags_.shrink || flags_.trace || !flags_.out.empty() ||
                        !flags_.scripts.empty())) {
      bugs_.activate(bug.name);
      const int shown = RunOne(scenario, replay);
      return shown == kWrongUse ? shown : kClean;
    }
    return kClean;
  }

  const std::string name_;
  const std::vector<Scenario>& scenarios_;
  const PlantedBugs& bugs_;
  SimFlags flags_;
};

}  // namespace
}  // namespace internal

namespace testing {

int SimMain(int argc, char** argv, const std::vector<Scenario>& scenarios,
            const PlantedBugs& bugs) {
  const std::vector<std::string> arguments(argv + std::min(argc, 1),
                                           argv + argc);
  return internal::SimProgram(argc > 0 ? argv[0] : "sim", scenarios, bugs)
      .Main(arguments);
}

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet
