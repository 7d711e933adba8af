// SPDX-License-Identifier: Apache-2.0
//
// A simulation program as its user sees it: what it is asked, what it prints,
// and how it ends.

#include "trivet/testing/sim_main.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
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
using ::testing::Not;
using ::testing::StartsWith;

TEST(SimMain, ACleanSweepEndsWithItsTotals) {
  const Ran ran = Sim({"good", "--seeds", "1-100"});
  EXPECT_EQ(ran.result, 0);
  EXPECT_THAT(ran.out, AllOf(StartsWith("good: 100 histories, "),
                             HasSubstr(" numbers, hash "),
                             HasSubstr(" x envelope loss\n")));
  EXPECT_EQ(ran.err, "");
}

TEST(SimMain, TheNumberOfJobsChangesNothing) {
  for (const char* scenario : {"good", "bad"}) {
    const Ran one = Sim({scenario, "--seeds", "3-400"});
    for (const char* jobs : {"2", "3", "64"}) {
      const Ran many = Sim({scenario, "--seeds", "3-400", "--jobs", jobs});
      EXPECT_EQ(many.result, one.result);
      EXPECT_EQ(many.out, one.out);
    }
  }
}

TEST(SimMain, AFailureNamesSeedConfigurationViolationsAndFaults) {
  const Ran ran = Sim({"bad", "--seeds", "0-1000"});
  EXPECT_EQ(ran.result, 1);
  EXPECT_THAT(
      ran.out,
      AllOf(StartsWith("FAILED: scenario bad, seed " + SeedIn(ran.out) + "\n"),
            HasSubstr("\ntwenty numbers envelope_loss=0.2 "),
            HasSubstr("\nOnce: a number counted twice\n"),
            HasSubstr("s envelope duplication from -> to "),
            HasSubstr("again: sim bad --seeds " + SeedIn(ran.out))));
  // It is the lowest: below it there is none.
  const uint64_t seed = std::stoull(SeedIn(ran.out));
  ASSERT_GT(seed, 0U);
  EXPECT_EQ(Sim({"bad", "--seeds", "0-" + std::to_string(seed - 1)}).result, 0);
}

TEST(SimMain, AWrongCommandLineNamesWhatIsWrongAndWhatIsPossible) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> wrong = {
      {{}, "no scenario is named; there are: good, bad, frail, dies, "},
      {{"goods", "--seeds", "1"}, "no scenario 'goods'; there are: good, "},
      {{"good", "bad", "--seeds", "1"}, "'bad' is one scenario too many"},
      {{"good"}, "--seeds is missing"},
      {{"good", "--seeds"}, "nothing stands behind --seeds"},
      {{"good", "--seeds", "5-x"}, "--seeds is '5-x'; it must be FIRST-LAST"},
      {{"good", "--seeds", "-5"}, "--seeds is '-5'; it must be"},
      {{"good", "--seeds", "1-2-3"}, "--seeds is '1-2-3'; it must be"},
      {{"good", "--seeds", "18446744073709551616"}, "0..18446744073709551615"},
      {{"good", "--seeds", "9-3"}, "--seeds is '9-3'; 9 must not be above 3"},
      {{"good", "--seeds", "1", "--jobs", "0"},
       "--jobs is '0'; it must be in 1..256"},
      {{"good", "--seeds", "1", "--jobs", "257"},
       "--jobs is '257'; it must be in 1..256"},
      {{"good", "--seeds=1"}, "there is no option '--seeds=1'"},
      {{"good", "--seeds", "1", "--replay", "f"}, "do not go together"},
      {{"--replay", "f", "--jobs", "2"}, "do not go together"},
      {{"--bug", "unknown"}, "there is no bug 'unknown'; --list-bugs lists"},
      {{"good", "--bug", "dies"}, "leave out good"},
      {{"good", "--seeds", "1", "--seeds", "2"}, "--seeds stands there twice"},
      {{"--replay", "f", "--replay", "g"}, "--replay stands there twice"},
      {{"good", "--seeds", "1", "--limit", "soon"},
       "--limit is 'soon'; it must be a time above 0 as 90s or 2m, or inf"},
      {{"good", "--seeds", "1", "--limit", "0s"}, "--limit is '0s'; it must"},
      {{"good", "--seeds", "1-2", "--here"}, "--here runs one history"},
      {{"--bug", "dies", "--here"}, "--here runs one history"},
      {{"good", "--seeds", "1", "--here", "--limit", "1s"},
       "--here and --limit do not go together"},
      {{"good", "--seeds", "--trace"}, "nothing stands behind --seeds"},
  };
  for (const auto& [arguments, why] : wrong) {
    const Ran ran = Sim(arguments);
    EXPECT_EQ(ran.result, 2) << why;
    EXPECT_THAT(ran.err, AllOf(StartsWith("sim: "), HasSubstr(why),
                               HasSubstr("usage: sim SCENARIO --seeds ")));
    EXPECT_EQ(ran.out, "") << why;
  }
}

TEST(SimMain, ScenariosAreNamedByOneWordEach) {
  std::string program = "sim";
  std::string option = "--list";
  char* argv[] = {program.data(), option.data(), nullptr};
  const auto complaint = [&](const std::vector<Scenario>& scenarios) {
    ::testing::internal::CaptureStderr();
    EXPECT_EQ(SimMain(2, argv, scenarios), 2);
    return ::testing::internal::GetCapturedStderr();
  };
  for (const char* name :
       {"", "two words", "-x", "a/b", "a#b", "a\tb", "a\n"}) {
    EXPECT_THAT(complaint({{"good", Good}, {name, Good}}),
                HasSubstr(std::string("a scenario is called '") + name +
                          "'; a name must be one word"));
  }
  EXPECT_THAT(complaint({{"good", Good}, {"good", Bad}}),
              HasSubstr("two scenarios are called 'good'"));
}

TEST(SimMain, WhatCannotBePrintedIsNoSuccess) {
  // In a child, whose stdout is full.
  const auto print_all = [] {
    if (std::freopen("/dev/full", "w", stdout) == nullptr) std::_Exit(9);
    std::_Exit(RunSim({"good", "--seeds", "1-3"}));
  };
  EXPECT_EXIT(print_all(), ::testing::ExitedWithCode(2),
              "sim: cannot write all to stdout");
}

TEST(SimMain, WhatAViolationSaysIsPrintedWhateverItIs) {
  const Ran ran = Sim({"zero", "--seeds", "1"});
  EXPECT_EQ(ran.result, 1);
  using std::string_literals::operator""s;
  EXPECT_THAT(ran.out, HasSubstr("Bytes: a\0b\n"s));
  EXPECT_THAT(ran.out, HasSubstr("again: sim zero --seeds 1"));
}

TEST(SimMain, ListsHaveOneBareNameALine) {
  std::string names;
  for (const Scenario& scenario : Scenarios()) names += scenario.name + "\n";
  EXPECT_EQ(Sim({"--list"}).out, names);
  EXPECT_EQ(Sim({"--list-bugs"}).out,
            "counts_twice\ndies\nharmless\nalways_there\n");
}

TEST(SimMain, AProgramWithoutPlantedBugsHasNoOptionsForThem) {
  std::string program = "sim";
  std::string option = "--list-bugs";
  char* argv[] = {program.data(), option.data(), nullptr};
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(SimMain(2, argv, {{"good", Good}}), 2);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              AllOf(HasSubstr("there is no option '--list-bugs'"),
                    Not(HasSubstr("--bug "))));
}

TEST(SimMain, APlantedBugIsFoundOnlyWhereTheHistoryPassesWithoutIt) {
  const Ran found = Sim({"--bug", "counts_twice"});
  EXPECT_EQ(found.result, 0);
  EXPECT_THAT(found.out, AllOf(StartsWith("found counts_twice after "),
                               HasSubstr("Once: a number counted twice")));
  const Ran dead = Sim({"--bug", "dies", "--jobs", "2"});
  EXPECT_EQ(dead.result, 0);
  EXPECT_THAT(dead.out, StartsWith("found dies after 8 histories (seed 7)\n"));
  const Ran harmless = Sim({"--bug", "harmless"});
  EXPECT_EQ(harmless.result, 1);
  EXPECT_THAT(harmless.out, HasSubstr("NOT FOUND: harmless, in 20 histories"));
  const Ran there = Sim({"--bug", "always_there"});
  EXPECT_EQ(there.result, 1);
  EXPECT_THAT(there.out, HasSubstr("fails too"));
  EXPECT_EQ(Sim({"--bug", "dies", "--seeds", "0-6"}).result, 1);
}

TEST(SimMain, HelpNamesEveryOptionAndExitStatus) {
  const Ran help = Sim({"--help"});
  EXPECT_EQ(help.result, 0);
  for (const char* option :
       {"--seeds", "--jobs", "--replay", "--shrink", "--trace", "--out",
        "--limit", "--here", "--list", "--bug", "--list-bugs", "0 nothing was",
        "1 a history failed", "2 the command line", "3 nothing was found"}) {
    EXPECT_THAT(help.out, HasSubstr(option));
  }
}

TEST(SimMain, AFoundBugIsKeptWithItsName) {
  const std::string path = PathOf("sim");
  const Ran found = Sim({"--bug", "counts_twice", "--shrink", "--out", path});
  EXPECT_EQ(found.result, 0);
  EXPECT_THAT(found.out, HasSubstr("\n1 fault struck:\n"));
  EXPECT_THAT(Read(path), HasSubstr("\nbug counts_twice\n"));
  const Ran dead = Sim({"--bug", "dies", "--out", path});
  EXPECT_EQ(dead.result, 0);
  EXPECT_EQ(Read(path), "history planted 7\nbug dies\nend\n");
}

TEST(SimMain, OnlyTheFileThatWasNamedIsWritten) {
  const std::string path = PathOf("found");
  std::ofstream(path + ".new") << "mine";
  EXPECT_EQ(Sim({"dies", "--seeds", "7", "--out", path}).result, 1);
  EXPECT_EQ(Read(path), "history dies 7\nend\n");
  EXPECT_EQ(Read(path + ".new"), "mine");
  EXPECT_FALSE(std::ifstream(path + ".trivet-new").is_open());
}

TEST(SimMain, TheTraceOfOneHistoryIsPrintedAlsoIfItPasses) {
  const Ran ran = Sim({"good", "--seeds", "3", "--trace"});
  EXPECT_EQ(ran.result, 0);
  EXPECT_THAT(ran.out, AllOf(StartsWith("0.000000s send from -> to "),
                             HasSubstr("good: 1 history, ")));
  const Ran here = Sim({"good", "--seeds", "3", "--trace", "--here"});
  EXPECT_EQ(here.out, ran.out);
}

TEST(SimMain, AFileThatCannotBeWrittenIsRefusedBeforeAnythingRuns) {
  for (const std::string& path :
       {std::string("no/such/folder/a.sim"), ::testing::TempDir()}) {
    const Ran ran = Sim({"hangs", "--seeds", "7", "--out", path});
    EXPECT_EQ(ran.result, 2);
    EXPECT_THAT(ran.err, HasSubstr("sim: cannot write " + path + ": "));
    EXPECT_EQ(ran.out, "");
  }
  // And one that can be is not touched as long as nothing fails.
  const std::string path = Write("mine");
  EXPECT_EQ(Sim({"good", "--seeds", "1", "--out", path}).result, 0);
  EXPECT_EQ(Read(path), "mine");
  const std::string fresh = PathOf("fresh");
  EXPECT_EQ(Sim({"good", "--seeds", "1", "--out", fresh}).result, 0);
  EXPECT_FALSE(std::ifstream(fresh).is_open());
}

}  // namespace
}  // namespace trivet
