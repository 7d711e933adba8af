// SPDX-License-Identifier: Apache-2.0
//
// The bugs that are planted in the sources (src/internal/mutant.h) and that a
// sweep of histories must find: a checker that has caught nothing is not
// trusted.

#ifndef TRIVET_TESTS_SIM_BUGS_H_
#define TRIVET_TESTS_SIM_BUGS_H_

#include "trivet/testing/sim_main.h"

namespace trivet {
namespace sim {

testing::PlantedBugs Bugs();

}  // namespace sim
}  // namespace trivet

#endif  // TRIVET_TESTS_SIM_BUGS_H_
