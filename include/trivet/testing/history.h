// SPDX-License-Identifier: Apache-2.0
//
// History: what one run of a simulation came to, and HistoryOptions, which run
// that is. The same options, the same history.
//
//   HistoryOptions --> your scenario --> Simulation --> History
//     seed                                                violations
//     faults left out, for shrinking                      faults that struck
//     trace, scripts wanted or not                        hash, trace, counters
//
// Thread safety: values.

#ifndef TRIVET_TESTING_HISTORY_H_
#define TRIVET_TESTING_HISTORY_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "trivet/config.h"
#include "trivet/testing/violations.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {

// A fault that struck by chance. Its id is its class, where it struck, and how
// often that was asked there before. It says nothing about the rest of the
// history, so it stays when something else changes.
struct SimFault {
  std::string kind;  // "envelope loss"
  std::string id;    // "envelope loss bank -> shard-a 17"
  std::string text;  // "1.250000s envelope loss bank -> shard-a 17"
};

// Which of the faults that chance picks do not strike.
struct FaultFilter {
  std::vector<std::string> off;    // Fields of FaultOptions: as by default.
  std::vector<std::string> muted;  // Ids.
  std::optional<std::vector<std::string>>
      kept;  // Ids. Given: no others strike.

  bool empty() const { return off.empty() && muted.empty() && !kept; }
};

// Takes the scripts of a history: what happened to each coordinator and each
// participant, from one start to its end, and what it wanted done. `script` is
// "007_till_on_desk", a name for a file, and new for each start. `text` is to
// be added to it: the input before the step, so that a step which ends the
// process is there too, and the effects after it.
using ScriptSink =
    std::function<void(const std::string& script, std::string_view text)>;

struct TRIVET_EXPORT HistoryOptions {
  uint64_t seed = 0;
  FaultFilter faults;
  bool trace = false;  // Fill in History::trace.

  // Told of each fault as it strikes: a history that dies reports nothing.
  std::function<void(const SimFault& fault)> on_fault = nullptr;

  ScriptSink scripts = nullptr;  // nullptr: not wanted.
};

// Simulation::Report() fills in everything but the counters.
struct History {
  Violations violations;
  std::string configuration;         // In words: what the seed chose.
  std::vector<std::string> classes;  // Fields of FaultOptions that were on.
  std::vector<SimFault> faults;
  std::vector<std::string> left_out;  // Ids of what the filter kept back.
  std::string trace;
  uint64_t hash = 0;
  uint64_t events = 0;
  // What there was to check, by name: a sweep adds them up. A scenario that
  // checks nothing shows here.
  std::map<std::string, uint64_t> counters;
};

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_TESTING_HISTORY_H_
