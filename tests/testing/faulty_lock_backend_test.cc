// SPDX-License-Identifier: Apache-2.0
//
// FaultyLockBackend: a client's own backend, with requests and replies that are
// late or lost.

#include "trivet/testing/faulty_lock_backend.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/lock/fencing_token.h"
#include "trivet/lock/lock_backend.h"
#include "trivet/testing/fault_options.h"
#include "trivet/testing/history.h"
#include "trivet/testing/sim_host.h"
#include "trivet/testing/simulation.h"
#include "trivet/testing/violations.h"

namespace trivet {
namespace {

using ::testing::ElementsAre;
using testing::FaultOptions;
using testing::FaultyLockBackend;
using testing::History;
using testing::HistoryOptions;
using ::testing::IsEmpty;
using testing::SimHost;
using testing::Simulation;
using ::testing::SizeIs;
using testing::Violations;

// Grants everything at once, and counts.
struct GenerousBackend : LockBackend {
  int acquired = 0;
  int renewed = 0;
  int released = 0;
  absl::AnyInvocable<void() &&> freed;

  LockBackendTraits Traits() const override {
    LockBackendTraits traits;
    traits.fair = true;
    traits.notifies = true;
    return traits;
  }
  void Acquire(const LeaseKey& key, absl::Duration ttl, MonotonicTime,
               Done<std::optional<LeaseGrant>> done) override {
    ++acquired;
    EXPECT_EQ(key.lock, "a");
    std::move(done)(LeaseGrant{FencingToken{}, ttl});
  }
  void Renew(const LeaseKey& key, absl::Duration ttl, MonotonicTime,
             Done<std::optional<LeaseGrant>> done) override {
    ++renewed;
    EXPECT_EQ(key.lock, "a");
    std::move(done)(LeaseGrant{FencingToken{}, ttl});
  }
  void Release(const LeaseKey&, MonotonicTime, Done<bool> done) override {
    ++released;
    std::move(done)(true);
  }
  void AwaitRelease(const LeaseKey&,
                    absl::AnyInvocable<void() &&> done) override {
    freed = std::move(done);
  }
};

struct Answers {
  int granted = 0;
  int unknown = 0;
};

History AcquireFifty(const HistoryOptions& options, const FaultOptions& faults,
                     GenerousBackend* mine, Answers* answers) {
  Simulation sim(options, faults);
  SimHost& host = sim.AddHost("h");
  FaultyLockBackend backend(&host, "locks", mine);
  const LeaseKey key = {"a", "id", "owner"};
  for (int i = 0; i < 50; ++i) {
    backend.Acquire(
        key, absl::Seconds(3), MonotonicTime::InfiniteFuture(),
        [answers](const absl::StatusOr<std::optional<LeaseGrant>>& answer) {
          ++(answer.ok() ? answers->granted : answers->unknown);
          if (!answer.ok()) {
            EXPECT_EQ(answer.status().code(), absl::StatusCode::kUnavailable);
          }
        });
  }
  sim.RunFor(faults.call_timeout + absl::Milliseconds(1));
  EXPECT_EQ(answers->granted + answers->unknown, 50);
  return sim.Report(Violations());
}

TEST(FaultyLockBackend, WithoutFaultsPassesEverythingOn) {
  GenerousBackend mine;
  Answers answers;
  EXPECT_THAT(AcquireFifty({}, FaultOptions(), &mine, &answers).faults,
              IsEmpty());
  EXPECT_EQ(answers.granted, 50);
  EXPECT_EQ(mine.acquired, 50);

  Simulation sim(1);
  FaultyLockBackend backend(&sim.AddHost("h"), "locks", &mine);
  EXPECT_TRUE(backend.Traits().fair);
  const LeaseKey key = {"a", "id", "owner"};
  int heard = 0;
  backend.Renew(key, absl::Seconds(1), MonotonicTime::InfiniteFuture(),
                [&](const absl::StatusOr<std::optional<LeaseGrant>>& answer) {
                  heard += answer.ok() && answer->has_value() ? 1 : 0;
                });
  backend.Release(key, MonotonicTime::InfiniteFuture(),
                  [&](absl::StatusOr<bool> answer) {
                    heard += answer.ok() && *answer ? 1 : 0;
                  });
  backend.AwaitRelease(key, [&] { ++heard; });
  EXPECT_EQ(heard, 0) << "an answer takes its time";
  ASSERT_NE(mine.freed, nullptr);
  std::move(mine.freed)();
  sim.RunFor(absl::Seconds(2));
  EXPECT_EQ(heard, 3);
  EXPECT_EQ(mine.renewed, 1);
  EXPECT_EQ(mine.released, 1);
}

TEST(FaultyLockBackend, ALostRequestIsNotDone) {
  FaultOptions faults;
  faults.request_loss = 0.2;
  GenerousBackend mine;
  Answers answers;
  const History history = AcquireFifty({}, faults, &mine, &answers);
  EXPECT_GT(answers.unknown, 0);
  EXPECT_EQ(mine.acquired, answers.granted);
  EXPECT_THAT(history.faults, SizeIs(answers.unknown));
  EXPECT_EQ(history.faults.front().kind, "backend request loss");
}

TEST(FaultyLockBackend, ALostReplyLeavesItDone) {
  FaultOptions faults;
  faults.reply_loss = 0.2;
  GenerousBackend mine;
  Answers answers;
  const History history = AcquireFifty({}, faults, &mine, &answers);
  EXPECT_GT(answers.unknown, 0);
  EXPECT_EQ(mine.acquired, 50);
  EXPECT_THAT(history.faults, SizeIs(answers.unknown));
  EXPECT_EQ(history.faults.front().kind, "backend reply loss");
}

TEST(FaultyLockBackend, AnAnswerThatTakesTooLongIsNone) {
  FaultOptions faults;
  faults.delay_tail = 0.2;
  faults.delay_tail_max = absl::Seconds(5);
  GenerousBackend mine;
  Answers answers;
  AcquireFifty({}, faults, &mine, &answers);
  EXPECT_GT(answers.unknown, 0);
  EXPECT_GT(mine.acquired, answers.granted);
}

TEST(FaultyLockBackend, EachFaultCanBeLeftOut) {
  FaultOptions faults;
  faults.request_loss = 0.05;
  faults.reply_loss = 0.05;
  const auto run = [&](const std::vector<std::string>& muted) {
    HistoryOptions options;
    options.faults.muted = muted;
    GenerousBackend mine;
    Answers answers;
    return AcquireFifty(options, faults, &mine, &answers);
  };
  const History all = run({});
  ASSERT_GT(all.faults.size(), 2U);
  for (const auto& fault : all.faults) {
    const History fewer = run({fault.id});
    EXPECT_THAT(fewer.left_out, ElementsAre(fault.id));
    for (const auto& left : fewer.faults) EXPECT_NE(left.id, fault.id);
  }
}

TEST(FaultyLockBackend, WhatIsNotAnsweredYetIsAnsweredAtTheEnd) {
  GenerousBackend mine;
  Simulation sim(1);
  auto backend =
      std::make_unique<FaultyLockBackend>(&sim.AddHost("h"), "locks", &mine);
  int told = 0;
  backend->Release({"a", "id", "owner"}, MonotonicTime::InfiniteFuture(),
                   [&](const absl::StatusOr<bool>& answer) {
                     EXPECT_EQ(answer.status().code(),
                               absl::StatusCode::kUnavailable);
                     ++told;
                   });
  backend = nullptr;
  EXPECT_EQ(told, 1);
  sim.RunFor(absl::Seconds(5));
  EXPECT_EQ(told, 1);
}

}  // namespace
}  // namespace trivet
