// SPDX-License-Identifier: Apache-2.0

#include "trivet/lock/fencing_token.h"

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "src/internal/mutant.h"

namespace trivet {
inline namespace v0_1 {
namespace {

// A token is short; whatever is longer is quoted only in part.
constexpr size_t kQuotedMax = 64;

// One way to write a number is enough: digits, no sign, no leading zero.
std::optional<uint64_t> ParseNumber(std::string_view digits) {
  if (digits.empty() || (digits.size() > 1 && digits[0] == '0')) return {};
  uint64_t number = 0;
  const char* const begin = digits.data();
  const char* const end = begin + digits.size();
  const auto [stopped, error] = std::from_chars(begin, end, number);
  if (error != std::errc() || stopped != end) return {};
  return number;
}

}  // namespace

std::string_view ToString(FenceStrength strength) {
  switch (strength) {
    case FenceStrength::kNone:
      return "none";
    case FenceStrength::kMonotonicUnlessDataLost:
      return "monotonic unless data is lost";
    case FenceStrength::kMonotonic:
      return "monotonic";
  }
  return "unknown";
}

std::string ToString(FencingToken token) {
  return std::to_string(token.generation) + "." + std::to_string(token.value);
}

absl::StatusOr<FencingToken> ParseFencingToken(std::string_view text) {
  const size_t dot = text.find('.');
  if (dot != std::string_view::npos) {
    const auto generation = ParseNumber(text.substr(0, dot));
    const auto value = ParseNumber(text.substr(dot + 1));
    if (generation.has_value() && value.has_value()) {
      return FencingToken{*generation, *value};
    }
  }
  return absl::InvalidArgumentError(
      "fencing token \"" + std::string(text.substr(0, kQuotedMax)) +
      "\" is not generation.value, two decimal numbers below 2^64");
}

absl::Status CheckFence(std::optional<FencingToken> highest,
                        FencingToken token) {
  if (token.value == 0) {
    return absl::InvalidArgumentError("fencing token " + ToString(token) +
                                      " has value 0, which is never granted");
  }
  if (!highest.has_value()) return absl::OkStatus();
  if (token.generation != highest->generation) {
    return absl::AbortedError(
        "fencing token " + ToString(token) + " is of generation " +
        std::to_string(token.generation) + ", the resource has seen " +
        ToString(*highest) +
        "; the lock's store was rebuilt, and a person must Adopt one of them");
  }
  if (token.value < highest->value && !TRIVET_MUTANT(stale_token_admitted)) {
    return absl::FailedPreconditionError(
        "fencing token " + ToString(token) + " is stale: a holder with " +
        ToString(*highest) + " has already written");
  }
  return absl::OkStatus();
}

absl::Status FencingGate::Admit(FencingToken token) {
  absl::Status checked = CheckFence(highest_, token);
  if (checked.ok()) highest_ = token;
  return checked;
}

void FencingGate::Adopt(FencingToken token) { highest_ = token; }

}  // namespace v0_1
}  // namespace trivet
