// SPDX-License-Identifier: Apache-2.0
//
// ThreadExecutor: an Executor of a few threads of its own.
//
//   absl::StatusOr<std::unique_ptr<ThreadExecutor>> executor =
//       ThreadExecutor::Create();
//   (*executor)->Post([] { ... });
//
// For programs that have no event loop or pool of their own; a host that has
// one implements Executor over it instead. Time is CLOCK_BOOTTIME, for Now()
// and for timers: it counts while the machine is suspended, and nobody can set
// it.
//
// Tasks are taken from one queue, first come first served, so tasks posted by
// one thread start in the order posted. Timers that are due join the same
// queue. A task is destroyed on the thread that ran it, right after it ran, and
// no lock is held while a task runs or is destroyed.
//
// Thread safety: thread-safe. After fork() the child has no threads: it must
// not use the executor.

#ifndef TRIVET_ADAPTERS_THREAD_THREAD_EXECUTOR_H_
#define TRIVET_ADAPTERS_THREAD_THREAD_EXECUTOR_H_

#include <memory>

#include "absl/status/statusor.h"
#include "trivet/config.h"
#include "trivet/host/executor.h"
#include "trivet/host/monotonic_time.h"

namespace trivet {
inline namespace v0_1 {

struct ThreadExecutorOptions {
  int threads = 2;  // That run tasks: 1 to 1024. One more waits for timers.
};

class TRIVET_EXPORT ThreadExecutor : public Executor {
 public:
  // Starts the threads. kInvalidArgument: options. kResourceExhausted: the
  // system gave no more threads or descriptors.
  static absl::StatusOr<std::unique_ptr<ThreadExecutor>> Create(
      ThreadExecutorOptions options = {});

  // Waits for the tasks that are running, runs nothing more, and destroys the
  // tasks that wait. What is posted from then on, by running tasks or by the
  // destructors of waiting ones, is destroyed at once.
  // REQUIRES: not called by one of its own tasks.
  ~ThreadExecutor() override;

  MonotonicTime Now() const override;
  void Post(Task task) override;
  void PostAt(MonotonicTime when, Task task) override;
  bool MayBlock() const override;

 private:
  class Impl;
  explicit ThreadExecutor(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_ADAPTERS_THREAD_THREAD_EXECUTOR_H_
