// SPDX-License-Identifier: Apache-2.0
//
// Replay files: histories to be run again. Lines, with comments from '#' on:
//
//   history txn 4711                        # A scenario, a seed. And of it:
//   off clock_rate_spread                   a class of FaultOptions is off
//   keep envelope loss bank -> shard-a 17   only such faults strike
//   keep none                               none strikes
//   mute crash bank 3                       or: such faults do not strike
//
// Faults are named by their ids, which say nothing of each other: a file goes
// on meaning the same when a host or a class of faults is added.

#ifndef TRIVET_SRC_TESTING_REPLAY_FILE_H_
#define TRIVET_SRC_TESTING_REPLAY_FILE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "trivet/config.h"
#include "trivet/testing/history.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

struct Replay {
  std::string scenario;
  uint64_t seed = 0;
  testing::FaultFilter faults;
};

// kInvalidArgument: the line and what is wrong with it.
absl::StatusOr<std::vector<Replay>> ParseReplays(std::string_view text);
std::string ToString(const Replay& replay);

// The same of a file; errors name it. kUnavailable: it cannot be read, written.
absl::StatusOr<std::vector<Replay>> ReadReplays(const std::string& path);
absl::Status WriteReplay(const std::string& path, const Replay& replay);

// The faults that `replay` names and that this history, which it led to, does
// not have any more. One line each.
std::string StaleFaults(const Replay& replay, const testing::History& history);

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_TESTING_REPLAY_FILE_H_
