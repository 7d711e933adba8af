// SPDX-License-Identifier: Apache-2.0
//
// ForkGeneration: tells a forked child from its parent. What was made in one
// generation is dead in the next.
//
// Thread safety: thread-safe.

#ifndef TRIVET_SRC_INTERNAL_FORK_GENERATION_H_
#define TRIVET_SRC_INTERNAL_FORK_GENERATION_H_

#include <cstdint>

#include "trivet/config.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

// Rises by one in every child of fork(). One load, no system call. Does not see
// a child of the bare system call, nor one before the first call of this.
TRIVET_EXPORT uint64_t ForkGeneration();

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_INTERNAL_FORK_GENERATION_H_
