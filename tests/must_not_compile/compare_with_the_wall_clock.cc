// SPDX-License-Identifier: Apache-2.0
// must not compile: no match for .operator<|invalid operands
//
// Machine time and a date have nothing to say to one another.

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "trivet/host/monotonic_time.h"

bool Use(trivet::MonotonicTime deadline) {
#ifdef TRIVET_CONTROL
  return deadline < trivet::MonotonicTime() + absl::Seconds(1);
#else
  return deadline < absl::Now();
#endif
}
