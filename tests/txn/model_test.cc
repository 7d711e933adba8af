// SPDX-License-Identifier: Apache-2.0
//
// Random histories of the whole protocol; see model.h. Its checkers are trusted
// because mutant_test.cc runs the same histories over planted bugs.

#include "tests/txn/model.h"

#include <cstddef>
#include <cstdint>
#include <string>

#include "gtest/gtest.h"

namespace trivet {
namespace {

struct Sum {
  size_t commits = 0;
  size_t crashes = 0;
};

Sum RunHistories(uint64_t count, const ModelFaults& faults) {
  Sum sum;
  for (uint64_t seed = 1; seed <= count; ++seed) {
    Model model(seed, faults);
    const std::string violation = model.Run();
    if (!violation.empty()) {
      Model again(seed, faults);
      again.KeepTrace();
      again.Run();
      ADD_FAILURE() << again.trace() << violation << ", seed " << seed;
      break;
    }
    sum.commits += model.commits();
    sum.crashes += model.crashes();
  }
  return sum;
}

TEST(ModelTest, AC1_AC2_AC3_CL_HoldUnderEveryFault) {
  const Sum sum = RunHistories(8000, {});
  EXPECT_GT(sum.commits, 500u);
  EXPECT_GT(sum.crashes, 8000u);
}

TEST(ModelTest, AC5_EverythingEndsWhenCrashesAreFrequent) {
  ModelFaults faults;
  faults.crash = 10;
  faults.fail_over = 3;
  faults.append_failure = 8;
  RunHistories(4000, faults);
}

TEST(ModelTest, C3_DeposedCoordinatorsDoNoHarm) {
  ModelFaults faults = ModelFaults::None();
  faults.fail_over = 6;
  faults.duplication = 50;
  RunHistories(4000, faults);
}

TEST(ModelTest, P2_OnlyWhatAnOperatorDecidedCanBeMixed) {
  ModelFaults faults;
  faults.operator_decides = 10;
  RunHistories(4000, faults);
}

}  // namespace
}  // namespace trivet
