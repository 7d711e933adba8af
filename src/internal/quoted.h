// SPDX-License-Identifier: Apache-2.0
//
// Quoted: a name as it stands in the text of an error.

#ifndef TRIVET_SRC_INTERNAL_QUOTED_H_
#define TRIVET_SRC_INTERNAL_QUOTED_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "src/internal/strings.h"
#include "trivet/config.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

// Readable and short, whatever bytes the name has and however many.
inline std::string Quoted(std::string_view name) {
  constexpr size_t kShown = 64;
  return absl::StrCat("\"", absl::CHexEscape(Sv(name.substr(0, kShown))),
                      name.size() > kShown ? "\"..." : "\"");
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_INTERNAL_QUOTED_H_
