// SPDX-License-Identifier: Apache-2.0

#include "src/internal/call_gate.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <iterator>
#include <thread>

#include "absl/synchronization/mutex.h"
#include "src/internal/invariant.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

bool CallGate::Enter() {
  const absl::MutexLock lock(&mu_);
  if (!IsOpen()) return false;
  inside_.push_back(std::this_thread::get_id());
  return true;
}

void CallGate::Leave() {
  const absl::MutexLock lock(&mu_);
  const auto last =
      std::find(inside_.rbegin(), inside_.rend(), std::this_thread::get_id());
  TRIVET_INVARIANT(last != inside_.rend(), "a call is left where it began");
  inside_.erase(std::next(last).base());
  if (!IsOpen()) left_.SignalAll();
}

void CallGate::Close() {
  const absl::MutexLock lock(&mu_);
  open_.store(false, std::memory_order_release);
  while (CallsOfOthers() > 0) left_.Wait(&mu_);
}

size_t CallGate::CallsOfOthers() const {
  const std::thread::id self = std::this_thread::get_id();
  return static_cast<size_t>(
      std::count_if(inside_.begin(), inside_.end(),
                    [self](std::thread::id caller) { return caller != self; }));
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
