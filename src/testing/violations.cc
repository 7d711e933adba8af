// SPDX-License-Identifier: Apache-2.0

#include "trivet/testing/violations.h"

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "src/internal/strings.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {
namespace {

constexpr size_t kKept = 100;

}  // namespace

void Violations::Add(std::string_view property, std::string_view what) {
  if (count_++ < kKept) {
    list_.push_back(
        absl::StrCat(internal::Sv(property), ": ", internal::Sv(what)));
  }
}

std::string Violations::ToString() const {
  return absl::StrCat(absl::StrJoin(list_, "\n"), list_.empty() ? "" : "\n");
}

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet
