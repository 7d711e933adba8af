// SPDX-License-Identifier: Apache-2.0
//
// ProgressChecker: once faults have stopped, everything ends (AC5).
//
//   progress.Expect("no shard is in doubt", [&] { return NobodyInDoubt(); });
//   progress.Await(&sim, absl::Minutes(1));
//
// Thread safety: thread-compatible.

#ifndef TRIVET_TESTING_PROGRESS_CHECKER_H_
#define TRIVET_TESTING_PROGRESS_CHECKER_H_

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "trivet/config.h"
#include "trivet/testing/simulation.h"
#include "trivet/testing/violations.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {

class TRIVET_EXPORT ProgressChecker {
 public:
  explicit ProgressChecker(Violations* violations) : violations_(violations) {}

  // All that is expected must hold at one moment.
  void Expect(std::string what, std::function<bool()> holds);

  // Runs `sim` until it does, and looks every 50 ms of virtual time. What does
  // not hold by `limit` is a violation, and false is returned.
  bool Await(Simulation* sim, absl::Duration limit);

 private:
  Violations* const violations_;
  std::vector<std::pair<std::string, std::function<bool()>>> expected_;
};

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_TESTING_PROGRESS_CHECKER_H_
