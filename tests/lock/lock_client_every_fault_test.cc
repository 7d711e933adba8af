// SPDX-License-Identifier: Apache-2.0
//
// Makes each call that two lock clients make to their backend fail, one after
// the other, and all from each on, in every way there is: the request is lost,
// or the reply to what was done, with each error; either comes late, or never,
// because the backend drops it. The same for each call that a CasLockBackend
// makes to its store. Through all of it nobody holds what another holds, every
// callback comes once, and nothing is left that outlives its ttl.

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "src/lock/cas_register.h"
#include "tests/lock/support/fake_store.h"
#include "tests/lock/support/fate.h"
#include "tests/lock/support/flaky_backend.h"
#include "tests/sim/stingy_lock_backend.h"
#include "tests/support/manual_executor.h"
#include "trivet/adapters/memory/memory_lock_backend.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/lock/cas_lock_backend.h"
#include "trivet/lock/fencing_token.h"
#include "trivet/lock/lock_client.h"

namespace trivet {
namespace {

using testing::AnyOf;
using testing::HasSubstr;

// The calls to which backend fail. The stingy one is in memory, and gives a
// repeated Acquire no more time.
enum class Where { kMemoryBackend, kStingyBackend, kCasBackend, kCasStore };

// What becomes of one call.
struct Fault {
  Fate fate;
  absl::StatusCode code = absl::StatusCode::kUnavailable;
  absl::Duration late =
      absl::ZeroDuration();  // If it is held. Infinite: the backend drops it.
};

// Everything that goes wrong in one history.
struct Faults {
  size_t nth;  // The call that meets `fault`.
  Fault fault;
  size_t outage;      // From this call on, requests of `whose` are lost.
  std::string whose;  // Empty: everybody's.

  std::string ToString() const {
    return "call " + std::to_string(nth) + ": fate " +
           std::to_string(static_cast<int>(fault.fate)) + ", " +
           absl::StatusCodeToString(fault.code) + ", late by " +
           absl::FormatDuration(fault.late) + "; from call " +
           std::to_string(outage) + " on nothing of " + whose + " arrives";
  }
};

constexpr size_t kNever = SIZE_MAX;

std::vector<Fault> Late(std::vector<absl::Duration> by) {
  std::vector<Fault> all;
  for (const Fate fate : {Fate::kHoldRequest, Fate::kHoldReply}) {
    for (const absl::Duration late : by) {
      all.push_back({fate, absl::StatusCode::kUnavailable, late});
    }
  }
  return all;
}

// Before the time-out, after it, when the lease is about to run out, and when
// all is over.
std::vector<Fault> EveryLateness() {
  return Late({absl::Seconds(1.5), absl::Seconds(3), absl::Seconds(14),
               absl::Hours(1)});
}

std::vector<Fault> EveryFault(Where where) {
  std::vector<Fault> all = EveryLateness();
  if (where != Where::kCasStore) {  // A store has promised to answer.
    for (const Fault& dropped : Late({absl::InfiniteDuration()})) {
      all.push_back(dropped);
    }
  }
  for (int code = 1; code <= 16; ++code) {
    const auto status = static_cast<absl::StatusCode>(code);
    all.push_back({Fate::kLoseRequest, status, {}});
    // Of a store it means that nothing was done.
    if (where == Where::kCasStore && status == absl::StatusCode::kAborted) {
      continue;
    }
    all.push_back({Fate::kLoseReply, status, {}});
  }
  return all;
}

// One LockAsync and what became of it.
struct Acquisition {
  int answers = 0;
  absl::Status status;
  std::optional<Lease> lease;
  bool was_given_back = false;
  int losses = 0;
  int releases_asked = 0;
  int releases = 0;
};

class World {
 public:
  World(Where where, Faults faults)
      : where_(where), faults_(std::move(faults)) {
    flaky_.lost = store_.lost = absl::Status(faults_.fault.code, "made up");
    if (where == Where::kCasStore) {
      store_.fate = [this](FakeStore::Op) { return Decide(); };
    } else {
      flaky_.fate = [this](FlakyBackend::Op) { return Decide(); };
    }
  }

  size_t calls() const { return calls_; }

  std::unique_ptr<LockClient> MakeClient(const std::string& owner) {
    auto client = LockClient::Create(&executor_, &flaky_, owner, {});
    EXPECT_TRUE(client.ok()) << client.status();
    return *std::move(client);
  }

  Acquisition& Lock(LockClient& client, absl::Duration timeout) {
    Acquisition& made = acquisitions_.emplace_back();
    client.LockAsync("jobs", timeout, [&made, this](auto lease) {
      ++made.answers;
      made.status = lease.status();
      if (!lease.ok()) return;
      if (lease->CheckHeld().ok()) {
        EXPECT_TRUE(gate_.Admit(lease->fencing_token()).ok())
            << "a stale token";
      }
      made.lease = *std::move(lease);
      made.lease->OnLost([&made](const absl::Status&) { ++made.losses; });
      Check();
    });
    return made;
  }

  void Release(Acquisition& made) {
    if (!made.lease.has_value()) return;
    made.was_given_back = true;
    ++made.releases_asked;
    made.lease->ReleaseAsync([&made](const absl::Status&) { ++made.releases; });
  }

  void Drop(Acquisition& made) {
    made.was_given_back = true;
    made.lease.reset();
  }

  // Lets time pass, and looks at everything before each task.
  void Pass(absl::Duration span) {
    const MonotonicTime end = executor_.Now() + span;
    executor_.RunUntil(
        [this] {
          Check();
          return testing::Test::HasFailure();
        },
        span);
    executor_.AdvanceTo(end);
    Check();
    for (const Acquisition& made : acquisitions_) {
      if (!made.lease.has_value() || made.was_given_back) continue;
      EXPECT_EQ(made.losses, made.lease->CheckHeld().ok() ? 0 : 1);
    }
  }

  // As if all had been stopped, and the backend's clock had gone on.
  void Pause(absl::Duration span) {
    executor_.JumpBy(span);
    Check();
  }

  // Nobody is left who could ask for anything. What was under way arrives.
  void Heal() {
    faults_.nth = faults_.outage = kNever;
    while (flaky_.held() > 0) flaky_.DeliverHeld();
    while (store_.held() > 0) store_.DeliverHeld();
  }

  void ExpectEachCallbackCameOnce() {
    for (const Acquisition& made : acquisitions_) {
      EXPECT_EQ(made.answers, 1);
      EXPECT_EQ(made.releases, made.releases_asked);
      EXPECT_LE(made.losses, 1);
      if (made.status.ok()) continue;
      EXPECT_THAT(
          made.status.code(),
          AnyOf(absl::StatusCode::kUnavailable, absl::StatusCode::kCancelled,
                absl::StatusCode::kDeadlineExceeded, faults_.fault.code));
      EXPECT_THAT(std::string(made.status.message()), HasSubstr("jobs"));
    }
  }

 private:
  Fate Decide() {
    const size_t call = ++calls_;
    if (call != faults_.nth) {
      const std::string& caller = flaky_.calls.back().key.owner;
      const bool out = call >= faults_.outage &&
                       (faults_.whose.empty() || faults_.whose == caller);
      return out ? Fate::kLoseRequest : Fate::kAnswer;
    }
    const Fault& fault = faults_.fault;
    if (fault.late == absl::InfiniteDuration()) {
      executor_.Post([this] { flaky_.DropHeld(); });
    } else if (fault.late > absl::ZeroDuration()) {
      executor_.PostAt(executor_.Now() + fault.late, [this] {
        if (flaky_.held() > 0) flaky_.DeliverHeld();
        if (store_.held() > 0) store_.DeliverHeld();
      });
    }
    return fault.fate;
  }

  LockBackend* Behind() {
    if (where_ == Where::kMemoryBackend) return &memory_;
    if (where_ == Where::kStingyBackend) return &stingy_;
    return &cas_;
  }

  // Nobody holds what another holds, nor what the backend gives to others.
  void Check() {
    int held = 0;
    for (const Acquisition& made : acquisitions_) {
      if (made.lease.has_value() && made.lease->CheckHeld().ok()) ++held;
    }
    EXPECT_LE(held, 1);
    EXPECT_FALSE(held > 0 && IsFree()) << "held, and free for others";
  }

  bool IsFree() {
    if (Behind() == &cas_) {
      return internal::DecodeCasRegister(
                 store_.Now(internal::CasRegisterKey("jobs")))
          ->IsFree();
    }
    bool free = false;
    const LeaseKey key{"jobs", "a passer-by", ""};
    memory_.Acquire(key, absl::Seconds(1), executor_.Now(), [&](auto grant) {
      free = grant.ok() && grant->has_value();
    });
    memory_.Release(key, executor_.Now(), [](auto) {});
    return free;
  }

  const Where where_;
  Faults faults_;
  size_t calls_ = 0;
  FencingGate gate_;
  ManualExecutor executor_;
  FakeStore store_;
  MemoryLockBackend memory_{&executor_};
  CasLockBackend cas_{&executor_, &store_};
  sim::StingyLockBackend stingy_{&executor_, &memory_};
  FlakyBackend flaky_{Behind()};
  std::deque<Acquisition> acquisitions_;
};

// What a client does not ask again after.
bool EndsAWait(absl::StatusCode code) {
  return code == absl::StatusCode::kInvalidArgument ||
         code == absl::StatusCode::kPermissionDenied ||
         code == absl::StatusCode::kUnauthenticated ||
         code == absl::StatusCode::kUnimplemented ||
         code == absl::StatusCode::kDataLoss;
}

// Some of everything: two clients that compete, renew, wait, try, give up,
// release, let go and are destroyed; then a third, whom nothing disturbs.
// Returns how many calls there were that could fail.
size_t RunSomeOfEverything(Where where, const Faults& faults) {
  World world(where, faults);
  auto one = world.MakeClient("one");
  auto two = world.MakeClient("two");
  Acquisition& gave_up = world.Lock(*one, absl::Seconds(1));
  world.Pass(absl::Seconds(3.3));
  world.Drop(gave_up);
  Acquisition& first = world.Lock(*one, absl::Seconds(30));
  world.Pass(absl::Seconds(1.1));
  Acquisition& second = world.Lock(*two, absl::Seconds(40));
  world.Pass(absl::Seconds(17.7));  // Renewals.
  world.Release(first);
  world.Pass(absl::Seconds(8.7));
  Acquisition& late = world.Lock(*one, absl::Seconds(3));
  world.Pass(absl::Seconds(4.1));
  world.Drop(late);
  Acquisition& tried = world.Lock(*one, absl::ZeroDuration());
  world.Pass(absl::Seconds(1.3));
  world.Drop(tried);
  Acquisition& third = world.Lock(*one, absl::Seconds(20));
  if (faults.outage == kNever && !EndsAWait(faults.fault.code)) {
    EXPECT_EQ(first.losses, 0) << "there was time for another renewal";
    EXPECT_TRUE(second.lease.has_value())
        << "waited in vain for what nobody held: " << second.status;
  }
  world.Drop(second);
  world.Pass(absl::Seconds(19.9));  // A loss, if nothing is answered.
  world.Pause(absl::Seconds(16));   // Another.
  Acquisition& fourth = world.Lock(*two, absl::Seconds(30));
  Acquisition& fifth = world.Lock(*one, absl::Seconds(30));
  world.Pass(absl::Seconds(0.7));
  for (Acquisition* made : {&first, &third, &fifth}) world.Drop(*made);
  one.reset();
  world.Pass(absl::Seconds(2.9));
  world.Release(fourth);
  world.Drop(fourth);
  two.reset();
  world.ExpectEachCallbackCameOnce();
  const size_t calls = world.calls();

  world.Heal();
  auto three = world.MakeClient("three");
  Acquisition& last = world.Lock(*three, LeaseOptions().ttl + absl::Seconds(5));
  world.Pass(LeaseOptions().ttl + absl::Seconds(5.1));
  EXPECT_TRUE(last.lease.has_value()) << "left behind: " << last.status;
  world.Drop(last);
  return calls;
}

class LockClientEveryFaultTest : public testing::TestWithParam<Where> {};

TEST_P(LockClientEveryFaultTest, LeavesAtMostOneHolderAndNothingForLong) {
  const size_t calls = RunSomeOfEverything(
      GetParam(), {kNever, {Fate::kAnswer, {}, {}}, kNever, ""});
  EXPECT_GT(calls, 20U);
  const auto run = [&](const Faults& faults) {
    if (HasFailure()) return;
    SCOPED_TRACE(faults.ToString());
    RunSomeOfEverything(GetParam(), faults);
  };
  for (size_t nth = 1; nth <= calls; ++nth) {
    for (const Fault& fault : EveryFault(GetParam())) {
      run({nth, fault, kNever, ""});
      run({nth, fault, nth + 1, ""});
    }
  }
}

// One goes unheard soon after: what it took the fault for counts to the end.
TEST_P(LockClientEveryFaultTest, IsNoWorseBeforeAnOutageOfOne) {
  std::vector<Fault> every = EveryLateness();
  every.push_back({Fate::kLoseReply, absl::StatusCode::kUnavailable, {}});
  for (const Fault& fault : every) {
    for (size_t nth = 1; nth <= 30; ++nth) {
      for (size_t outage = nth; outage < nth + 12; ++outage) {
        for (const char* whose : {"one", "two"}) {
          const Faults faults = {nth, fault, outage, whose};
          SCOPED_TRACE(faults.ToString());
          RunSomeOfEverything(GetParam(), faults);
          if (HasFailure()) return;
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Of, LockClientEveryFaultTest,
                         testing::Values(Where::kMemoryBackend,
                                         Where::kStingyBackend,
                                         Where::kCasBackend, Where::kCasStore),
                         [](const auto& where) {
                           switch (where.param) {
                             case Where::kMemoryBackend:
                               return "MemoryBackend";
                             case Where::kStingyBackend:
                               return "StingyBackend";
                             case Where::kCasBackend:
                               return "CasBackend";
                             case Where::kCasStore:
                               return "CasStore";
                           }
                           return "";
                         });

}  // namespace
}  // namespace trivet
