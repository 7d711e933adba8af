// SPDX-License-Identifier: Apache-2.0
//
// A simulation program as its user sees it: what it is asked, what it prints,
// and how it ends.

#include "trivet/testing/sim_main.h"

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "trivet/host/transport.h"
#include "trivet/testing/fault_options.h"
#include "trivet/testing/history.h"
#include "trivet/testing/sim_host.h"
#include "trivet/testing/simulation.h"
#include "trivet/testing/violations.h"

namespace trivet {
namespace {

using ::testing::AllOf;
using testing::FaultOptions;
using ::testing::HasSubstr;
using testing::History;
using testing::HistoryOptions;
using ::testing::Not;
using testing::PlantedBugs;
using testing::Scenario;
using testing::SimHost;
using testing::SimMain;
using testing::Simulation;
using ::testing::StartsWith;
using testing::Violations;

std::string_view active_bug;

// Sends twenty numbers. Whoever counts a number twice counts wrong; the bug
// does, and the mended counter does not.
History Count(const HistoryOptions& options, bool counts_twice) {
  FaultOptions faults;
  faults.envelope_duplication = 0.01;
  faults.envelope_loss = 0.2;
  faults.timer_late_max = absl::Milliseconds(1);
  uint64_t count = 0;
  std::set<std::string> seen;
  Simulation sim(options, faults);
  sim.AddHost("from");
  sim.AddHost("to").OnReceive("to", [&](const Envelope& envelope) {
    if (seen.insert(envelope.payload).second || counts_twice) ++count;
  });
  for (int i = 0; i < 20; ++i) {
    sim.FindHost("from")->transport()->Send({"from", "to", std::to_string(i)});
  }
  sim.RunFor(absl::Seconds(1));
  Violations violations;
  if (count > seen.size()) violations.Add("Once", "a number counted twice");
  History history = sim.Report(violations, "twenty numbers");
  history.counters["numbers"] = seen.size();
  return history;
}

History Good(const HistoryOptions& options) { return Count(options, false); }
History Bad(const HistoryOptions& options) { return Count(options, true); }
History Planted(const HistoryOptions& options) {
  if (active_bug == "dies" && options.seed == 7) std::abort();
  return Count(options, active_bug == "counts_twice");
}
History DiesAtSeven(const HistoryOptions& options) {
  if (options.seed == 7) std::abort();
  return Good(options);
}
// As if all were well.
History LeavesAtSeven(const HistoryOptions& options) {
  if (options.seed == 7) std::exit(EXIT_SUCCESS);
  return Good(options);
}
// More than the seed decides.
History RemembersTheLast(const HistoryOptions& options) {
  static uint64_t last = 0;
  Violations violations;
  if (options.seed == 7 && last == 6) violations.Add("Alone", "it is not");
  last = options.seed;
  Simulation sim(options, {});
  return sim.Report(violations, "a memory");
}

struct Ran {
  int result = 0;
  std::string out;
  std::string err;
};

Ran Sim(std::vector<std::string> arguments) {
  const std::vector<Scenario> scenarios = {{"good", Good},
                                           {"bad", Bad},
                                           {"dies", DiesAtSeven},
                                           {"leaves", LeavesAtSeven},
                                           {"remembers", RemembersTheLast},
                                           {"planted", Planted}};
  PlantedBugs bugs;
  bugs.bugs = {{"counts_twice", "planted", 500},
               {"dies", "planted", 500},
               {"harmless", "planted", 20},
               {"always_there", "bad", 500}};
  bugs.activate = [](std::string_view name) {
    static std::string active;
    active = std::string(name);
    active_bug = active;
  };
  arguments.insert(arguments.begin(), "sim");
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  const int result =
      SimMain(static_cast<int>(arguments.size()), argv.data(), scenarios, bugs);
  active_bug = {};
  std::string out = ::testing::internal::GetCapturedStdout();
  return {result, std::move(out), ::testing::internal::GetCapturedStderr()};
}

std::string Write(const std::string& text) {
  // Tests run side by side.
  std::string path =
      ::testing::TempDir() +
      ::testing::UnitTest::GetInstance()->current_test_info()->name() + ".sim";
  std::ofstream(path) << text;
  return path;
}

std::string Read(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file),
          std::istreambuf_iterator<char>()};
}

// The number behind "seed ".
std::string SeedIn(const std::string& text) {
  const size_t at = text.find("seed ") + 5;
  return text.substr(at, text.find_first_not_of("0123456789", at) - at);
}

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

TEST(SimMain, AHistoryThatDiesIsNamedWhereverItRan) {
  for (const char* jobs : {"1", "3"}) {
    const Ran ran = Sim({"dies", "--seeds", "1-50", "--jobs", jobs});
    EXPECT_EQ(ran.result, 1);
    EXPECT_THAT(ran.out, AllOf(HasSubstr("scenario dies, seed 7\n"),
                               HasSubstr("died in seed 7: signal 6"),
                               HasSubstr("again: sim dies --seeds 7\n")));
  }
}

TEST(SimMain, AHistoryThatLeavesTheProgramIsNotTakenForWell) {
  const Ran ran = Sim({"leaves", "--seeds", "1-50"});
  EXPECT_EQ(ran.result, 1);
  EXPECT_THAT(ran.out, HasSubstr("died in seed 7: the process ended"));
}

TEST(SimMain, AFailureThatDoesNotComeAgainIsReportedAsOne) {
  const Ran ran = Sim({"remembers", "--seeds", "1-50"});
  EXPECT_EQ(ran.result, 1);
  EXPECT_THAT(ran.out, AllOf(HasSubstr("scenario remembers, seed 7\n"),
                             HasSubstr("Alone: it is not"),
                             HasSubstr("not its seed alone decides")));
}

TEST(SimMain, ShrinkingLeavesTheOneFaultAndNoClassThatIsNotNeeded) {
  const std::string path = Write("");
  const Ran ran = Sim({"bad", "--seeds", "0-1000", "--shrink", "--out", path});
  EXPECT_EQ(ran.result, 1);
  EXPECT_THAT(ran.out, AllOf(HasSubstr("\n1 fault struck:\n"),
                             HasSubstr("Once: a number counted twice"),
                             HasSubstr("kept: sim --replay " + path)));
  const std::string file = Read(path);
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

TEST(SimMain, AReplayRunsWithTheFaultsThatItKeepsOrMutes) {
  const Ran failed = Sim({"bad", "--seeds", "0-1000", "--shrink"});
  const size_t at = failed.out.find("keep ") + 5;
  const std::string fault =
      failed.out.substr(at, failed.out.find('\n', at) - at);
  const std::string history = "history bad " + SeedIn(failed.out);

  EXPECT_EQ(Sim({"--replay", Write(history + "  # whole\n")}).result, 1);
  EXPECT_EQ(Sim({"--replay", Write(history + "\n keep " + fault)}).result, 1);
  EXPECT_EQ(Sim({"--replay", Write(history + "\nkeep none\n")}).result, 0);
  EXPECT_EQ(Sim({"--replay", Write(history + "\nmute " + fault)}).result, 0);
  EXPECT_EQ(
      Sim({"--replay", Write(history + "\noff envelope_duplication")}).result,
      0);
  EXPECT_EQ(
      Sim({"--replay", Write(history + "\noff envelope_loss\nkeep " + fault)})
          .result,
      1);
}

TEST(SimMain, AReplayedFaultThatIsNotThereAnyMoreIsSaid) {
  const Ran ran =
      Sim({"--replay", Write("history good 5\n"
                             "keep envelope loss from -> to 99\n")});
  EXPECT_EQ(ran.result, 0);
  EXPECT_THAT(ran.out,
              HasSubstr("no longer there: envelope loss from -> to 99\n"));
  const Ran muted = Sim({"--replay", Write("history good 5\n"
                                           "mute crash elsewhere 3\n")});
  EXPECT_THAT(muted.out, HasSubstr("no longer there: crash elsewhere 3\n"));
}

TEST(SimMain, AReplayThatDiesDoesNotKeepOthersFromBeingRun) {
  const Ran ran = Sim({"--replay", Write("history dies 7\nhistory good 3\n")});
  EXPECT_EQ(ran.result, 1);
  EXPECT_THAT(ran.out, AllOf(HasSubstr("scenario dies, seed 7"),
                             HasSubstr("good: 1 history, ")));
}

TEST(SimMain, OneScenarioOfAReplayFile) {
  const std::string path = Write("history good 1\nhistory dies 7\n");
  EXPECT_EQ(Sim({"good", "--replay", path}).result, 0);
  const Ran none = Sim({"bad", "--replay", path});
  EXPECT_EQ(none.result, 2);
  EXPECT_THAT(none.err, HasSubstr("there is no history of bad"));
}

TEST(SimMain, ADamagedReplayFileIsRefusedWithLineAndReason) {
  const std::vector<std::pair<std::string, std::string>> damaged = {
      {"", "there is no line with 'history'"},
      {"# nothing\n\n", "there is no line with 'history'"},
      {"\nhistory good\n", "line 2: 'history good': it must be 'history "},
      {"history good x\n", "line 1: 'history good x': it must be 'history "},
      {"history good -1\n", "line 1: 'history good -1': it must be 'history "},
      {"history good 1 2\n", "line 1: 'history good 1 2': it must be "},
      {"keep none\n", "line 1: 'keep none': a line with 'history' must come"},
      {"history good 1\nhold none\n", "line 2: 'hold none': it must begin"},
      {"history good 1\noff nonsense\n", "line 2: 'off nonsense': there is no"},
      {"history good 1\nkeep crash\n", "line 2: 'keep crash': a fault is"},
      {"history good 1\nkeep crash a b\n", "a fault is its class, its place"},
      {"history good 1\nkeep none\nmute crash a 1\n",
       "line 3: 'mute crash a 1': a history either keeps"},
      {"history gone 1\n", "there is no scenario 'gone'; there are: good, "},
  };
  for (const auto& [text, why] : damaged) {
    const Ran ran = Sim({"--replay", Write(text)});
    EXPECT_EQ(ran.result, 2) << text;
    EXPECT_THAT(ran.err, AllOf(HasSubstr(why), HasSubstr(".sim: "))) << text;
  }
  const Ran missing = Sim({"--replay", "no/such/file"});
  EXPECT_EQ(missing.result, 2);
  EXPECT_THAT(missing.err, HasSubstr("cannot read no/such/file"));
}

TEST(SimMain, AWrongCommandLineNamesWhatIsWrongAndWhatIsPossible) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> wrong = {
      {{},
       "no scenario is named; there are: good, bad, dies, leaves, "
       "remembers, planted"},
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
  };
  for (const auto& [arguments, why] : wrong) {
    const Ran ran = Sim(arguments);
    EXPECT_EQ(ran.result, 2) << why;
    EXPECT_THAT(ran.err, AllOf(StartsWith("sim: "), HasSubstr(why),
                               HasSubstr("usage: sim SCENARIO --seeds ")));
    EXPECT_EQ(ran.out, "") << why;
  }
}

TEST(SimMain, ListsHaveOneBareNameALine) {
  EXPECT_EQ(Sim({"--list"}).out,
            "good\nbad\ndies\nleaves\nremembers\nplanted\n");
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

TEST(SimMain, TheTraceOfOneHistoryIsPrintedAlsoIfItPasses) {
  const Ran ran = Sim({"good", "--seeds", "3", "--trace"});
  EXPECT_EQ(ran.result, 0);
  EXPECT_THAT(ran.out, AllOf(StartsWith("0.000000s send from -> to "),
                             HasSubstr("good: 1 history, ")));
}

}  // namespace
}  // namespace trivet
