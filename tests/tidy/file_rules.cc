// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/tidy/outline.h"
#include "tests/tidy/rules.h"
#include "tests/tidy/source.h"

namespace trivet {
namespace tidy {
namespace {

constexpr size_t kPublicHeaderLinesMax = 200;
constexpr size_t kSourceLinesMax = 600;
constexpr size_t kFunctionLinesMax = 70;

bool StartsWith(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

bool Contains(std::string_view text, std::string_view part) {
  return text.find(part) != text.npos;
}

bool IsLibrary(const Source& source) {
  return source.IsCpp() && (source.IsBelow("include") || source.IsBelow("src"));
}

// The room that a path below include/ or src/, or the name of an include,
// belongs to: "ring", "adapters/file", "config"; empty for everything else.
std::string RoomOf(std::string path) {
  static const std::regex in_room(
      R"((include/)?(trivet|src)/((adapters/)?\w+)[/.].*)");
  std::smatch match;
  return std::regex_match(path, match, in_room) ? match[3].str() : "";
}

// Finds any of `words`, which are regular expressions, in the code.
Violations FindWords(const Source& source, const std::string& text,
                     const std::vector<std::string>& words,
                     const std::string& why) {
  Violations violations;
  for (const std::string& word : words) {
    ForEachMatch(text, word, [&](size_t offset, const std::string& match) {
      violations.push_back(
          {source.path, LineOf(text, offset), "'" + match + "': " + why});
    });
  }
  return violations;
}

// --- Includes ----------------------------------------------------------------

// Who may enter whom. "internal" and the own room are open to every room.
bool RoomMayInclude(const std::string& room, const std::string& header) {
  static const std::map<std::string, std::set<std::string>> open = {
      {"host", {}},      {"internal", {"host"}},
      {"ring", {}},      {"lock", {"host"}},
      {"txn", {"host"}}, {"testing", {"host", "ring", "lock", "txn"}},
  };
  const std::string target = RoomOf(header);
  if (target == room || target == "internal" || target == "config") return true;
  if (room == "cli") return true;
  if (StartsWith(room, "adapters/")) {
    // Of the modules, what a host implements: never a driver or a machine.
    static const std::set<std::string> interfaces = {
        "trivet/lock/fencing_token.h", "trivet/lock/lock_backend.h",
        "trivet/lock/lock_observer.h", "trivet/txn/resource.h",
        "trivet/txn/transaction.h",    "trivet/txn/txn_observer.h"};
    // adapters/net is for all that talk to a server.
    return target == "host" || target == "adapters/net" ||
           interfaces.count(header) > 0;
  }
  const auto found = open.find(room);
  return found != open.end() && found->second.count(target) > 0;
}

// Which foreign headers a room may include, besides abseil's and the C++
// standard library's.
bool RoomMayIncludeForeign(const Source& source, const std::string& room,
                           const Include& include) {
  if (room == "cli" || StartsWith(room, "adapters/")) return true;
  if (room == "ring") {  // And what a compiler brings for its processor.
    return include.name == "xxhash.h" || include.name == "emmintrin.h" ||
           include.name == "arm_neon.h";
  }
  if (room == "testing" && (Contains(source.path, "/conformance/") ||
                            Contains(source.path, "/status_matchers") ||
                            Contains(source.path, "/benchmarks/"))) {
    return StartsWith(include.name, "gtest/") ||
           StartsWith(include.name, "gmock/") ||
           StartsWith(include.name, "benchmark/");
  }
  // The system's own, such as <unistd.h>: for what talks to the kernel.
  return room == "internal" && !include.quoted;
}

std::string WhyNotIncluded(const Source& source, const Include& include) {
  const std::string& name = include.name;
  const std::string room = RoomOf(source.path);
  const bool ours = StartsWith(name, "trivet/") || StartsWith(name, "src/");
  if (ours && !include.quoted) return "our own headers stand in quotes";
  if (ours) {
    if (source.IsPublicHeader() && StartsWith(name, "src/")) {
      return "a public header includes no private one";
    }
    return RoomMayInclude(room, name) ? "" : room + " may not enter that room";
  }
  if (StartsWith(name, "tests/")) return "the library does not know its tests";
  if (StartsWith(name, "absl/")) return "";
  const bool standard = !include.quoted && !Contains(name, ".");
  if (standard || RoomMayIncludeForeign(source, room, include)) return "";
  return room + " stands on abseil and the standard library only";
}

}  // namespace

Violations CheckSizes(const Source& source) {
  if (!source.IsCpp()) return {};
  Violations violations;
  const size_t lines = Lines(source.text).size();
  const size_t limit =
      source.IsPublicHeader() ? kPublicHeaderLinesMax : kSourceLinesMax;
  if (lines > limit) {
    violations.push_back({source.path, lines,
                          "the file has " + std::to_string(lines) +
                              " lines; the limit is " + std::to_string(limit)});
  }
  for (const OutlineItem& item : OutlineOf(source.code)) {
    if (item.kind != OutlineItem::kFunction) continue;
    const size_t length = item.last_line - item.line + 1;
    if (length <= kFunctionLinesMax) continue;
    violations.push_back({source.path, item.line,
                          "'" + item.head + "' has " + std::to_string(length) +
                              " lines; the limit is " +
                              std::to_string(kFunctionLinesMax)});
  }
  return violations;
}

Violations CheckIncludes(const Source& source) {
  if (!source.IsCpp()) return {};
  Violations violations;
  for (const Include& include : IncludesOf(source)) {
    std::string why;
    if (IsLibrary(source)) {
      why = WhyNotIncluded(source, include);
    } else if (source.IsBelow("examples")) {
      if (StartsWith(include.name, "src/") ||
          StartsWith(include.name, "tests/")) {
        why = "an example sees what a stranger sees";
      }
    }
    if (!why.empty()) {
      violations.push_back(
          {source.path, include.line, "includes " + include.name + ": " + why});
    }
  }
  return violations;
}

Violations CheckMachines(const Source& source) {
  static const std::regex is_machine(R"((include|src)/.*_machine\.(h|cc))");
  if (!std::regex_match(source.path, is_machine)) return {};
  Violations violations =
      FindWords(source, source.code,
                {R"(\bvirtual\b)", R"(\bstd::(thread|mutex|atomic|chrono)\b)",
                 R"(\babsl::(Mutex|Now|BitGen|Uniform|Notification)\b)",
                 R"(\b(Executor|Transport)\b)", R"(\bgetrandom\b)",
                 R"(\bclock_gettime\b)"},
                "a machine is pure");
  static const std::regex impure(
      "trivet/host/(executor|transport)\\.h|"
      "absl/(synchronization|random)/.*|absl/time/clock\\.h|"
      "src/internal/(pump|wait|random|call_gate)\\.h|"
      "thread|mutex|atomic|condition_variable|future|chrono|random|ctime");
  for (const Include& include : IncludesOf(source)) {
    if (std::regex_match(include.name, impure)) {
      violations.push_back(
          {source.path, include.line,
           "includes " + include.name + ": a machine is pure"});
    }
  }
  return violations;
}

Violations CheckForbiddenWords(const Source& source) {
  if (!IsLibrary(source)) return {};
  std::vector<std::string> words = {
      R"(\bthrow\b)",        R"(\b(u|nano)?sleep(_for|_until)?\s*\()",
      R"(\bSleepFor\b)",     R"(\babsl::Now\b)",
      R"(\bsystem_clock\b)", R"(\bCLOCK_REALTIME\b)",
      R"(\bgettimeofday\b)", R"(\b(std::)?time\((nullptr|NULL|0|&\w+)\))"};
  // The tool's main hands its output stream to whoever prints.
  if (source.path != "src/cli/main.cc") {
    words.push_back(R"(\bstd::(cout|cerr|clog)\b)");
  }
  Violations violations =
      FindWords(source, source.code, words, "not in the library");
  const Violations unfinished =
      FindWords(source, source.text, {R"(\b(TO)(DO)\b|\bFIX(ME)\b|\bX(XX)\b)"},
                "finish it");
  violations.insert(violations.end(), unfinished.begin(), unfinished.end());
  return violations;
}

Violations CheckVocabulary(const Source& source) {
  if (!source.IsPublicHeader()) return {};
  return FindWords(
      source, source.code,
      {R"(\babsl::(string_view|optional|variant|any|nullopt|make_optional)\b)"},
      "public headers speak std's, which is not abseil's everywhere");
}

Violations CheckOpening(const Source& source) {
  static const std::regex is_code(
      R"(.*\.(h|cc|cmake|sh)|(.*/)?CMakeLists\.txt|\.ci/run)");
  if (!std::regex_match(source.path, is_code)) return {};
  const std::vector<std::string> lines = Lines(source.text);
  const std::string comment = source.IsCpp() ? "// " : "# ";
  const std::string license = comment + "SPDX-License-Identifier: Apache-2.0";
  const size_t first =
      !lines.empty() && StartsWith(lines[0], "#!") ? size_t{1} : size_t{0};
  if (lines.size() <= first || lines[first] != license) {
    return {{source.path, first + 1, "begins with '" + license + "'"}};
  }
  if (!source.IsHeader()) return {};
  Violations violations;
  if (lines.size() < 3 || lines[1] != "//" || !StartsWith(lines[2], "// ")) {
    violations.push_back({source.path, 2, "a header opens with what it is"});
  }
  if (source.IsBelow("examples")) return violations;
  std::string guard = source.path;
  if (source.IsPublicHeader()) guard = guard.substr(sizeof("include/") - 1);
  if (!source.IsPublicHeader()) guard = "trivet/" + guard;
  for (char& c : guard) {
    c = isalnum(static_cast<unsigned char>(c))
            ? static_cast<char>(toupper(static_cast<unsigned char>(c)))
            : '_';
  }
  if (!Contains(source.text, "#ifndef " + guard + "_\n#define " + guard)) {
    violations.push_back({source.path, 1, "its guard is " + guard + "_"});
  }
  return violations;
}

Violations CheckAscii(const Source& source) {
  if (!source.IsHeader()) return {};
  const auto found =
      std::find_if(source.text.begin(), source.text.end(),
                   [](char c) { return static_cast<unsigned char>(c) > 126; });
  if (found == source.text.end()) return {};
  const size_t offset = static_cast<size_t>(found - source.text.begin());
  return {{source.path, LineOf(source.text, offset), "not ASCII"}};
}

// What is defined in a .cc and declared in a public header is exported, or a
// user of the shared library cannot link it.
Violations CheckExports(const Source& source) {
  if (!source.IsPublicHeader()) return {};
  Violations violations;
  // Not looked for elsewhere: templates and what has its body here.
  static const std::regex inline_or_none(
      R"((template|using|typedef|static_assert|inline|constexpr|extern|enum)\b.*|.*= (delete|default|0).*|friend (class|struct)\b.*|[A-Z_]+\(.*)");
  static const std::regex is_function(R"([^=]*\(.*)");
  const std::vector<OutlineItem> items = OutlineOf(source.code);
  std::set<size_t> reported;
  for (const OutlineItem& item : items) {
    if (item.kind != OutlineItem::kDeclaration) continue;
    if (std::regex_match(item.head, inline_or_none)) continue;
    if (!std::regex_match(item.head, is_function)) continue;
    if (Contains(item.head, "TRIVET_EXPORT")) continue;
    if (item.class_depth == 0 || StartsWith(item.head, "friend ")) {
      violations.push_back(
          {source.path, item.line, "'" + item.head + "' lacks TRIVET_EXPORT"});
      continue;
    }
    // A class inside an exported one is exported with it.
    size_t outermost = item.parent;
    while (items[outermost].parent != std::string::npos) {
      outermost = items[outermost].parent;
    }
    const OutlineItem& its_class = items[outermost];
    if (!StartsWith(its_class.head, "template") &&
        !Contains(its_class.head, "TRIVET_EXPORT") &&
        reported.insert(outermost).second) {
      violations.push_back({source.path, its_class.line,
                            "'" + its_class.head + "' lacks TRIVET_EXPORT: '" +
                                item.head + "' has no body here"});
    }
  }
  return violations;
}

Violations CheckNoMachinePaths(const Source& source) {
  return FindWords(source, source.text,
                   {"(^|[^\\w.$}~*/-])/(w"
                    "ork|h"
                    "ome|r"
                    "oot|f"
                    "arm|t"
                    "mp)/"},
                   "a path of one machine");
}

Violations CheckTestsDoNotSleep(const Source& source) {
  if (!source.IsCpp() || StartsWith(source.path, "tests/support/real_time")) {
    return {};
  }
  if (!source.IsBelow("tests") && !source.IsBelow("examples")) return {};
  return FindWords(source, source.code,
                   {R"(\b(u|nano)?sleep(_for|_until)?\s*\()", R"(\bSleepFor\b)",
                    R"(\bsystem_clock\b)"},
                   "tests live in virtual time; tests/support/real_time waits");
}

const std::vector<FileRule>& FileRules() {
  static const std::vector<FileRule> rules = {
      {"FilesAndFunctionsAreShort", CheckSizes},
      {"RoomsEnterOnlyWhomTheyMay", CheckIncludes},
      {"MachinesArePure", CheckMachines},
      {"ForbiddenWordsAreAbsent", CheckForbiddenWords},
      {"PublicHeadersSpeakStdVocabulary", CheckVocabulary},
      {"FilesOpenWithLicenseAndPurpose", CheckOpening},
      {"HeadersAreAscii", CheckAscii},
      {"WhatIsLinkedIsExported", CheckExports},
      {"NoPathOfOneMachineIsNamed", CheckNoMachinePaths},
      {"TestsDoNotSleep", CheckTestsDoNotSleep},
  };
  return rules;
}

}  // namespace tidy
}  // namespace trivet
