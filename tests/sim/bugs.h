// SPDX-License-Identifier: Apache-2.0
//
// The bugs that are planted in the sources (src/internal/mutant.h) and that a
// sweep of histories must find: a checker that has caught nothing is not
// trusted.

#ifndef TRIVET_TESTS_SIM_BUGS_H_
#define TRIVET_TESTS_SIM_BUGS_H_

#include <cstdint>
#include <string_view>
#include <vector>

namespace trivet {
namespace sim {

struct Bug {
  std::string_view name;
  std::string_view suite;
  uint64_t histories_max;  // It must be found within so many.
};

const std::vector<Bug>& Bugs();

}  // namespace sim
}  // namespace trivet

#endif  // TRIVET_TESTS_SIM_BUGS_H_
