// SPDX-License-Identifier: Apache-2.0
//
// `trivet ring`: what a membership means, before a cluster is built on it.

#ifndef TRIVET_SRC_CLI_RING_COMMAND_H_
#define TRIVET_SRC_CLI_RING_COMMAND_H_

#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "trivet/ring/placement.h"

namespace trivet {
inline namespace v0_1 {
namespace cli {

struct RingCommand {
  std::string members_file;  // "-": standard input.
  HashRingOptions options;
  std::vector<std::string> keys;       // To look up.
  std::vector<std::string> added;      // "id [weight [zone]]".
  std::vector<std::string> removed;    // Ids.
  std::vector<std::string> reweighed;  // "id weight".
};

// Prints the share of each node, who owns each of the keys, and what the change
// would move. An error names the file, the line or the option.
absl::Status RunRingCommand(const RingCommand& command, std::ostream& out);

}  // namespace cli
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_CLI_RING_COMMAND_H_
