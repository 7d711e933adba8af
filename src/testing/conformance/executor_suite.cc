// SPDX-License-Identifier: Apache-2.0

#include "trivet/testing/conformance/executor_suite.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "src/testing/conformance/trial.h"
#include "trivet/host/executor.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/testing/conformance/pace.h"
#include "trivet/testing/conformance/promise.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {
namespace {

using internal::Trial;

constexpr size_t kTasks = 50;

// What tasks have done. Tasks hold it with the promise, since those of a bad
// executor may outlive that.
struct Runs {
  explicit Runs(Pace p) : pace(std::move(p)) {}

  const Pace pace;
  std::vector<size_t> counts = std::vector<size_t>(kTasks);
  std::vector<size_t> order;
  std::thread::id caller;  // Who is inside Post now.
  bool inside = false;     // A task ran inside it.
  bool wrong = false;      // As the promise sees it.

  void Ran(size_t task) {
    pace.Update([&] {
      ++counts[task];
      order.push_back(task);
      inside = inside || caller == std::this_thread::get_id();
    });
  }
  bool AllRan() const {
    return std::all_of(counts.begin(), counts.end(),
                       [](size_t count) { return count > 0; });
  }
  bool NoneTwice() const {
    return std::all_of(counts.begin(), counts.end(),
                       [](size_t count) { return count <= 1; });
  }
};

std::shared_ptr<Runs> NewRuns(const ExecutorSubject& subject) {
  return std::make_shared<Runs>(subject.pace());
}

// Waits until tasks have run that were posted later, and some time after that.
void Settle(ExecutorSubject& subject, Trial* trial) {
  const auto later = NewRuns(subject);
  Executor* const executor = subject.executor();
  for (size_t i = 0; i < kTasks; ++i) {
    executor->PostAt(executor->Now() + absl::Milliseconds(5),
                     [=] { executor->Post([=] { later->Ran(i); }); });
  }
  trial->Await([&] { return later->AllRan(); }, "a task was never run");
}

Finding NowNeverDecreases(ExecutorSubject& subject) {
  Trial trial(subject.pace());
  const auto runs = NewRuns(subject);
  const auto last = std::make_shared<MonotonicTime>(subject.executor()->Now());
  const auto look = [=, executor = subject.executor()] {
    runs->pace.Update([&] {
      const MonotonicTime now = executor->Now();
      if (now < *last) runs->wrong = true;
      *last = now;
    });
  };
  for (size_t i = 0; i < kTasks; ++i) {
    for (size_t j = 0; j < kTasks; ++j) look();
    const absl::Duration after = absl::Microseconds(100 * (i % 10));
    subject.executor()->PostAt(subject.executor()->Now() + after, [=] {
      look();
      runs->Ran(i);
    });
  }
  trial.Await([&] { return runs->AllRan(); }, "a timer was never run");
  look();
  runs->pace.Update([&] { trial.Expect(!runs->wrong, "Now() decreased"); });
  return trial.Result();
}

Finding PostRunsATaskOnce(ExecutorSubject& subject) {
  Trial trial(subject.pace());
  const auto runs = NewRuns(subject);
  for (size_t i = 0; i < kTasks; ++i) {
    subject.executor()->Post([=] { runs->Ran(i); });
  }
  trial.Await([&] { return runs->AllRan(); }, "a posted task never ran");
  Settle(subject, &trial);
  runs->pace.Update(
      [&] { trial.Expect(runs->NoneTwice(), "a posted task ran twice"); });
  return trial.Result();
}

// Calls Post, and notes whether the task runs inside that.
void PostAndWatch(Executor* executor, const std::shared_ptr<Runs>& runs,
                  size_t task) {
  runs->pace.Update([&] { runs->caller = std::this_thread::get_id(); });
  executor->Post([=] { runs->Ran(task); });
  runs->pace.Update([&] { runs->caller = std::thread::id(); });
}

Finding PostNeverRunsInsideTheCall(ExecutorSubject& subject) {
  Trial trial(subject.pace());
  Executor* const executor = subject.executor();
  for (const bool from_a_task : {false, true}) {
    const auto runs = NewRuns(subject);
    for (size_t i = 0; i < kTasks; ++i) {
      if (from_a_task) {
        executor->Post([=] { PostAndWatch(executor, runs, i); });
      } else {
        PostAndWatch(executor, runs, i);
      }
      // One at a time: there is one `caller`.
      trial.Await([&] { return runs->counts[i] > 0; }, "a task never ran");
    }
    runs->pace.Update([&] {
      trial.Expect(!runs->inside, from_a_task
                                      ? "a task ran inside a task's Post"
                                      : "a task ran inside Post");
    });
  }
  return trial.Result();
}

Finding PostStartsTheTasksOfOneThreadInOrder(ExecutorSubject& subject) {
  Trial trial(subject.pace());
  const auto runs = NewRuns(subject);
  for (size_t i = 0; i < kTasks; ++i) {
    subject.executor()->Post([=] { runs->Ran(i); });
  }
  trial.Await([&] { return runs->AllRan(); }, "a posted task never ran");
  // Of the tasks before the one that has noted itself, each that has not done
  // so has started, and keeps a thread.
  const size_t others = static_cast<size_t>(subject.threads()) - 1;
  runs->pace.Update([&] {
    for (size_t at = 0; at < runs->order.size(); ++at) {
      size_t overtaken = 0;
      for (size_t later = at + 1; later < runs->order.size(); ++later) {
        if (runs->order[later] < runs->order[at]) ++overtaken;
      }
      trial.Expect(overtaken <= others, "a task started before earlier ones");
    }
  });
  return trial.Result();
}

Finding PostAtRunsATaskOnce(ExecutorSubject& subject) {
  Trial trial(subject.pace());
  const auto runs = NewRuns(subject);
  for (size_t i = 0; i < kTasks; ++i) {
    subject.executor()->PostAt(
        subject.executor()->Now() + absl::Microseconds(200 * (i % 7)),
        [=] { runs->Ran(i); });
  }
  trial.Await([&] { return runs->AllRan(); }, "a timer never ran");
  Settle(subject, &trial);
  runs->pace.Update(
      [&] { trial.Expect(runs->NoneTwice(), "a timer ran twice"); });
  return trial.Result();
}

Finding PostAtIsNeverEarly(ExecutorSubject& subject) {
  Trial trial(subject.pace());
  const auto runs = NewRuns(subject);
  const auto never = NewRuns(subject);
  Executor* const executor = subject.executor();
  executor->PostAt(MonotonicTime::InfiniteFuture(), [=] { never->Ran(0); });
  executor->PostAt(executor->Now() + absl::Hours(1), [=] { never->Ran(0); });
  for (size_t i = 0; i < kTasks; ++i) {
    // No order in time, and odd numbers of nanoseconds.
    const MonotonicTime when =
        executor->Now() + absl::Nanoseconds(3'333'337 * (i * 7 % 5) + i);
    executor->PostAt(when, [=] {
      const MonotonicTime now = executor->Now();
      runs->pace.Update([&] { runs->wrong = runs->wrong || now < when; });
      runs->Ran(i);
    });
  }
  trial.Await([&] { return runs->AllRan(); }, "a timer never ran");
  runs->pace.Update([&] {
    trial.Expect(!runs->wrong, "a timer ran before its time");
    trial.Expect(never->order.empty(), "a timer of the far future ran");
  });
  return trial.Result();
}

Finding PostAtRunsWhatIsOverdue(ExecutorSubject& subject) {
  Trial trial(subject.pace());
  const auto runs = NewRuns(subject);
  Executor* const executor = subject.executor();
  const MonotonicTime overdue[] = {
      MonotonicTime::InfinitePast(), executor->Now() - absl::Hours(1),
      executor->Now() - absl::Nanoseconds(1), executor->Now()};
  for (size_t i = 0; i < kTasks; ++i) {
    executor->PostAt(overdue[i % 4], [=] { runs->Ran(i); });
  }
  trial.Await([&] { return runs->AllRan(); },
              "a timer whose time had passed never ran");
  return trial.Result();
}

Finding WhatNeverRunsIsDestroyed(ExecutorSubject& subject) {
  const auto held = std::make_shared<bool>(false);
  Executor* const executor = subject.executor();
  const Pace pace = subject.pace();
  for (const MonotonicTime when :
       {MonotonicTime::InfiniteFuture(), executor->Now() + absl::Hours(1)}) {
    executor->PostAt(when, [=] { pace.Update([&] { *held = true; }); });
  }
  if (!subject.Destroy()) {
    return Finding::NotChecked("the executor cannot be ended here");
  }
  if (*held) return Finding::Broken("a timer of the far future ran");
  return held.use_count() == 1
             ? Finding::Kept()
             : Finding::Broken("a task that will never run was kept");
}

Finding MayBlockIsFalseInsideATask(ExecutorSubject& subject) {
  Trial trial(subject.pace());
  const auto runs = NewRuns(subject);
  Executor* const executor = subject.executor();
  for (size_t i = 0; i < kTasks; ++i) {
    auto task = [=] {
      const bool may_block = executor->MayBlock();
      runs->pace.Update([&] { runs->wrong = runs->wrong || may_block; });
      runs->Ran(i);
    };
    if (i % 2 == 0) {
      executor->Post(task);
    } else {
      executor->PostAt(executor->Now(), task);
    }
  }
  trial.Await([&] { return runs->AllRan(); }, "a task never ran");
  runs->pace.Update(
      [&] { trial.Expect(!runs->wrong, "MayBlock() is true inside a task"); });
  return trial.Result();
}

Finding EveryMethodMayBeCalledInsideATask(ExecutorSubject& subject) {
  Trial trial(subject.pace());
  const auto runs = NewRuns(subject);
  Executor* const executor = subject.executor();
  for (size_t i = 0; i + 1 < kTasks; i += 2) {
    executor->Post([=] {
      executor->MayBlock();
      executor->Post([=] { runs->Ran(i); });
      executor->PostAt(executor->Now(), [=] { runs->Ran(i + 1); });
    });
  }
  trial.Await([&] { return runs->AllRan(); },
              "a task that was posted by a task never ran");
  return trial.Result();
}

Finding EveryMethodMayBeCalledFromAnyThread(ExecutorSubject& subject) {
  if (subject.pace().is_virtual()) {
    return Finding::NotChecked("virtual time belongs to one thread");
  }
  Trial trial(subject.pace());
  constexpr size_t kThreads = 4;
  std::vector<std::shared_ptr<Runs>> runs;
  std::vector<std::thread> threads;
  runs.reserve(kThreads);
  threads.reserve(kThreads);
  for (size_t t = 0; t < kThreads; ++t) {
    runs.push_back(NewRuns(subject));
    threads.emplace_back([own = runs.back(), executor = subject.executor()] {
      for (size_t i = 0; i < kTasks; ++i) {
        executor->MayBlock();
        if (i % 2 == 0) {
          executor->Post([=] { own->Ran(i); });
        } else {
          executor->PostAt(executor->Now(), [=] { own->Ran(i); });
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& own : runs) {
    trial.Await([&] { return own->AllRan(); },
                "a task that was posted by one of several threads never ran");
  }
  return trial.Result();
}

}  // namespace

const std::vector<Promise<ExecutorSubject>>& ExecutorSuite::Promises() {
  static const auto* const promises = new std::vector<Promise<ExecutorSubject>>{
      {"NowNeverDecreases", NowNeverDecreases},
      {"PostRunsATaskOnce", PostRunsATaskOnce},
      {"PostNeverRunsInsideTheCall", PostNeverRunsInsideTheCall},
      {"PostStartsTheTasksOfOneThreadInOrder",
       PostStartsTheTasksOfOneThreadInOrder},
      {"PostAtRunsATaskOnce", PostAtRunsATaskOnce},
      {"PostAtIsNeverEarly", PostAtIsNeverEarly},
      {"PostAtRunsWhatIsOverdue", PostAtRunsWhatIsOverdue},
      {"WhatNeverRunsIsDestroyed", WhatNeverRunsIsDestroyed},
      {"MayBlockIsFalseInsideATask", MayBlockIsFalseInsideATask},
      {"EveryMethodMayBeCalledInsideATask", EveryMethodMayBeCalledInsideATask},
      {"EveryMethodMayBeCalledFromAnyThread",
       EveryMethodMayBeCalledFromAnyThread},
  };
  return *promises;
}

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet
