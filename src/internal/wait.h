// SPDX-License-Identifier: Apache-2.0
//
// BlockOn: the only blocking code in trivet. Every blocking method is its async
// form plus this.

#ifndef TRIVET_SRC_INTERNAL_WAIT_H_
#define TRIVET_SRC_INTERNAL_WAIT_H_

#include <memory>
#include <optional>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "src/internal/invariant.h"
#include "trivet/config.h"
#include "trivet/host/executor.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

// Calls `start` with a callback that takes one T, and blocks the calling thread
// until that has been called.
// REQUIRES: executor->MayBlock(); on a thread that must not block, waiting
// would hang for ever, so it crashes.
template <typename T, typename Start>
T BlockOn(const Executor* executor, Start start) {
  TRIVET_INVARIANT(executor->MayBlock(),
                   "a blocking call on a thread that must not block; use the "
                   "async form");
  struct State {
    absl::Mutex mu;
    std::optional<T> result;
    bool HasResult() const { return result.has_value(); }
  };
  // Shared, so that the thread that delivers may still hold the mutex when the
  // waiting thread has gone.
  const auto state = std::make_shared<State>();
  start([state](T result) {
    const absl::MutexLock lock(&state->mu);
    state->result = std::move(result);
  });
  const absl::MutexLock lock(&state->mu);
  state->mu.Await(absl::Condition(state.get(), &State::HasResult));
  return *std::move(state->result);  // NOLINT: awaited above.
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_INTERNAL_WAIT_H_
