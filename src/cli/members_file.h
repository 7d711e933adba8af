// SPDX-License-Identifier: Apache-2.0
//
// The members of a ring as a text file, one node a line:
//
//   # id      weight  zone        a '#' begins a comment
//   cache-1
//   cache-2   2
//   cache-3   1       east

#ifndef TRIVET_SRC_CLI_MEMBERS_FILE_H_
#define TRIVET_SRC_CLI_MEMBERS_FILE_H_

#include <istream>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "trivet/ring/placement.h"

namespace trivet {
inline namespace v0_1 {
namespace cli {

// Reads one node: "id", "id weight" or "id weight zone".
// kInvalidArgument says what is wrong with which word.
absl::StatusOr<RingNode> ParseMember(std::string_view text);

// Reads a node's new weight: "id weight", and nothing else.
absl::StatusOr<RingNode> ParseWeight(std::string_view text);

// Reads a whole file. kInvalidArgument names the first bad line by its number.
// Whether the members make a ring is for HashRing::Builder to say.
absl::StatusOr<std::vector<RingNode>> ReadMembers(std::istream& in);

}  // namespace cli
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_CLI_MEMBERS_FILE_H_
