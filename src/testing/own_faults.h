// SPDX-License-Identifier: Apache-2.0
//
// What the wrappers around a user's own ports share. Their classes of faults
// have names of their own, so that they can be told from those of the simulated
// ports below.

#ifndef TRIVET_SRC_TESTING_OWN_FAULTS_H_
#define TRIVET_SRC_TESTING_OWN_FAULTS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "trivet/config.h"
#include "trivet/testing/fault_options.h"
#include "trivet/testing/sim_host.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

// Evenly in 0..most.
inline absl::Duration DrawDuration(testing::SimHost* host,
                                   std::string_view kind,
                                   std::string_view place,
                                   absl::Duration most) {
  const auto limit = static_cast<uint64_t>(absl::ToInt64Nanoseconds(most));
  return absl::Nanoseconds(host->Draw(kind, place) % (limit + 1));
}

// How long one leg over a network takes.
inline absl::Duration DrawDelay(testing::SimHost* host, const std::string& leg,
                                std::string_view place) {
  const testing::FaultOptions& faults = host->faults();
  absl::Duration delay =
      faults.delay_min +
      DrawDuration(host, leg, place, faults.delay_max - faults.delay_min);
  // Drawn before it is known whether it strikes, here and everywhere: a fault
  // that is muted moves no draw after it.
  const absl::Duration tail =
      DrawDuration(host, "long " + leg, place, faults.delay_tail_max);
  if (host->Strikes("long " + leg, faults.delay_tail, place)) delay += tail;
  return delay;
}

inline absl::Status Crashed() {
  return absl::UnavailableError("the process has crashed");
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_TESTING_OWN_FAULTS_H_
