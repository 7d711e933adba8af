// SPDX-License-Identifier: Apache-2.0
//
// A history as scripts: what every machine did in it, under every fault and
// after every crash, its script does again.

#include <cstdint>
#include <set>
#include <sstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sim/history.h"
#include "tests/sim/scripts.h"
#include "tests/txn/script_runner.h"

namespace trivet {
namespace sim {
namespace {

using ::testing::IsSupersetOf;

// What there was in the scripts: commands and effects, by their first words,
// and classes of faults.
struct Seen {
  std::set<std::string> words;
  std::set<std::string> faults;
  uint64_t recovered = 0;  // Scripts of machines that found records.
};

void Look(const std::string& script, Seen* seen) {
  std::istringstream lines(script);
  for (std::string line; std::getline(lines, line);) {
    std::string word = line.substr(0, line.find(' '));
    if (line.find(" failed code=") != line.npos) word += " failed";
    seen->words.insert(word);
  }
  if (script.find("\nrecord ") != script.npos) ++seen->recovered;
}

void ExpectFaithful(History (*run)(const HistoryOptions&), uint64_t seeds,
                    Seen* seen) {
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    HistoryOptions options;
    options.seed = seed;
    const uint64_t hash = run(options).hash;
    Scripts scripts;
    const History history = RunWithScripts(run, options, &scripts);
    EXPECT_EQ(history.hash, hash) << "to write scripts changes seed " << seed;
    EXPECT_TRUE(history.violations.empty()) << history.violations.ToString();
    for (const testing::SimFault& fault : history.faults) {
      seen->faults.insert(fault.kind);
    }
    for (const auto& [name, script] : scripts) {
      Look(script, seen);
      ASSERT_EQ(script, RunScript(script)) << "seed " << seed << ", " << name;
    }
  }
}

TEST(SimScripts, EveryMachineDoesTheSameAgain) {
  Seen seen;
  ExpectFaithful(RunTxnHistory, 100, &seen);
  EXPECT_THAT(
      seen.words,
      IsSupersetOf({"coordinator", "participant", "peers", "record", "pass",
                    "tick", "receive", "appended", "begin", "voted", "returned",
                    "listed", "forget", "appended failed", "listed failed"}));
  EXPECT_THAT(seen.words,
              IsSupersetOf({"write", "send", "trim-before", "stopped", "wakeup",
                            "finished", "list-prepared", "prepare", "apply"}));
  EXPECT_THAT(
      seen.faults,
      IsSupersetOf({"crash", "crash in append", "crash in recovery",
                    "power loss", "host loss", "pause", "suspend", "slow host",
                    "partition", "envelope loss", "envelope duplication",
                    "envelope corruption", "envelope reordering", "sync error",
                    "disk full", "claim error", "read error"}));
  EXPECT_GT(seen.recovered, 500u);
}

TEST(SimScripts, EveryMachineOnRealFilesDoesTheSameAgain) {
  Seen seen;
  ExpectFaithful(RunTxnOnFilesHistory, 30, &seen);
  EXPECT_GT(seen.recovered, 100u);
}

// With compactions.
TEST(SimScripts, EveryMachineWithALongLogDoesTheSameAgain) {
  Seen seen;
  ExpectFaithful(RunLongTxnHistory, 1, &seen);
  EXPECT_GT(seen.recovered, 5u);
}

}  // namespace
}  // namespace sim
}  // namespace trivet
