// SPDX-License-Identifier: Apache-2.0
//
// Every Executor in the tree conforms; and every liar is caught by the promise
// that it breaks, or the promises would prove nothing.

#include "trivet/host/executor.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/conformance/broken_by.h"
#include "tests/support/manual_executor.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/testing/conformance/executor_suite.h"
#include "trivet/testing/conformance/gtest.h"
#include "trivet/testing/conformance/pace.h"
#include "trivet/testing/fault_options.h"
#include "trivet/testing/simulation.h"

namespace trivet {
namespace {

using ::testing::ElementsAre;
using testing::ExecutorSubject;
using testing::ExecutorSuite;
using testing::FaultOptions;
using testing::Pace;
using testing::SimHost;
using testing::Simulation;

class Simulated final : public ExecutorSubject {
 public:
  explicit Simulated(const FaultOptions& faults) : sim_(1, faults) {}

  Executor* executor() override { return host_.executor(); }
  Pace pace() const override { return pace_; }
  bool Destroy() override {
    host_.Crash();
    return true;
  }

 private:
  Simulation sim_;
  SimHost& host_ = sim_.AddHost("h");
  const Pace pace_{[this](absl::Duration span) { sim_.RunFor(span); }};
};

TRIVET_TEST_CONFORMANCE(SimHost, ExecutorSuite, [] {
  return std::make_unique<Simulated>(FaultOptions());
});

TRIVET_TEST_CONFORMANCE(SimHostWithABadClock, ExecutorSuite, [] {
  FaultOptions faults;
  faults.clock_rate_spread = 0.3;
  faults.timer_late_max = absl::Milliseconds(50);
  return std::make_unique<Simulated>(faults);
});

// An executor over ManualExecutor, or that itself.
template <typename E>
class Manual final : public ExecutorSubject {
 public:
  Executor* executor() override { return executor_.get(); }
  Pace pace() const override { return pace_; }
  bool Destroy() override {
    executor_.reset();
    return true;
  }

 private:
  std::unique_ptr<E> executor_ = std::make_unique<E>();
  const Pace pace_{[this](absl::Duration span) { executor_->AdvanceBy(span); }};
};

TRIVET_TEST_CONFORMANCE(ManualExecutor, ExecutorSuite, [] {
  return std::make_unique<Manual<ManualExecutor>>();
});

// --- Liars -------------------------------------------------------------------

class Liar : public Executor {
 public:
  MonotonicTime Now() const override { return honest_.Now(); }
  void Post(Task task) override { honest_.Post(std::move(task)); }
  void PostAt(MonotonicTime when, Task task) override {
    honest_.PostAt(when, std::move(task));
  }
  bool MayBlock() const override { return honest_.MayBlock(); }

  void AdvanceBy(absl::Duration span) { honest_.AdvanceBy(span); }

 protected:
  ManualExecutor honest_;
};

class RunsInsidePost final : public Liar {
 public:
  void Post(Task task) override { std::move(task)(); }
};

class RunsInsidePostOfATask final : public Liar {
 public:
  void Post(Task task) override {
    if (in_task_) return std::move(task)();
    Liar::Post([this, task = std::move(task)]() mutable {
      in_task_ = true;
      std::move(task)();
      in_task_ = false;
    });
  }

 private:
  bool in_task_ = false;
};

class RunsTimersEarly final : public Liar {
 public:
  void PostAt(MonotonicTime when, Task task) override {
    Liar::PostAt(when - absl::Nanoseconds(1), std::move(task));
  }
};

class RunsTheFarFutureNow final : public Liar {
 public:
  void PostAt(MonotonicTime when, Task task) override {
    Liar::PostAt(when == MonotonicTime::InfiniteFuture() ? Now() : when,
                 std::move(task));
  }
};

// Last come, first served.
class Reorders final : public Liar {
 public:
  void Post(Task task) override {
    stack_.push_back(std::move(task));
    Liar::Post([this] {
      Task last = std::move(stack_.back());
      stack_.pop_back();
      std::move(last)();
    });
  }

 private:
  std::vector<Task> stack_;
};

class RunsTimeBackwards final : public Liar {
 public:
  MonotonicTime Now() const override {
    const bool odd = ++looks_ % 2 == 1;
    return Liar::Now() + (odd ? absl::Nanoseconds(1) : absl::ZeroDuration());
  }

 private:
  mutable int looks_ = 0;
};

class RunsPostedTwice final : public Liar {
 public:
  void Post(Task task) override {
    const auto shared = std::make_shared<Task>(std::move(task));
    Liar::Post([shared] {
      std::move (*shared)();
      std::move (*shared)();
    });
  }
};

class RunsTimersTwice final : public Liar {
 public:
  void PostAt(MonotonicTime when, Task task) override {
    const auto shared = std::make_shared<Task>(std::move(task));
    for (int i = 0; i < 2; ++i) {
      Liar::PostAt(when, [shared] { std::move (*shared)(); });
    }
  }
};

class ForgetsATimerThatIsOverdue final : public Liar {
 public:
  void PostAt(MonotonicTime when, Task task) override {
    if (when >= Now()) Liar::PostAt(when, std::move(task));
  }
};

class ForgetsATask final : public Liar {
 public:
  void Post(Task task) override {
    if (++posted_ != 7) Liar::Post(std::move(task));
  }

 private:
  int posted_ = 0;
};

// Does not hear what a task posts.
class LosesWhatATaskPosts final : public Liar {
 public:
  void Post(Task task) override {
    if (in_task_) return;
    Liar::Post([this, task = std::move(task)]() mutable {
      in_task_ = true;
      std::move(task)();
      in_task_ = false;
    });
  }

 private:
  bool in_task_ = false;
};

class KeepsTasksForEver final : public Liar {
 public:
  void PostAt(MonotonicTime when, Task task) override {
    kept.push_back(std::make_shared<Task>(std::move(task)));
    Liar::PostAt(when, [task = kept.back()] { std::move (*task)(); });
  }
  static std::vector<std::shared_ptr<Task>> kept;
};
std::vector<std::shared_ptr<Executor::Task>> KeepsTasksForEver::kept;

class SaysItMayBlock final : public Liar {
 public:
  bool MayBlock() const override { return true; }
};

template <typename L>
std::vector<std::string> Broken() {
  return BrokenBy<ExecutorSuite>([] { return std::make_unique<Manual<L>>(); });
}

TEST(LyingExecutors, AreCaughtByWhatTheyBreak) {
  EXPECT_THAT(Broken<RunsInsidePost>(),
              ElementsAre("PostNeverRunsInsideTheCall"));
  EXPECT_THAT(Broken<RunsInsidePostOfATask>(),
              ElementsAre("PostNeverRunsInsideTheCall"));
  EXPECT_THAT(Broken<RunsTimersEarly>(), ElementsAre("PostAtIsNeverEarly"));
  EXPECT_THAT(Broken<RunsTheFarFutureNow>(), ElementsAre("PostAtIsNeverEarly"));
  EXPECT_THAT(Broken<Reorders>(),
              ElementsAre("PostStartsTheTasksOfOneThreadInOrder"));
  EXPECT_THAT(Broken<RunsTimeBackwards>(), ElementsAre("NowNeverDecreases"));
  EXPECT_THAT(Broken<RunsPostedTwice>(), ElementsAre("PostRunsATaskOnce"));
  EXPECT_THAT(Broken<RunsTimersTwice>(), ElementsAre("PostAtRunsATaskOnce"));
  EXPECT_THAT(Broken<ForgetsATimerThatIsOverdue>(),
              ElementsAre("PostAtRunsWhatIsOverdue"));
  EXPECT_THAT(Broken<ForgetsATask>(), ::testing::Contains("PostRunsATaskOnce"));
  EXPECT_THAT(Broken<LosesWhatATaskPosts>(),
              ElementsAre("PostNeverRunsInsideTheCall",
                          "EveryMethodMayBeCalledInsideATask"));
  EXPECT_THAT(Broken<KeepsTasksForEver>(),
              ElementsAre("WhatNeverRunsIsDestroyed"));
  KeepsTasksForEver::kept.clear();
  EXPECT_THAT(Broken<SaysItMayBlock>(),
              ElementsAre("MayBlockIsFalseInsideATask"));
}

}  // namespace
}  // namespace trivet
