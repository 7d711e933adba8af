// SPDX-License-Identifier: Apache-2.0
//
// Crash consistency of the file log; see crash_explorer.h. How many choices of
// what survives are tried at each moment: TRIVET_CRASH_SEEDS, 20 if not set.

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "gtest/gtest.h"
#include "tests/adapters/file/crash_explorer.h"

namespace trivet {
namespace {

uint64_t Seeds() {
  const char* const seeds = std::getenv("TRIVET_CRASH_SEEDS");
  return seeds != nullptr ? std::stoull(seeds) : 20;
}

TEST(FileLogCrash, EveryPowerLossLeavesAllThatWasForced) {
  CrashExplorer explorer;
  ASSERT_GT(explorer.moments(), 100U);
  EXPECT_EQ(explorer.PowerLosses(Seeds()), "");
  std::printf("states: %" PRIu64 " of %zu moments\n", explorer.states(),
              explorer.moments());
  EXPECT_GE(explorer.states(), 100 * Seeds());
}

TEST(FileLogCrash, EveryProcessCrashLeavesAllThatWasForced) {
  CrashExplorer explorer;
  EXPECT_EQ(explorer.ProcessCrashes(), "");
}

TEST(FileLogCrash, ACrashDuringRecoveryIsNoWorse) {
  CrashExplorer explorer;
  EXPECT_EQ(explorer.CrashesDuringRecovery(), "");
}

}  // namespace
}  // namespace trivet
