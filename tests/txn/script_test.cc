// SPDX-License-Identifier: Apache-2.0
//
// Runs tests/txn/scripts/*.txt; each file's name is the promise it shows.
// TRIVET_REWRITE_SCRIPTS=1 writes down what really happens instead: read the
// difference before you commit it.

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <ostream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/txn/script_runner.h"

namespace trivet {
namespace {

constexpr char kFolder[] = "tests/txn/scripts";

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::filesystem::path> Scripts() {
  std::vector<std::filesystem::path> scripts;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
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

TEST(ScriptsTest, ShowEveryRowAndInvariantOfTheDesign) {
  std::set<std::string> shown;
  for (const std::filesystem::path& path : Scripts()) {
    shown.merge(IdsIn(CommentsOf(ReadFile(path))));
  }
  const std::set<std::string> designed = IdsIn(ReadFile("src/txn/DESIGN.md"));
  EXPECT_GT(designed.size(), 50u);
  std::vector<std::string> missing;
  std::set_difference(designed.begin(), designed.end(), shown.begin(),
                      shown.end(), std::back_inserter(missing));
  EXPECT_THAT(missing, testing::IsEmpty());
  std::vector<std::string> unknown;
  std::set_difference(shown.begin(), shown.end(), designed.begin(),
                      designed.end(), std::back_inserter(unknown));
  EXPECT_THAT(unknown, testing::IsEmpty());
}

}  // namespace
}  // namespace trivet
