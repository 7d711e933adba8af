// SPDX-License-Identifier: Apache-2.0

#include "trivet/txn/transaction.h"

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "src/internal/strings.h"

namespace trivet {
inline namespace v0_1 {
namespace {

bool ParseNumber(std::string_view text, uint64_t* number) {
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const auto parsed = std::from_chars(begin, end, *number);
  return parsed.ec == std::errc() && parsed.ptr == end;
}

}  // namespace

std::string TxnId::ToString() const {
  return absl::StrCat(coordinator, "/", number.epoch, ".", number.sequence);
}

absl::StatusOr<TxnId> TxnId::Parse(std::string_view text) {
  TxnId id;
  const size_t slash = text.rfind('/');
  if (slash != std::string_view::npos && slash > 0) {
    const std::string_view number = text.substr(slash + 1);
    const size_t dot = number.find('.');
    id.coordinator = text.substr(0, slash);
    if (dot != std::string_view::npos &&
        ParseNumber(number.substr(0, dot), &id.number.epoch) &&
        ParseNumber(number.substr(dot + 1), &id.number.sequence) &&
        id.ToString() == text) {  // Not "007".
      return id;
    }
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "transaction id \"", absl::CEscape(internal::Sv(text.substr(0, 600))),
      "\" is not of the form coordinator/epoch.sequence"));
}

}  // namespace v0_1
}  // namespace trivet
