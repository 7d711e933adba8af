// SPDX-License-Identifier: Apache-2.0
//
// The transcripts in scripts/ are true. TRIVET_REWRITE=1 in the environment
// writes what is the case into them: read the diff.

#include "tests/lock/support/lease_script.h"

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace trivet {
namespace {

class LeaseScript : public ::testing::TestWithParam<std::string> {};

TEST_P(LeaseScript, IsTrue) {
  const std::string text = ReadLeaseScript(GetParam());
  const std::string replayed = ReplayLeaseScript(text);
  if (std::getenv("TRIVET_REWRITE") != nullptr) {
    std::ofstream(LeaseScriptPath(GetParam())) << replayed;
  }
  EXPECT_EQ(text, replayed);
}

INSTANTIATE_TEST_SUITE_P(All, LeaseScript,
                         ::testing::ValuesIn(AllLeaseScripts()),
                         [](const auto& param) { return param.param; });

TEST(LeaseScripts, CoverEveryRule) {
  const std::vector<std::string> names = AllLeaseScripts();
  for (const char* const rule :
       {"L1_", "L2_", "L3_", "L4_", "L5_", "L6_", "L7_", "L8_"}) {
    EXPECT_THAT(names, ::testing::Contains(::testing::StartsWith(rule)));
  }
}

}  // namespace
}  // namespace trivet
