// SPDX-License-Identifier: Apache-2.0
//
// A file of members, lines or JSON: any bytes. An error names the place; what
// was understood and is written out again in either form is understood as the
// same.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "src/cli/members_file.h"
#include "tests/fuzz/allocations.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/input.h"
#include "trivet/ring/placement.h"

namespace trivet {
namespace {

// The plainest JSON there is: every byte below 0x80 as \u00XX.
std::string Quoted(std::string_view bytes) {
  std::string quoted = "\"";
  for (const char byte : bytes) {
    const auto value = static_cast<unsigned char>(byte);
    if (value >= 0x80) {
      quoted += byte;
      continue;
    }
    constexpr char kDigits[] = "0123456789abcdef";
    quoted += "\\u00";
    quoted += kDigits[value >> 4];
    quoted += kDigits[value & 15];
  }
  return quoted + "\"";
}

std::string JsonOf(const cli::MembersFile& file) {
  std::string json = "[";
  for (const RingNode& node : file.nodes) {
    if (json.size() > 1) json += ",";
    absl::StrAppend(&json, "{\"id\":", Quoted(node.id),
                    ",\"weight\":", node.weight,
                    ",\"zone\":", Quoted(node.zone), "}");
  }
  return json + "]";
}

void CheckPlain(const std::string& text) {
  for (const char byte : text) {
    FUZZ_CHECK(!absl::ascii_iscntrl(static_cast<unsigned char>(byte)));
  }
}

void CheckError(const absl::Status& error) {
  FUZZ_CHECK(absl::IsInvalidArgument(error));
  const std::string text(error.message());
  FUZZ_CHECK(text.find("line ") == 0 || text == "there are no members in it");
  FUZZ_CHECK(text.size() < 2000);
  CheckPlain(text);
}

void Run(const std::string& text) {
  const Allocations allocations;
  const absl::StatusOr<cli::MembersFile> file = cli::ParseMembers(text);
  // A fixed part for what a parser of JSON brings along.
  FUZZ_CHECK(allocations.Bytes() <= 16384 + AllocationLimit(text.size()));
  if (!file.ok()) return CheckError(file.status());

  FUZZ_CHECK(!file->nodes.empty());
  const bool is_json =
      text.find_first_of("[{") == text.find_first_not_of(" \t\r\n");
  if (!is_json) {
    for (const RingNode& node : file->nodes) CheckPlain(node.id + node.zone);
  }
  const bool is_utf8 =
      is_json || std::all_of(text.begin(), text.end(), [](char byte) {
        return static_cast<unsigned char>(byte) < 0x80;
      });
  if (!is_utf8) return;  // Lines take any bytes, JSON does not.
  const absl::StatusOr<cli::MembersFile> again =
      cli::ParseMembers(JsonOf(*file));
  FUZZ_CHECK(again.ok() && again->nodes == file->nodes);
}

}  // namespace
}  // namespace trivet

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  trivet::Run(trivet::Input(data, size).Rest());
  return 0;
}
