// SPDX-License-Identifier: Apache-2.0
//
// ForkGuard: keeps a forked child from using SQLite while its parent did.
//
// SQLite remembers for a whole process which locks it has on a file. A forked
// child inherits what is remembered and not the locks: what it opens then it
// writes without any, and destroys what others write. And it inherits SQLite's
// mutexes as another thread of the parent held them, for ever.
//
// Thread safety: thread-safe, also in a forked child.

#ifndef TRIVET_SRC_ADAPTERS_SQLITE_FORK_GUARD_H_
#define TRIVET_SRC_ADAPTERS_SQLITE_FORK_GUARD_H_

#include "absl/status/status.h"
#include "trivet/config.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

class ForkGuard {
 public:
  ForkGuard() = default;
  ~ForkGuard();
  ForkGuard(const ForkGuard&) = delete;
  ForkGuard& operator=(const ForkGuard&) = delete;

  // Before SQLite is used; until this is destroyed. kFailedPrecondition: this
  // process was forked while its parent used it. REQUIRES: called once.
  absl::Status Enter();

 private:
  bool entered_ = false;
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_ADAPTERS_SQLITE_FORK_GUARD_H_
