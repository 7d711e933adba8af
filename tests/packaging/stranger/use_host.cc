// SPDX-License-Identifier: Apache-2.0
#include "absl/time/time.h"
#include "trivet/host/monotonic_time.h"

int main() {
  const trivet::MonotonicTime start;
  return (start + absl::Seconds(2)) - start == absl::Seconds(2) ? 0 : 1;
}
