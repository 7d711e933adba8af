// SPDX-License-Identifier: Apache-2.0

#include "src/testing/sim_flags.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
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
  const bool plants = !flags.bug.empty();
  if (replays && flags.seeds.has_value()) {
    return Wrong(
        "--replay and --seeds do not go together: the file names the "
        "seeds");
  }
  if (replays && flags.jobs.has_value()) {
    return Wrong("--replay and --jobs do not go together: one runs at a time");
  }
  if (plants && (replays || !flags.scenario.empty())) {
    return Wrong(absl::StrCat("--bug names its scenario itself: leave out ",
                              replays ? "--replay" : flags.scenario));
  }
  if (replays || plants) return absl::OkStatus();
  if (flags.scenario.empty()) {
    return Wrong(
        absl::StrCat("no scenario is named; there are: ", NamesOf(scenarios)));
  }
  if (!flags.seeds.has_value()) {
    return Wrong("--seeds is missing; it must be FIRST-LAST, or one number");
  }
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
  SimFlags flags;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& name = arguments[i];
    if (name.empty() || name[0] != '-') {
      if (!flags.scenario.empty()) {
        return Wrong(absl::StrCat("'", name,
                                  "' is one scenario too many, after '",
                                  flags.scenario, "'"));
      }
      flags.scenario = name;
    } else if (name == "--help") {
      flags.help = true;
    } else if (name == "--list") {
      flags.list = true;
    } else if (name == "--list-bugs" && !bugs.bugs.empty()) {
      flags.list_bugs = true;
    } else if (name == "--shrink") {
      flags.shrink = true;
    } else if (name == "--trace") {
      flags.trace = true;
    } else if (name == "--seeds" || name == "--jobs" || name == "--replay" ||
               name == "--out" || name == "--scripts" ||
               (name == "--bug" && !bugs.bugs.empty())) {
      ++i;
      const std::string value = i < arguments.size() ? arguments[i] : "";
      if (value.empty()) {
        return Wrong(absl::StrCat("nothing stands behind ", name));
      }
      absl::Status parsed;
      if (name == "--seeds") {
        absl::StatusOr<SeedRange> seeds = ParseSeeds(value);
        parsed = seeds.status();
        if (parsed.ok()) flags.seeds = *seeds;
      } else if (name == "--jobs") {
        parsed = ParseJobs(value, &flags.jobs);
      } else {
        (name == "--replay"    ? flags.replay
         : name == "--out"     ? flags.out
         : name == "--scripts" ? flags.scripts
                               : flags.bug) = value;
      }
      if (!parsed.ok()) return parsed;
    } else {
      return Wrong(absl::StrCat("there is no option '", name, "'"));
    }
  }
  absl::Status sound = CheckNames(flags, scenarios, bugs);
  if (sound.ok()) sound = CheckTogether(flags, scenarios);
  if (!sound.ok()) return sound;
  return flags;
}

std::string SimUsage(std::string_view program, bool with_bugs) {
  const auto name = Sv(program);
  return absl::StrCat(
      "usage: ", name, " SCENARIO --seeds FIRST-LAST [--jobs N] [--shrink] ",
      "[--trace] [--out FILE] [--scripts FOLDER]\n       ", name,
      " [SCENARIO] --replay FILE [--shrink] [--trace] [--out FILE] ",
      "[--scripts FOLDER]\n       ", name, " --list\n",
      with_bugs
          ? absl::StrCat("       ", name,
                         " --bug NAME [--seeds FIRST-LAST] [--jobs N] ",
                         "[--shrink] [--trace] [--out FILE] ",
                         "[--scripts FOLDER]\n       ", name, " --list-bugs\n")
          : "");
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
