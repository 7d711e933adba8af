// SPDX-License-Identifier: Apache-2.0

#include "src/testing/replay_file.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
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

// Line by line. Errors say what is wrong, without the line's number.
class ReplayParser {
 public:
  absl::Status Add(absl::string_view line) {
    std::vector<std::string> words =
        absl::StrSplit(line, absl::ByAnyChar(" \t\r"), absl::SkipEmpty());
    if (words.empty()) return absl::OkStatus();
    line_ = std::string(line);
    const std::string verb = words.front();
    words.erase(words.begin());
    if (verb == "history") return Begin(words);
    if (verb != "off" && verb != "keep" && verb != "mute" && verb != "bug" &&
        verb != "end") {
      return Wrong("it must begin with history, bug, off, keep, mute or end");
    }
    if (!open_) return Wrong("a line with 'history' must come first");
    if (verb == "end") {
      if (!words.empty()) return Wrong("'end' stands alone");
      open_ = false;
      return absl::OkStatus();
    }
    if (verb == "bug") return AddBug(words);
    return verb == "off" ? TurnOff(words) : Name(words, verb == "keep");
  }

  // Of the whole.
  absl::Status Finish() const {
    if (replays_.empty()) {
      return absl::InvalidArgumentError("there is no line with 'history'");
    }
    if (!open_) return absl::OkStatus();
    return Wrong("the last line must be 'end'; the file was cut short");
  }

  std::vector<Replay> Take() { return std::move(replays_); }

 private:
  absl::Status Wrong(absl::string_view why) const {
    return absl::InvalidArgumentError(absl::StrCat("'", line_, "': ", why));
  }

  absl::Status Begin(const std::vector<std::string>& words) {
    Replay replay;
    if (words.size() != 2 || !absl::SimpleAtoi(words[1], &replay.seed)) {
      return Wrong("it must be 'history SCENARIO SEED'");
    }
    replay.scenario = words[0];
    replays_.push_back(std::move(replay));
    open_ = true;
    return absl::OkStatus();
  }

  absl::Status AddBug(const std::vector<std::string>& words) {
    Replay& replay = replays_.back();
    if (words.size() != 1) return Wrong("it must be 'bug NAME'");
    if (!replay.bug.empty()) return Wrong("a history has one bug at most");
    replay.bug = words[0];
    return absl::OkStatus();
  }

  absl::Status TurnOff(const std::vector<std::string>& words) {
    if (words.size() != 1 || !FaultOptions().TurnOff(words[0])) {
      return Wrong("there is no such class in FaultOptions");
    }
    replays_.back().faults.off.push_back(words[0]);
    return absl::OkStatus();
  }

  absl::Status Name(const std::vector<std::string>& words, bool keeps) {
    FaultFilter& faults = replays_.back().faults;
    if (keeps ? !faults.muted.empty() : faults.kept.has_value()) {
      return Wrong("a history either keeps faults or mutes them");
    }
    if (keeps && !faults.kept) faults.kept.emplace();
    if (keeps && words == std::vector<std::string>{"none"}) {
      return absl::OkStatus();
    }
    if (!LooksLikeFault(words)) {
      return Wrong("a fault is its class, its place and a number");
    }
    std::string id = absl::StrJoin(words, " ");
    (keeps ? *faults.kept : faults.muted).push_back(std::move(id));
    return absl::OkStatus();
  }

  std::vector<Replay> replays_;
  bool open_ = false;  // No 'end' yet.
  std::string line_;   // The latest that says something.
};

std::string ToString(const Replay& replay) {
  std::string text =
      absl::StrCat("history ", replay.scenario, " ", replay.seed, "\n");
  if (!replay.bug.empty()) absl::StrAppend(&text, "bug ", replay.bug, "\n");
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

absl::Status Cannot(absl::string_view what, const std::string& path) {
  const absl::Status why =
      absl::ErrnoToStatus(errno, absl::StrCat("cannot ", what, " ", path));
  return absl::UnavailableError(why.message());
}

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

}  // namespace

absl::StatusOr<std::vector<Replay>> ParseReplays(std::string_view text) {
  ReplayParser parser;
  size_t number = 0;
  size_t last = 1;  // That says something.
  const auto at = [](size_t line, const absl::Status& wrong) {
    return absl::InvalidArgumentError(
        absl::StrCat("line ", line, ": ", wrong.message()));
  };
  for (absl::string_view line : absl::StrSplit(Sv(text), '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line.substr(0, line.find('#')));
    if (!line.empty()) last = number;
    const absl::Status added = parser.Add(line);
    if (!added.ok()) return at(number, added);
  }
  const absl::Status whole = parser.Finish();
  if (!whole.ok()) return at(last, whole);
  return parser.Take();
}

std::string ToString(const std::vector<Replay>& replays) {
  std::string text;
  for (const Replay& replay : replays) text += ToString(replay);
  return text + "end\n";
}

absl::StatusOr<std::vector<Replay>> ReadReplays(const std::string& path) {
  const File file(std::fopen(path.c_str(), "re"));
  if (file == nullptr) return Cannot("read", path);
  std::string text;
  std::array<char, 4096> buffer;
  while (std::feof(file.get()) == 0 && std::ferror(file.get()) == 0) {
    text.append(buffer.data(),
                std::fread(buffer.data(), 1, buffer.size(), file.get()));
  }
  if (std::ferror(file.get()) != 0) return Cannot("read", path);
  absl::StatusOr<std::vector<Replay>> replays = ParseReplays(text);
  if (replays.ok()) return replays;
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": ", replays.status().message()));
}

absl::Status WriteReplays(const std::string& path,
                          const std::vector<Replay>& replays) {
  // A file changes at once or not at all; a terminal or a link, say, cannot.
  std::error_code error;
  const auto found = std::filesystem::symlink_status(path, error);
  const bool is_file = std::filesystem::is_regular_file(found) ||
                       !std::filesystem::exists(found);
  const std::string to = is_file ? path + ".trivet-new" : path;
  File file(std::fopen(to.c_str(), "we"));
  if (file == nullptr) return Cannot("write", to);
  const std::string text = ToString(replays);
  const bool wrote =
      std::fwrite(text.data(), 1, text.size(), file.get()) == text.size();
  if (std::fclose(file.release()) != 0 || !wrote) return Cannot("write", to);
  if (is_file && std::rename(to.c_str(), path.c_str()) != 0) {
    return Cannot("write", path);
  }
  return absl::OkStatus();
}

absl::Status CheckWritable(const std::string& path) {
  File file(std::fopen(path.c_str(), "wxe"));  // It is new, or this fails.
  if (file != nullptr) {
    std::remove(path.c_str());
    return absl::OkStatus();
  }
  if (errno == EEXIST) file.reset(std::fopen(path.c_str(), "ae"));
  return file != nullptr ? absl::OkStatus() : Cannot("write", path);
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
