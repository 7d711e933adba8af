// SPDX-License-Identifier: Apache-2.0
//
// FaultyTransport, FaultyLogStore, and faults of a program's own: they strike
// as FaultOptions says, have ids, can be left out, and keep the contract of
// what they stand around.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
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
#include "trivet/host/transport.h"
#include "trivet/testing/fault_options.h"
#include "trivet/testing/faulty_log_store.h"
#include "trivet/testing/faulty_transport.h"
#include "trivet/testing/history.h"
#include "trivet/testing/sim_host.h"
#include "trivet/testing/simulation.h"
#include "trivet/testing/violations.h"

namespace trivet {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using testing::FaultOptions;
using testing::FaultyLogStore;
using testing::FaultyTransport;
using ::testing::HasSubstr;
using testing::History;
using testing::HistoryOptions;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::SimFault;
using testing::SimHost;
using testing::Simulation;
using ::testing::SizeIs;
using testing::Violations;

// A transport of the user's own: perfect.
struct PerfectTransport : Transport {
  std::vector<std::string> sent;
  void Send(Envelope envelope) override { sent.push_back(envelope.payload); }
};

// A log of the user's own, in memory.
struct PerfectLog : LogStore {
  Epoch epoch = 0;
  LogIndex trimmed = 0;
  std::vector<std::string> records;

  absl::StatusOr<Epoch> Claim(Epoch wanted, Visitor visit) override {
    epoch = wanted == 0 ? epoch + 1 : wanted;
    for (size_t i = 0; i < records.size(); ++i) {
      absl::Status seen = visit(i + 1, records[i]);
      if (!seen.ok()) return seen;
    }
    return epoch;
  }
  void Append(Epoch by, std::vector<std::string> added, Durability,
              AppendDone done) override {
    if (by != epoch) return std::move(done)(absl::AbortedError("fenced"));
    for (std::string& record : added) records.push_back(std::move(record));
    std::move(done)(records.size());
  }
  void Trim(Epoch, LogIndex first_needed) override { trimmed = first_needed; }
  size_t RecordSizeMax() const override { return 77; }
};

std::vector<std::string> Ids(const std::vector<SimFault>& faults) {
  std::vector<std::string> ids;
  for (const SimFault& fault : faults) ids.push_back(fault.id);
  return ids;
}

std::vector<std::string> Kinds(const std::vector<SimFault>& faults) {
  std::vector<std::string> kinds;
  for (const SimFault& fault : faults) kinds.push_back(fault.kind);
  std::sort(kinds.begin(), kinds.end());
  kinds.erase(std::unique(kinds.begin(), kinds.end()), kinds.end());
  return kinds;
}

// Every fault that strikes in `run` has an id of its own, and is the only one
// that is missing when it is muted, unless it moved the ordinals behind it.
void ExpectEachCanBeLeftOut(
    const std::function<History(const HistoryOptions&)>& run) {
  HistoryOptions options;
  options.seed = 3;
  const std::vector<std::string> all = Ids(run(options).faults);
  ASSERT_GT(all.size(), 3U);
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(std::count(all.begin(), all.end(), all[i]), 1) << all[i];
    HistoryOptions fewer = options;
    fewer.faults.muted = {all[i]};
    const History history = run(fewer);
    EXPECT_THAT(history.left_out, ElementsAre(all[i]));
    const std::vector<std::string> left = Ids(history.faults);
    EXPECT_THAT(left, Not(Contains(all[i])));
    ASSERT_GE(left.size(), i);
    EXPECT_TRUE(std::equal(all.begin(), all.begin() + static_cast<long>(i),
                           left.begin()));
  }
}

// --- Faults of the program's own ---------------------------------------------

TEST(OwnFaults, StrikeAsOftenAsIsSaid) {
  Simulation sim(1);
  SimHost& host = sim.AddHost("h");
  int struck = 0;
  for (int i = 0; i < 10000; ++i) struck += host.Strikes("flood", 0.1) ? 1 : 0;
  EXPECT_NEAR(struck, 1000, 100);
  EXPECT_THAT(sim.FaultsFired(), SizeIs(struck));
  EXPECT_FALSE(host.Strikes("drought", 0));
  EXPECT_TRUE(host.Strikes("drought", 1));
}

TEST(OwnFaults, AreNamedByClassHostPlaceAndCount) {
  Simulation sim(1);
  SimHost& host = sim.AddHost("my host");
  host.Strikes("flood", 1);
  host.Strikes("flood", 1, "a");
  host.Strikes("flood", 1, "b");
  host.Strikes("flood", 1, "a");
  EXPECT_THAT(Ids(sim.FaultsFired()),
              ElementsAre("flood my%20host 0", "flood my%20host -> a 0",
                          "flood my%20host -> b 0", "flood my%20host -> a 1"));
}

TEST(OwnFaults, DoNotMoveEachOther) {
  const auto strikes = [](bool others) {
    Simulation sim(1);
    SimHost& host = sim.AddHost("h");
    std::vector<bool> all;
    for (int i = 0; i < 100; ++i) {
      if (others) host.Strikes("other", 0.5, "a");
      if (others) host.Draw("flood", "a");
      all.push_back(host.Strikes("flood", 0.5, "a"));
    }
    return all;
  };
  EXPECT_EQ(strikes(false), strikes(true));
}

TEST(OwnFaults, DoNotStrikeOnceItIsCalm) {
  Simulation sim(1);
  SimHost& host = sim.AddHost("h");
  sim.Calm();
  EXPECT_FALSE(host.Strikes("flood", 1));
}

TEST(OwnFaults, ACrashPointOfAPortOfOnesOwnEndsTheProcess) {
  FaultOptions faults;
  faults.crash = 1;
  Simulation sim(1, faults);
  bool went_on = false;
  SimHost& host = sim.AddHost("h", [&](SimHost& h) {
    went_on = h.PassCrashPoint();
    return std::make_shared<int>();
  });
  EXPECT_FALSE(went_on);
  EXPECT_FALSE(host.IsUp());
  EXPECT_FALSE(host.PassCrashPoint());
}

// --- FaultyTransport ---------------------------------------------------------

History SendHundred(const HistoryOptions& options, const FaultOptions& faults,
                    std::vector<std::string>* sent) {
  PerfectTransport mine;
  Simulation sim(options, faults);
  SimHost& host = sim.AddHost("h");
  FaultyTransport transport(&host, &mine);
  for (int i = 0; i < 100; ++i) {
    transport.Send({"h", i % 2 == 0 ? "even" : "odd", std::to_string(i)});
  }
  sim.RunFor(absl::Seconds(30));
  *sent = mine.sent;
  return sim.Report(Violations());
}

TEST(FaultyTransport, WithoutFaultsEverythingArrivesOnceAndOutOfOrder) {
  std::vector<std::string> sent;
  const History history = SendHundred({}, FaultOptions(), &sent);
  EXPECT_THAT(history.faults, IsEmpty());
  ASSERT_THAT(sent, SizeIs(100));
  EXPECT_FALSE(std::is_sorted(sent.begin(), sent.end(), [](auto& a, auto& b) {
    return std::stoi(a) < std::stoi(b);
  }));
  std::sort(sent.begin(), sent.end());
  EXPECT_EQ(std::unique(sent.begin(), sent.end()), sent.end());
}

TEST(FaultyTransport, LosesDoublesDamagesAndDelays) {
  const auto sent_with = [](double FaultOptions::*field, const char* kind) {
    FaultOptions faults;
    faults.*field = 0.2;
    std::vector<std::string> sent;
    const History history = SendHundred({}, faults, &sent);
    EXPECT_THAT(Kinds(history.faults), ElementsAre(kind));
    for (const std::string& id : Ids(history.faults)) {
      EXPECT_THAT(id, ::testing::AnyOf(HasSubstr(" h -> even "),
                                       HasSubstr(" h -> odd ")));
    }
    return std::pair(sent, history.faults.size());
  };
  const auto [left, lost] =
      sent_with(&FaultOptions::envelope_loss, "transport loss");
  EXPECT_EQ(left.size(), 100 - lost);
  const auto [more, doubled] =
      sent_with(&FaultOptions::envelope_duplication, "transport duplication");
  EXPECT_EQ(more.size(), 100 + doubled);
  auto [other, damaged] =
      sent_with(&FaultOptions::envelope_corruption, "transport corruption");
  const auto is_whole = [](const std::string& payload) {
    return payload.size() <= 2 &&
           payload.find_first_not_of("0123456789") == payload.npos;
  };
  EXPECT_THAT(other, SizeIs(100));
  EXPECT_FALSE(std::all_of(other.begin(), other.end(), is_whole));
  EXPECT_GT(damaged, 0U);
  const auto [late, delayed] =
      sent_with(&FaultOptions::delay_tail, "long transport delay");
  EXPECT_THAT(late, SizeIs(100));
  EXPECT_GT(delayed, 0U);
}

TEST(FaultyTransport, EachFaultCanBeLeftOut) {
  ExpectEachCanBeLeftOut([](const HistoryOptions& options) {
    FaultOptions faults;
    faults.envelope_loss = 0.03;
    faults.envelope_duplication = 0.03;
    std::vector<std::string> sent;
    return SendHundred(options, faults, &sent);
  });
}

TEST(FaultyTransport, AFaultThatIsLeftOutMovesNoOther) {
  FaultOptions faults;
  faults.envelope_loss = 0.05;
  faults.envelope_duplication = 0.05;
  faults.envelope_corruption = 0.05;
  faults.envelope_reordering = 0.05;
  faults.delay_tail = 0.05;
  std::vector<std::string> sent;
  const std::vector<std::string> all =
      Ids(SendHundred({}, faults, &sent).faults);
  ASSERT_GT(all.size(), 10U);
  for (const std::string& id : all) {
    HistoryOptions options;
    options.faults.muted = {id};
    std::vector<std::string> others = all;
    others.erase(std::find(others.begin(), others.end(), id));
    EXPECT_EQ(Ids(SendHundred(options, faults, &sent).faults), others) << id;
  }
}

TEST(FaultyTransport, WhatADyingProcessSendsIsNotSent) {
  PerfectTransport mine;
  Simulation sim(1);
  SimHost& host = sim.AddHost("h", [&](SimHost& h) {
    FaultyTransport transport(&h, &mine);
    transport.Send({"h", "to", "before"});
    h.executor()->Post([&] { h.Crash(); });
    return std::make_shared<int>();
  });
  FaultyTransport dead(&host, &mine);
  sim.RunFor(absl::Microseconds(1));
  ASSERT_FALSE(host.IsUp());
  dead.Send({"h", "to", "after"});
  sim.RunFor(absl::Seconds(1));
  EXPECT_THAT(mine.sent, IsEmpty());  // It had not left yet.
}

// --- FaultyLogStore ----------------------------------------------------------

struct LogRun {
  PerfectLog mine;
  std::vector<std::string> told;  // "7" or "error", in the order of appends.
  std::vector<int> order;
};

// Claims, appends fifty records, claims again after an error.
History AppendFifty(const HistoryOptions& options, const FaultOptions& faults,
                    LogRun* run) {
  Simulation sim(options, faults);
  SimHost& host = sim.AddHost("h");
  FaultyLogStore log(&host, "book", &run->mine);
  const auto claim = [&] {
    absl::StatusOr<Epoch> epoch = absl::UnavailableError("not yet");
    while (!epoch.ok()) {
      epoch = log.Claim(
          0, [](LogIndex, std::string_view) { return absl::OkStatus(); });
    }
    return *epoch;
  };
  Epoch epoch = claim();
  for (int i = 0; i < 50; ++i) {
    run->told.emplace_back("nothing");
    log.Append(epoch, {std::to_string(i)}, Durability::kForced,
               [run, i](absl::StatusOr<LogIndex> last) {
                 run->order.push_back(i);
                 run->told[static_cast<size_t>(i)] =
                     last.ok() ? std::to_string(*last) : "error";
               });
    log.Trim(epoch, static_cast<LogIndex>(i));
    if (i % 10 != 9) continue;
    sim.RunFor(absl::Seconds(1));
    if (run->told.back() == "error") epoch = claim();
  }
  return sim.Report(Violations());
}

TEST(FaultyLogStore, WithoutFaultsPassesOnAndKeepsTheOrder) {
  LogRun run;
  const History history = AppendFifty({}, FaultOptions(), &run);
  EXPECT_THAT(history.faults, IsEmpty());
  EXPECT_THAT(run.mine.records, SizeIs(50));
  EXPECT_TRUE(std::is_sorted(run.order.begin(), run.order.end()));
  EXPECT_THAT(run.order, SizeIs(50));
  EXPECT_EQ(run.told.back(), "50");
  EXPECT_EQ(run.mine.trimmed, 49U);
  Simulation sim(1);
  EXPECT_EQ(
      FaultyLogStore(&sim.AddHost("h"), "book", &run.mine).RecordSizeMax(),
      77U);
}

TEST(FaultyLogStore, AnAppendThatIsFencedFailsNoOther) {
  FaultOptions faults;
  faults.sync_error = 1;
  Simulation sim(1, faults);
  PerfectLog mine;
  FaultyLogStore log(&sim.AddHost("h"), "book", &mine);
  const auto ignore = [](LogIndex, std::string_view) {
    return absl::OkStatus();
  };
  const absl::StatusOr<Epoch> first = log.Claim(0, ignore);
  ASSERT_TRUE(first.ok() && log.Claim(0, ignore).ok());
  absl::StatusCode told = absl::StatusCode::kOk;
  log.Append(
      *first, {"stale"}, Durability::kForced,
      [&](absl::StatusOr<LogIndex> last) { told = last.status().code(); });
  sim.RunFor(absl::Seconds(1));
  EXPECT_EQ(told, absl::StatusCode::kAborted);
  EXPECT_THAT(sim.FaultsFired(), IsEmpty());
}

TEST(FaultyLogStore, AfterASyncErrorEveryAppendFailsUntilTheNextClaim) {
  FaultOptions faults;
  faults.sync_error = 0.05;
  bool was_written = false;
  bool was_not = false;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    LogRun run;
    HistoryOptions options;
    options.seed = seed;
    const History history = AppendFifty(options, faults, &run);
    EXPECT_TRUE(std::is_sorted(run.order.begin(), run.order.end()));
    EXPECT_THAT(run.order, SizeIs(50));
    size_t errors = 0;
    for (size_t ten = 0; ten < 5; ++ten) {
      bool failed = false;
      for (size_t i = ten * 10; i < ten * 10 + 10; ++i) {
        if (run.told[i] == "error") {
          if (!failed) ++errors;
          failed = true;
        } else {
          EXPECT_FALSE(failed) << "an append after a failed one succeeds";
        }
        const auto there =
            std::count(run.mine.records.begin(), run.mine.records.end(),
                       std::to_string(i));
        if (run.told[i] != "error") {
          EXPECT_EQ(there, 1);
        } else {
          (there == 1 ? was_written : was_not) = true;
        }
      }
    }
    EXPECT_EQ(history.faults.size(), errors);
  }
  EXPECT_TRUE(was_written) << "what failed is sometimes in the log";
  EXPECT_TRUE(was_not);
}

TEST(FaultyLogStore, AClaimFailsAndMayHaveBeenMade) {
  FaultOptions faults;
  faults.claim_error = 0.5;
  std::map<Epoch, int> epochs;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    PerfectLog mine;
    Simulation sim(seed, faults);
    FaultyLogStore log(&sim.AddHost("h"), "book", &mine);
    const absl::StatusOr<Epoch> epoch = log.Claim(
        0, [](LogIndex, std::string_view) { return absl::OkStatus(); });
    if (!epoch.ok()) ++epochs[mine.epoch];
  }
  EXPECT_GT(epochs[0], 0);
  EXPECT_GT(epochs[1], 0);
}

TEST(FaultyLogStore, ATrimMayBeIgnored) {
  FaultOptions faults;
  faults.trim_ignored = 1;
  LogRun run;
  const History history = AppendFifty({}, faults, &run);
  EXPECT_EQ(run.mine.trimmed, 0U);
  EXPECT_THAT(Kinds(history.faults), ElementsAre("store trim ignored"));
}

TEST(FaultyLogStore, EachFaultCanBeLeftOut) {
  ExpectEachCanBeLeftOut([](const HistoryOptions& options) {
    FaultOptions faults;
    faults.sync_error = 0.1;
    faults.claim_error = 0.3;
    faults.trim_ignored = 0.1;
    LogRun run;
    return AppendFifty(options, faults, &run);
  });
}

TEST(FaultyLogStore, AProcessMayCrashWhenTheRecordIsWrittenAndBeforeItIsTold) {
  FaultOptions faults;
  faults.crash = 0.3;
  bool seen = false;
  for (uint64_t seed = 0; seed < 50 && !seen; ++seed) {
    PerfectLog mine;
    bool told = false;
    Simulation sim(seed, faults);
    std::unique_ptr<FaultyLogStore> log;
    SimHost& host = sim.AddHost("h", [&](SimHost& h) {
      log = std::make_unique<FaultyLogStore>(&h, "book", &mine);
      return std::make_shared<int>();
    });
    if (!host.IsUp()) continue;
    log->Append(mine.epoch, {"record"}, Durability::kForced,
                [&told](const absl::StatusOr<LogIndex>&) { told = true; });
    const bool crashed = !host.IsUp();
    sim.RunFor(absl::Milliseconds(50));
    seen = crashed && !told && mine.records.size() == 1;
  }
  EXPECT_TRUE(seen);
}

}  // namespace
}  // namespace trivet
