// SPDX-License-Identifier: Apache-2.0
//
// FindBug: switches a planted bug on and sweeps until a checker reports it, or
// an invariant of the sources stops it.

#ifndef TRIVET_TESTS_SIM_FIND_BUG_H_
#define TRIVET_TESTS_SIM_FIND_BUG_H_

#include <string>

#include "tests/sim/sweep.h"

namespace trivet {
namespace sim {

// Prints "found <bug> after N histories (seed S)" and how, and returns 0; or
// says that it was not found, and returns 1: also if that history fails without
// the bug. `sweep` may give the first seed and more histories than the bug's.
int FindBug(const std::string& name, Sweep sweep);

}  // namespace sim
}  // namespace trivet

#endif  // TRIVET_TESTS_SIM_FIND_BUG_H_
