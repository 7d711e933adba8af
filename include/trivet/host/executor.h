// SPDX-License-Identifier: Apache-2.0
//
// The host's notion of time and of "later".
//
// One interface carries both the clock and the timers, because a deadline only
// means something against the clock that will fire it. Substituting this single
// object puts every trivet driver into virtual time; see testing/simulation.h.
//
// Thread safety: implementations must allow every method from any thread,
// including from inside a running task.

#ifndef TRIVET_HOST_EXECUTOR_H_
#define TRIVET_HOST_EXECUTOR_H_

#include "absl/functional/any_invocable.h"
#include "trivet/config.h"
#include "trivet/host/monotonic_time.h"

namespace trivet {
inline namespace v0_1 {

class TRIVET_EXPORT Executor {
 public:
  using Task = absl::AnyInvocable<void() &&>;

  virtual ~Executor() = default;

  // Returns the current time. Never decreases, and counts time spent suspended
  // (CLOCK_BOOTTIME where there is one): a lease runs out while a laptop
  // sleeps.
  virtual MonotonicTime Now() const = 0;

  // Runs `task` once, soon, never inside this call. Tasks posted by one thread
  // start in the order posted; tasks may otherwise run concurrently.
  virtual void Post(Task task) = 0;

  // Runs `task` once, no earlier than `when`. Late is allowed; early is not.
  // Timers cannot be cancelled: trivet tolerates stale wake-ups by design, and
  // arms one chain per driver, not one per lease or transaction. A task that
  // will never run is destroyed.
  virtual void PostAt(MonotonicTime when, Task task) = 0;

  // Whether the calling thread may wait for other tasks of this executor. False
  // on its own threads and in a simulation: blocking forms crash there instead
  // of hanging.
  virtual bool MayBlock() const = 0;
};

}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_HOST_EXECUTOR_H_
