// SPDX-License-Identifier: Apache-2.0
//
// `trivet ring`: what a membership means, before a cluster is built on it.

#ifndef TRIVET_SRC_CLI_RING_COMMAND_H_
#define TRIVET_SRC_CLI_RING_COMMAND_H_

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "trivet/ring/placement.h"

namespace trivet {
inline namespace v0_1 {
namespace cli {

// The command line. A file that is named "-" is standard input.
struct RingCommand {
  enum Format { kTable, kJson, kSvg };
  using Number = std::pair<uint32_t HashRingOptions::*, uint32_t>;

  std::string members_file;
  std::string secret_file;      // Empty: no secret.
  std::string placement;        // Empty: as the file says.
  std::vector<Number> numbers;  // Go before what the file says.

  std::vector<std::string> removed;    // Ids.
  std::vector<std::string> added;      // "id [weight [zone]]".
  std::vector<std::string> reweighed;  // "id weight".

  // If any key is asked for, these are answered and nothing else.
  std::vector<std::string> keys;
  std::string keys_file;  // Empty: none.
  bool zones = false;

  uint32_t replicas = 1;
  bool arcs = false;
  Format format = kTable;
};

// Prints the shares of the nodes and what the change moves, or who has the
// keys. The change is made in one go: removed, then added, then reweighed.
// An error names the file and the place in it, or the option.
absl::Status RunRingCommand(const RingCommand& command, std::ostream& out);

}  // namespace cli
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_CLI_RING_COMMAND_H_
