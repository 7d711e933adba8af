// SPDX-License-Identifier: Apache-2.0
//
// TRIVET_INVARIANT: trivet's own promises, checked in every build.
//
// A false condition is a bug in trivet and ends the process before it can act
// on a broken state. Never use it for what a host, a peer or a disk can cause:
// those are a Status.
//
//   // P1: a yes vote leaves only after Prepared is durable.
//   TRIVET_INVARIANT(branch.prepared_durable, "P1");

#ifndef TRIVET_SRC_INTERNAL_INVARIANT_H_
#define TRIVET_SRC_INTERNAL_INVARIANT_H_

#include <cstdio>
#include <cstdlib>

#include "trivet/config.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

[[noreturn]] inline void DieOfInvariant(const char* condition,
                                        const char* context, const char* file,
                                        int line) {
  std::fprintf(stderr, "trivet: invariant broken: %s [%s] at %s:%d\n",
               condition, context, file, line);
  std::fflush(stderr);
  std::abort();
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#define TRIVET_INVARIANT(condition, context)                               \
  ((condition) ? static_cast<void>(0)                                      \
               : ::trivet::internal::DieOfInvariant(#condition, (context), \
                                                    __FILE__, __LINE__))

#endif  // TRIVET_SRC_INTERNAL_INVARIANT_H_
