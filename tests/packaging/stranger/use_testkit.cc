// SPDX-License-Identifier: Apache-2.0
#include "absl/time/time.h"
#include "trivet/testing/conformance/executor_suite.h"
#include "trivet/testing/simulation.h"

int main() {
  trivet::testing::Simulation sim(42);
  sim.AddHost("bank");
  sim.RunFor(absl::Hours(1));
  if (trivet::testing::ExecutorSuite::Promises().empty()) return 1;
  return sim.Elapsed() >= absl::Hours(1) ? 0 : 1;
}
