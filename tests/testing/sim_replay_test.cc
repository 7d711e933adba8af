// SPDX-License-Identifier: Apache-2.0
//
// Replay files as the user of a simulation program sees them.

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

// Of a replay file with these lines, which is whole.
Ran Replayed(const std::string& lines, std::vector<std::string> more = {}) {
  more.insert(more.end(), {"--replay", Write(lines + "\nend\n")});
  return Sim(std::move(more));
}

TEST(SimReplay, ItRunsWithTheFaultsThatItKeepsOrMutes) {
  const Ran failed = Sim({"bad", "--seeds", "0-1000", "--shrink"});
  const size_t at = failed.out.find("keep ") + 5;
  const std::string fault =
      failed.out.substr(at, failed.out.find('\n', at) - at);
  const std::string history = "history bad " + SeedIn(failed.out);

  EXPECT_EQ(Replayed(history + "  # whole\n").result, 1);
  EXPECT_EQ(Replayed(history + "\n keep " + fault).result, 1);
  EXPECT_EQ(Replayed(history + "\nkeep none\n").result, 0);
  EXPECT_EQ(Replayed(history + "\nmute " + fault).result, 0);
  EXPECT_EQ(Replayed(history + "\noff envelope_duplication").result, 0);
  EXPECT_EQ(Replayed(history + "\noff envelope_loss\nkeep " + fault).result, 1);
  const Ran here =
      Replayed(history + "\noff envelope_loss\nkeep " + fault, {"--here"});
  EXPECT_EQ(here.result, 1);
  EXPECT_THAT(here.out, HasSubstr("\n1 fault struck:\n"));
}

TEST(SimReplay, AFaultThatIsNotThereAnyMoreIsSaidAndHasAStatusOfItsOwn) {
  const Ran kept = Replayed(
      "history good 5\n"
      "keep envelope loss from -> to 99\n");
  EXPECT_EQ(kept.result, 3);
  EXPECT_THAT(kept.out,
              HasSubstr("no longer there: envelope loss from -> to 99\n"));
  const Ran muted = Replayed("history good 5\nmute crash elsewhere 3\n");
  EXPECT_EQ(muted.result, 3);
  EXPECT_THAT(muted.out, HasSubstr("no longer there: crash elsewhere 3\n"));
}

TEST(SimReplay, OfSeveralHistoriesTheWorstCounts) {
  const std::string stale = "history good 5\nkeep crash a 1\n";
  EXPECT_EQ(Replayed("history good 5\n" + stale).result, 3);
  EXPECT_EQ(Replayed(stale + "history good 5\n").result, 3);
  EXPECT_EQ(Replayed("history dies 7\n" + stale).result, 1);
  EXPECT_EQ(Replayed(stale + "history dies 7\n").result, 1);
}

TEST(SimReplay, OneThatDiesDoesNotKeepOthersFromBeingRun) {
  const Ran ran = Replayed("history dies 7\nhistory good 3\n");
  EXPECT_EQ(ran.result, 1);
  EXPECT_THAT(ran.out, AllOf(HasSubstr("scenario dies, seed 7"),
                             HasSubstr("good: 1 history, ")));
}

TEST(SimReplay, AllThatFailAreKept) {
  const std::string out = PathOf("out");
  EXPECT_EQ(Replayed("history dies 7\nhistory good 3\nhistory frail 0\nkeep "
                     "none\nhistory leaves 7\n",
                     {"--out", out})
                .result,
            1);
  EXPECT_EQ(Read(out), "history dies 7\nhistory leaves 7\nend\n");
}

TEST(SimReplay, TheFileThatIsReplayedIsNotTheOneThatIsWritten) {
  const std::string path = Write("history good 1\nhistory dies 7\nend\n");
  const Ran ran = Sim({"--replay", path, "--out", path});
  EXPECT_EQ(ran.result, 2);
  EXPECT_THAT(ran.err, HasSubstr("--replay and --out are one file: "));
  EXPECT_EQ(Read(path), "history good 1\nhistory dies 7\nend\n");
}

TEST(SimReplay, OneScenarioOfAFile) {
  const std::string lines = "history good 1\nhistory dies 7\n";
  EXPECT_EQ(Replayed(lines, {"good"}).result, 0);
  const Ran none = Replayed(lines, {"bad"});
  EXPECT_EQ(none.result, 2);
  EXPECT_THAT(none.err, HasSubstr("there is no history of bad"));
}

TEST(SimReplay, FilesMayBePutTogether) {
  const Ran ran = Replayed("history good 1\nend\n\nhistory dies 7 # Both.\n");
  EXPECT_EQ(ran.result, 1);
  EXPECT_THAT(ran.out, AllOf(HasSubstr("good: 1 history"),
                             HasSubstr("scenario dies, seed 7")));
}

TEST(SimReplay, AFileThatWasCutShortIsRefusedWherever) {
  const std::string whole =
      "history good 1\nkeep envelope loss from -> to 17\nend\n";
  EXPECT_EQ(Sim({"--replay", Write(whole)}).result, 0);
  for (size_t size = 0; size + 1 < whole.size(); ++size) {
    const std::string path = Write(whole.substr(0, size));
    const Ran ran = Sim({"--replay", path});
    EXPECT_EQ(ran.result, 2) << size;
    EXPECT_THAT(ran.err, StartsWith("sim: " + path + ": line ")) << size;
  }
  const Ran ran = Sim({"--replay", Write(whole.substr(0, 38) + "\n\n# x")});
  EXPECT_THAT(ran.err,
              HasSubstr("line 2: 'keep envelope loss from': a fault is"));
  const Ran later = Sim({"--replay", Write("history good 1\nkeep none\n\n#")});
  EXPECT_THAT(later.err, HasSubstr("line 2: 'keep none': the last line must be "
                                   "'end'; the file was cut short"));
}

TEST(SimReplay, ADamagedFileIsRefusedWithLineAndReason) {
  const std::vector<std::pair<std::string, std::string>> damaged = {
      {"", "line 1: there is no line with 'history'"},
      {"# nothing\n\n", "there is no line with 'history'"},
      {"end\n", "line 1: 'end': a line with 'history' must come first"},
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
      {"history good 1\nbug\n", "line 2: 'bug': it must be 'bug NAME'"},
      {"history good 1\nbug a\nbug b\n", "line 3: 'bug b': a history has one"},
      {"history good 1\nend of it\n", "line 2: 'end of it': 'end' stands"},
      {"history good 1\nend\nkeep none\nend\n", "line 3: 'keep none': a line"},
      {"history gone 1\nend\n", "there is no scenario 'gone'; there are: go"},
  };
  for (const auto& [text, why] : damaged) {
    const Ran ran = Sim({"--replay", Write(text)});
    EXPECT_EQ(ran.result, 2) << text;
    EXPECT_THAT(ran.err, AllOf(HasSubstr(why), HasSubstr(".sim: "))) << text;
  }
}

TEST(SimReplay, WhatCannotBeReadIsRefusedByName) {
  const Ran missing = Sim({"--replay", "no/such/file"});
  EXPECT_EQ(missing.result, 2);
  EXPECT_THAT(missing.err, HasSubstr("cannot read no/such/file: "));
  const std::string folder = ::testing::TempDir();
  const Ran directory = Sim({"--replay", folder});
  EXPECT_EQ(directory.result, 2);
  EXPECT_THAT(directory.err, HasSubstr("cannot read " + folder + ": "));
}

TEST(SimReplay, AHistoryThatWasMadeWithABugIsRunWithItAndNoOther) {
  const Ran found = Sim({"--bug", "counts_twice", "--out", PathOf("found")});
  ASSERT_EQ(found.result, 0);
  const std::string path = PathOf("found");
  // With the bug that the file names, whether or not the user does.
  EXPECT_EQ(Sim({"--replay", path}).result, 1);
  const Ran again = Sim({"--replay", path, "--bug", "counts_twice"});
  EXPECT_EQ(again.result, 1);
  EXPECT_THAT(again.out, HasSubstr("\nOnce: a number counted twice\n"));
  const Ran other = Sim({"--replay", path, "--bug", "harmless"});
  EXPECT_EQ(other.result, 2);
  EXPECT_THAT(other.err,
              HasSubstr("found: history planted " + SeedIn(found.out) +
                        " was made with the bug 'counts_twice', "
                        "not with 'harmless'"));
  const Ran unknown = Replayed("history good 1\nbug gone\n");
  EXPECT_EQ(unknown.result, 2);
  EXPECT_THAT(unknown.err, HasSubstr("history good 1 was made with the bug "
                                     "'gone', which is not in this program"));
}

TEST(SimReplay, AHistoryWithoutABugIsRunWithTheOneThatIsAskedFor) {
  const std::string lines = "history planted 7\nhistory good 1\n";
  EXPECT_EQ(Replayed(lines).result, 0);
  const std::string out = PathOf("out");
  EXPECT_EQ(Replayed(lines, {"--bug", "dies", "--out", out}).result, 1);
  EXPECT_EQ(Read(out), "history planted 7\nbug dies\nend\n");
}

}  // namespace
}  // namespace trivet
