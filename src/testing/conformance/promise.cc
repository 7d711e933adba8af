// SPDX-License-Identifier: Apache-2.0

#include "trivet/testing/conformance/promise.h"

#include <algorithm>
#include <string_view>
#include <vector>

namespace trivet {
inline namespace v0_1 {
namespace testing {

Finding JudgeFinding(std::string_view promise, Finding finding,
                     const std::vector<ExpectedFailure>& expected) {
  const auto found = std::find_if(
      expected.begin(), expected.end(),
      [&](const ExpectedFailure& one) { return one.promise == promise; });
  if (found == expected.end()) return finding;
  switch (finding.kind) {
    case Finding::kBroken:
      return Finding::NotChecked("expected to fail, because " + found->reason +
                                 ": " + finding.text);
    case Finding::kNotChecked:
      return Finding::Broken("expected to fail, but not checked: " +
                             finding.text);
    case Finding::kKept:
      break;
  }
  return Finding::Broken("expected to fail, because " + found->reason +
                         ", but it is kept: take it off the list");
}

Finding JudgeExpectations(const std::vector<std::string_view>& promises,
                          const std::vector<ExpectedFailure>& expected) {
  for (const ExpectedFailure& one : expected) {
    if (std::find(promises.begin(), promises.end(), one.promise) ==
        promises.end()) {
      return Finding::Broken("no promise is called " + one.promise);
    }
  }
  return Finding::Kept();
}

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet
