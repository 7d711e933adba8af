// SPDX-License-Identifier: Apache-2.0
//
// The members of a ring as a file, of lines:
//
//   # id      weight  zone        a '#' before a word begins a comment
//   cache-1
//   cache-2   2
//   cache-3   1       east
//
// or, if its first character that is not blank is '[' or '{', of JSON:
//
//   [{"id": "cache-1"}, {"id": "cache-2", "weight": 2, "zone": "east"}]
//
//   {"placement": "trivet", "vnodes_per_weight": 160, "nodes": [...]}
//
// Nothing is guessed: what is not understood is refused with its place.

#ifndef TRIVET_SRC_CLI_MEMBERS_FILE_H_
#define TRIVET_SRC_CLI_MEMBERS_FILE_H_

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "trivet/ring/placement.h"

namespace trivet {
inline namespace v0_1 {
namespace cli {

struct MembersFile {
  std::vector<RingNode> nodes;
  HashRingOptions options;  // The defaults, but for what the file says.
};

// Reads one node: "id", "id weight" or "id weight zone".
// kInvalidArgument says what is wrong with which word.
absl::StatusOr<RingNode> ParseMember(std::string_view text);

// Reads a node's new weight: "id weight", and nothing else.
absl::StatusOr<RingNode> ParseWeight(std::string_view text);

// Reads a whole file. kInvalidArgument names the line and the column, the field
// or word, its value and what is expected. Every id is there once. Whether the
// members make a ring is for HashRing::Builder to say.
absl::StatusOr<MembersFile> ParseMembers(std::string_view text);

}  // namespace cli
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_CLI_MEMBERS_FILE_H_
