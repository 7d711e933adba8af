// SPDX-License-Identifier: Apache-2.0

#include "src/cli/members_file.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <istream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "src/internal/strings.h"
#include "trivet/ring/placement.h"

namespace trivet {
inline namespace v0_1 {
namespace cli {
namespace {

using internal::Sv;

std::vector<std::string_view> Words(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r";
  std::vector<std::string_view> words;
  size_t at = text.find_first_not_of(kSpace);
  while (at != std::string_view::npos) {
    const size_t end = std::min(text.find_first_of(kSpace, at), text.size());
    words.push_back(text.substr(at, end - at));
    at = text.find_first_not_of(kSpace, end);
  }
  return words;
}

// The node of `words`, of which there must be `words_min` to `words_max`.
absl::StatusOr<RingNode> ParseNode(std::string_view text, size_t words_min,
                                   size_t words_max,
                                   absl::string_view expected) {
  const std::vector<std::string_view> words = Words(text);
  if (words.size() < words_min || words.size() > words_max) {
    return absl::InvalidArgumentError(absl::StrCat(
        expected, ", but '", Sv(text), "' has ", words.size(), " words"));
  }
  RingNode node;
  node.id = std::string(words[0]);
  if (words.size() > 1 &&
      (!absl::SimpleAtoi(Sv(words[1]), &node.weight) || node.weight < 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("weight '", Sv(words[1]), "' of node '", node.id,
                     "' is not a whole number from 1 to 4294967295"));
  }
  if (words.size() > 2) node.zone = std::string(words[2]);
  return node;
}

}  // namespace

absl::StatusOr<RingNode> ParseMember(std::string_view text) {
  return ParseNode(text, 1, 3, "a member is 'id [weight [zone]]'");
}

absl::StatusOr<RingNode> ParseWeight(std::string_view text) {
  return ParseNode(text, 2, 2, "a new weight is 'id weight'");
}

absl::StatusOr<std::vector<RingNode>> ReadMembers(std::istream& in) {
  std::vector<RingNode> members;
  std::string line;
  for (uint64_t number = 1; std::getline(in, line); ++number) {
    const std::string_view text =
        std::string_view(line).substr(0, line.find('#'));
    if (Words(text).empty()) continue;
    absl::StatusOr<RingNode> member = ParseMember(text);
    if (!member.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "line ", number, ": ", std::string(member.status().message())));
    }
    members.push_back(*std::move(member));
  }
  if (in.bad()) return absl::DataLossError("the file could not be read");
  return members;
}

}  // namespace cli
}  // namespace v0_1
}  // namespace trivet
