// SPDX-License-Identifier: Apache-2.0
//
// Pump: runs one machine for a driver. The only concurrency in trivet.
//
//   any thread --Enqueue(event)--> queue --Step, under the mutex--> effects
//                                    ^                                 |
//                                    |     Perform, without the mutex  v
//   executor --OnTimer, completions--+------------------------- host interfaces
//
// Whoever enqueues into an idle pump becomes its runner, and goes on until the
// queue is empty or enough has been done inline; then the executor goes on. So
// one thread at a time steps and performs, in order, and nobody ever waits: an
// event that arrives meanwhile, also from inside a host interface, is queued.
// No host interface and no callback is called with the mutex held.
//
// A driver's Impl derives from Pump<ItsMachine> and is held by shared_ptr, not
// from make_shared: timers hold weak pointers, which would pin its memory. A
// Machine has Event, Effects with Clear(), Ticked, Step() and NextWakeup().
//
// Thread safety: thread-safe.

#ifndef TRIVET_SRC_INTERNAL_PUMP_H_
#define TRIVET_SRC_INTERNAL_PUMP_H_

#include <algorithm>
#include <cstddef>
#include <deque>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "src/internal/call_gate.h"
#include "trivet/config.h"
#include "trivet/host/executor.h"
#include "trivet/host/monotonic_time.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

template <typename Machine>
class Pump : public std::enable_shared_from_this<Pump<Machine>> {
 public:
  using Event = typename Machine::Event;
  using Effects = typename Machine::Effects;
  using Callback = absl::AnyInvocable<void() &&>;

  Pump(const Pump&) = delete;
  Pump& operator=(const Pump&) = delete;
  virtual ~Pump() = default;

  // Has the machine take `event`: inside this call if nobody is pumping, else
  // soon. Dropped once closed.
  void Enqueue(Event event) {
    if (!IsOpen()) return;
    {
      const absl::MutexLock lock(&mu_);
      queue_.push_back(std::move(event));
      if (pumping_) return;
      pumping_ = true;
    }
    Run();
  }

  // The same for several events, in order: they are stepped together, and what
  // they bring about is performed together.
  void EnqueueAll(std::vector<Event> events) {
    if (events.empty() || !IsOpen()) return;
    {
      const absl::MutexLock lock(&mu_);
      std::move(events.begin(), events.end(), std::back_inserter(queue_));
      if (pumping_) return;
      pumping_ = true;
    }
    Run();
  }

  // Turns everything away from now on, waits for calls out that run on other
  // threads, and then runs the callbacks that were still to be run, and those
  // that they add. For the driver's destructor, also inside a callback.
  void Close() {
    gate_.Close();
    std::deque<Event> events;
    {
      const absl::MutexLock lock(&mu_);
      events.swap(queue_);
    }
    while (Callback callback = NextCallback()) std::move(callback)();
  }

 protected:
  // Does not own `executor`.
  Pump(Executor* executor, Machine machine)
      : executor_(executor), machine_(std::move(machine)) {}

  // Acts on what the machine wants. Called by one thread at a time, in the
  // order of the steps, without the mutex. Looks at IsOpen() before every call
  // to a host interface, because the call before may have destroyed the driver.
  virtual void Perform(Effects& effects) = 0;

  // Has `callback`, which is the user's, run on the executor: one at a time, in
  // order, never inside this call. While Perform runs it only queues up and
  // calls nobody, so what a batch has to tell is queued before anybody can
  // destroy the driver.
  void CallBack(Callback callback) {
    {
      const absl::MutexLock lock(&mu_);
      callbacks_.push_back(std::move(callback));
      if (performing_ || !MustPost()) return;
    }
    PostCallbacks();
  }

  // Looks at the machine between two steps. `look` must not call out.
  template <typename Look>
  auto Inspect(Look look) const {
    const absl::MutexLock lock(&mu_);
    return look(machine_);
  }

  bool IsOpen() const { return gate_.IsOpen(); }
  Executor* executor() const { return executor_; }

 private:
  // Bounds how long a caller of Enqueue works for everybody, and how long the
  // mutex is held.
  static constexpr size_t kStepsPerRun = 1024;
  static constexpr size_t kStepsPerBatch = 128;
  static constexpr size_t kCallbacksPerTask = 128;

  // The runner: owns `pumping_` until the queue is empty or it hands over.
  void Run() {
    if (!gate_.Enter()) return;
    const auto alive = this->shared_from_this();  // Its driver may die below.
    size_t steps = 0;
    bool hand_over = false;
    while (gate_.IsOpen() && !hand_over) {
      const MonotonicTime now = executor_->Now();
      MonotonicTime wakeup = MonotonicTime::InfiniteFuture();
      effects_.Clear();
      {
        const absl::MutexLock lock(&mu_);
        if (queue_.empty()) {
          pumping_ = false;
          break;
        }
        steps += StepBatch(now);
        wakeup = ToArm();
        hand_over = steps >= kStepsPerRun;
        performing_ = true;
      }
      Perform(effects_);
      if (EndPerform()) PostCallbacks();
      if (wakeup != MonotonicTime::InfiniteFuture()) Arm(wakeup);
    }
    if (hand_over && gate_.IsOpen()) {
      executor_->Post([weak = this->weak_from_this()] {
        if (const auto self = weak.lock()) self->Run();
      });
    }
    gate_.Leave();
  }

  size_t StepBatch(MonotonicTime now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    const size_t count = std::min(queue_.size(), kStepsPerBatch);
    for (size_t i = 0; i < count; ++i) {
      machine_.Step(now, std::move(queue_.front()), &effects_);
      queue_.pop_front();
    }
    return count;
  }

  // Whether callbacks have queued up that nobody is about to run.
  bool EndPerform() {
    const absl::MutexLock lock(&mu_);
    performing_ = false;
    return !callbacks_.empty() && MustPost();
  }

  // Whoever is told so has to post them.
  bool MustPost() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return !std::exchange(calling_, true);
  }

  // The one chain of timers: `armed_` holds the times of outstanding ones, each
  // earlier than the one before it. InfiniteFuture: the last one will do.
  MonotonicTime ToArm() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    const MonotonicTime wakeup = machine_.NextWakeup();
    if (wakeup == MonotonicTime::InfiniteFuture() ||
        (!armed_.empty() && armed_.back() <= wakeup)) {
      return MonotonicTime::InfiniteFuture();
    }
    armed_.push_back(wakeup);
    return wakeup;
  }

  void Arm(MonotonicTime when) {
    if (!gate_.IsOpen()) return;
    executor_->PostAt(when, [weak = this->weak_from_this(), when] {
      if (const auto self = weak.lock()) self->OnTimer(when);
    });
  }

  void OnTimer(MonotonicTime when) {
    {
      const absl::MutexLock lock(&mu_);
      armed_.erase(std::remove(armed_.begin(), armed_.end(), when),
                   armed_.end());
    }
    Enqueue(typename Machine::Ticked{});
  }

  // Enters before it takes: a callback that was taken is run, whatever happens.
  void RunCallbacks() {
    for (size_t run = 0; run < kCallbacksPerTask; ++run) {
      if (!gate_.Enter()) return;
      Callback callback = NextCallback();
      const bool taken = callback != nullptr;
      if (taken) std::move(callback)();
      callback = nullptr;  // What it captured is the user's too.
      gate_.Leave();
      if (!taken) return;
    }
    PostCallbacks();  // Others want to use this thread too.
  }

  // Null, and nobody is calling any more: there is none.
  Callback NextCallback() {
    const absl::MutexLock lock(&mu_);
    if (callbacks_.empty()) {
      calling_ = false;
      return nullptr;
    }
    Callback callback = std::move(callbacks_.front());
    callbacks_.pop_front();
    return callback;
  }

  void PostCallbacks() {
    if (!gate_.Enter()) return;
    executor_->Post([weak = this->weak_from_this()] {
      if (const auto self = weak.lock()) self->RunCallbacks();
    });
    gate_.Leave();
  }

  Executor* const executor_;
  CallGate gate_;
  Effects effects_;  // The runner's; a member to keep its memory.

  mutable absl::Mutex mu_;
  Machine machine_ ABSL_GUARDED_BY(mu_);
  std::deque<Event> queue_ ABSL_GUARDED_BY(mu_);
  std::deque<Callback> callbacks_ ABSL_GUARDED_BY(mu_);
  std::vector<MonotonicTime> armed_ ABSL_GUARDED_BY(mu_);
  bool pumping_ ABSL_GUARDED_BY(mu_) = false;     // Somebody is the runner,
  bool performing_ ABSL_GUARDED_BY(mu_) = false;  // and in Perform.
  bool calling_ ABSL_GUARDED_BY(mu_) = false;  // A RunCallbacks is on its way.
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_INTERNAL_PUMP_H_
