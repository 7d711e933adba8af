// SPDX-License-Identifier: Apache-2.0
//
// Replay files: histories to be run again. Lines, with comments from '#' on:
//
//   history txn 4711                        # A scenario, a seed. And of it:
//   bug vote_before_force                   it was made with a planted bug
//   off clock_rate_spread                   a class of FaultOptions is off
//   keep envelope loss bank -> shard-a 17   only such faults strike
//   keep none                               none strikes
//   mute crash bank 3                       or: such faults do not strike
//   history lock 8                          # And so on.
//   end                                     Or the file was cut short.
//
// Faults are named by their ids, which say nothing of each other: a file goes
// on meaning the same when a host or a class of faults is added. Files may be
// put together, one behind the other.

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
  std::string bug;  // Empty: none.
};

// kInvalidArgument: the line and what is wrong with it.
absl::StatusOr<std::vector<Replay>> ParseReplays(std::string_view text);
std::string ToString(const std::vector<Replay>& replays);

// The same of a file; errors name it. kUnavailable: it cannot be read, written.
absl::StatusOr<std::vector<Replay>> ReadReplays(const std::string& path);
absl::Status WriteReplays(const std::string& path,
                          const std::vector<Replay>& replays);

// Whether the file can be written; it stays as it is. kUnavailable: no.
absl::Status CheckWritable(const std::string& path);

// The faults that `replay` names and that this history, which it led to, does
// not have any more. One line each. REQUIRES: the history came to its end.
std::string StaleFaults(const Replay& replay, const testing::History& history);

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_TESTING_REPLAY_FILE_H_
