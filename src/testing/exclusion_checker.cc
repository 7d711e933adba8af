// SPDX-License-Identifier: Apache-2.0

#include "trivet/testing/exclusion_checker.h"

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "trivet/testing/violations.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {

void ExclusionChecker::Believes(std::string_view lock, std::string_view holder,
                                std::function<bool()> held) {
  Forget(lock, holder);
  locks_[std::string(lock)].push_back({std::string(holder), std::move(held)});
}

void ExclusionChecker::Forget(std::string_view lock, std::string_view holder) {
  std::vector<Holder>& holders = locks_[std::string(lock)];
  holders.erase(
      std::remove_if(holders.begin(), holders.end(),
                     [&](const Holder& h) { return h.name == holder; }),
      holders.end());
}

void ExclusionChecker::Check() {
  for (const auto& [lock, holders] : locks_) {
    if (holders.size() < 2) continue;
    const Holder* first = nullptr;
    for (const Holder& holder : holders) {
      if (!holder.held()) continue;
      if (first != nullptr) {
        violations_->Add("Exclusion",
                         absl::StrCat("lock ", lock, " is held by ",
                                      first->name, " and by ", holder.name));
      }
      first = &holder;
    }
  }
}

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet
