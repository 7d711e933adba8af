// SPDX-License-Identifier: Apache-2.0

#include "src/adapters/sqlite/fork_guard.h"

#include <atomic>
#include <cstdint>

#include "absl/status/status.h"
#include "src/internal/fork_generation.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {
namespace {

// Without a mutex, which a forked child might find locked for ever.
std::atomic<int64_t> users = 0;
std::atomic<uint64_t> generation_of_users = 0;  // Of forks.

}  // namespace

absl::Status ForkGuard::Enter() {
  if (generation_of_users != ForkGeneration()) {
    if (users != 0) {
      return absl::FailedPreconditionError(
          "a database was open when this process was forked, and SQLite would "
          "take the parent's locks for its own; start the child by exec, or "
          "fork before a database is opened");
    }
    generation_of_users = ForkGeneration();
  }
  ++users;
  entered_ = true;
  return absl::OkStatus();
}

ForkGuard::~ForkGuard() {
  if (entered_) --users;
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
