// SPDX-License-Identifier: Apache-2.0

#include "src/testing/sim_flags.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "src/internal/strings.h"
#include "trivet/testing/sim_main.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {
namespace {

using testing::PlantedBugs;
using testing::Scenario;

constexpr uint64_t kJobsMax = 256;

absl::Status Wrong(std::string_view what) {
  return absl::InvalidArgumentError(Sv(what));
}

// Only digits: absl::SimpleAtoi also takes blanks and signs.
bool ParseNumber(std::string_view text, uint64_t* number) {
  return !text.empty() && text.find_first_not_of("0123456789") == text.npos &&
         absl::SimpleAtoi(Sv(text), number);
}

absl::Status ParseJobs(const std::string& text, std::optional<uint64_t>* jobs) {
  uint64_t number = 0;
  if (ParseNumber(text, &number) && number >= 1 && number <= kJobsMax) {
    *jobs = number;
    return absl::OkStatus();
  }
  return Wrong(
      absl::StrCat("--jobs is '", text, "'; it must be in 1..", kJobsMax));
}

absl::Status ParseLimit(const std::string& text, absl::Duration* limit) {
  if (absl::ParseDuration(text, limit) && *limit > absl::ZeroDuration()) {
    return absl::OkStatus();
  }
  return Wrong(absl::StrCat("--limit is '", text,
                            "'; it must be a time above 0 as 90s or 2m, or "
                            "inf"));
}

absl::Status CheckNames(const SimFlags& flags,
                        const std::vector<Scenario>& scenarios,
                        const PlantedBugs& bugs) {
  const auto is_named = [](const std::string& name) {
    return [&name](const auto& one) { return one.name == name; };
  };
  if (!flags.scenario.empty() &&
      std::none_of(scenarios.begin(), scenarios.end(),
                   is_named(flags.scenario))) {
    return Wrong(absl::StrCat("there is no scenario '", flags.scenario,
                              "'; there are: ", NamesOf(scenarios)));
  }
  if (!flags.bug.empty() &&
      std::none_of(bugs.bugs.begin(), bugs.bugs.end(), is_named(flags.bug))) {
    return Wrong(absl::StrCat("there is no bug '", flags.bug,
                              "'; --list-bugs lists those that there are"));
  }
  return absl::OkStatus();
}

// What goes with what.
absl::Status CheckTogether(const SimFlags& flags,
                           const std::vector<Scenario>& scenarios) {
  if (flags.help || flags.list || flags.list_bugs) return absl::OkStatus();
  const bool replays = !flags.replay.empty();
  const bool searches = !flags.bug.empty() && !replays;
  if (replays && flags.seeds.has_value()) {
    return Wrong(
        "--replay and --seeds do not go together: the file names the "
        "seeds");
  }
  if (replays && flags.jobs.has_value()) {
    return Wrong("--replay and --jobs do not go together: one runs at a time");
  }
  std::error_code error;
  if (replays && !flags.out.empty() &&
      std::filesystem::equivalent(flags.replay, flags.out, error)) {
    return Wrong(
        "--replay and --out are one file: histories that pass now would be "
        "gone");
  }
  if (searches && !flags.scenario.empty()) {
    return Wrong(absl::StrCat("--bug names its scenario itself: leave out ",
                              flags.scenario));
  }
  if (flags.here && !replays &&
      (searches || !flags.seeds || flags.seeds->first != flags.seeds->last)) {
    return Wrong("--here runs one history: one seed, or --replay");
  }
  if (replays || searches) return absl::OkStatus();
  if (flags.scenario.empty()) {
    return Wrong(
        absl::StrCat("no scenario is named; there are: ", NamesOf(scenarios)));
  }
  if (!flags.seeds.has_value()) {
    return Wrong("--seeds is missing; it must be FIRST-LAST, or one number");
  }
  return absl::OkStatus();
}

// An option that stands alone; nullptr: it is none.
bool* SwitchOf(const std::string& name, bool with_bugs, SimFlags* flags) {
  if (name == "--help") return &flags->help;
  if (name == "--list") return &flags->list;
  if (name == "--shrink") return &flags->shrink;
  if (name == "--trace") return &flags->trace;
  if (name == "--here") return &flags->here;
  if (name == "--list-bugs" && with_bugs) return &flags->list_bugs;
  return nullptr;
}

bool TakesValue(const std::string& name, bool with_bugs) {
  return name == "--seeds" || name == "--jobs" || name == "--replay" ||
         name == "--out" || name == "--scripts" || name == "--limit" ||
         (name == "--bug" && with_bugs);
}

absl::Status SetValue(const std::string& name, const std::string& value,
                      SimFlags* flags) {
  if (value.empty() || value.substr(0, 2) == "--") {
    return Wrong(absl::StrCat("nothing stands behind ", name));
  }
  if (name == "--jobs") return ParseJobs(value, &flags->jobs);
  if (name == "--limit") return ParseLimit(value, &flags->limit);
  if (name == "--seeds") {
    const absl::StatusOr<SeedRange> seeds = ParseSeeds(value);
    if (seeds.ok()) flags->seeds = *seeds;
    return seeds.status();
  }
  std::string& text = name == "--replay"    ? flags->replay
                      : name == "--out"     ? flags->out
                      : name == "--scripts" ? flags->scripts
                                            : flags->bug;
  text = value;
  return absl::OkStatus();
}

}  // namespace

std::string NamesOf(const std::vector<Scenario>& scenarios) {
  std::string names;
  for (const Scenario& scenario : scenarios) {
    absl::StrAppend(&names, names.empty() ? "" : ", ", scenario.name);
  }
  return names;
}

absl::StatusOr<SeedRange> ParseSeeds(std::string_view text) {
  SeedRange seeds;
  const size_t dash = text.find('-');
  const std::string_view last =
      dash == text.npos ? text : text.substr(dash + 1);
  if (!ParseNumber(text.substr(0, dash), &seeds.first) ||
      !ParseNumber(last, &seeds.last)) {
    return Wrong(absl::StrCat("--seeds is '", Sv(text),
                              "'; it must be FIRST-LAST, or one number, of 0..",
                              UINT64_MAX));
  }
  if (seeds.first > seeds.last) {
    return Wrong(absl::StrCat("--seeds is '", Sv(text), "'; ", seeds.first,
                              " must not be above ", seeds.last));
  }
  return seeds;
}

absl::StatusOr<SimFlags> ParseSimFlags(
    const std::vector<std::string>& arguments,
    const std::vector<Scenario>& scenarios, const PlantedBugs& bugs) {
  const bool with_bugs = !bugs.bugs.empty();
  SimFlags flags;
  std::set<std::string> given;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& name = arguments[i];
    if (name.empty() || name[0] != '-') {
      if (!flags.scenario.empty()) {
        return Wrong(absl::StrCat("'", name,
                                  "' is one scenario too many, after '",
                                  flags.scenario, "'"));
      }
      flags.scenario = name;
      continue;
    }
    if (!given.insert(name).second) {
      return Wrong(absl::StrCat(name, " stands there twice"));
    }
    if (bool* const is_on = SwitchOf(name, with_bugs, &flags)) {
      *is_on = true;
    } else if (TakesValue(name, with_bugs)) {
      ++i;
      absl::Status set =
          SetValue(name, i < arguments.size() ? arguments[i] : "", &flags);
      if (!set.ok()) return set;
    } else {
      return Wrong(absl::StrCat("there is no option '", name, "'"));
    }
  }
  if (flags.here && given.count("--limit") > 0) {
    return Wrong("--here and --limit do not go together: nobody would end it");
  }
  absl::Status sound = CheckNames(flags, scenarios, bugs);
  if (sound.ok()) sound = CheckTogether(flags, scenarios);
  if (!sound.ok()) return sound;
  return flags;
}

std::string SimUsage(std::string_view program, bool with_bugs) {
  const auto name = Sv(program);
  return absl::StrCat(
      "usage: ", name, " SCENARIO --seeds FIRST-LAST [--jobs N] [OPTION]...\n",
      "       ", name, " [SCENARIO] --replay FILE [OPTION]...\n", "       ",
      name, " --list | --help\n",
      with_bugs ? absl::StrCat("       ", name,
                               " --bug NAME [--seeds FIRST-LAST] [--jobs N] ",
                               "[OPTION]...\n       ", name,
                               " --bug NAME --replay FILE [OPTION]...\n",
                               "       ", name, " --list-bugs\n")
                : "");
}

std::string SimHelp(std::string_view program, bool with_bugs) {
  return absl::StrCat(
      SimUsage(program, with_bugs),
      "\nRuns simulated histories, each in a child process, and reports the "
      "lowest seed\nthat fails, dies or hangs.\n\n"
      "  --seeds FIRST-LAST  these histories; one number: this one\n"
      "  --jobs N            in N processes; stdout is the same\n"
      "  --replay FILE       those of the file again, with the faults it says\n"
      "  --shrink            a failure with as few faults as still fail it; "
      "each\n"
      "                      try of one that hangs takes its --limit\n"
      "  --trace             everything that happened, of one history\n"
      "  --out FILE          failures are kept there, to be replayed; before\n"
      "                      they are shrunk, and after that; if none "
      "fails\n"
      "                      it is left as it is\n"
      "  --scripts FOLDER    what each coordinator and each participant was "
      "told\n"
      "                      and did, of one history, in FOLDER/SCENARIO-SEED\n"
      "  --limit TIME        a history that takes longer than this real time\n"
      "                      hangs; 60s unless told, inf: none\n"
      "  --here              one history in this process, for a debugger\n"
      "  --list              the scenarios, one a line\n",
      with_bugs
          ? "  --bug NAME          a planted bug is there, and to be found\n"
            "  --list-bugs         the planted bugs, one a line\n"
          : "",
      "\nExit status: 0 nothing was found; 1 a history failed; 2 the command "
      "line, a\nfile or a process could not be used; 3 nothing was found, but "
      "faults that a\nreplay file names no longer strike, so it shows "
      "nothing.\n",
      with_bugs ? "A search for a planted bug, --bug without --replay: 0 it "
                  "was found; 1 it was not.\n"
                : "");
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
