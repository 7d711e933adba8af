// SPDX-License-Identifier: Apache-2.0
//
// CallGate: lets a driver's destructor promise that no call out of the driver
// is running any more when it returns.
//
// Every call to the user's code or to a host interface is made between Enter()
// and Leave(). Close() turns all later ones away and waits for those that are
// running on other threads. A call on the closing thread itself is below it on
// the stack: it cannot be waited for, and has to look at IsOpen() before it
// calls out again.
//
//   if (!gate.Enter()) return;
//   transport->Send(first);                        // may destroy the driver,
//   if (gate.IsOpen()) transport->Send(second);    // so look again
//   gate.Leave();
//
// Thread safety: thread-safe.

#ifndef TRIVET_SRC_INTERNAL_CALL_GATE_H_
#define TRIVET_SRC_INTERNAL_CALL_GATE_H_

#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "trivet/config.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

class TRIVET_EXPORT CallGate {
 public:
  // Begins a call out. False: closed, and there is nothing to leave.
  [[nodiscard]] bool Enter();

  // Ends the call that this thread began last.
  void Leave();

  // Closes the gate and waits for calls on other threads. Later calls of
  // Close() wait too.
  void Close();

  bool IsOpen() const { return open_.load(std::memory_order_acquire); }

 private:
  size_t CallsOfOthers() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  std::atomic<bool> open_{true};
  absl::Mutex mu_;
  absl::CondVar left_;
  std::vector<std::thread::id> inside_ ABSL_GUARDED_BY(mu_);
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_INTERNAL_CALL_GATE_H_
