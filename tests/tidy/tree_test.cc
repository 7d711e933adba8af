// SPDX-License-Identifier: Apache-2.0
//
// The house rules, held against the tree as it is.

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "tests/tidy/rules.h"
#include "tests/tidy/source.h"

namespace trivet {
namespace tidy {
namespace {

const Tree& TheTree() {
  static const Tree tree = ReadTree();
  return tree;
}

std::string Inventory() {
  std::ifstream file(TRIVET_INVENTORY);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

template <typename Rule>
std::string NameOf(const testing::TestParamInfo<Rule>& info) {
  return std::string(info.param.name);
}

class FileRuleTest : public testing::TestWithParam<FileRule> {};

TEST_P(FileRuleTest, HoldsInEveryFile) {
  Violations violations;
  for (const auto& entry : TheTree()) {
    const Violations more = GetParam().check(entry.second);
    violations.insert(violations.end(), more.begin(), more.end());
  }
  EXPECT_TRUE(violations.empty()) << ToString(violations);
}

INSTANTIATE_TEST_SUITE_P(HouseRules, FileRuleTest,
                         testing::ValuesIn(FileRules()), NameOf<FileRule>);

class TreeRuleTest : public testing::TestWithParam<TreeRule> {};

TEST_P(TreeRuleTest, HoldsInTheTree) {
  const Violations violations = GetParam().check(TheTree(), Inventory());
  EXPECT_TRUE(violations.empty()) << ToString(violations);
}

INSTANTIATE_TEST_SUITE_P(HouseRules, TreeRuleTest,
                         testing::ValuesIn(TreeRules()), NameOf<TreeRule>);

// A rule that is shown no file, or no build, holds of nothing.
TEST(TidyTest, TheTreeAndTheInventoryAreReallyRead) {
  EXPECT_EQ(TheTree().count("include/trivet/config.h"), 1u);
  EXPECT_EQ(TheTree().count("src/host/monotonic_time.cc"), 1u);
  EXPECT_EQ(TheTree().count("tests/tidy/tree_test.cc"), 1u);
  EXPECT_NE(Inventory().find("source src/host/monotonic_time.cc\n"),
            std::string::npos);
  EXPECT_NE(Inventory().find("links host absl::status\n"), std::string::npos);
}

}  // namespace
}  // namespace tidy
}  // namespace trivet
