// SPDX-License-Identifier: Apache-2.0

#include "trivet/adapters/thread/thread_executor.h"

#include <pthread.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <ctime>
#include <deque>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "src/internal/invariant.h"
#include "trivet/host/executor.h"
#include "trivet/host/monotonic_time.h"

namespace trivet {
inline namespace v0_1 {
namespace {

constexpr int kThreadsMax = 1024;

absl::Status NoMore(const char* what, int error) {
  return absl::ResourceExhaustedError(std::string("ThreadExecutor: ") + what +
                                      ": " +
                                      std::generic_category().message(error));
}

}  // namespace

// Workers take tasks from `ready_`. One more thread, the timekeeper, sleeps on
// a timerfd and moves the tasks of `timers_` over as they come due. A condition
// variable with a time-out would do without it, but it waits on clocks that
// stop while the machine is suspended or that somebody can set.
class ThreadExecutor::Impl {
 public:
  absl::Status Start(int threads);
  void Stop();
  void Post(Task task);
  void PostAt(MonotonicTime when, Task task);
  bool OnOwnThread() const { return executor_of_this_thread == this; }

  static MonotonicTime Now() {
    timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return MonotonicTime::FromOrigin(absl::DurationFromTimespec(now));
  }

 private:
  struct Timer {
    MonotonicTime when;
    uint64_t order;  // Equal times fire in the order posted.
    Task task;
  };
  // Whether `a` fires after `b`, which makes a heap of the earliest.
  static bool Later(const Timer& a, const Timer& b) {
    return a.when != b.when ? a.when > b.when : a.order > b.order;
  }

  absl::Status StartThread(void* (*run)(void*));
  void Work();
  void KeepTime();
  void Arm(MonotonicTime when);

  static thread_local const Impl* executor_of_this_thread;

  absl::Mutex mu_;
  absl::CondVar wake_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::deque<Task> ready_ ABSL_GUARDED_BY(mu_);
  std::vector<Timer> timers_ ABSL_GUARDED_BY(mu_);  // A heap by Later.
  uint64_t timers_posted_ ABSL_GUARDED_BY(mu_) = 0;

  int alarm_ = -1;
  std::vector<pthread_t> threads_;
};

thread_local const ThreadExecutor::Impl*
    ThreadExecutor::Impl::executor_of_this_thread = nullptr;

absl::Status ThreadExecutor::Impl::Start(int threads) {
  alarm_ = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC);
  if (alarm_ < 0) return NoMore("no timer", errno);
  absl::Status started = StartThread([](void* self) -> void* {
    static_cast<Impl*>(self)->KeepTime();
    return nullptr;
  });
  for (int i = 0; i < threads && started.ok(); ++i) {
    started = StartThread([](void* self) -> void* {
      static_cast<Impl*>(self)->Work();
      return nullptr;
    });
  }
  return started;
}

// By pthread_create, because std::thread reports failure by an exception.
absl::Status ThreadExecutor::Impl::StartThread(void* (*run)(void*)) {
  pthread_t thread;
  const int error = pthread_create(&thread, nullptr, run, this);
  if (error != 0) return NoMore("no thread", error);
  threads_.push_back(thread);
  return absl::OkStatus();
}

void ThreadExecutor::Impl::Stop() {
  TRIVET_INVARIANT(!OnOwnThread(),
                   "REQUIRES: not destroyed by one of its own tasks");
  {
    const absl::MutexLock lock(&mu_);
    stopping_ = true;
    wake_.SignalAll();
  }
  if (alarm_ >= 0) Arm(MonotonicTime::InfinitePast());
  for (const pthread_t thread : threads_) pthread_join(thread, nullptr);
  if (alarm_ >= 0) close(alarm_);

  // Destroyed here, outside the lock: their destructors may post, in vain.
  std::deque<Task> ready;
  std::vector<Timer> timers;
  const absl::MutexLock lock(&mu_);
  ready.swap(ready_);
  timers.swap(timers_);
}

void ThreadExecutor::Impl::Post(Task task) {
  const absl::MutexLock lock(&mu_);
  if (stopping_) return;  // The caller's frame destroys the task, unlocked.
  ready_.push_back(std::move(task));
  wake_.Signal();
}

void ThreadExecutor::Impl::PostAt(MonotonicTime when, Task task) {
  const absl::MutexLock lock(&mu_);
  if (stopping_) return;
  timers_.push_back({when, timers_posted_++, std::move(task)});
  std::push_heap(timers_.begin(), timers_.end(), Later);
  const bool is_next = timers_.front().order + 1 == timers_posted_;
  if (is_next) Arm(when);
}

// Makes the alarm ring at `when`, at once if that has passed.
void ThreadExecutor::Impl::Arm(MonotonicTime when) {
  const absl::Duration since_origin =
      std::max(when - MonotonicTime(), absl::Nanoseconds(1));
  itimerspec alarm = {};
  if (since_origin != absl::InfiniteDuration()) {
    alarm.it_value = absl::ToTimespec(since_origin);
  }
  const int set = timerfd_settime(alarm_, TFD_TIMER_ABSTIME, &alarm, nullptr);
  TRIVET_INVARIANT(set == 0, "a timer is given a valid time");
}

void ThreadExecutor::Impl::KeepTime() {
  while (true) {
    uint64_t rings;
    const ssize_t got = read(alarm_, &rings, sizeof(rings));
    TRIVET_INVARIANT(got > 0 || errno == EINTR, "a timer can be waited for");
    const absl::MutexLock lock(&mu_);
    if (stopping_) return;
    const MonotonicTime now = Now();
    while (!timers_.empty() && timers_.front().when <= now) {
      std::pop_heap(timers_.begin(), timers_.end(), Later);
      ready_.push_back(std::move(timers_.back().task));
      timers_.pop_back();
      wake_.Signal();
    }
    if (!timers_.empty()) Arm(timers_.front().when);
  }
}

void ThreadExecutor::Impl::Work() {
  executor_of_this_thread = this;
  while (true) {
    Task task;
    {
      const absl::MutexLock lock(&mu_);
      while (ready_.empty() && !stopping_) wake_.Wait(&mu_);
      if (stopping_) return;
      task = std::move(ready_.front());
      ready_.pop_front();
    }
    std::move(task)();
  }
}

absl::StatusOr<std::unique_ptr<ThreadExecutor>> ThreadExecutor::Create(
    ThreadExecutorOptions options) {
  if (options.threads < 1 || options.threads > kThreadsMax) {
    return absl::InvalidArgumentError(
        "ThreadExecutorOptions.threads: " + std::to_string(options.threads) +
        " is not in 1.." + std::to_string(kThreadsMax));
  }
  std::unique_ptr<ThreadExecutor> executor(
      new ThreadExecutor(std::make_unique<Impl>()));
  absl::Status started = executor->impl_->Start(options.threads);
  if (!started.ok()) return started;
  return executor;
}

ThreadExecutor::ThreadExecutor(std::unique_ptr<Impl> impl)
    : impl_(std::move(impl)) {}

ThreadExecutor::~ThreadExecutor() { impl_->Stop(); }

MonotonicTime ThreadExecutor::Now() const { return Impl::Now(); }

void ThreadExecutor::Post(Task task) { impl_->Post(std::move(task)); }

void ThreadExecutor::PostAt(MonotonicTime when, Task task) {
  impl_->PostAt(when, std::move(task));
}

bool ThreadExecutor::MayBlock() const { return !impl_->OnOwnThread(); }

}  // namespace v0_1
}  // namespace trivet
