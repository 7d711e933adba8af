// SPDX-License-Identifier: Apache-2.0

#include "src/lock/lease_table.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "src/internal/backoff.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/lock/lease_machine.h"

namespace trivet {
namespace {

using internal::LeaseTable;

// Answers what the table asks, at random, and keeps a machine for each session
// beside it, which must behave the same.
class Twin {
 public:
  explicit Twin(uint64_t seed) : random_(seed), table_(LeaseOptions()) {}

  void Open() {
    const LeaseTable::SessionId session = ++last_;
    const LeaseMachine::Started started{now_ + absl::Seconds(Below(60)), true};
    machines_.emplace(session, LeaseMachine(LeaseOptions(), session));
    LeaseTable::Effects effects;
    table_.Step(now_, LeaseTable::Opened{session, session, started}, &effects);
    Compare(session, started, effects);
  }

  void Answer() {
    if (asks_.empty()) return;
    const auto at = asks_.begin() + static_cast<int64_t>(Below(asks_.size()));
    const auto [session, request] = *at;
    asks_.erase(at);
    if (request.method == LeaseMachine::Method::kAwaitRelease) {
      return Tell(session, LeaseMachine::MaybeFreed{});
    }
    const std::optional<LeaseGrant> grant =
        Below(3) == 0 ? std::optional<LeaseGrant>()
                      : LeaseGrant{{0, session}, absl::Seconds(15)};
    if (request.method == LeaseMachine::Method::kAcquire) {
      Tell(session, LeaseMachine::Acquired{request.id, grant});
    } else if (request.method == LeaseMachine::Method::kRenew) {
      Tell(session, LeaseMachine::Renewed{request.id, grant});
    } else {
      Tell(session, LeaseMachine::Released{request.id, true});
    }
  }

  void Release() { Tell(1 + Below(last_), LeaseMachine::ReleaseRequested{}); }

  // Lets time pass to the next wake-up, or a little.
  void PassTime() {
    now_ = Below(2) == 0 ? now_ + absl::Milliseconds(Below(500))
                         : std::max(now_, std::min(table_.NextWakeup(),
                                                   now_ + absl::Seconds(5)));
    LeaseTable::Effects effects;
    table_.Step(now_, LeaseTable::Ticked{}, &effects);
    std::map<LeaseTable::SessionId, size_t> asked;
    for (const auto& ask : effects.asks) ++asked[ask.session];
    for (auto& [session, machine] : machines_) {
      size_t asks = 0;
      while (machine.NextWakeup() <= now_) {
        LeaseMachine::Effects own;
        machine.Step(now_, LeaseMachine::Ticked{}, &own);
        asks += own.requests.size();
      }
      EXPECT_EQ(asked[session], asks) << session;
    }
    Take(effects);
  }

  void CheckWakeup() {
    MonotonicTime earliest = MonotonicTime::InfiniteFuture();
    for (const auto& [session, machine] : machines_) {
      earliest = std::min(earliest, machine.NextWakeup());
    }
    EXPECT_TRUE(table_.NextWakeup() == earliest);
    EXPECT_EQ(table_.size(), machines_.size());
  }

  uint64_t Below(uint64_t limit) { return random_.Next() % limit; }
  uint64_t finished() const { return finished_; }

 private:
  void Tell(LeaseTable::SessionId session, const LeaseMachine::Event& event) {
    LeaseTable::Effects effects;
    table_.Step(now_, LeaseTable::Told{session, event}, &effects);
    Compare(session, event, effects);
  }

  void Compare(LeaseTable::SessionId session, LeaseMachine::Event event,
               const LeaseTable::Effects& effects) {
    const auto machine = machines_.find(session);
    if (machine == machines_.end()) {
      EXPECT_TRUE(effects.asks.empty() && effects.changes.empty());
      return;
    }
    LeaseMachine::Effects own;
    machine->second.Step(now_, std::move(event), &own);
    ASSERT_EQ(effects.asks.size(), own.requests.size());
    for (size_t i = 0; i < own.requests.size(); ++i) {
      EXPECT_EQ(effects.asks[i].session, session);
      EXPECT_EQ(effects.asks[i].request.id, own.requests[i].id);
    }
    if (!effects.changes.empty()) {
      EXPECT_EQ(effects.changes[0].state, machine->second.state());
      EXPECT_TRUE(effects.changes[0].valid_until ==
                  machine->second.valid_until());
    }
    Take(effects);
  }

  void Take(const LeaseTable::Effects& effects) {
    asks_.insert(asks_.end(), effects.asks.begin(), effects.asks.end());
    for (const LeaseTable::SessionId session : effects.forgotten) {
      EXPECT_TRUE(machines_.at(session).Finished());
      machines_.erase(session);
      ++finished_;
    }
  }

  internal::SplitMix64 random_;
  MonotonicTime now_ = MonotonicTime::FromOrigin(absl::Seconds(1));
  LeaseTable table_;
  std::map<LeaseTable::SessionId, LeaseMachine> machines_;
  std::vector<LeaseTable::Ask> asks_;
  LeaseTable::SessionId last_ = 0;
  uint64_t finished_ = 0;
};

TEST(LeaseTable, BehavesAsItsMachinesAloneAndWakesForTheEarliest) {
  uint64_t finished = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    Twin twin(seed);
    twin.Open();
    for (int step = 0; step < 2000; ++step) {
      switch (twin.Below(6)) {
        case 0:
          twin.Open();
          break;
        case 1:
          twin.Release();
          break;
        case 2:
          twin.PassTime();
          break;
        default:
          twin.Answer();
      }
      twin.CheckWakeup();
      if (::testing::Test::HasFailure()) FAIL() << "seed " << seed;
    }
    finished += twin.finished();
  }
  EXPECT_GT(finished, 1000);
}

TEST(LeaseTable, ManySessionsThatAreDueAtOnceTakeSeveralTicks) {
  constexpr size_t kSessions = 300;
  LeaseTable table((LeaseOptions()));
  LeaseTable::Effects effects;
  const auto start = MonotonicTime::FromOrigin(absl::Seconds(1));
  for (uint64_t session = 1; session <= kSessions; ++session) {
    const LeaseMachine::Started started{start + absl::Seconds(1), true};
    table.Step(start, LeaseTable::Opened{session, session, started}, &effects);
  }
  const MonotonicTime due = table.NextWakeup();
  std::vector<size_t> given_up;
  do {
    effects.Clear();
    table.Step(due, LeaseTable::Ticked{}, &effects);
    given_up.push_back(effects.changes.size());
    ASSERT_LE(given_up.size(), kSessions);
  } while (table.NextWakeup() == due);
  EXPECT_EQ(given_up, (std::vector<size_t>{128, 128, 44}));
}

TEST(LeaseTable, WhatIsToldToASessionThatIsGoneIsDropped) {
  LeaseTable table((LeaseOptions()));
  LeaseTable::Effects effects;
  table.Step(MonotonicTime(),
             LeaseTable::Told{7, LeaseMachine::ReleaseRequested{}}, &effects);
  EXPECT_TRUE(effects.asks.empty());
  EXPECT_TRUE(table.NextWakeup() == MonotonicTime::InfiniteFuture());
}

}  // namespace
}  // namespace trivet
