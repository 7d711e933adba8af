// SPDX-License-Identifier: Apache-2.0
//
// What a simulation program makes of a failure when it is to be small.

#include <csignal>
#include <cstddef>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/sim_program.h"

namespace trivet {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(SimShrink, ShrinkingLeavesTheOneFaultAndNoClassThatIsNotNeeded) {
  const std::string path = PathOf("sim");
  const Ran ran = Sim({"bad", "--seeds", "0-1000", "--shrink", "--out", path});
  EXPECT_EQ(ran.result, 1);
  EXPECT_THAT(ran.out, AllOf(HasSubstr("\n1 fault struck:\n"),
                             HasSubstr("Once: a number counted twice"),
                             HasSubstr("kept: sim --replay " + path)));
  const std::string file = Read(path);
  EXPECT_THAT(file, EndsWith("\nend\n"));
  EXPECT_THAT(file, StartsWith("history bad " + SeedIn(ran.out) +
                               "\noff envelope_loss\noff timer_late_max\n"
                               "keep envelope duplication from -> to "));
  const Ran again = Sim({"--replay", path});
  EXPECT_EQ(again.result, 1);
  EXPECT_THAT(again.out, HasSubstr("\n1 fault struck:\n"));
  // The same on every run.
  EXPECT_EQ(Sim({"bad", "--seeds", "0-1000", "--shrink", "--out", path}).out,
            ran.out);
}

TEST(SimShrink, TheWholeFailureIsReportedAndKeptBeforeItIsShrunk) {
  const std::string path = PathOf("sim");
  const Ran ran = Sim({"bad", "--seeds", "0-1000", "--shrink", "--out", path});
  const size_t kept = ran.out.find("kept: sim --replay " + path);
  const size_t shrunk = ran.out.find("\nshrunk in ");
  ASSERT_NE(kept, std::string::npos);
  ASSERT_NE(shrunk, std::string::npos);
  EXPECT_LT(kept, shrunk);
  EXPECT_THAT(ran.out.substr(0, kept),
              AllOf(StartsWith("FAILED: scenario bad, seed "),
                    HasSubstr("\nOnce: a number counted twice\n"),
                    HasSubstr(" faults struck:\n")));
}

TEST(SimShrink, NothingIsLostIfShrinkingIsKilled) {
  const std::string path = PathOf("sim");
  std::remove(path.c_str());  // That of an earlier run.
  EXPECT_EXIT(RunSim({"kills_who_shrinks", "--seeds", "0-1000", "--shrink",
                      "--out", path}),
              ::testing::KilledBySignal(SIGKILL), "");
  EXPECT_THAT(Read(path), AllOf(StartsWith("history kills_who_shrinks "),
                                EndsWith("\nend\n")));
}

TEST(SimShrink, AVariantThatDiesIsAnotherFailure) {
  const Ran ran = Sim({"needs_late_timers", "--seeds", "0-1000", "--shrink"});
  EXPECT_EQ(ran.result, 1);
  const size_t shrunk = ran.out.find("to see it again:\n");
  ASSERT_NE(shrunk, std::string::npos);
  EXPECT_THAT(ran.out.substr(shrunk),
              AllOf(HasSubstr("off envelope_loss\n"),
                    HasSubstr("keep envelope duplication from -> to "),
                    Not(HasSubstr("timer_late_max"))));
}

TEST(SimShrink, ADelayAboveTheDefaultIsLeftOut) {
  const Ran ran = Sim({"far_away", "--seeds", "0-1000", "--shrink"});
  EXPECT_EQ(ran.result, 1);
  EXPECT_THAT(ran.out, AllOf(HasSubstr("\n1 fault struck:\n"),
                             HasSubstr("\noff delay_max\n"),
                             HasSubstr("delay_min=10ms delay_max=10ms\n")));
}

TEST(SimShrink, TheTraceIsThatOfTheLast) {
  const Ran ran = Sim({"bad", "--seeds", "0-1000", "--shrink", "--trace"});
  EXPECT_EQ(ran.result, 1);
  EXPECT_THAT(ran.out, HasSubstr(" runs:\n0.000000s send from -> to "));
  EXPECT_THAT(ran.out, StartsWith("FAILED: "));
}

}  // namespace
}  // namespace trivet
