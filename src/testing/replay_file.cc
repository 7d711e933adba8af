// SPDX-License-Identifier: Apache-2.0

#include "src/testing/replay_file.h"

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "src/internal/strings.h"
#include "trivet/testing/fault_options.h"
#include "trivet/testing/history.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {
namespace {

using testing::FaultFilter;
using testing::FaultOptions;
using testing::History;
using testing::SimFault;

// "crash bank 17": a class, a place, an ordinal.
bool LooksLikeFault(const std::vector<std::string>& words) {
  uint64_t ordinal = 0;
  return words.size() >= 3 && absl::SimpleAtoi(words.back(), &ordinal);
}

// One line, with blanks as they may be, into `replays`. The error says why not.
absl::Status ParseLine(absl::string_view line, std::vector<Replay>* replays) {
  std::vector<std::string> words =
      absl::StrSplit(line, absl::ByAnyChar(" \t\r"), absl::SkipEmpty());
  if (words.empty()) return absl::OkStatus();
  const std::string verb = words.front();
  words.erase(words.begin());
  const auto wrong = [&](absl::string_view why) {
    return absl::InvalidArgumentError(absl::StrCat("'", line, "': ", why));
  };
  if (verb == "history") {
    Replay replay;
    if (words.size() != 2 || !absl::SimpleAtoi(words[1], &replay.seed)) {
      return wrong("it must be 'history SCENARIO SEED'");
    }
    replay.scenario = words[0];
    replays->push_back(std::move(replay));
    return absl::OkStatus();
  }
  if (verb != "off" && verb != "keep" && verb != "mute") {
    return wrong("it must begin with history, off, keep or mute");
  }
  if (replays->empty()) return wrong("a line with 'history' must come first");
  FaultFilter& faults = replays->back().faults;
  if (verb == "off") {
    if (words.size() != 1 || !FaultOptions().TurnOff(words[0])) {
      return wrong("there is no such class in FaultOptions");
    }
    faults.off.push_back(words[0]);
    return absl::OkStatus();
  }
  const bool keeps = verb == "keep";
  if (keeps ? !faults.muted.empty() : faults.kept.has_value()) {
    return wrong("a history either keeps faults or mutes them");
  }
  if (keeps && !faults.kept) faults.kept.emplace();
  if (keeps && words == std::vector<std::string>{"none"}) {
    return absl::OkStatus();
  }
  if (!LooksLikeFault(words)) {
    return wrong("a fault is its class, its place and a number");
  }
  std::string id = absl::StrJoin(words, " ");
  (keeps ? *faults.kept : faults.muted).push_back(std::move(id));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<Replay>> ParseReplays(std::string_view text) {
  std::vector<Replay> replays;
  size_t number = 0;
  for (absl::string_view line : absl::StrSplit(Sv(text), '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line.substr(0, line.find('#')));
    const absl::Status parsed = ParseLine(line, &replays);
    if (!parsed.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", number, ": ", parsed.message()));
    }
  }
  if (replays.empty()) {
    return absl::InvalidArgumentError("there is no line with 'history'");
  }
  return replays;
}

std::string ToString(const Replay& replay) {
  std::string text =
      absl::StrCat("history ", replay.scenario, " ", replay.seed, "\n");
  for (const std::string& name : replay.faults.off) {
    absl::StrAppend(&text, "off ", name, "\n");
  }
  for (const std::string& id : replay.faults.muted) {
    absl::StrAppend(&text, "mute ", id, "\n");
  }
  if (!replay.faults.kept.has_value()) return text;
  for (const std::string& id : *replay.faults.kept) {
    absl::StrAppend(&text, "keep ", id, "\n");
  }
  if (replay.faults.kept->empty()) text += "keep none\n";
  return text;
}

absl::StatusOr<std::vector<Replay>> ReadReplays(const std::string& path) {
  std::ifstream file(path);
  const std::string text((std::istreambuf_iterator<char>(file)),
                         std::istreambuf_iterator<char>());
  if (!file || file.bad()) {
    return absl::UnavailableError(absl::StrCat("cannot read ", path));
  }
  absl::StatusOr<std::vector<Replay>> replays = ParseReplays(text);
  if (replays.ok()) return replays;
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": ", replays.status().message()));
}

absl::Status WriteReplay(const std::string& path, const Replay& replay) {
  std::ofstream file(path);
  file << ToString(replay);
  file.close();
  if (file) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("cannot write ", path));
}

std::string StaleFaults(const Replay& replay, const History& history) {
  std::set<std::string> there(history.left_out.begin(), history.left_out.end());
  for (const SimFault& fault : history.faults) there.insert(fault.id);
  std::vector<std::string> named = replay.faults.muted;
  if (replay.faults.kept.has_value()) named = *replay.faults.kept;
  std::string text;
  for (const std::string& id : named) {
    if (there.count(id) > 0) continue;
    absl::StrAppend(&text, "no longer there: ", id, "\n");
  }
  return text;
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
