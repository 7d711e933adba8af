// SPDX-License-Identifier: Apache-2.0
//
// ChildProcesses: functions that run beside each other, each in a process of
// its own. Whatever one does, it can end only itself.
//
// Thread safety: none; to be used by a program with one thread.

#ifndef TRIVET_SRC_INTERNAL_CHILD_PROCESS_H_
#define TRIVET_SRC_INTERNAL_CHILD_PROCESS_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "trivet/config.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

class ChildProcesses {
 public:
  struct Ended {
    uint64_t key = 0;
    std::string said;  // On stderr.
    std::string died;  // "signal 6", "exit status 1"; empty: it came to its end
  };

  ChildProcesses() = default;
  ChildProcesses(const ChildProcesses&) = delete;
  ChildProcesses& operator=(const ChildProcesses&) = delete;
  ~ChildProcesses();  // Kills those that still run.

  size_t running() const { return children_.size(); }

  // Runs `work` in a child, with its stderr kept for Ended::said.
  absl::Status Start(uint64_t key, absl::FunctionRef<void()> work);

  // Waits until one has ended. REQUIRES: running() > 0.
  Ended AwaitOne();

  // Kills those with a key above `key`; they end unheard.
  void KillAbove(uint64_t key);

 private:
  struct Child {
    uint64_t key;
    pid_t pid;
    int out;  // What it says comes here.
    std::string said;
  };
  static void Kill(const Child& child);

  std::vector<Child> children_;
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_INTERNAL_CHILD_PROCESS_H_
