// SPDX-License-Identifier: Apache-2.0
//
// A failing seed becomes a script: where a planted bug fails a history, a
// script of that history shows its effect, and the sound machine has another.

#include <cstdint>
#include <sstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sim/bugs.h"
#include "tests/sim/history.h"
#include "tests/sim/scripts.h"
#include "tests/txn/script_runner.h"

namespace trivet {
namespace sim {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class Bug {
 public:
  explicit Bug(const std::string& name) { Bugs().activate(name); }
  ~Bug() { Bugs().activate(""); }
};

// The first history that fails by the bug that is active.
Scripts ScriptsOfAFailure() {
  for (uint64_t seed = 0; seed < 500; ++seed) {
    HistoryOptions options;
    options.seed = seed;
    Scripts scripts;
    if (!RunWithScripts(RunTxnHistory, options, &scripts).violations.empty()) {
      return scripts;
    }
  }
  return {};
}

// Of the first of the scripts to which the machine does not keep: what happened
// and where it goes on otherwise.
struct Difference {
  std::string command;
  std::string was;
  std::string is;
};

Difference FirstDifference(const Scripts& scripts) {
  for (const auto& [name, script] : scripts) {
    std::istringstream before(script);
    std::istringstream after(RunScript(script));
    Difference difference;
    bool happens = true;  // Else it is what that led to.
    while (std::getline(before, difference.was)) {
      std::getline(after, difference.is);
      if (difference.was != difference.is) return difference;
      happens = difference.was != "----" && (happens || difference.was.empty());
      if (happens) difference.command = difference.was;
    }
  }
  return {};
}

void ExpectFaithful(const Scripts& scripts) {
  for (const auto& [name, script] : scripts) {
    EXPECT_EQ(script, RunScript(script)) << name;
  }
}

Difference DifferenceMadeBy(const std::string& name) {
  Scripts scripts;
  {
    const Bug bug(name);
    scripts = ScriptsOfAFailure();
    EXPECT_FALSE(scripts.empty()) << name << " is not found";
    ExpectFaithful(scripts);  // It is what the machine with the bug does.
  }
  return FirstDifference(scripts);
}

// A yes leaves with the record that it has to wait for.
TEST(SimScripts, AVoteBeforeTheForceShows) {
  const Difference difference = DifferenceMadeBy("vote_before_force");
  EXPECT_THAT(difference.command,
              AllOf(StartsWith("voted "), HasSubstr(" yes")));
  EXPECT_THAT(difference.was,
              AllOf(StartsWith("send "), HasSubstr(" VoteReply ")));
  EXPECT_EQ(difference.is, "");
}

// A commit is acknowledged before it is durable here.
TEST(SimScripts, AnAckBeforeTheForceShows) {
  const Difference difference = DifferenceMadeBy("ack_before_durable");
  EXPECT_THAT(difference.command,
              AllOf(StartsWith("receive "), HasSubstr("DecisionNotice"),
                    HasSubstr(" commit")));
  EXPECT_THAT(difference.was,
              AllOf(StartsWith("send "), HasSubstr(" DecisionAck ")));
}

// A machine that was rebuilt from records gives an id that was given before.
TEST(SimScripts, AWrongRecoveryShows) {
  const Difference difference = DifferenceMadeBy("id_reused_after_restart");
  EXPECT_THAT(difference.command, StartsWith("begin 1 "));
  EXPECT_THAT(difference.was, HasSubstr("/1.1 horizon="));
  EXPECT_THAT(difference.is, HasSubstr("/2.1 horizon="));
}

TEST(SimScripts, WithoutABugThereIsNoDifference) {
  HistoryOptions options;
  options.seed = 1;
  Scripts scripts;
  EXPECT_TRUE(
      RunWithScripts(RunTxnHistory, options, &scripts).violations.empty());
  EXPECT_GT(scripts.size(), 5u);
  ExpectFaithful(scripts);
}

}  // namespace
}  // namespace sim
}  // namespace trivet
