// SPDX-License-Identifier: Apache-2.0
//
// Sweep: many histories, up to the lowest seed that fails. In child processes:
// a history that ends its process, or never ends, is a failure like others, and
// several run beside each other without changing what comes out.
//
// Shrink: a history that fails, with as few faults as still fail it.

#ifndef TRIVET_SRC_TESTING_SWEEP_H_
#define TRIVET_SRC_TESTING_SWEEP_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "src/testing/sim_flags.h"
#include "trivet/config.h"
#include "trivet/testing/history.h"
#include "trivet/testing/sim_main.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

struct Sweep {
  const testing::Scenario* scenario = nullptr;
  SeedRange seeds;
  testing::FaultFilter faults;
  absl::Duration limit = absl::InfiniteDuration();  // Of each history.
  uint64_t jobs = 1;
  bool trace = false;
};

// What histories went through, in the order of their seeds.
struct SweepTotals {
  uint64_t histories = 0;
  uint64_t events = 0;
  std::map<std::string, uint64_t> faults;  // By class.
  std::map<std::string, uint64_t> counters;
  uint64_t hash = 0;

  void Add(const testing::History& history);
  void Add(const SweepTotals& later);
  std::string ToString() const;
};

struct SweepResult {
  SweepTotals totals;            // Of all, if none failed.
  std::optional<uint64_t> seed;  // The lowest that failed.

  // Of that seed; if none failed, of the last to end. One that ended its
  // process has the violation "died", one that did not end in time "hang": then
  // only its faults are known.
  testing::History history;
  bool died = false;
  bool late = false;
  std::string said;  // On stderr, by the process in which `history` ran.
};

// kUnavailable, kResourceExhausted: no child process could be started.
absl::StatusOr<SweepResult> Run(const Sweep& sweep);

// What a failure is about: "AC1" of "AC1: shard-a commits ..."; of a death how
// it died.
std::string PropertyOf(const SweepResult& result);

struct Shrunk {
  testing::FaultFilter faults;  // What it takes to see `result` again.
  SweepResult result;
  uint64_t runs = 0;
  bool complete =
      true;  // False: it was given up, after kShrinkRunsMax at last.
};
inline constexpr uint64_t kShrinkRunsMax = 2000;

// First whole classes are turned off, one at a time; then halves of the faults
// that still strike are left out, quarters, and so on. Only what violates the
// same property first counts as the same failure, and a death only as the same
// death. REQUIRES: `result` is what `sweep`, of one seed, led to; it failed.
Shrunk Shrink(const Sweep& sweep, SweepResult result);

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_TESTING_SWEEP_H_
