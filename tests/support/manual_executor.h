// SPDX-License-Identifier: Apache-2.0
//
// ManualExecutor: an executor whose time passes only when a test says so.
//
//   ManualExecutor executor;
//   driver.Start();
//   executor.RunUntilIdle();                   // all that is due now
//   executor.AdvanceBy(absl::Seconds(5));      // five seconds, task by task
//   executor.JumpBy(absl::Minutes(1));         // as SIGSTOP and SIGCONT do
//
// Tasks run on the thread that cranks it, in the order (time, posting), so that
// a test is the same each time. Blocking forms crash on it.
//
// Thread safety: Now, Post and PostAt may be called from any thread; the cranks
// from one thread at a time, and not inside a task.

#ifndef TRIVET_TESTS_SUPPORT_MANUAL_EXECUTOR_H_
#define TRIVET_TESTS_SUPPORT_MANUAL_EXECUTOR_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "src/internal/invariant.h"
#include "trivet/host/executor.h"
#include "trivet/host/monotonic_time.h"

namespace trivet {

class ManualExecutor final : public Executor {
 public:
  // Starts away from the origin, so that nothing works by chance because its
  // times were never set.
  ManualExecutor()
      : now_(MonotonicTime::FromOrigin(absl::Seconds(1'000'000))),
        start_(now_) {}

  MonotonicTime Now() const override {
    absl::MutexLock lock(&mu_);
    return now_;
  }
  void Post(Task task) override {
    PostAt(MonotonicTime::InfinitePast(), std::move(task));
  }
  void PostAt(MonotonicTime when, Task task) override {
    absl::MutexLock lock(&mu_);
    // What is overdue takes its turn among what is due now.
    tasks_.emplace(Turn{std::max(when, now_), next_++}, std::move(task));
  }
  bool MayBlock() const override { return false; }

  // Runs what is due, also what that posts, while time stands still. Returns
  // how many tasks ran.
  size_t RunUntilIdle() {
    size_t ran = 0;
    while (RunOne(Now())) {
      TRIVET_INVARIANT(++ran < kTasksMax, "tasks post each other for ever");
    }
    return ran;
  }

  // Lets time pass, and runs every task at its time, or when its turn comes.
  void AdvanceBy(absl::Duration span) { AdvanceTo(Now() + span); }
  void AdvanceTo(MonotonicTime end) {
    size_t ran = 0;
    while (RunOne(end)) {
      TRIVET_INVARIANT(++ran < kTasksMax, "tasks post each other for ever");
    }
    absl::MutexLock lock(&mu_);
    now_ = std::max(now_, end);
  }

  // Lets time pass in which this process did not run. What has become due is
  // run by the next crank.
  void JumpBy(absl::Duration span) {
    absl::MutexLock lock(&mu_);
    now_ = now_ + span;
  }

  // Lets time pass until `goal` holds, at most `limit`. Returns `goal()`.
  bool RunUntil(absl::FunctionRef<bool()> goal, absl::Duration limit) {
    const MonotonicTime end = Now() + limit;
    while (!goal() && RunOne(end)) {
    }
    return goal();
  }

  // The time that has passed since the start.
  absl::Duration Elapsed() const { return Now() - start_; }

  // How many tasks wait for their time.
  size_t pending() const {
    absl::MutexLock lock(&mu_);
    return tasks_.size();
  }

 private:
  using Turn = std::pair<MonotonicTime, uint64_t>;
  static constexpr size_t kTasksMax = 10'000'000;

  // Runs the next task if its time is at or before `end`.
  bool RunOne(MonotonicTime end) {
    Task task;
    {
      absl::MutexLock lock(&mu_);
      const auto first = tasks_.begin();
      if (first == tasks_.end() || first->first.first > end) return false;
      now_ = std::max(now_, first->first.first);
      task = std::move(first->second);
      tasks_.erase(first);
    }
    std::move(task)();
    return true;
  }

  mutable absl::Mutex mu_;
  MonotonicTime now_ ABSL_GUARDED_BY(mu_);
  std::map<Turn, Task> tasks_ ABSL_GUARDED_BY(mu_);
  uint64_t next_ ABSL_GUARDED_BY(mu_) = 0;
  const MonotonicTime start_;
};

}  // namespace trivet

#endif  // TRIVET_TESTS_SUPPORT_MANUAL_EXECUTOR_H_
