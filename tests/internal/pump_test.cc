// SPDX-License-Identifier: Apache-2.0
//
// The pump with a toy machine: order, batching, timers, callbacks, and above
// all what its Close promises.

#include "src/internal/pump.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/manual_executor.h"
#include "trivet/host/executor.h"
#include "trivet/host/monotonic_time.h"

namespace trivet {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;

// Sums what it is told, and wakes up when it is told to.
class ToyMachine {
 public:
  struct Added {
    int number;
  };
  struct AlarmSet {
    MonotonicTime when;
  };
  struct Ticked {};
  using Event = std::variant<Added, AlarmSet, Ticked>;

  struct Effects {
    std::vector<int> numbers;
    int ticks = 0;
    void Clear() {
      numbers.clear();
      ticks = 0;
    }
  };

  void Step(MonotonicTime now, Event&& event, Effects* effects) {
    if (const auto* added = std::get_if<Added>(&event)) {
      sum_ += added->number;
      effects->numbers.push_back(added->number);
    } else if (const auto* set = std::get_if<AlarmSet>(&event)) {
      alarm_ = set->when;
    } else {
      ++effects->ticks;
      if (alarm_ <= now) alarm_ = MonotonicTime::InfiniteFuture();
    }
  }
  MonotonicTime NextWakeup() const { return alarm_; }
  int64_t sum() const { return sum_; }

 private:
  int64_t sum_ = 0;
  MonotonicTime alarm_ = MonotonicTime::InfiniteFuture();
};

using Added = ToyMachine::Added;
using AlarmSet = ToyMachine::AlarmSet;

// What a driver adds to the pump: here, whatever the test wants.
class ToyPump final : public internal::Pump<ToyMachine> {
 public:
  using internal::Pump<ToyMachine>::CallBack;
  using internal::Pump<ToyMachine>::IsOpen;

  explicit ToyPump(Executor* executor)
      : internal::Pump<ToyMachine>(executor, ToyMachine()) {}

  void Perform(Effects& effects) override {
    if (perform) perform(effects);
  }
  int64_t sum() const {
    return Inspect([](const ToyMachine& machine) { return machine.sum(); });
  }

  std::function<void(Effects&)> perform;
};

std::shared_ptr<ToyPump> NewPump(Executor* executor) {
  return std::shared_ptr<ToyPump>(new ToyPump(executor));
}

// Counts the timers that a pump arms.
class CountingExecutor final : public Executor {
 public:
  MonotonicTime Now() const override { return inner_.Now(); }
  void Post(Task task) override { inner_.Post(std::move(task)); }
  void PostAt(MonotonicTime when, Task task) override {
    armed.push_back(when);
    inner_.PostAt(when, std::move(task));
  }
  bool MayBlock() const override { return false; }
  ManualExecutor& inner() { return inner_; }

  std::vector<MonotonicTime> armed;

 private:
  ManualExecutor inner_;
};

TEST(PumpTest, PerformsInsideTheCallThatFindsItIdle) {
  ManualExecutor executor;
  const auto pump = NewPump(&executor);
  std::vector<int> seen;
  pump->perform = [&](ToyMachine::Effects& effects) { seen = effects.numbers; };
  pump->Enqueue(Added{7});
  EXPECT_THAT(seen, ElementsAre(7));
  EXPECT_EQ(executor.pending(), 0u);
}

TEST(PumpTest, QueuesWhatArrivesWhilePerforming) {
  ManualExecutor executor;
  const auto pump = NewPump(&executor);
  std::vector<std::string> log;
  pump->perform = [&](ToyMachine::Effects& effects) {
    const int number = effects.numbers.front();
    log.push_back("enter " + std::to_string(number));
    if (number < 3) pump->Enqueue(Added{number + 1});
    log.push_back("leave " + std::to_string(number));
  };
  pump->Enqueue(Added{1});
  EXPECT_THAT(log, ElementsAre("enter 1", "leave 1", "enter 2", "leave 2",
                               "enter 3", "leave 3"));
  pump->perform = nullptr;
}

TEST(PumpTest, PerformsTogetherWhatWasEnqueuedTogether) {
  ManualExecutor executor;
  const auto pump = NewPump(&executor);
  std::vector<std::vector<int>> batches;
  pump->perform = [&](ToyMachine::Effects& effects) {
    batches.push_back(effects.numbers);
  };
  pump->EnqueueAll({});
  pump->EnqueueAll({Added{1}, Added{2}, Added{3}});
  EXPECT_THAT(batches, ElementsAre(ElementsAre(1, 2, 3)));
}

TEST(PumpTest, HandsOverToTheExecutorAfterEnoughSteps) {
  ManualExecutor executor;
  const auto pump = NewPump(&executor);
  constexpr int kEvents = 10'000;
  int performed = 0;
  pump->perform = [&](ToyMachine::Effects& effects) {
    performed += static_cast<int>(effects.numbers.size());
  };
  std::vector<ToyMachine::Event> events(kEvents, Added{1});
  pump->EnqueueAll(std::move(events));
  EXPECT_GT(performed, 0);
  EXPECT_LE(performed, 2048) << "the caller works for everybody";
  pump->Enqueue(Added{1});  // Somebody has promised to go on: only queued.
  EXPECT_LE(performed, 2048);
  executor.RunUntilIdle();
  EXPECT_EQ(performed, kEvents + 1);
}

TEST(PumpTest, ArmsOneChainOfTimersOnlyForEarlierTimes) {
  CountingExecutor executor;
  const auto pump = NewPump(&executor);
  const MonotonicTime start = executor.Now();
  const auto at = [&](int seconds) { return start + absl::Seconds(seconds); };
  int ticks = 0;
  pump->perform = [&](ToyMachine::Effects& effects) { ticks += effects.ticks; };

  pump->Enqueue(AlarmSet{at(10)});
  pump->Enqueue(Added{1});          // Nothing new to arm.
  pump->Enqueue(AlarmSet{at(20)});  // Later: the one at 10 will look again.
  pump->Enqueue(AlarmSet{at(5)});   // Earlier.
  EXPECT_THAT(executor.armed, ElementsAre(at(10), at(5)));

  executor.inner().AdvanceTo(at(5));
  EXPECT_EQ(ticks, 1);
  pump->Enqueue(AlarmSet{at(7)});
  EXPECT_THAT(executor.armed, ElementsAre(at(10), at(5), at(7)));
  executor.inner().AdvanceTo(at(60));
  EXPECT_EQ(ticks, 3) << "at 7, and the stale one at 10";
  EXPECT_EQ(executor.inner().pending(), 0u);
}

TEST(PumpTest, ArmsAgainWhenATimerWasEarlierThanTheAlarm) {
  CountingExecutor executor;
  const auto pump = NewPump(&executor);
  const MonotonicTime start = executor.Now();
  pump->Enqueue(AlarmSet{start + absl::Seconds(1)});
  pump->Enqueue(AlarmSet{start + absl::Seconds(3)});
  std::optional<MonotonicTime> ticked;
  pump->perform = [&](ToyMachine::Effects& effects) {
    if (effects.ticks > 0) ticked = executor.Now();
  };
  executor.inner().AdvanceBy(absl::Seconds(10));
  EXPECT_THAT(executor.armed,
              ElementsAre(start + absl::Seconds(1), start + absl::Seconds(3)));
  ASSERT_TRUE(ticked.has_value());
  EXPECT_TRUE(*ticked == start + absl::Seconds(3));
}

TEST(PumpTest, CallsBackOnTheExecutorInOrderAndNeverInside) {
  ManualExecutor executor;
  const auto pump = NewPump(&executor);
  std::vector<int> called;
  for (int i = 0; i < 3; ++i) {
    pump->CallBack([&called, i] { called.push_back(i); });
  }
  EXPECT_THAT(called, IsEmpty());
  executor.RunUntilIdle();
  EXPECT_THAT(called, ElementsAre(0, 1, 2));
  pump->CallBack([&] {
    pump->CallBack([&] { called.push_back(4); });
    called.push_back(3);
  });
  executor.RunUntilIdle();
  EXPECT_THAT(called, ElementsAre(0, 1, 2, 3, 4));
}

TEST(PumpTest, LetsOtherTasksRunBetweenManyCallbacks) {
  ManualExecutor executor;
  const auto pump = NewPump(&executor);
  constexpr int kCallbacks = 1000;
  int called = 0;
  int called_before_other = 0;
  for (int i = 0; i < kCallbacks; ++i) pump->CallBack([&] { ++called; });
  executor.Post([&] { called_before_other = called; });
  executor.RunUntilIdle();
  EXPECT_EQ(called, kCallbacks);
  EXPECT_LT(called_before_other, kCallbacks / 2);
}

TEST(PumpCloseTest, RunsTheCallbacksThatWerePending) {
  ManualExecutor executor;
  auto pump = NewPump(&executor);
  std::vector<int> called;
  pump->CallBack([&] {
    called.push_back(1);
    pump->CallBack([&] { called.push_back(3); });
  });
  pump->CallBack([&] { called.push_back(2); });
  pump->Close();
  EXPECT_THAT(called, ElementsAre(1, 2, 3));
  executor.RunUntilIdle();
  EXPECT_THAT(called, ElementsAre(1, 2, 3));
}

TEST(PumpCloseTest, TurnsEverythingAwayAfterwards) {
  ManualExecutor executor;
  const auto pump = NewPump(&executor);
  int performed = 0;
  pump->perform = [&](ToyMachine::Effects&) { ++performed; };
  pump->Enqueue(AlarmSet{executor.Now() + absl::Seconds(1)});
  pump->Close();
  pump->Enqueue(Added{1});
  pump->EnqueueAll({Added{1}});
  executor.AdvanceBy(absl::Seconds(5));
  EXPECT_EQ(performed, 1);
  EXPECT_EQ(pump->sum(), 0);
  EXPECT_FALSE(pump->IsOpen());
}

TEST(PumpCloseTest, StaleTimersDoNotKeepItsMemory) {
  ManualExecutor executor;
  auto pump = NewPump(&executor);
  const std::weak_ptr<ToyPump> weak = pump;
  pump->Enqueue(AlarmSet{executor.Now() + absl::Hours(1)});
  pump->Close();
  pump.reset();
  EXPECT_TRUE(weak.expired());
  EXPECT_EQ(executor.pending(), 1u);
  executor.AdvanceBy(absl::Hours(2));
}

// So many that their caller leaves some to the executor.
std::vector<ToyMachine::Event> MoreThanOneRun() {
  return std::vector<ToyMachine::Event>(10'000, Added{1});
}

TEST(PumpCloseTest, MayHappenBeforeTheExecutorGoesOn) {
  ManualExecutor executor;
  auto pump = NewPump(&executor);
  const std::weak_ptr<ToyPump> weak = pump;
  int performed = 0;
  pump->perform = [&](ToyMachine::Effects&) { ++performed; };
  pump->EnqueueAll(MoreThanOneRun());
  const int before = performed;
  ASSERT_EQ(executor.pending(), 1u) << "the executor is to go on";
  pump->Close();
  pump.reset();
  EXPECT_TRUE(weak.expired());
  executor.RunUntilIdle();
  EXPECT_EQ(performed, before);
}

TEST(PumpCloseTest, WhilePerformingHandsNothingOver) {
  for (int last = 1; last <= 8; ++last) {
    ManualExecutor executor;
    const auto pump = NewPump(&executor);
    int performed = 0;
    pump->perform = [&](ToyMachine::Effects&) {
      if (++performed == last) pump->Close();
    };
    pump->EnqueueAll(MoreThanOneRun());
    EXPECT_EQ(performed, last);
    EXPECT_EQ(executor.pending(), 0u);
  }
}

TEST(PumpCloseTest, MayHappenWhilePerforming) {
  ManualExecutor executor;
  auto pump = NewPump(&executor);
  const std::weak_ptr<ToyPump> weak = pump;
  int performed = 0;
  pump->perform = [&](ToyMachine::Effects&) {
    ++performed;
    if (performed < 2) return;
    pump->Enqueue(Added{3});  // Never stepped.
    pump->Close();
    pump.reset();  // As a driver's destructor does.
    EXPECT_FALSE(weak.expired()) << "it is still on the stack";
  };
  ToyPump* const raw = pump.get();
  raw->Enqueue(Added{1});
  raw->Enqueue(Added{2});
  EXPECT_EQ(performed, 2);
  EXPECT_TRUE(weak.expired());
}

TEST(PumpCloseTest, MayHappenInsideACallback) {
  ManualExecutor executor;
  auto pump = NewPump(&executor);
  const std::weak_ptr<ToyPump> weak = pump;
  std::vector<std::string> called;
  pump->CallBack([&] {
    called.push_back("closes");
    pump->Close();
    pump.reset();
    called.push_back("closed");
  });
  pump->CallBack([&] { called.push_back("pending"); });
  executor.RunUntilIdle();
  EXPECT_THAT(called, ElementsAre("closes", "pending", "closed"));
  EXPECT_TRUE(weak.expired());
}

// Post is a call to the host too, in which the driver may be destroyed. What
// Perform had to tell by then is told all the same, and Perform calls nobody.
TEST(PumpCloseTest, WhatPerformCallsBackIsCalledWhateverPostDoes) {
  class ClosingExecutor final : public Executor {
   public:
    MonotonicTime Now() const override { return inner.Now(); }
    void Post(Task task) override {
      EXPECT_FALSE(in_perform);
      inner.Post(std::move(task));
      if (on_post) std::exchange(on_post, nullptr)();
    }
    void PostAt(MonotonicTime when, Task task) override {
      inner.PostAt(when, std::move(task));
    }
    bool MayBlock() const override { return false; }

    ManualExecutor inner;
    bool in_perform = false;
    std::function<void()> on_post;
  };
  ClosingExecutor executor;
  auto pump = NewPump(&executor);
  std::vector<int> called;
  pump->perform = [&](ToyMachine::Effects& effects) {
    executor.in_perform = true;
    for (const int number : effects.numbers) {
      pump->CallBack([&called, number] { called.push_back(number); });
    }
    executor.in_perform = false;
  };
  executor.on_post = [&] { pump->Close(); };
  pump->EnqueueAll({Added{1}, Added{2}, Added{3}});
  EXPECT_THAT(called, ElementsAre(1, 2, 3));
  EXPECT_FALSE(pump->IsOpen());
  executor.inner.RunUntilIdle();
  EXPECT_THAT(called, ElementsAre(1, 2, 3));
}

// The closing thread may not return while another thread is still inside.
TEST(PumpCloseTest, WaitsForAPerformOnAnotherThread) {
  ManualExecutor executor;
  const auto pump = NewPump(&executor);
  absl::Notification inside;
  std::atomic<bool> left{false};
  pump->perform = [&](ToyMachine::Effects&) {
    inside.Notify();
    while (pump->IsOpen()) std::this_thread::yield();  // Until Close waits.
    left = true;
  };
  std::thread performer([&] { pump->Enqueue(Added{1}); });
  inside.WaitForNotification();
  pump->Close();
  EXPECT_TRUE(left);
  performer.join();
}

TEST(PumpCloseTest, WaitsForACallbackOnAnotherThread) {
  ManualExecutor executor;
  const auto pump = NewPump(&executor);
  absl::Notification inside;
  std::atomic<bool> left{false};
  pump->CallBack([&] {
    inside.Notify();
    while (pump->IsOpen()) std::this_thread::yield();
    left = true;
  });
  std::thread runner([&] { executor.RunUntilIdle(); });
  inside.WaitForNotification();
  pump->Close();
  EXPECT_TRUE(left);
  runner.join();
}

TEST(PumpThreadsTest, StepsAndPerformsOneAtATimeAndLosesNothing) {
  constexpr int kThreads = 4;
  constexpr int kEvents = 20'000;
  ManualExecutor executor;
  const auto pump = NewPump(&executor);
  std::atomic<int> performing{0};
  std::atomic<bool> overlapped{false};
  std::vector<std::vector<int>> seen(kThreads);
  pump->perform = [&](ToyMachine::Effects& effects) {
    if (performing.fetch_add(1) != 0) overlapped = true;
    for (const int number : effects.numbers) {
      seen[static_cast<size_t>(number) % kThreads].push_back(number);
    }
    performing.fetch_sub(1);
  };
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&pump, thread] {
      for (int i = 0; i < kEvents; ++i) {
        pump->Enqueue(Added{i * kThreads + thread});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  executor.RunUntilIdle();

  EXPECT_FALSE(overlapped);
  for (const std::vector<int>& numbers : seen) {
    EXPECT_EQ(numbers.size(), static_cast<size_t>(kEvents));
    EXPECT_TRUE(std::is_sorted(numbers.begin(), numbers.end()))
        << "events of one thread stay in order";
  }
}

// Threads enqueue and the executor calls back until somebody closes; after
// Close has returned nothing of it runs.
TEST(PumpThreadsTest, NothingRunsOnceCloseHasReturned) {
  constexpr int kRounds = 200;
  for (int round = 0; round < kRounds; ++round) {
    ManualExecutor executor;
    auto pump = NewPump(&executor);
    std::atomic<bool> closed{false};
    std::atomic<bool> late{false};
    std::atomic<int> work{0};
    pump->perform = [&, raw = pump.get()](ToyMachine::Effects&) {
      if (closed) late = true;
      if (work.fetch_add(1) % 2 == 0) {
        raw->CallBack([&] {
          if (closed) late = true;
        });
      }
    };
    const std::weak_ptr<ToyPump> weak = pump;
    std::atomic<bool> stop{false};
    std::thread enqueuer([&] {
      while (!stop) {
        if (const auto self = weak.lock()) self->Enqueue(Added{1});
      }
    });
    std::thread runner([&] {
      while (!stop) executor.RunUntilIdle();
    });
    while (work < 20) std::this_thread::yield();
    pump->Close();
    closed = true;
    pump.reset();
    stop = true;
    enqueuer.join();
    runner.join();
    EXPECT_FALSE(late);
  }
}

}  // namespace
}  // namespace trivet
