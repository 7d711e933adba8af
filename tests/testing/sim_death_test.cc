// SPDX-License-Identifier: Apache-2.0
//
// Histories that end their process, or never end, in a simulation program.

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/sim_program.h"

namespace trivet {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(SimDeath, AHistoryThatDiesIsNamedWhereverItRan) {
  for (const char* jobs : {"1", "3"}) {
    const Ran ran = Sim({"dies", "--seeds", "1-50", "--jobs", jobs});
    EXPECT_EQ(ran.result, 1);
    EXPECT_THAT(ran.out,
                AllOf(HasSubstr("scenario dies, seed 7\n"),
                      HasSubstr("\ndied: signal 6\n"),
                      HasSubstr("again: sim dies --seeds 7 --here\n")));
  }
}

TEST(SimDeath, AHistoryThatLeavesTheProgramIsNotTakenForWell) {
  const Ran ran = Sim({"leaves", "--seeds", "1-50"});
  EXPECT_EQ(ran.result, 1);
  EXPECT_THAT(ran.out, HasSubstr("\ndied: the process ended\n"));
}

TEST(SimDeath, AFailureThatDoesNotComeAgainIsReportedAsOne) {
  const Ran ran = Sim({"remembers", "--seeds", "1-500"});
  EXPECT_EQ(ran.result, 1);
  EXPECT_THAT(ran.out, AllOf(HasSubstr("scenario remembers, seed 7\n"),
                             HasSubstr("Alone: it is not"),
                             HasSubstr("not its seed alone decides")));
}

// "1 fault struck:" and the like, up to the end of the list.
std::string FaultsIn(const std::string& text) {
  const size_t end = text.find("again: ");
  const size_t begin = text.rfind("struck:\n", end);
  return begin == text.npos ? "" : text.substr(begin, end - begin);
}

TEST(SimDeath, ItsFaultsAndItsLastWordsAreReported) {
  for (const char* jobs : {"1", "3"}) {
    const Ran ran = Sim({"frail", "--seeds", "0-1000", "--jobs", jobs});
    EXPECT_EQ(ran.result, 1);
    EXPECT_THAT(ran.out, AllOf(StartsWith("FAILED: scenario frail, seed "),
                               HasSubstr("\ndied: signal 6\ncounted twice\n")));
    EXPECT_THAT(FaultsIn(ran.out),
                HasSubstr("s envelope duplication from -> to "));
    // Alone as well, and up to its death it is the same history as that of the
    // counter that does not die.
    const std::string seed = SeedIn(ran.out);
    EXPECT_EQ(Sim({"frail", "--seeds", seed}).out, ran.out);
    const std::string faults = FaultsIn(Sim({"bad", "--seeds", seed}).out);
    EXPECT_THAT(faults, StartsWith(FaultsIn(ran.out)));
  }
}

TEST(SimDeath, ItShrinksAsOtherFailuresDo) {
  const std::string path = PathOf("sim");
  const Ran ran =
      Sim({"frail", "--seeds", "0-1000", "--shrink", "--out", path});
  EXPECT_EQ(ran.result, 1);
  EXPECT_THAT(ran.out, HasSubstr(":\ndied: signal 6\ncounted twice\n1 fault "
                                 "struck:\n"));
  EXPECT_THAT(Read(path), HasSubstr("\nkeep envelope duplication from -> to "));
  EXPECT_EQ(Sim({"--replay", path}).result, 1);
}

TEST(SimDeath, AHistoryThatNeverEndsIsReportedWithSeedAndFaults) {
  const std::string path = PathOf("sim");
  for (const char* jobs : {"1", "3"}) {
    const Ran ran = Sim({"hangs", "--seeds", "1-50", "--jobs", jobs, "--limit",
                         "2s", "--out", path});
    EXPECT_EQ(ran.result, 1);
    EXPECT_THAT(ran.out,
                AllOf(StartsWith("FAILED: scenario hangs, seed 7\n"),
                      HasSubstr("\nhang: it had not ended after 2s of real "
                                "time\n"),
                      HasSubstr("s envelope loss from -> to ")));
    EXPECT_EQ(Read(path), "history hangs 7\nend\n");
  }
  const Ran replayed = Sim({"--replay", path, "--limit", "100ms"});
  EXPECT_EQ(replayed.result, 1);
  EXPECT_THAT(replayed.out, HasSubstr("\nhang: "));
}

TEST(SimDeath, TheLimitIsThatOfOneHistoryNotOfASweep) {
  const Ran ran = Sim({"good", "--seeds", "1-40000", "--limit", "500ms"});
  EXPECT_EQ(ran.result, 0);
  EXPECT_THAT(ran.out, StartsWith("good: 40000 histories, "));
}

TEST(SimDeath, WhatAHistoryPrintsIsNotTakenForWhatItsChildTells) {
  const Ran well = Sim({"mutters", "--seeds", "1-6"});
  EXPECT_EQ(well.result, 0);
  EXPECT_THAT(well.out, StartsWith("mutters: 6 histories, "));
  EXPECT_THAT(well.err, HasSubstr("half a line, half a line, "));
  const Ran dead = Sim({"mutters", "--seeds", "1-50"});
  EXPECT_EQ(dead.result, 1);
  EXPECT_THAT(dead.out, AllOf(StartsWith("FAILED: scenario mutters, seed 7\n"),
                              HasSubstr("died: signal 6\nhalf a line, \n")));
}

TEST(SimDeath, WhatAHistoryPrintsIsPrintedOnceHoweverItEnds) {
  const std::string seed = SeedIn(Sim({"bad", "--seeds", "0-1000"}).out);
  const Ran failed = Sim({"mutters", "--seeds", seed});
  EXPECT_EQ(failed.result, 1);
  EXPECT_EQ(failed.err, "half a line, ");
  EXPECT_EQ(Sim({"mutters", "--seeds", "5"}).err, "half a line, ");
  EXPECT_EQ(Sim({"mutters", "--seeds", "5", "--here"}).err, "half a line, ");
}

TEST(SimDeath, WrongFaultOptionsNameFieldValueAndLimit) {
  const Ran ran = Sim({"too_much", "--seeds", "1"});
  EXPECT_EQ(ran.result, 1);
  EXPECT_THAT(ran.out,
              HasSubstr("FaultOptions::reply_loss is 1.5; it must be in 0..1"));
}

}  // namespace
}  // namespace trivet
