// SPDX-License-Identifier: Apache-2.0
//
// Sweep: many histories, up to the lowest seed that fails. In child processes:
// a history that ends its process is a failure like others, and several run
// beside each other without changing what comes out.
//
// Shrink: a history that fails, with as few faults as still fail it.

#ifndef TRIVET_SRC_TESTING_SWEEP_H_
#define TRIVET_SRC_TESTING_SWEEP_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
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
  uint64_t jobs = 1;
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
  bool died = false;             // It ended its process.
  std::string said;              // The violation, or its last words.
};

// kUnavailable, kResourceExhausted: no child process could be started.
absl::StatusOr<SweepResult> Run(const Sweep& sweep);

struct Shrunk {
  testing::FaultFilter faults;  // What it takes to see `history` again.
  testing::History history;
  uint64_t runs = 0;
  bool complete = true;  // False: it was given up after kShrinkRunsMax.
};
inline constexpr uint64_t kShrinkRunsMax = 2000;

// First whole classes are turned off, one at a time; then halves of the faults
// that still strike are left out, quarters, and so on. Only what violates the
// same property first counts as the same failure. REQUIRES: `history` is what
// `options` led to, and has violations.
Shrunk Shrink(const testing::Scenario& scenario,
              const testing::HistoryOptions& options, testing::History history);

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_TESTING_SWEEP_H_
