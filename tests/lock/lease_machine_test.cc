// SPDX-License-Identifier: Apache-2.0
//
// What holds for every history of a LeaseMachine, tried on random ones. The
// rules one by one are in scripts/.

#include "trivet/lock/lease_machine.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "src/internal/backoff.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/lock/lease_options.h"

namespace trivet {
namespace {

using Method = LeaseMachine::Method;

// Feeds one machine with events in any order, replies to requests that were
// made and to some that never were, and checks the rules after every step.
class Storm {
 public:
  explicit Storm(uint64_t seed)
      : random_(seed), machine_(LeaseOptions(), seed) {}

  void Run(int steps) {
    Step(LeaseMachine::Started{now_ + absl::Seconds(Below(40)), Below(4) != 0});
    for (int i = 0; i < steps; ++i) {
      PassTime();
      Step(AnyEvent());
    }
  }

  bool was_held() const { return was_held_; }
  LeaseState state() const { return machine_.state(); }

 private:
  uint64_t Below(uint64_t limit) { return random_.Next() % limit; }

  void PassTime() {
    switch (Below(4)) {
      case 0:  // On time.
        now_ = std::max(
            now_, std::min(machine_.NextWakeup(), now_ + absl::Seconds(60)));
        break;
      case 1:  // A little.
        now_ = now_ + absl::Milliseconds(Below(3000));
        break;
      case 2:  // A pause.
        if (Below(20) == 0) now_ = now_ + absl::Seconds(Below(30));
        break;
      default:
        break;
    }
  }

  LeaseMachine::Event AnyEvent() {
    switch (Below(16)) {
      case 0:
        return LeaseMachine::MaybeFreed{};
      case 1:
        if (Below(30) == 0) return LeaseMachine::ReleaseRequested{};
        if (Below(30) == 0) return LeaseMachine::Cancelled{};
        return LeaseMachine::Ticked{};
      case 2:
        return LeaseMachine::Ticked{};
      default:
        break;
    }
    if (open_.empty()) return LeaseMachine::Ticked{};
    const auto at = open_.begin() + static_cast<int64_t>(Below(open_.size()));
    LeaseMachine::Request request = *at;
    open_.erase(at);
    if (Below(50) == 0) request.id = Below(1000);  // L8: nobody asked this.
    switch (request.method) {
      case Method::kAcquire:
        return LeaseMachine::Acquired{request.id, AnyGrant()};
      case Method::kRenew:
        return LeaseMachine::Renewed{request.id, AnyGrant()};
      case Method::kRelease:
        if (Below(3) == 0) {
          return LeaseMachine::Released{request.id,
                                        absl::UnavailableError("lost")};
        }
        return LeaseMachine::Released{request.id, Below(2) == 0};
      case Method::kAwaitRelease:
        break;
    }
    return LeaseMachine::MaybeFreed{};
  }

  absl::StatusOr<std::optional<LeaseGrant>> AnyGrant() {
    const uint64_t choice = Below(20);
    if (choice < 4) return absl::UnavailableError("lost");
    if (choice < 7) return std::nullopt;
    const absl::Duration ttl =
        choice == 7 ? absl::Milliseconds(Below(3)) : absl::Seconds(15);
    return LeaseGrant{{0, Below(30) == 0 ? 8u : 7u}, ttl};
  }

  void Step(LeaseMachine::Event event) {
    const LeaseState before = machine_.state();
    const MonotonicTime valid_before = machine_.valid_until();
    const FencingToken token_before = machine_.fencing_token();
    LeaseMachine::Effects effects;
    machine_.Step(now_, std::move(event), &effects);
    Take(effects);
    const LeaseState state = machine_.state();

    // L2: held only while valid; lost is final; told at once.
    EXPECT_EQ(state == LeaseState::kHeld, now_ < machine_.valid_until());
    if (before == LeaseState::kLost || before == LeaseState::kReleased) {
      EXPECT_EQ(state, before);
    }
    if (before == LeaseState::kHeld && now_ >= valid_before) {
      EXPECT_EQ(effects.entered, LeaseState::kLost);
    }
    // L1: never longer than the ttl after something was sent.
    if (state == LeaseState::kHeld) {
      was_held_ = true;
      EXPECT_TRUE(machine_.valid_until() <
                  last_sent_ + absl::Seconds(15) / 1.01);
    }
    // L5, L7: the token is that of the grant; validity never shrinks.
    if (before == LeaseState::kHeld && state == LeaseState::kHeld) {
      EXPECT_EQ(machine_.fencing_token(), token_before);
      EXPECT_FALSE(machine_.valid_until() < valid_before);
    }
    // L4: giving up and releasing ask for it.
    if (state == LeaseState::kReleasing && before != state) {
      EXPECT_TRUE(Asked(effects, Method::kRelease));
    }
    EXPECT_EQ(effects.entered.value_or(state), state);
  }

  static bool Asked(const LeaseMachine::Effects& effects, Method method) {
    return std::any_of(
        effects.requests.begin(), effects.requests.end(),
        [method](const auto& request) { return request.method == method; });
  }

  void Take(const LeaseMachine::Effects& effects) {
    for (const LeaseMachine::Request& request : effects.requests) {
      EXPECT_FALSE(request.deadline < now_);
      open_.push_back(request);
      if (request.method == Method::kAcquire ||
          request.method == Method::kRenew) {
        last_sent_ = now_;
      }
    }
  }

  internal::SplitMix64 random_;
  MonotonicTime now_ = MonotonicTime::FromOrigin(absl::Seconds(100));
  MonotonicTime last_sent_ = MonotonicTime::InfinitePast();
  LeaseMachine machine_;
  std::vector<LeaseMachine::Request> open_;
  bool was_held_ = false;
};

TEST(LeaseMachine, L1_L2_L4_L5_L7_L8_HoldInAnyStormOfEvents) {
  std::map<std::string, int> ends;
  int held = 0;
  for (uint64_t seed = 1; seed <= 3000; ++seed) {
    Storm storm(seed);
    storm.Run(120);
    ASSERT_FALSE(::testing::Test::HasFailure()) << "seed " << seed;
    held += storm.was_held() ? 1 : 0;
    ++ends[std::string(ToString(storm.state()))];
  }
  // The storms reach every end, or they would prove little.
  EXPECT_GT(held, 1000);
  EXPECT_GT(ends["lost"], 100);
  EXPECT_GT(ends["released"], 100);
}

// A machine that has sent its first request, number 1, at `now`.
struct Asking {
  Asking() {
    Step(LeaseMachine::Started{MonotonicTime::InfiniteFuture(), true});
  }
  void Step(LeaseMachine::Event event) {
    machine.Step(now, std::move(event), &effects);
  }
  void Grant(absl::Duration ttl) {
    Step(LeaseMachine::Acquired{1, LeaseGrant{{0, 1}, ttl}});
  }

  const MonotonicTime now = MonotonicTime::FromOrigin(absl::Seconds(1));
  LeaseMachine machine{LeaseOptions(), 1};
  LeaseMachine::Effects effects;
};

TEST(LeaseMachine, L7_RenewsAtTheEarlierOfRenewAfterAndAThird) {
  for (const int seconds : {3, 6, 12, 15, 30, 60}) {
    Asking asking;
    asking.Grant(absl::Seconds(seconds));
    EXPECT_EQ(asking.machine.NextWakeup() - asking.now,
              std::min(absl::Seconds(5), absl::Seconds(seconds) / 3));
  }
}

TEST(LeaseMachine, AnInfiniteLeaseIsRenewedAllTheSame) {
  Asking asking;
  asking.Grant(absl::InfiniteDuration());
  EXPECT_EQ(asking.machine.state(), LeaseState::kHeld);
  EXPECT_EQ(asking.machine.NextWakeup() - asking.now, absl::Seconds(5));
}

TEST(LeaseMachine, OnlyWhatARepeatWillNotCureEndsTheWait) {
  const std::set<absl::StatusCode> permanent = {
      absl::StatusCode::kInvalidArgument, absl::StatusCode::kPermissionDenied,
      absl::StatusCode::kUnauthenticated, absl::StatusCode::kUnimplemented,
      absl::StatusCode::kDataLoss};
  for (int i = 1; i <= 16; ++i) {
    const auto code = static_cast<absl::StatusCode>(i);
    Asking asking;
    asking.Step(LeaseMachine::Acquired{1, absl::Status(code, "no")});
    const bool ends = permanent.count(code) > 0;
    EXPECT_EQ(asking.machine.state(),
              ends ? LeaseState::kReleasing : LeaseState::kWaiting)
        << code;
    EXPECT_EQ(asking.effects.why.code(), ends ? code : absl::StatusCode::kOk);
  }
}

TEST(LeaseMachine, L8_AnswersThatNobodyAskedForAreSurvived) {
  Asking asking;
  asking.Step(LeaseMachine::Acquired{1, std::nullopt});
  for (const uint64_t request : {uint64_t{1}, uint64_t{77}}) {
    asking.Step(LeaseMachine::Acquired{request, std::nullopt});
    asking.Step(LeaseMachine::Released{request, true});
    EXPECT_EQ(asking.machine.state(), LeaseState::kWaiting);
  }
  asking.Step(LeaseMachine::Cancelled{});
  ASSERT_EQ(asking.effects.requests.back().method, Method::kRelease);
  EXPECT_FALSE(asking.machine.Finished());
  asking.Step(LeaseMachine::Released{asking.effects.requests.back().id, true});
  EXPECT_TRUE(asking.machine.Finished());
}

TEST(LeaseState, HasAName) {
  EXPECT_EQ(ToString(LeaseState::kAcquiring), "acquiring");
  EXPECT_EQ(ToString(LeaseState::kWaiting), "waiting");
  EXPECT_EQ(ToString(LeaseState::kHeld), "held");
  EXPECT_EQ(ToString(LeaseState::kReleasing), "releasing");
  EXPECT_EQ(ToString(LeaseState::kReleased), "released");
  EXPECT_EQ(ToString(LeaseState::kLost), "lost");
  EXPECT_EQ(ToString(static_cast<LeaseState>(99)), "unknown");
}

TEST(LeaseMachineDeathTest, InvalidOptionsAreRefusedAtConstruction) {
  LeaseOptions options;
  options.ttl = absl::ZeroDuration();
  EXPECT_DEATH(LeaseMachine(options, 1), "valid LeaseOptions");
}

}  // namespace
}  // namespace trivet
