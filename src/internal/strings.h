// SPDX-License-Identifier: Apache-2.0
//
// The one converter between std's and abseil's string_view, which are different
// types where abseil was built with its own, as Debian's is.

#ifndef TRIVET_SRC_INTERNAL_STRINGS_H_
#define TRIVET_SRC_INTERNAL_STRINGS_H_

#include <string_view>

#include "absl/strings/string_view.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

inline absl::string_view Sv(std::string_view text) {
  return absl::string_view(text.data(), text.size());
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_INTERNAL_STRINGS_H_
