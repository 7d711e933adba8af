// SPDX-License-Identifier: Apache-2.0
//
// FaultyResource: a resource that refuses, fails and is slow, as Resource
// allows.

#include "trivet/testing/faulty_resource.h"

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "trivet/testing/fault_options.h"
#include "trivet/testing/history.h"
#include "trivet/testing/sim_host.h"
#include "trivet/testing/simulation.h"
#include "trivet/testing/violations.h"
#include "trivet/txn/resource.h"
#include "trivet/txn/transaction.h"

namespace trivet {
namespace {

using ::testing::ElementsAre;
using testing::FaultOptions;
using testing::FaultyResource;
using testing::History;
using testing::HistoryOptions;
using ::testing::IsEmpty;
using testing::SimHost;
using testing::Simulation;
using ::testing::SizeIs;
using testing::Violations;

// Says yes to all, and remembers.
struct WillingResource : Resource {
  std::set<uint64_t> prepared;
  std::vector<uint64_t> committed;

  void ListPrepared(
      absl::AnyInvocable<void(absl::StatusOr<std::vector<TxnId>>) &&> done)
      override {
    std::move(done)(std::vector<TxnId>(prepared.size()));
  }
  void Prepare(const TxnId& id, std::string,
               absl::AnyInvocable<void(Vote) &&> done) override {
    prepared.insert(id.number.sequence);
    std::move(done)(Vote::kYes);
  }
  void Apply(const TxnId& id, Decision decision, std::string,
             absl::AnyInvocable<void(absl::Status) &&> done) override {
    if (prepared.erase(id.number.sequence) > 0 &&
        decision == Decision::kCommit) {
      committed.push_back(id.number.sequence);
    }
    std::move(done)(absl::OkStatus());
  }
};

TxnId Id(uint64_t sequence) {
  TxnId id;
  id.number.sequence = sequence;
  return id;
}

struct Told {
  int yes = 0;
  int no = 0;
  int applied = 0;
  int failed = 0;
  int listed = 0;
};

// Prepares fifty and commits those that are voted yes, each once.
History CommitFifty(const HistoryOptions& options, double error,
                    WillingResource* mine, Told* told) {
  Simulation sim(options, FaultOptions());
  FaultyResource resource(&sim.AddHost("h"), "shard", mine, error);
  for (uint64_t i = 0; i < 50; ++i) {
    resource.Prepare(Id(i), "work", [&, i](const Vote& vote) {
      if (vote.kind == Vote::kNo) {
        EXPECT_EQ(mine->prepared.count(i), 0U);
        ++told->no;
        return;
      }
      ++told->yes;
      resource.Apply(Id(i), Decision::kCommit, "work",
                     [told](const absl::Status& status) {
                       ++(status.ok() ? told->applied : told->failed);
                     });
    });
    resource.ListPrepared(
        [told](const absl::StatusOr<std::vector<TxnId>>& list) {
          told->listed += list.ok() ? 1 : 0;
        });
  }
  EXPECT_EQ(told->yes + told->no, 0) << "an answer takes its time";
  sim.RunFor(absl::Seconds(1));
  EXPECT_EQ(told->yes + told->no, 50);
  EXPECT_EQ(told->applied + told->failed, told->yes);
  return sim.Report(Violations());
}

TEST(FaultyResource, WithoutErrorsPassesEverythingOn) {
  WillingResource mine;
  Told told;
  EXPECT_THAT(CommitFifty({}, 0, &mine, &told).faults, IsEmpty());
  EXPECT_EQ(told.applied, 50);
  EXPECT_EQ(told.listed, 50);
  EXPECT_THAT(mine.committed, SizeIs(50));
}

TEST(FaultyResource, RefusesAndFailsAndSometimesHasDoneIt) {
  WillingResource mine;
  Told told;
  const History history = CommitFifty({}, 0.3, &mine, &told);
  EXPECT_GT(told.no, 0);
  EXPECT_GT(told.failed, 0);
  EXPECT_LT(told.listed, 50);
  const auto committed = static_cast<int>(mine.committed.size());
  EXPECT_GT(committed, told.applied) << "some that failed were done";
  EXPECT_LT(committed, told.yes) << "some that failed were not";
  std::set<std::string> kinds;
  for (const auto& fault : history.faults) kinds.insert(fault.kind);
  EXPECT_THAT(kinds, ElementsAre("resource apply error", "resource list error",
                                 "resource refusal"));
}

TEST(FaultyResource, ARefusalLeavesNothingPreparedFromBeforeACrash) {
  WillingResource mine;
  mine.prepared.insert(7);
  Simulation sim(1);
  FaultyResource resource(&sim.AddHost("h"), "shard", &mine, 1);
  bool refused = false;
  resource.Prepare(Id(7), "work",
                   [&](const Vote& vote) { refused = vote.kind == Vote::kNo; });
  sim.RunFor(absl::Seconds(1));
  EXPECT_TRUE(refused);
  EXPECT_THAT(mine.prepared, IsEmpty());
  EXPECT_THAT(mine.committed, IsEmpty());
}

TEST(FaultyResource, EachFaultCanBeLeftOut) {
  const auto run = [&](const std::vector<std::string>& muted) {
    HistoryOptions options;
    options.faults.muted = muted;
    WillingResource mine;
    Told told;
    return CommitFifty(options, 0.1, &mine, &told);
  };
  const History all = run({});
  ASSERT_GT(all.faults.size(), 4U);
  for (const auto& fault : all.faults) {
    const History fewer = run({fault.id});
    EXPECT_THAT(fewer.left_out, ElementsAre(fault.id));
    for (const auto& left : fewer.faults) EXPECT_NE(left.id, fault.id);
  }
}

}  // namespace
}  // namespace trivet
