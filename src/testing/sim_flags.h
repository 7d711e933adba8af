// SPDX-License-Identifier: Apache-2.0
//
// The command line of a simulation program.

#ifndef TRIVET_SRC_TESTING_SIM_FLAGS_H_
#define TRIVET_SRC_TESTING_SIM_FLAGS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "trivet/config.h"
#include "trivet/testing/sim_main.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

struct SeedRange {
  uint64_t first = 0;
  uint64_t last = 0;  // Inclusive.
};

// "7" or "1-5000".
absl::StatusOr<SeedRange> ParseSeeds(std::string_view text);

struct SimFlags {
  bool help = false;
  bool list = false;
  bool list_bugs = false;
  bool shrink = false;
  bool trace = false;
  bool here = false;
  std::optional<uint64_t> jobs;
  std::string scenario;
  std::optional<SeedRange> seeds;
  std::string replay;
  std::string out;
  std::string scripts;
  std::string bug;
  absl::Duration limit = absl::Seconds(60);
};

// kInvalidArgument: a sentence that names what is wrong and what is possible.
absl::StatusOr<SimFlags> ParseSimFlags(
    const std::vector<std::string>& arguments,
    const std::vector<testing::Scenario>& scenarios,
    const testing::PlantedBugs& bugs);

// A few lines; and what --help prints, with every option and exit status.
std::string SimUsage(std::string_view program, bool with_bugs);
std::string SimHelp(std::string_view program, bool with_bugs);

// "lock, txn".
std::string NamesOf(const std::vector<testing::Scenario>& scenarios);

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_TESTING_SIM_FLAGS_H_
