// SPDX-License-Identifier: Apache-2.0

#include "trivet/testing/fencing_checker.h"

#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "src/internal/strings.h"
#include "trivet/lock/fencing_token.h"
#include "trivet/testing/violations.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {

std::optional<FencingToken> FencingChecker::Latest(
    std::string_view lock) const {
  const auto found = locks_.find(lock);
  return found == locks_.end() ? std::nullopt : found->second.latest;
}

void FencingChecker::Granted(std::string_view lock, FencingToken token,
                             std::optional<FencingToken> before) {
  Lock& watched = locks_[std::string(lock)];
  if (!watched.granted[GenerationOf(token)].insert(token.value).second) {
    violations_->Add("Unique",
                     absl::StrCat("two leases of lock ", internal::Sv(lock),
                                  " have the token ", ToString(token)));
  }
  std::optional<FencingToken>& latest = watched.latest;
  const auto falls = [&](const std::optional<FencingToken>& from) {
    return from.has_value() && from->generation == token.generation &&
           token.value <= from->value;
  };
  const bool another =
      latest.has_value() && latest->generation != token.generation;
  if (falls(before) || (another && fence_ == FenceStrength::kMonotonic)) {
    violations_->Add(
        "Rises",
        absl::StrCat(
            "a lease of lock ", internal::Sv(lock), " has the token ",
            ToString(token), ", and ",
            ToString((falls(before) ? before : latest).value_or(token)),
            " was given before it was asked for"));
  }
  if (!latest.has_value() || another || latest->value < token.value) {
    latest = token;
  }
}

void FencingChecker::Admitted(std::string_view lock, FencingToken token) {
  const auto [known, first] =
      locks_[std::string(lock)].highest.try_emplace(GenerationOf(token), token);
  FencingToken& highest = known->second;
  if (token.generation != highest.generation || token.value < highest.value) {
    violations_->Add(
        "Fence", absl::StrCat("lock ", internal::Sv(lock),
                              " admitted a write with token ", ToString(token),
                              " after ", ToString(highest)));
  } else {
    highest = token;
  }
}

void FencingChecker::Refused(std::string_view lock, FencingToken token) {
  const auto& highest = locks_[std::string(lock)].highest;
  const auto known = highest.find(GenerationOf(token));
  if (known != highest.end() && (known->second.generation != token.generation ||
                                 token.value < known->second.value)) {
    return;
  }
  violations_->Add(
      "Refused",
      absl::StrCat("lock ", internal::Sv(lock), " refused a write with token ",
                   ToString(token), ", and had admitted no larger one"));
}

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet
