// SPDX-License-Identifier: Apache-2.0
//
// Each rule for the tree, tried on small trees with and without a violation.

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/tidy/rules.h"
#include "tests/tidy/source.h"

namespace trivet {
namespace tidy {
namespace {

using Files = std::vector<std::pair<std::string, std::string>>;

Tree TreeOf(const Files& files) {
  Tree tree;
  for (const auto& [path, text] : files) tree.emplace(path, Source(path, text));
  return tree;
}

// What a rule says of a tree, as one text; empty: nothing.
std::string Check(Violations (*rule)(const Tree&, std::string_view),
                  const Files& files, std::string_view inventory = "") {
  return ToString(rule(TreeOf(files), inventory));
}

bool Says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(TreeRulesTest, ReachFindsWhatIsIncludedIndirectly) {
  const std::pair<std::string, std::string> pump = {
      "src/internal/pump.h", "#include \"trivet/host/executor.h\"\n"};
  EXPECT_TRUE(Says(
      Check(CheckReach,
            {pump, {"src/ring/a.cc", "#include \"src/internal/pump.h\"\n"}}),
      "src/ring/a.cc:1: reaches trivet/host/executor.h"));
  EXPECT_TRUE(
      Says(Check(CheckReach,
                 {{"include/trivet/txn/b.h", "#include <thread>\n"},
                  {"src/txn/a_machine.cc", "#include \"trivet/txn/b.h\"\n"}}),
           "reaches thread"));
  EXPECT_EQ(
      Check(CheckReach,
            {pump, {"src/lock/a.cc", "#include \"src/internal/pump.h\"\n"}}),
      "");
}

TEST(TreeRulesTest, InvariantsStandInHeaderDesignAndTestName) {
  std::string ids;
  std::string tests;
  for (const char* id :
       {"C1", "C2", "C3", "C4", "C5", "P1", "P2", "P3", "P4", "P5", "P6", "L1",
        "L2", "L3", "L4", "L5", "L6", "L7", "L8"}) {
    ids += std::string(id) + ": ...\n";
    tests += std::string("TEST(A, ") + id + "_Holds) {}\n";
  }
  const Files good = {{"include/trivet/txn/a.h", ids},
                      {"include/trivet/lock/a.h", ids},
                      {"src/txn/DESIGN.md", ids},
                      {"src/lock/DESIGN.md", ids},
                      {"tests/txn/a_test.cc", tests}};
  EXPECT_EQ(Check(CheckInvariants, good), "");
  const std::vector<std::string> complaints = {
      "include/trivet/txn:1: promises no P3",
      "include/trivet/lock:1: promises no L8",
      "src/txn/DESIGN.md:1: explains no C1",
      "src/lock/DESIGN.md:1: explains no L1", "no test is called P3_..."};
  for (size_t i = 0; i < good.size(); ++i) {
    Files bad = good;
    bad[i].second.clear();
    EXPECT_TRUE(Says(Check(CheckInvariants, bad), complaints[i]))
        << complaints[i];
  }
  Files commented = good;
  commented[4].second = "// P3_Holds is what TEST(A, B) should say.\n";
  EXPECT_TRUE(
      Says(Check(CheckInvariants, commented), "no test is called P3_..."));
}

TEST(TreeRulesTest, VersionsAgree) {
  const std::string config =
      "#define TRIVET_VERSION_MAJOR 0\n#define TRIVET_VERSION_MINOR 1\n"
      "#define TRIVET_VERSION_PATCH 2\n#define TRIVET_VERSION_STRING "
      "\"0.1.2\"\n";
  const std::string code = "namespace trivet {\ninline namespace v0_1 {\n";
  const auto check = [&](const std::string& version, const std::string& text) {
    return Check(CheckVersions,
                 {{"CMakeLists.txt", "project(trivet VERSION " + version + ")"},
                  {"include/trivet/config.h", config},
                  {"src/lock/a.cc", text}});
  };
  EXPECT_EQ(check("0.1.2", code), "");
  EXPECT_TRUE(Says(check("0.1.3", code), "lacks #define TRIVET_VERSION_PATCH"));
  EXPECT_TRUE(Says(check("0.2.2", code), "opens no inline namespace v0_2"));
  EXPECT_TRUE(Says(check("0.1.2", "namespace trivet {\nint a;\n"),
                   "src/lock/a.cc:1: opens no inline namespace v0_1"));
  EXPECT_TRUE(Says(check("", code), "states no version"));
}

TEST(TreeRulesTest, SnippetsEqualTheExamples) {
  const std::pair<std::string, std::string> example = {
      "examples/a/main.cc",
      "int main() {\n  // [use]\n  if (a) {\n    b();\n  }\n  // [/use]\n}\n"};
  const auto check = [&](const std::string& page) {
    return Check(CheckSnippets, {example, {"README.md", page}});
  };
  const std::string marker = "<!-- snippet: examples/a/main.cc#use -->\n";
  EXPECT_EQ(
      check(marker + "```cpp\nif (a) {\n  b();\n}\n```\n```sh\nls\n```\n"), "");
  EXPECT_TRUE(Says(check(marker + "```cpp\nif (a) {\n  c();\n}\n```\n"),
                   "README.md:2: differs from examples/a/main.cc [use]"));
  EXPECT_TRUE(Says(check("<!-- snippet: examples/a/main.cc#no -->\n```cpp\n"
                         "b();\n```\n"),
                   "differs"));
  EXPECT_TRUE(Says(check("<!-- snippet: examples/a/main.cc#no -->\n```cpp\n"
                         "```\n"),
                   "differs"));
  EXPECT_TRUE(Says(check("```cpp\nif (a) {\n```\n"), "no marker"));
}

TEST(TreeRulesTest, RoomsAreExplained) {
  EXPECT_EQ(Check(CheckRoomsExplained, {{"src/ring/a.cc", ""},
                                        {"src/ring/DESIGN.md", ""},
                                        {"src/adapters/file/a.cc", ""},
                                        {"src/adapters/file/README.md", ""}}),
            "");
  EXPECT_TRUE(Says(Check(CheckRoomsExplained, {{"src/ring/a.cc", ""}}),
                   "src/ring/DESIGN.md:1: is missing"));
  EXPECT_TRUE(Says(Check(CheckRoomsExplained, {{"src/adapters/file/a.cc", ""}}),
                   "src/adapters/file/README.md:1: is missing"));
  EXPECT_TRUE(Says(Check(CheckRoomsExplained, {{"examples/a/main.cc", ""}}),
                   "examples/a/CMakeLists.txt:1: is missing"));
}

TEST(TreeRulesTest, EverySourceBelongsToATarget) {
  const Files files = {{"src/ring/a.cc", "#include \"src/ring/a.h\"\n"},
                       {"src/ring/a.h", ""}};
  EXPECT_EQ(Check(CheckSourcesBuilt, files, "source src/ring/a.cc\n"), "");
  EXPECT_EQ(Check(CheckSourcesBuilt, files, "skipped src/ring\n"), "");
  EXPECT_EQ(Check(CheckSourcesBuilt,
                  {{"src/testing/a.cc", "#include \"trivet/ring/b.h\"\n"}},
                  "skipped src/ring\n"),
            "");
  EXPECT_TRUE(Says(Check(CheckSourcesBuilt, files, "source src/ring/b.cc\n"),
                   "src/ring/a.cc:1: belongs to no target"));
  EXPECT_TRUE(Says(Check(CheckSourcesBuilt, {{"src/ring/a.h", ""}}),
                   "src/ring/a.h:1: is included by nobody"));
}

TEST(TreeRulesTest, ComponentsLinkWhatTheyInclude) {
  const std::string inventory =
      "folder lock src/lock\nheaders lock lock\nlinks lock trivet::host\n"
      "links host absl::time\nuses lock absl::strings\n";
  const auto check = [&](const std::string& path, const std::string& header) {
    return Check(CheckLinks, {{path, "#include \"" + header + "\"\n"}},
                 inventory);
  };
  EXPECT_EQ(check("src/lock/a.cc", "absl/time/clock.h"), "");
  EXPECT_EQ(check("src/lock/a.cc", "absl/strings/str_cat.h"), "");
  EXPECT_TRUE(Says(check("include/trivet/lock/a.h", "absl/strings/str_cat.h"),
                   "lock does not link absl::strings publicly"));
  EXPECT_TRUE(Says(check("src/lock/a.cc", "absl/container/btree_map.h"),
                   "lock does not link absl::btree"));
}

TEST(TreeRulesTest, EveryRuleHasItsTestAbove) {
  std::set<std::string_view> names;
  for (const TreeRule& rule : TreeRules()) names.insert(rule.name);
  EXPECT_EQ(names.size(), 7u) << "a new rule needs a planted violation here";
}

}  // namespace
}  // namespace tidy
}  // namespace trivet
