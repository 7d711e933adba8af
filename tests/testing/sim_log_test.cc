// SPDX-License-Identifier: Apache-2.0
//
// The logs of simulated hosts keep LogStore's contract, and no more than that.

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "trivet/host/log_store.h"
#include "trivet/testing/fault_options.h"
#include "trivet/testing/sim_host.h"
#include "trivet/testing/simulation.h"

namespace trivet {
namespace {

using ::testing::ElementsAre;
using testing::FaultOptions;
using ::testing::IsEmpty;
using testing::SimHost;
using testing::Simulation;
using ::testing::SizeIs;

std::shared_ptr<void> Nothing(SimHost&) { return std::make_shared<int>(); }

struct Claimed {
  absl::StatusOr<Epoch> epoch;
  std::vector<std::string> records;
  LogIndex first = 0;
};

Claimed Claim(LogStore* log, Epoch wanted = 0) {
  Claimed claimed;
  claimed.epoch =
      log->Claim(wanted, [&](LogIndex index, std::string_view record) {
        if (claimed.records.empty()) claimed.first = index;
        EXPECT_EQ(index, claimed.first + claimed.records.size());
        claimed.records.emplace_back(record);
        return absl::OkStatus();
      });
  return claimed;
}

// Appends one record and notes the result under its text.
struct Writer {
  LogStore* log;
  Epoch epoch;
  std::vector<std::string> done;  // "a=1": the last index, or "a:code".

  void Append(const std::string& record, Durability durability) {
    log->Append(epoch, {record}, durability,
                [this, record](absl::StatusOr<LogIndex> last) {
                  done.push_back(
                      last.ok()
                          ? record + "=" + std::to_string(*last)
                          : record + ":" +
                                absl::StatusCodeToString(last.status().code()));
                });
  }
  void Force(const std::string& record) { Append(record, Durability::kForced); }
  void Lazy(const std::string& record) { Append(record, Durability::kLazy); }
};

TEST(SimLog, AppendsCompleteInOrder) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Simulation sim(seed);
    SimHost& host = sim.AddHost("h", Nothing);
    Writer w{host.log("f"), *Claim(host.log("f")).epoch, {}};
    w.Force("a");
    w.Lazy("b");
    w.Force("c");
    w.Lazy("d");
    sim.RunFor(absl::Seconds(1));
    w.Lazy("e");
    sim.RunFor(absl::Seconds(1));
    EXPECT_THAT(w.done, ElementsAre("a=1", "b=2", "c=3", "d=4", "e=5"));
  }
}

TEST(SimLog, ForcedSurvivesPowerLossAndAnyPrefixOfTheRestMay) {
  std::set<size_t> kept;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    Simulation sim(seed);
    SimHost& host = sim.AddHost("h", Nothing);
    Writer w{host.log("f"), *Claim(host.log("f")).epoch, {}};
    w.Lazy("a");
    w.Force("b");
    sim.RunFor(absl::Seconds(1));
    w.Lazy("c");
    w.Lazy("d");
    sim.RunFor(absl::Seconds(1));
    host.PowerLoss();
    host.Restart();
    const Claimed claimed = Claim(host.log("f"));
    EXPECT_EQ(*claimed.epoch, 2U);
    const std::vector<std::string> all = {"a", "b", "c", "d"};
    ASSERT_GE(claimed.records.size(), 2U);
    EXPECT_EQ(claimed.records,
              std::vector<std::string>(
                  all.begin(), all.begin() + static_cast<std::ptrdiff_t>(
                                                 claimed.records.size())));
    kept.insert(claimed.records.size());
  }
  EXPECT_THAT(kept, ElementsAre(2, 3, 4));
}

TEST(SimLog, ACrashKeepsThePageCache) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Simulation sim(seed);
    SimHost& host = sim.AddHost("h", Nothing);
    Writer w{host.log("f"), *Claim(host.log("f")).epoch, {}};
    w.Lazy("a");
    w.Lazy("b");
    sim.RunFor(absl::Seconds(1));
    host.Crash();
    host.Restart();
    EXPECT_THAT(Claim(host.log("f")).records, ElementsAre("a", "b"));
  }
}

TEST(SimLog, ACrashInTheMiddleOfAnAppendLeavesAPrefixOfIt) {
  std::set<size_t> kept;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    Simulation sim(seed);
    SimHost& host = sim.AddHost("h", Nothing);
    const Epoch epoch = *Claim(host.log("f")).epoch;
    bool called = false;
    host.log("f")->Append(epoch, {"a", "b", "c"}, Durability::kForced,
                          [&](absl::StatusOr<LogIndex>) { called = true; });
    host.Crash();
    host.Restart();
    kept.insert(Claim(host.log("f")).records.size());
    sim.RunFor(absl::Seconds(1));
    EXPECT_FALSE(called);
  }
  EXPECT_THAT(kept, ElementsAre(0, 1, 2, 3));
}

// Visited: the second crash, of power, cannot take what the claim has shown.
TEST(SimLog, WhatAClaimVisitsIsDurable) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    Simulation sim(seed);
    SimHost& host = sim.AddHost("h", Nothing);
    Writer w{host.log("f"), *Claim(host.log("f")).epoch, {}};
    w.Lazy("a");
    w.Force("b");
    host.Crash();
    host.Restart();
    const Claimed first = Claim(host.log("f"));
    host.PowerLoss();
    host.Restart();
    EXPECT_EQ(Claim(host.log("f")).records, first.records);
  }
}

TEST(SimLog, AFailedSyncIsUnknownAndPoisonsUntilTheNextClaim) {
  FaultOptions faults;
  faults.sync_error = 1;
  std::set<size_t> kept;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Simulation sim(seed, faults);
    SimHost& host = sim.AddHost("h", Nothing);
    Writer w{host.log("f"), *Claim(host.log("f")).epoch, {}};
    w.Force("a");
    sim.RunFor(absl::Seconds(1));
    w.Force("b");
    w.Lazy("c");
    sim.RunFor(absl::Seconds(1));
    EXPECT_THAT(w.done,
                ElementsAre("a:UNAVAILABLE", "b:UNAVAILABLE", "c:UNAVAILABLE"));
    host.PowerLoss();
    host.Restart();
    const Claimed claimed = Claim(host.log("f"));
    kept.insert(claimed.records.size());
    sim.Calm();
    Writer again{host.log("f"), *claimed.epoch, {}};
    again.Force("d");
    sim.RunFor(absl::Seconds(1));
    EXPECT_THAT(again.done, SizeIs(1));
    EXPECT_EQ(again.done[0], "d=" + std::to_string(claimed.records.size() + 1));
  }
  EXPECT_THAT(kept, ElementsAre(0, 1));
}

TEST(SimLog, TrimForgetsThePrefixUnlessIgnored) {
  for (const double ignored : {0.0, 1.0}) {
    FaultOptions faults;
    faults.trim_ignored = ignored;
    Simulation sim(1, faults);
    SimHost& host = sim.AddHost("h", Nothing);
    Writer w{host.log("f"), *Claim(host.log("f")).epoch, {}};
    for (const char* record : {"a", "b", "c"}) w.Force(record);
    sim.RunFor(absl::Seconds(1));
    host.log("f")->Trim(w.epoch, 3);
    const Claimed claimed = Claim(host.log("f"));
    EXPECT_THAT(claimed.records, SizeIs(ignored > 0 ? 3 : 1));
    EXPECT_EQ(claimed.first, ignored > 0 ? 1U : 3U);
  }
}

TEST(SimLog, AFailedClaimMayHaveClaimed) {
  FaultOptions faults;
  faults.claim_error = 1;
  std::set<bool> claimed;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Simulation sim(seed, faults);
    SimHost& host = sim.AddHost("h", Nothing);
    EXPECT_EQ(Claim(host.log("f"), 5).epoch.status().code(),
              absl::StatusCode::kUnavailable);
    sim.Calm();
    claimed.insert(!Claim(host.log("f"), 5).epoch.ok());
  }
  EXPECT_THAT(claimed, ElementsAre(false, true));
}

TEST(SharedSimLog, TheNextHostGoesOnAndFencesTheFirst) {
  Simulation sim(1);
  SimHost& a = sim.AddHost("a", Nothing);
  SimHost& b = sim.AddHost("b", Nothing);
  Writer old{a.shared_log("l"), *Claim(a.shared_log("l")).epoch, {}};
  old.Force("a");
  old.Lazy("b");
  sim.RunFor(absl::Seconds(1));
  EXPECT_THAT(old.done, ElementsAre("a=1", "b=2"));
  a.PowerLoss();
  a.Restart();
  const Claimed claimed = Claim(b.shared_log("l"));
  EXPECT_THAT(claimed.records, ElementsAre("a", "b"));
  EXPECT_EQ(*claimed.epoch, 2U);

  Writer deposed{a.shared_log("l"), 1, {}};
  deposed.Force("c");
  sim.RunFor(absl::Seconds(1));
  EXPECT_THAT(deposed.done, ElementsAre("c:ABORTED"));
  EXPECT_THAT(Claim(b.shared_log("l")).records, ElementsAre("a", "b"));
}

TEST(SharedSimLog, AnAppendLandsThoughItsSenderDiedButNotPastAClaim) {
  for (const bool claim_first : {false, true}) {
    Simulation sim(1);
    SimHost& a = sim.AddHost("a", Nothing);
    SimHost& b = sim.AddHost("b", Nothing);
    Writer w{a.shared_log("l"), *Claim(a.shared_log("l")).epoch, {}};
    w.Force("a");
    a.Crash();
    if (claim_first) {
      EXPECT_THAT(Claim(b.shared_log("l")).records, IsEmpty());
    }
    sim.RunFor(absl::Seconds(2));
    EXPECT_THAT(w.done, IsEmpty());
    EXPECT_THAT(Claim(b.shared_log("l")).records, SizeIs(claim_first ? 0 : 1));
  }
}

// Whatever is lost on the way, the log is a prefix of what was appended, holds
// all that succeeded, and nothing succeeds behind a failure.
TEST(SharedSimLog, LossLeavesAPrefixThatHoldsWhatSucceeded) {
  FaultOptions faults;
  faults.request_loss = 0.1;
  faults.reply_loss = 0.1;
  faults.delay_max = absl::Milliseconds(50);
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Simulation sim(seed, faults);
    SimHost& host = sim.AddHost("h", Nothing);
    Writer w{host.shared_log("l"), *Claim(host.shared_log("l")).epoch, {}};
    std::vector<std::string> all;
    for (int i = 0; i < 10; ++i) {
      all.push_back(std::to_string(i));
      w.Force(all.back());
      sim.RunFor(absl::Milliseconds(i));
    }
    sim.RunFor(absl::Seconds(5));
    ASSERT_THAT(w.done, SizeIs(10));
    size_t succeeded = 0;
    for (size_t i = 0; i < 10; ++i) {
      if (w.done[i].find('=') == std::string::npos) continue;
      EXPECT_EQ(succeeded, i) << "a success behind a failure";
      ++succeeded;
    }
    const std::vector<std::string> kept = Claim(host.shared_log("l")).records;
    EXPECT_GE(kept.size(), succeeded);
    ASSERT_LE(kept.size(), 10U);
    for (size_t i = 0; i < kept.size(); ++i) EXPECT_EQ(kept[i], all[i]);
  }
}

TEST(SharedSimLog, AClaimAcrossACutFails) {
  Simulation sim(1);
  SimHost& host = sim.AddHost("h", Nothing);
  sim.Partition("h", SimHost::kWorld);
  EXPECT_EQ(Claim(host.shared_log("l")).epoch.status().code(),
            absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace trivet
