// SPDX-License-Identifier: Apache-2.0
// must not compile: private
//
// A MonotonicTime cannot be read from a message or a file.

#include <cstdint>

#include "trivet/host/monotonic_time.h"

trivet::MonotonicTime Use(int64_t bytes) {
#ifdef TRIVET_CONTROL
  return trivet::MonotonicTime() + absl::Nanoseconds(bytes);
#else
  return trivet::MonotonicTime(bytes);
#endif
}
