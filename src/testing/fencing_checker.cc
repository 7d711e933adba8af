// SPDX-License-Identifier: Apache-2.0

#include "trivet/testing/fencing_checker.h"

#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "src/internal/strings.h"
#include "trivet/lock/fencing_token.h"
#include "trivet/testing/violations.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {

void FencingChecker::Granted(std::string_view lock, FencingToken token) {
  Lock& watched = locks_[std::string(lock)];
  if (!watched.granted[GenerationOf(token)].insert(token.value).second) {
    violations_->Add("Unique",
                     absl::StrCat("two leases of lock ", internal::Sv(lock),
                                  " have the token ", ToString(token)));
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

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet
