// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cstddef>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "tests/tidy/rules.h"
#include "tests/tidy/source.h"

namespace trivet {
namespace tidy {
namespace {

bool StartsWith(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

bool Contains(std::string_view text, std::string_view part) {
  return text.find(part) != text.npos;
}

bool Matches(const std::string& text, const std::string& pattern) {
  return std::regex_match(text, std::regex(pattern));
}

const Source* Find(const Tree& tree, const std::string& path) {
  const auto found = tree.find(path);
  return found == tree.end() ? nullptr : &found->second;
}

// Where the file stands that an include of ours names.
std::string PathOfInclude(const std::string& name) {
  return StartsWith(name, "trivet/") ? "include/" + name : name;
}

// The names of everything that `path` includes, however indirectly.
std::set<std::string> Reached(const Tree& tree, const std::string& path) {
  std::set<std::string> reached;
  std::vector<std::string> waiting = {path};
  while (!waiting.empty()) {
    const Source* source = Find(tree, waiting.back());
    waiting.pop_back();
    if (source == nullptr) continue;
    for (const Include& include : IncludesOf(*source)) {
      if (reached.insert(include.name).second) {
        waiting.push_back(PathOfInclude(include.name));
      }
    }
  }
  return reached;
}

// The facts of the inventory that begin with `word`, each as its other words.
std::vector<std::vector<std::string>> Facts(std::string_view inventory,
                                            const std::string& word) {
  std::vector<std::vector<std::string>> facts;
  for (const std::string& line : Lines(inventory)) {
    std::istringstream in(line);
    std::string first;
    in >> first;
    if (first != word) continue;
    std::vector<std::string> rest;
    for (std::string part; in >> part;) rest.push_back(part);
    facts.push_back(rest);
  }
  return facts;
}

// Whether this configuration leaves `source` out, because of where it stands or
// because it needs what is left out.
bool IsLeftOut(const Tree& tree, std::string_view inventory,
               const Source& source) {
  const std::set<std::string> reached = Reached(tree, source.path);
  for (const auto& fact : Facts(inventory, "skipped")) {
    const std::string& folder = fact[0];  // "src/lock"
    if (source.IsBelow(folder)) return true;
    for (const std::string& name : reached) {
      const Source header(PathOfInclude(name), "");
      if (header.IsBelow(folder)) return true;
      if (StartsWith(folder, "src/") &&
          header.IsBelow("include/trivet/" + folder.substr(4))) {
        return true;
      }
    }
  }
  return false;
}

// --- Snippets ----------------------------------------------------------------

std::vector<std::string> Dedented(std::vector<std::string> lines) {
  size_t indent = std::string::npos;
  for (const std::string& line : lines) {
    indent = std::min(indent, line.find_first_not_of(' '));
  }
  for (std::string& line : lines) line.erase(0, std::min(indent, line.size()));
  return lines;
}

// The lines between "// [name]" and "// [/name]"; none if there is no such
// region.
std::vector<std::string> Region(const Source& source, const std::string& name) {
  std::vector<std::string> region;
  bool inside = false;
  for (const std::string& line : Lines(source.text)) {
    if (Matches(line, " *// \\[/" + name + "\\]")) return Dedented(region);
    if (inside) region.push_back(line);
    if (Matches(line, " *// \\[" + name + "\\]")) inside = true;
  }
  return {};
}

Violations CheckSnippetsOf(const Tree& tree, const Source& page) {
  Violations violations;
  const std::vector<std::string> lines = Lines(page.text);
  for (size_t i = 0; i < lines.size(); ++i) {
    if (lines[i] != "```cpp") continue;
    const size_t first = i + 1;
    std::vector<std::string> shown;
    while (++i < lines.size() && lines[i] != "```") shown.push_back(lines[i]);
    static const std::regex marker(R"(<!-- snippet: (\S+)#(\w+) -->)");
    std::smatch match;
    if (first < 2 || !std::regex_match(lines[first - 2], match, marker)) {
      violations.push_back({page.path, first, "no marker names its source"});
      continue;
    }
    const Source* example = Find(tree, match[1]);
    if (shown.empty() || example == nullptr ||
        Region(*example, match[2]) != shown) {
      violations.push_back(
          {page.path, first,
           "differs from " + match[1].str() + " [" + match[2].str() + "]"});
    }
  }
  return violations;
}

// --- Links -------------------------------------------------------------------

// The abseil target that a header of abseil's belongs to; most are called like
// their header.
std::string AbslTargetOf(const std::string& header) {
  static const std::map<std::string, std::string> others = {
      {"absl/base/attributes.h", "core_headers"},
      {"absl/base/call_once.h", "base"},
      {"absl/base/macros.h", "core_headers"},
      {"absl/base/optimization.h", "core_headers"},
      {"absl/base/thread_annotations.h", "core_headers"},
      {"absl/container/btree_map.h", "btree"},
      {"absl/container/btree_set.h", "btree"},
      {"absl/numeric/bits.h", "bits"},
      {"absl/strings/ascii.h", "strings"},
      {"absl/strings/escaping.h", "strings"},
      {"absl/strings/match.h", "strings"},
      {"absl/strings/numbers.h", "strings"},
      {"absl/strings/str_cat.h", "strings"},
      {"absl/strings/str_join.h", "strings"},
      {"absl/strings/str_split.h", "strings"},
      {"absl/strings/string_view.h", "strings"},
      {"absl/strings/strip.h", "strings"},
      {"absl/synchronization/blocking_counter.h", "synchronization"},
      {"absl/synchronization/mutex.h", "synchronization"},
      {"absl/synchronization/notification.h", "synchronization"},
      {"absl/time/clock.h", "time"},
  };
  const auto found = others.find(header);
  if (found != others.end()) return "absl::" + found->second;
  const size_t slash = header.rfind('/') + 1;
  return "absl::" + header.substr(slash, header.size() - slash - 2);
}

// The targets that `component` links, itself and the components below it
// included: publicly, or with what it uses for itself too.
std::set<std::string> LinkedBy(std::string_view inventory,
                               const std::string& component,
                               bool also_private) {
  std::set<std::string> linked = {"trivet::" + component};
  std::vector<std::vector<std::string>> facts = Facts(inventory, "links");
  if (also_private) {
    for (const auto& fact : Facts(inventory, "uses")) {
      if (fact[0] == component) facts.push_back(fact);
    }
  }
  for (const auto& fact : facts) {
    if (fact[0] != component || !linked.insert(fact[1]).second) continue;
    if (!StartsWith(fact[1], "trivet::")) continue;
    const std::set<std::string> below =
        LinkedBy(inventory, fact[1].substr(sizeof("trivet::") - 1), false);
    linked.insert(below.begin(), below.end());
  }
  return linked;
}

// What the files of `folder` include of abseil, `component` links.
Violations CheckFolderLinks(const Tree& tree, std::string_view inventory,
                            const std::string& component,
                            const std::string& folder, bool is_private) {
  Violations violations;
  const std::set<std::string> linked =
      LinkedBy(inventory, component, is_private);
  for (const auto& [path, source] : tree) {
    if (!source.IsBelow(folder) || !source.IsCpp()) continue;
    for (const Include& include : IncludesOf(source)) {
      if (!StartsWith(include.name, "absl/")) continue;
      const std::string target = AbslTargetOf(include.name);
      if (linked.count(target) > 0) continue;
      violations.push_back({path, include.line,
                            "includes " + include.name + ", but " + component +
                                " does not link " + target +
                                (is_private ? "" : " publicly")});
    }
  }
  return violations;
}

void Append(Violations more, Violations* violations) {
  violations->insert(violations->end(), more.begin(), more.end());
}

}  // namespace

// What includes forbid directly they forbid indirectly too.
Violations CheckReach(const Tree& tree, std::string_view) {
  Violations violations;
  const auto forbid = [&](const std::string& from, const std::string& what) {
    const std::regex from_pattern(from);
    const std::regex what_pattern(what);
    for (const auto& [path, source] : tree) {
      if (!std::regex_match(path, from_pattern)) continue;
      for (const std::string& name : Reached(tree, path)) {
        if (std::regex_match(name, what_pattern)) {
          violations.push_back({path, 1, "reaches " + name});
        }
      }
    }
  };
  forbid("(include/trivet|src)/ring/.*", "trivet/(host|lock|txn|testing)/.*");
  forbid("(include/trivet|src)/lock/.*", "trivet/(ring|txn|testing)/.*");
  forbid("(include/trivet|src)/txn/.*", "trivet/(ring|lock|testing)/.*");
  forbid("(include/trivet|src)/.*_machine\\.(h|cc)",
         "trivet/host/(executor|transport)\\.h|absl/(synchronization|random)/.*"
         "|absl/time/clock\\.h|thread|mutex|condition_variable|random|chrono"
         "|src/internal/(pump|wait|random|call_gate)\\.h");
  return violations;
}

// Each invariant is promised in a public header, explained in the room's design
// and kept by a test that bears its name.
Violations CheckInvariants(const Tree& tree, std::string_view) {
  const auto all_of = [&](const std::string& paths) {
    const std::regex pattern(paths);
    std::string text;
    for (const auto& [path, source] : tree) {
      if (std::regex_match(path, pattern)) text += source.text;
    }
    return text;
  };
  const std::string tests = all_of("tests/(?!tidy/).*\\.cc");
  const std::string test_name = R"(TEST(_F|_P)?\(\s*\w+,\s*(\w+_)?)";
  const std::map<std::string, std::pair<std::string, int>> families = {
      {"C", {"txn", 5}}, {"P", {"txn", 6}}, {"L", {"lock", 8}}};
  Violations violations;
  for (const auto& [letter, family] : families) {
    const auto& [room, count] = family;
    const std::string headers = all_of("include/trivet/" + room + "/.*\\.h");
    const std::string design = all_of("src/" + room + "/DESIGN\\.md");
    for (int i = 1; i <= count; ++i) {
      const std::string id = letter + std::to_string(i);
      const std::regex word("\\b" + id + "\\b");
      if (!std::regex_search(headers, word)) {
        violations.push_back(
            {"include/trivet/" + room, 1, "promises no " + id});
      }
      if (!std::regex_search(design, word)) {
        violations.push_back(
            {"src/" + room + "/DESIGN.md", 1, "explains no " + id});
      }
      if (!std::regex_search(tests, std::regex(test_name + id + "_"))) {
        violations.push_back(
            {"tests/" + room, 1, "no test is called " + id + "_..."});
      }
    }
  }
  return violations;
}

// The version stands in CMakeLists.txt, config.h and the inline namespace.
Violations CheckVersions(const Tree& tree, std::string_view) {
  const Source* cmake = Find(tree, "CMakeLists.txt");
  const Source* config = Find(tree, "include/trivet/config.h");
  std::smatch version;
  if (cmake == nullptr || config == nullptr ||
      !std::regex_search(
          cmake->text, version,
          std::regex(R"(project\(trivet VERSION (\d+)\.(\d+)\.(\d+))"))) {
    return {{"CMakeLists.txt", 1, "states no version"}};
  }
  Violations violations;
  const std::string dotted =
      version[1].str() + "." + version[2].str() + "." + version[3].str();
  for (const std::string& line :
       {"TRIVET_VERSION_MAJOR " + version[1].str() + "\n",
        "TRIVET_VERSION_MINOR " + version[2].str() + "\n",
        "TRIVET_VERSION_PATCH " + version[3].str() + "\n",
        "TRIVET_VERSION_STRING \"" + dotted + "\"\n"}) {
    if (!Contains(config->text, "#define " + line)) {
      violations.push_back({config->path, 1, "lacks #define " + line});
    }
  }
  const std::string name = "v" + version[1].str() + "_" + version[2].str();
  const std::string opening = "namespace trivet {\ninline namespace " + name;
  for (const auto& file : tree) {
    const std::string& path = file.first;
    const auto& source = file.second;
    if (!source.IsCpp()) continue;
    if (!source.IsBelow("include") && !source.IsBelow("src")) continue;
    ForEachMatch(
        source.code, R"(\bnamespace trivet\b)",
        [&](size_t offset, const std::string&) {
          if (source.code.compare(offset, opening.size(), opening)) {
            violations.push_back({path, LineOf(source.code, offset),
                                  "opens no inline namespace " + name});
          }
        });
  }
  return violations;
}

// Every block of C++ on a page is a region of a file that is compiled.
Violations CheckSnippets(const Tree& tree, std::string_view) {
  Violations violations;
  for (const auto& [path, source] : tree) {
    if (path == "README.md" || Matches(path, "src/.*/README\\.md")) {
      Append(CheckSnippetsOf(tree, source), &violations);
    }
  }
  return violations;
}

Violations CheckRoomsExplained(const Tree& tree, std::string_view) {
  std::set<std::string> missing;
  static const std::regex file(
      R"((src/(?:ring|lock|txn)|src/adapters/\w+|examples/\w+)/.*)");
  for (const auto& entry : tree) {
    std::smatch match;
    if (!std::regex_match(entry.first, match, file)) continue;
    const std::string folder = match[1];
    const std::string page = StartsWith(folder, "src/adapters") ? "/README.md"
                             : StartsWith(folder, "src")        ? "/DESIGN.md"
                                                         : "/CMakeLists.txt";
    if (Find(tree, folder + page) == nullptr) missing.insert(folder + page);
  }
  Violations violations;
  for (const std::string& path : missing) {
    violations.push_back({path, 1, "is missing"});
  }
  return violations;
}

// Every source file belongs to a target, and every header to a source file.
Violations CheckSourcesBuilt(const Tree& tree, std::string_view inventory) {
  std::set<std::string> built;
  for (const auto& fact : Facts(inventory, "source")) built.insert(fact[0]);
  const auto skipped = [&](const Source& source) {
    return source.IsBelow("examples") ||  // Projects of their own.
           source.IsBelow("tests/must_not_compile") ||
           source.IsBelow("tests/packaging") ||
           IsLeftOut(tree, inventory, source);
  };
  std::set<std::string> included;
  for (const auto& entry : tree) {
    for (const Include& include : IncludesOf(entry.second)) {
      included.insert(PathOfInclude(include.name));
    }
  }
  Violations violations;
  for (const auto& [path, source] : tree) {
    if (!source.IsCpp() || skipped(source)) continue;
    if (source.IsHeader() && !source.IsPublicHeader() &&
        included.count(path) == 0) {
      violations.push_back({path, 1, "is included by nobody"});
    }
    if (!source.IsHeader() && built.count(path) == 0) {
      violations.push_back({path, 1, "belongs to no target"});
    }
  }
  return violations;
}

Violations CheckLinks(const Tree& tree, std::string_view inventory) {
  Violations violations;
  for (const auto& fact : Facts(inventory, "headers")) {
    Append(CheckFolderLinks(tree, inventory, fact[0],
                            "include/trivet/" + fact[1], false),
           &violations);
  }
  for (const auto& fact : Facts(inventory, "folder")) {
    Append(CheckFolderLinks(tree, inventory, fact[0], fact[1], true),
           &violations);
  }
  return violations;
}

const std::vector<TreeRule>& TreeRules() {
  static const std::vector<TreeRule> rules = {
      {"NothingIsReachedThatMayNotBeIncluded", CheckReach},
      {"InvariantsArePromisedExplainedAndTested", CheckInvariants},
      {"VersionsAgree", CheckVersions},
      {"SnippetsEqualTheExamples", CheckSnippets},
      {"RoomsAreExplained", CheckRoomsExplained},
      {"EverySourceBelongsToATarget", CheckSourcesBuilt},
      {"ComponentsLinkWhatTheyInclude", CheckLinks},
  };
  return rules;
}

}  // namespace tidy
}  // namespace trivet
