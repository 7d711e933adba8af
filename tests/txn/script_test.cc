// SPDX-License-Identifier: Apache-2.0
//
// Runs tests/txn/scripts/*.txt; each file's name is the promise it shows.
// TRIVET_REWRITE_SCRIPTS=1 writes down what really happens instead: read the
// difference before you commit it. TRIVET_SCRIPTS=FOLDER runs others, such as
// those that trivet_sim wrote:
//
//   trivet_sim txn --seeds 4711 --shrink --scripts found
//   TRIVET_SCRIPTS=found/txn-4711 txn_script_test --gtest_filter='*LeadsTo*'

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/txn/script_runner.h"

namespace trivet {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::filesystem::path Folder() {
  const char* const folder = std::getenv("TRIVET_SCRIPTS");
  return folder != nullptr ? folder : "tests/txn/scripts";
}

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::filesystem::path> Scripts() {
  std::vector<std::filesystem::path> scripts;
  for (const auto& entry : std::filesystem::directory_iterator(Folder())) {
    if (entry.path().extension() == ".txt") scripts.push_back(entry.path());
  }
  std::sort(scripts.begin(), scripts.end());
  return scripts;
}

// Every id of a row or an invariant in `text`: a word of one of `letters`, an
// optional dash and a number, such as CO-7 or P3.
std::set<std::string> IdsIn(const std::string& text) {
  std::set<std::string> ids;
  for (const std::string prefix : {"CO-", "PA-", "C", "P"}) {
    for (size_t at = text.find(prefix); at != std::string::npos;
         at = text.find(prefix, at + 1)) {
      if (at > 0 && std::isalnum(static_cast<unsigned char>(text[at - 1]))) {
        continue;
      }
      size_t end = at + prefix.size();
      while (end < text.size() &&
             std::isdigit(static_cast<unsigned char>(text[end]))) {
        ++end;
      }
      const bool whole = end == text.size() ||
                         !std::isalnum(static_cast<unsigned char>(text[end]));
      if (end > at + prefix.size() && whole) {
        ids.insert(text.substr(at, end - at));
      }
    }
  }
  return ids;
}

// The comments of a script, which say what it shows.
std::string CommentsOf(const std::string& script) {
  std::istringstream lines(script);
  std::string comments;
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind('#', 0) == 0) comments += line + "\n";
  }
  return comments;
}

class ScriptTest : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(ScriptTest, LeadsToWhatItSays) {
  const std::string script = ReadFile(GetParam());
  const std::string result = RunScript(script);
  if (std::getenv("TRIVET_REWRITE_SCRIPTS") != nullptr) {
    std::ofstream(GetParam()) << result;
    return;
  }
  EXPECT_EQ(script, result);
  EXPECT_EQ(result.find("error: "), std::string::npos);
}

TEST_P(ScriptTest, NamesTheRowsOrTheInvariantItShows) {
  const std::string script = ReadFile(GetParam());
  ASSERT_EQ(script.front(), '#');
  EXPECT_FALSE(IdsIn(CommentsOf(script)).empty());
}

std::string NameOf(
    const testing::TestParamInfo<std::filesystem::path>& script) {
  return script.param.stem().string();
}

INSTANTIATE_TEST_SUITE_P(, ScriptTest, testing::ValuesIn(Scripts()), NameOf);

// What is amiss between the ids of the design and those in the comments of the
// scripts, and between them and the code, which names only rows.
std::vector<std::string> Mismatches(const std::string& design,
                                    const std::vector<std::string>& scripts,
                                    const std::string& code) {
  const std::set<std::string> designed = IdsIn(design);
  const std::set<std::string> coded = IdsIn(code);
  std::set<std::string> shown;
  for (const std::string& script : scripts) {
    shown.merge(IdsIn(CommentsOf(script)));
  }
  std::vector<std::string> mismatches;
  for (const std::string& id : designed) {
    if (shown.count(id) == 0) mismatches.push_back(id + ": no script");
    const bool is_row = id.find('-') != std::string::npos;
    if (is_row && coded.count(id) == 0) mismatches.push_back(id + ": no code");
  }
  for (const std::string& id : shown) {
    if (designed.count(id) == 0) mismatches.push_back(id + ": not designed");
  }
  return mismatches;
}

TEST(ScriptsTest, AMissingScriptRowOrLineOfCodeIsNoticed) {
  const std::string design = "| CO-1 | - | Begun |\n* P1 A yes vote ...\n";
  const std::string code = "Begin();  // CO-1";
  EXPECT_THAT(Mismatches(design, {"# CO-1: a\n", "# P1\n"}, code), IsEmpty());
  EXPECT_THAT(Mismatches(design, {"# CO-1: a\nbegin P1\n"}, code),
              ElementsAre("P1: no script"));
  EXPECT_THAT(Mismatches(design, {"# P1\n"}, "Begin();  // CO-11"),
              ElementsAre("CO-1: no script", "CO-1: no code"));
  EXPECT_THAT(Mismatches(design, {"# CO-1, CO-11, P1\n"}, code),
              ElementsAre("CO-11: not designed"));
}

TEST(ScriptsTest, ShowEveryRowAndInvariantOfTheDesign) {
  const std::string design = ReadFile("src/txn/DESIGN.md");
  const std::set<std::string> designed = IdsIn(design);
  const std::vector<std::pair<std::string, int>> all = {
      {"CO-", 26}, {"PA-", 33}, {"C", 5}, {"P", 6}};
  size_t count = 0;
  for (const auto& [prefix, last] : all) {
    for (int i = 1; i <= last; ++i, ++count) {
      EXPECT_EQ(designed.count(prefix + std::to_string(i)), 1u) << prefix << i;
    }
  }
  EXPECT_EQ(designed.size(), count);

  std::vector<std::string> scripts;
  for (const auto& path : Scripts()) scripts.push_back(ReadFile(path));
  std::string code;
  for (const auto& entry : std::filesystem::directory_iterator("src/txn")) {
    if (entry.path().extension() != ".md") code += ReadFile(entry.path());
  }
  EXPECT_THAT(Mismatches(design, scripts, code), IsEmpty());
}

}  // namespace
}  // namespace trivet
