// SPDX-License-Identifier: Apache-2.0
//
// Every class of fault that FaultOptions has strikes in the histories that the
// sweeps run, again and again: no field is dead. Those of logs strike the logs
// of every kind of role.

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sim/history.h"
#include "trivet/testing/simulation.h"

namespace trivet {
namespace sim {
namespace {

using ::testing::IsEmpty;

constexpr uint64_t kSeeds = 300;
[[maybe_unused]] constexpr uint64_t kSeedsOnFiles =
    1500;  // Few names are lost.
constexpr uint64_t kStrikesMin = 10;

// How often each class struck in the first histories of a suite, and of each
// log, host or link: "sync error -> till", "crash in append desk".
using Strikes = std::map<std::string, uint64_t>;

// "sync error -> shard" of "sync error host-1 -> shard-1 17": a log's role.
std::string RoleIn(const testing::SimFault& fault) {
  const size_t arrow = fault.id.find(" -> ");
  if (arrow == fault.id.npos) return "";
  const size_t end = fault.id.find_first_of(" -", arrow + 4);
  return fault.kind + fault.id.substr(arrow, end - arrow);
}

void Sweep(History (*run)(const HistoryOptions&), Strikes* strikes,
           uint64_t seeds = kSeeds) {
  for (uint64_t seed = 0; seed < seeds; ++seed) {
    HistoryOptions options;
    options.seed = seed;
    const History history = run(options);
    ASSERT_TRUE(history.violations.empty())
        << "seed " << seed << ": " << history.violations.ToString();
    for (const testing::Simulation::Fault& fault : history.faults) {
      ++(*strikes)[fault.kind];
      ++(*strikes)[RoleIn(fault)];
    }
  }
}

std::set<std::string> Missing(const Strikes& strikes,
                              const std::set<std::string>& classes) {
  std::set<std::string> missing;
  for (const std::string& name : classes) {
    const auto found = strikes.find(name);
    if (found == strikes.end() || found->second < kStrikesMin) {
      missing.insert(name);
    }
  }
  return missing;
}

const std::set<std::string>& OfEveryWorld() {
  static const std::set<std::string> classes = {
      "partition",  "crash",    "one-way partition", "flapping partition",
      "power loss", "pause",    "crash in recovery", "host loss",
      "suspend",    "slow host"};
  return classes;
}

[[maybe_unused]] const std::set<std::string>& OfCalls() {
  static const std::set<std::string> classes = {"long request", "long reply",
                                                "request loss", "reply loss"};
  return classes;
}

[[maybe_unused]] const std::set<std::string>& OfEnvelopes() {
  static const std::set<std::string> classes = {
      "long delay", "envelope loss", "envelope duplication",
      "envelope corruption", "envelope reordering"};
  return classes;
}

#ifdef TRIVET_SIM_TXN
const std::set<std::string>& OfTransactions() {
  static const std::set<std::string> classes = {
      "crash in append", "sync error", "slow sync",
      "disk full",       "read error", "claim error"};
  return classes;
}

// A coordinator alone, a pair over one log, and participants.
const std::set<std::string>& OfEveryLog() {
  static const std::set<std::string> faults = {
      "sync error -> till",    "sync error -> shard", "disk full -> till",
      "disk full -> shard",    "slow sync -> till",   "slow sync -> shard",
      "read error -> till",    "read error -> shard", "claim error -> till",
      "claim error -> shard",  "claim error -> bank", "trim ignored -> till",
      "trim ignored -> shard", "trim ignored -> bank"};
  return faults;
}

TEST(FaultClasses, EveryOneStrikesTransactions) {
  Strikes strikes;
  Sweep(RunTxnHistory, &strikes);
  EXPECT_THAT(Missing(strikes, OfEveryWorld()), IsEmpty());
  EXPECT_THAT(Missing(strikes, OfCalls()), IsEmpty());
  EXPECT_THAT(Missing(strikes, OfEnvelopes()), IsEmpty());
  EXPECT_THAT(Missing(strikes, OfTransactions()), IsEmpty());
  EXPECT_THAT(Missing(strikes, OfEveryLog()), IsEmpty());
}

TEST(FaultClasses, EveryOneStrikesTransactionsOnFiles) {
  Strikes strikes;
  Sweep(RunTxnOnFilesHistory, &strikes, kSeedsOnFiles);
  EXPECT_THAT(Missing(strikes, OfEveryWorld()), IsEmpty());
  EXPECT_THAT(Missing(strikes, OfCalls()), IsEmpty());
  EXPECT_THAT(Missing(strikes, OfEnvelopes()), IsEmpty());
  EXPECT_THAT(Missing(strikes, OfTransactions()), IsEmpty());
  EXPECT_THAT(
      Missing(strikes, {"sector loss", "torn write", "name loss", "bit rot"}),
      IsEmpty());
}

#endif

#ifdef TRIVET_SIM_LOCK
TEST(FaultClasses, EveryOneStrikesLeases) {
  Strikes strikes;
  Sweep(RunLockHistory, &strikes);
  EXPECT_THAT(Missing(strikes, OfEveryWorld()), IsEmpty());
  EXPECT_THAT(Missing(strikes, OfCalls()), IsEmpty());
  EXPECT_THAT(Missing(strikes, {"lease lost", "session loss", "ttl restored",
                                "stale read"}),
              IsEmpty());
}
#endif

#ifdef TRIVET_SIM_RING
TEST(FaultClasses, EveryOneStrikesRings) {
  Strikes strikes;
  Sweep(RunRingHistory, &strikes);
  EXPECT_THAT(Missing(strikes, OfEveryWorld()), IsEmpty());
  EXPECT_THAT(Missing(strikes, OfEnvelopes()), IsEmpty());
}
#endif

}  // namespace
}  // namespace sim
}  // namespace trivet
