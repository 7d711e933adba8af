// SPDX-License-Identifier: Apache-2.0
//
// Pieces of the JSON that the tool prints. Numbers of 64 bits are strings of 16
// hexadecimal digits: most readers of JSON would round them. Bytes that are not
// UTF-8 are no JSON string; they become {"hex": "61ff"}.

#ifndef TRIVET_SRC_CLI_JSON_TEXT_H_
#define TRIVET_SRC_CLI_JSON_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"
#include "src/cli/text.h"
#include "src/internal/strings.h"

namespace trivet {
inline namespace v0_1 {
namespace cli {

using Json = nlohmann::ordered_json;

inline Json JsonText(std::string_view bytes) {
  if (IsUtf8(bytes)) return std::string(bytes);
  return Json::object({{"hex", absl::BytesToHexString(internal::Sv(bytes))}});
}

inline Json JsonHex(uint64_t number) {
  return absl::StrFormat("%016x", number);
}

}  // namespace cli
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_CLI_JSON_TEXT_H_
