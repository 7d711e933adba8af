// SPDX-License-Identifier: Apache-2.0

#include "src/cli/members_file.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "src/cli/member_list.h"
#include "src/cli/ring_options.h"
#include "src/cli/text.h"
#include "src/internal/strings.h"
#include "trivet/ring/placement.h"

namespace trivet {
inline namespace v0_1 {
namespace cli {
namespace {

constexpr std::string_view kBlank = " \t\r\n";

std::vector<std::string_view> Words(std::string_view text) {
  std::vector<std::string_view> words;
  size_t at = text.find_first_not_of(kBlank);
  while (at != std::string_view::npos) {
    const size_t end = std::min(text.find_first_of(kBlank, at), text.size());
    words.push_back(text.substr(at, end - at));
    at = text.find_first_not_of(kBlank, end);
  }
  return words;
}

// The node of `text`, which must have `words_min` to `words_max` words.
absl::StatusOr<RingNode> ParseNode(std::string_view text, size_t words_min,
                                   size_t words_max,
                                   absl::string_view expected) {
  const std::vector<std::string_view> words = Words(text);
  if (words.size() < words_min || words.size() > words_max) {
    return absl::InvalidArgumentError(absl::StrCat(
        expected, ", but ", Brief(text), " has ", words.size(), " words"));
  }
  RingNode node;
  node.id = std::string(words[0]);
  if (words.size() > 1) {
    const std::optional<uint32_t> weight = NumberOf(words[1]);
    if (!weight.has_value() || *weight == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("weight ", Brief(words[1]), " of node ", Brief(node.id),
                       " is not a whole number from 1 to 4294967295"));
    }
    node.weight = *weight;
  }
  if (words.size() > 2) node.zone = std::string(words[2]);
  return node;
}

// Where in `line` stands a control character: it is no text then, but UTF-16,
// or an archive, or worse.
std::optional<size_t> FindControl(std::string_view line) {
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  for (size_t i = 0; i < line.size(); ++i) {
    const auto byte = static_cast<unsigned char>(line[i]);
    if ((byte < 0x20 && byte != '\t') || byte == 0x7F) return i;
  }
  return std::nullopt;
}

// The line without its comment. A '#' within a word is a part of it.
std::string_view WithoutComment(std::string_view line) {
  for (size_t at = line.find('#'); at != std::string_view::npos;
       at = line.find('#', at + 1)) {
    if (at == 0 || absl::StrContains(internal::Sv(kBlank), line[at - 1]))
      return line.substr(0, at);
  }
  return line;
}

absl::Status ParseLines(std::string_view text, MemberList* members) {
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = text.substr(begin, end - begin);
    if (const std::optional<size_t> at = FindControl(line); at.has_value()) {
      return members->Refuse(
          begin + *at,
          absl::StrCat("control character ", Brief(line.substr(*at, 1)),
                       "; an id that has one can stand in JSON"));
    }
    const std::string_view words = WithoutComment(line);
    if (const size_t at = words.find_first_not_of(kBlank);
        at != std::string_view::npos) {
      absl::StatusOr<RingNode> member = ParseMember(words.substr(at));
      const absl::Status status =
          member.ok() ? members->Add(*std::move(member), begin + at)
                      : members->Refuse(begin + at,
                                        std::string(member.status().message()));
      if (!status.ok()) return status;
    }
    begin = end + 1;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status MemberList::Add(RingNode node, size_t offset) {
  constexpr size_t kSizeMax = 255;  // HashRing's; here the place is known.
  if (node.id.empty() || node.id.size() > kSizeMax) {
    return Refuse(offset,
                  absl::StrCat("id ", Brief(node.id), " has ", node.id.size(),
                               " bytes; it must have 1 to ", kSizeMax));
  }
  if (node.zone.size() > kSizeMax) {
    return Refuse(offset,
                  absl::StrCat("zone ", Brief(node.zone), " of node ",
                               Brief(node.id), " has ", node.zone.size(),
                               " bytes; the limit is ", kSizeMax));
  }
  const auto [first, fresh] = offset_of_.emplace(node.id, offset);
  if (!fresh) {
    return Refuse(
        offset, absl::StrCat("node ", Brief(node.id), " is there already, at ",
                             PlaceOf(first->second)));
  }
  file.nodes.push_back(std::move(node));
  return absl::OkStatus();
}

absl::Status MemberList::Refuse(size_t offset, std::string_view reason) const {
  return absl::InvalidArgumentError(
      absl::StrCat(PlaceOf(offset), ": ", internal::Sv(reason)));
}

std::string MemberList::PlaceOf(size_t offset) const {
  const std::string_view before = text_.substr(0, offset);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const size_t line_begin = before.rfind('\n') + 1;  // npos + 1 is 0.
  return absl::StrCat("line ", line, ", column ", offset - line_begin + 1);
}

absl::StatusOr<RingNode> ParseMember(std::string_view text) {
  return ParseNode(text, 1, 3, "a member is 'id [weight [zone]]'");
}

absl::StatusOr<RingNode> ParseWeight(std::string_view text) {
  return ParseNode(text, 2, 2, "a new weight is 'id weight'");
}

absl::StatusOr<MembersFile> ParseMembers(std::string_view text) {
  MemberList members(text);
  if (text.substr(0, 3) == "\xEF\xBB\xBF")
    return members.Refuse(0, "a byte order mark; save the file without one");
  const size_t first = text.find_first_not_of(kBlank);
  const bool json = first != std::string_view::npos &&
                    (text[first] == '[' || text[first] == '{');
  absl::Status status =
      json ? ParseJsonMembers(text, &members) : ParseLines(text, &members);
  if (!status.ok()) return status;
  if (members.file.nodes.empty())
    return absl::InvalidArgumentError("there are no members in it");
  return std::move(members.file);
}

}  // namespace cli
}  // namespace v0_1
}  // namespace trivet
