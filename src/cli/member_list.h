// SPDX-License-Identifier: Apache-2.0
//
// What a file of members says, as its parsers collect it: each node with its
// place in the text, so that an error can name both of two equal ids.

#ifndef TRIVET_SRC_CLI_MEMBER_LIST_H_
#define TRIVET_SRC_CLI_MEMBER_LIST_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>

#include "absl/status/status.h"
#include "src/cli/members_file.h"
#include "trivet/ring/placement.h"

namespace trivet {
inline namespace v0_1 {
namespace cli {

class MemberList {
 public:
  explicit MemberList(std::string_view text) : text_(text) {}

  // Refuses a node whose id or zone no ring takes, or whose id is there.
  absl::Status Add(RingNode node, size_t offset);

  // The error `reason`, of the text at `offset`.
  absl::Status Refuse(size_t offset, std::string_view reason) const;

  MembersFile file;

 private:
  std::string PlaceOf(size_t offset) const;

  std::string_view text_;
  std::unordered_map<std::string, size_t> offset_of_;  // By id.
};

// Reads JSON, up to its end.
absl::Status ParseJsonMembers(std::string_view text, MemberList* members);

}  // namespace cli
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_CLI_MEMBER_LIST_H_
