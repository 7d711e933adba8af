// SPDX-License-Identifier: Apache-2.0
//
// What a child process tells of the histories that it runs: of each the whole,
// once it has ended. For the case that it does not, it notes which one it runs,
// and every fault that strikes.
//
//   noted: begun SEED, fault, fault ...   told: ended SEED HISTORY

#ifndef TRIVET_SRC_TESTING_HISTORY_WIRE_H_
#define TRIVET_SRC_TESTING_HISTORY_WIRE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "trivet/config.h"
#include "trivet/testing/history.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

std::string BegunMessage(uint64_t seed);
std::string FaultMessage(const testing::SimFault& fault);
std::string EndedMessage(uint64_t seed, const testing::History& history);

// A child's latest history.
struct HistoryHeard {
  uint64_t seed = 0;
  testing::History history;  // Until it has ended, only its faults.
  bool ended = false;
};

// REQUIRES: `message` is one of those above.
bool Hear(std::string_view message, HistoryHeard* heard);

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_TESTING_HISTORY_WIRE_H_
