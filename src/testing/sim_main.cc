// SPDX-License-Identifier: Apache-2.0

#include "trivet/testing/sim_main.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <set>
#include <string>
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
using testing::PlantedBugs;
using testing::Scenario;

// From the best to the worst: of several replays the worst counts.
constexpr int kClean = EXIT_SUCCESS;
constexpr int kStale = 3;
constexpr int kFound = 1;
constexpr int kWrongUse = 2;
constexpr size_t kFaultsShown = 60;
constexpr size_t kViolationsShown = 10;
constexpr size_t kLastWordsMax = 4096;

int Worse(int a, int b) {
  constexpr std::array<int, 4> kOrder = {kClean, kStale, kFound, kWrongUse};
  const auto rank = [&](int result) {
    return std::find(kOrder.begin(), kOrder.end(), result);
  };
  return rank(a) < rank(b) ? b : a;
}

// In this process, where a debugger finds it.
SweepResult RunHere(const Sweep& sweep) {
  SweepResult result;
  result.history = sweep.scenario->run(
      {sweep.seeds.first, sweep.faults, sweep.trace, nullptr});
  result.totals.Add(result.history);
  if (!result.history.violations.empty()) result.seed = sweep.seeds.first;
  return result;
}

// Names stand in files and command lines.
absl::Status CheckNames(const std::vector<Scenario>& scenarios) {
  std::set<std::string> names;
  for (const Scenario& scenario : scenarios) {
    const std::string& name = scenario.name;
    if (name.empty() || name[0] == '-' ||
        name.find_first_of(" \t\r\n#/") != name.npos) {
      return absl::InvalidArgumentError(
          absl::StrCat("a scenario is called '", name,
                       "'; a name must be one word, without "
                       "'#' and '/', that does not begin with '-'"));
    }
    if (!names.insert(name).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("two scenarios are called '", name, "'"));
    }
  }
  return absl::OkStatus();
}

void Print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

class SimProgram {
 public:
  SimProgram(std::string name, const std::vector<Scenario>& scenarios,
             const PlantedBugs& bugs)
      : name_(std::move(name)), scenarios_(scenarios), bugs_(bugs) {}

  int Main(const std::vector<std::string>& arguments) {
    const int result = Do(arguments);
    if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return result;
    return Refuse(absl::UnavailableError("cannot write all to stdout"));
  }

 private:
  int Do(const std::vector<std::string>& arguments) {
    const absl::Status named = CheckNames(scenarios_);
    if (!named.ok()) return Refuse(named);
    absl::StatusOr<SimFlags> flags =
        ParseSimFlags(arguments, scenarios_, bugs_);
    if (!flags.ok()) {
      Complain(flags.status());
      std::fputs(SimUsage(name_, !bugs_.bugs.empty()).c_str(), stderr);
      return kWrongUse;
    }
    flags_ = *std::move(flags);
    if (flags_.help) Print(SimHelp(name_, !bugs_.bugs.empty()));
    if (flags_.list) {
      for (const Scenario& scenario : scenarios_) Print(scenario.name + "\n");
    }
    if (flags_.list_bugs) {
      for (const PlantedBugs::Bug& bug : bugs_.bugs) Print(bug.name + "\n");
    }
    if (flags_.help || flags_.list || flags_.list_bugs) return kClean;
    const absl::Status writable =
        flags_.out.empty() ? absl::OkStatus() : CheckWritable(flags_.out);
    if (!writable.ok()) return Refuse(writable);
    const absl::Status made =
        flags_.scripts.empty() ? absl::OkStatus() : MakeFolder(flags_.scripts);
    if (!made.ok()) return Refuse(made);
    if (!flags_.replay.empty()) return ReplayAll();
    if (!flags_.bug.empty()) return FindBug();
    return SweepSeeds(flags_.seeds.value_or(SeedRange()));
  }

  void Complain(const absl::Status& status) const {
    std::fputs(absl::StrCat(name_, ": ", status.message(), "\n").c_str(),
               stderr);
  }

  int Refuse(const absl::Status& status) const {
    Complain(status);
    return kWrongUse;
  }

  const Scenario* Find(const std::string& name) const {
    for (const Scenario& scenario : scenarios_) {
      if (scenario.name == name) return &scenario;
    }
    return nullptr;
  }

  const PlantedBugs::Bug* FindPlanted(const std::string& name) const {
    for (const PlantedBugs::Bug& bug : bugs_.bugs) {
      if (bug.name == name) return &bug;
    }
    return nullptr;
  }

  // REQUIRES: there is this bug, or `bug` is empty: none.
  void Plant(const std::string& bug) const {
    if (bugs_.activate != nullptr) bugs_.activate(bug);
  }

  Sweep SweepOf(const Scenario& scenario, SeedRange seeds) const {
    Sweep sweep;
    sweep.scenario = &scenario;
    sweep.seeds = seeds;
    sweep.limit = flags_.limit;
    sweep.jobs = flags_.jobs.value_or(1);
    return sweep;
  }

  Sweep SweepOf(const Scenario& scenario, const Replay& replay) const {
    Sweep sweep = SweepOf(scenario, SeedRange{replay.seed, replay.seed});
    sweep.faults = replay.faults;
    return sweep;
  }

  int SweepSeeds(SeedRange seeds) {
    const Scenario& scenario = *Find(flags_.scenario);
    if (seeds.first == seeds.last) {
      return RunOne(scenario, {scenario.name, seeds.first, {}, ""});
    }
    const absl::StatusOr<SweepResult> result = Run(SweepOf(scenario, seeds));
    if (!result.ok()) return Refuse(result.status());
    const std::optional<uint64_t> failed = result->seed;
    if (!failed.has_value()) {
      Print(absl::StrCat(scenario.name, ": ", result->totals.ToString()));
      return kClean;
    }
    const Replay replay = {scenario.name, *failed, {}, ""};
    return ReportFailureOf(scenario, replay, *result);
  }

  // Of one that has failed among others: as it is when it runs alone. Those
  // that hang would take as long again.
  int ReportFailureOf(const Scenario& scenario, const Replay& replay,
                      const SweepResult& result) {
    return result.late && flags_.scripts.empty()
               ? ReportFailure(scenario, replay, result)
               : RunOne(scenario, replay, &result);
  }

  // With scripts and a trace, if they are asked for.
  absl::StatusOr<SweepResult> RunAlone(const Scenario& scenario,
                                       const Replay& replay) {
    absl::Status made =
        MakeScriptFolder(flags_.scripts, scenario.name, replay.seed);
    if (!made.ok()) return made;
    const Scenario writing = WritingScripts(scenario, flags_.scripts);
    Sweep sweep = SweepOf(writing, replay);
    sweep.trace = flags_.trace && !flags_.shrink;
    return flags_.here ? RunHere(sweep) : Run(sweep);
  }

  // `before`: it has failed, among others.
  int RunOne(const Scenario& scenario, const Replay& replay,
             const SweepResult* before = nullptr) {
    const absl::StatusOr<SweepResult> result = RunAlone(scenario, replay);
    if (!result.ok()) {
      if (before != nullptr) Print(Describe(replay, *before));
      return Refuse(result.status());
    }
    if (result->seed.has_value()) {
      if (!result->died) Say(result->said);
      if (before != nullptr && PropertyOf(*before) != PropertyOf(*result)) {
        Print(absl::StrCat("among others it failed otherwise: ",
                           before->history.violations.list().front(), "\n"));
      }
      return ReportFailure(scenario, replay, *result);
    }
    if (before != nullptr) {
      Print(absl::StrCat(
          Describe(replay, *before),
          "and not when it was run again: not its seed alone decides\n"));
      return kFound;
    }
    const std::string stale = StaleFaults(replay, result->history);
    Print(absl::StrCat(result->history.trace, scenario.name, ": ",
                       result->totals.ToString(), stale));
    return stale.empty() ? kClean : kStale;
  }

  // First as it is, and kept: shrinking may take long, or be ended.
  int ReportFailure(const Scenario& scenario, Replay replay,
                    const SweepResult& result) {
    const bool untraced = result.died && flags_.trace;
    Print(absl::StrCat(result.history.trace, Describe(replay, result),
                       untraced ? "there is no trace of what died; --scripts "
                                  "shows what was done until then\n"
                                : "",
                       result.died ? "" : StaleFaults(replay, result.history),
                       flags_.shrink ? "" : Again(replay, result)));
    kept_.push_back(replay);
    const absl::Status kept = Keep();
    if (!kept.ok()) return Refuse(kept);
    if (!flags_.shrink) return kFound;
    std::fflush(stdout);
    Sweep sweep = SweepOf(scenario, replay);
    sweep.trace = flags_.trace;
    const Shrunk shrunk = Shrink(sweep, result);
    replay.faults = shrunk.faults;
    Print(absl::StrCat("shrunk in ", shrunk.runs, " runs",
                       shrunk.complete ? "" : ", and given up there", ":\n",
                       shrunk.result.history.trace, Describe(shrunk.result),
                       "to see it again:\n", ToString({replay})));
    kept_.back() = std::move(replay);
    const absl::Status kept_again = Keep();
    if (!kept_again.ok()) return Refuse(kept_again);
    if (flags_.scripts.empty()) return kFound;
    const auto written = RunAlone(scenario, kept_.back());
    if (!written.ok()) return Refuse(written.status());
    Say(written->said);
    return kFound;
  }

  std::string Again(const Replay& replay, const SweepResult& result) const {
    if (!replay.faults.empty()) return "";
    return absl::StrCat("again: ", name_, " ",
                        replay.bug.empty() ? replay.scenario
                                           : absl::StrCat("--bug ", replay.bug),
                        " --seeds ", replay.seed,
                        result.died && replay.bug.empty()
                            ? " --here\n"
                            : " --shrink --trace\n");
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

  static std::string Describe(const Replay& replay, const SweepResult& result) {
    return absl::StrCat("FAILED: scenario ", replay.scenario, ", seed ",
                        replay.seed, "\n", Describe(result));
  }

  static std::string Describe(const SweepResult& result) {
    const History& history = result.history;
    std::string text = absl::StrCat(
        history.configuration, history.configuration.empty() ? "" : "\n",
        FirstOf(history.violations), result.died ? LastOf(result.said) : "",
        history.faults.size(),
        history.faults.size() == 1 ? " fault" : " faults", " struck",
        history.faults.empty() ? "\n" : ":\n");
    for (size_t i = 0; i < history.faults.size() && i < kFaultsShown; ++i) {
      absl::StrAppend(&text, "  ", history.faults[i].text, "\n");
    }
    if (history.faults.size() > kFaultsShown) {
      absl::StrAppend(&text, "  and ", history.faults.size() - kFaultsShown,
                      " more\n");
    }
    return text;
  }

  static void Say(const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), stderr);
  }

  // The last words of a process, as whole lines.
  static std::string LastOf(std::string said) {
    if (!said.empty() && said.back() != '\n') said += '\n';
    if (said.size() <= kLastWordsMax) return said;
    return said.substr(said.find('\n', said.size() - kLastWordsMax - 1) + 1);
  }

  // All failures so far: for the next time.
  absl::Status Keep() const {
    if (flags_.out.empty()) return absl::OkStatus();
    const absl::Status written = WriteReplays(flags_.out, kept_);
    if (written.ok()) {
      Print(absl::StrCat("kept: ", name_, " --replay ", flags_.out, "\n"));
    }
    return written;
  }

  // All histories of the file, or those of one scenario.
  int ReplayAll() {
    absl::StatusOr<std::vector<Replay>> replays = ReadReplays(flags_.replay);
    if (!replays.ok()) return Refuse(replays.status());
    const auto is_other = [this](const Replay& replay) {
      return !flags_.scenario.empty() && replay.scenario != flags_.scenario;
    };
    replays->erase(std::remove_if(replays->begin(), replays->end(), is_other),
                   replays->end());
    if (replays->empty()) {
      return Refuse(absl::NotFoundError(absl::StrCat(
          flags_.replay, ": there is no history of ", flags_.scenario)));
    }
    for (Replay& replay : *replays) {
      const std::string why = WhyNotReplayed(replay);
      if (!why.empty()) {
        return Refuse(
            absl::NotFoundError(absl::StrCat(flags_.replay, ": ", why)));
      }
      if (replay.bug.empty()) replay.bug = flags_.bug;
    }
    int worst = kClean;
    for (const Replay& replay : *replays) {
      Plant(replay.bug);
      worst = Worse(worst, RunOne(*Find(replay.scenario), replay));
      Plant("");
      if (worst == kWrongUse) break;
    }
    return worst;
  }

  std::string WhyNotReplayed(const Replay& replay) const {
    const std::string history =
        absl::StrCat("history ", replay.scenario, " ", replay.seed);
    if (Find(replay.scenario) == nullptr) {
      return absl::StrCat("there is no scenario '", replay.scenario,
                          "'; there are: ", NamesOf(scenarios_));
    }
    if (replay.bug.empty()) return "";
    if (FindPlanted(replay.bug) == nullptr) {
      return absl::StrCat(history, " was made with the bug '", replay.bug,
                          "', which is not in this program");
    }
    if (!flags_.bug.empty() && flags_.bug != replay.bug) {
      return absl::StrCat(history, " was made with the bug '", replay.bug,
                          "', not with '", flags_.bug, "'");
    }
    return "";
  }

  int FindBug() {
    const PlantedBugs::Bug& bug = *FindPlanted(flags_.bug);
    TRIVET_INVARIANT(Find(bug.scenario) != nullptr && bug.histories_max > 0,
                     "a planted bug names a scenario and a limit");
    const Scenario& scenario = *Find(bug.scenario);
    const SeedRange seeds =
        flags_.seeds.value_or(SeedRange{0, bug.histories_max - 1});
    Plant(bug.name);
    const absl::StatusOr<SweepResult> with = Run(SweepOf(scenario, seeds));
    Plant("");
    if (!with.ok()) return Refuse(with.status());
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
    const absl::StatusOr<SweepResult> without =
        Run(SweepOf(scenario, SeedRange{seed, seed}));
    if (!without.ok()) return Refuse(without.status());
    if (without->seed.has_value()) {
      return not_found(absl::StrCat("; without it seed ", seed, " fails too\n",
                                    FirstOf(without->history.violations)));
    }
    Print(absl::StrCat("found ", bug.name, " after ", seed - seeds.first + 1,
                       " histories (seed ", seed, ")\n",
                       with->history.violations.list().front(), "\n",
                       with->died ? LastOf(with->said) : ""));
    if (flags_.shrink || flags_.trace || !flags_.out.empty() ||
        !flags_.scripts.empty()) {
      Plant(bug.name);
      const int shown =
          ReportFailureOf(scenario, {scenario.name, seed, {}, bug.name}, *with);
      Plant("");
      return shown == kWrongUse ? shown : kClean;
    }
    return kClean;
  }

  const std::string name_;
  const std::vector<Scenario>& scenarios_;
  const PlantedBugs& bugs_;
  SimFlags flags_;
  std::vector<Replay> kept_;  // What has failed.
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
