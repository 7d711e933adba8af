// SPDX-License-Identifier: Apache-2.0
//
// The scripts of a history in memory, by name.

#ifndef TRIVET_TESTS_SIM_SCRIPTS_H_
#define TRIVET_TESTS_SIM_SCRIPTS_H_

#include <map>
#include <string>
#include <string_view>

#include "trivet/testing/history.h"

namespace trivet {
namespace sim {

using Scripts = std::map<std::string, std::string>;

inline testing::History RunWithScripts(
    testing::History (*run)(const testing::HistoryOptions&),
    testing::HistoryOptions options, Scripts* scripts) {
  options.scripts = [scripts](const std::string& name, std::string_view text) {
    (*scripts)[name].append(text);
  };
  return run(options);
}

}  // namespace sim
}  // namespace trivet

#endif  // TRIVET_TESTS_SIM_SCRIPTS_H_
