// SPDX-License-Identifier: Apache-2.0

#include "trivet/testing/progress_checker.h"

#include <algorithm>
#include <functional>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "trivet/testing/simulation.h"
#include "trivet/testing/violations.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {
namespace {

constexpr absl::Duration kInterval = absl::Milliseconds(50);

}  // namespace

void ProgressChecker::Expect(std::string what, std::function<bool()> holds) {
  expected_.emplace_back(std::move(what), std::move(holds));
}

bool ProgressChecker::Await(Simulation* sim, absl::Duration limit) {
  const auto all_hold = [this] {
    return std::all_of(expected_.begin(), expected_.end(),
                       [](const auto& expected) { return expected.second(); });
  };
  const absl::Duration end = sim->Elapsed() + limit;
  while (!all_hold()) {
    if (sim->Elapsed() >= end) {
      for (const auto& [what, holds] : expected_) {
        if (!holds()) violations_->Add("AC5", "it never came to this: " + what);
      }
      return false;
    }
    sim->RunFor(kInterval);
  }
  return true;
}

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet
