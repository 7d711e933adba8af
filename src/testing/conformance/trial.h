// SPDX-License-Identifier: Apache-2.0
//
// Trial: what the bodies of all suites share. It notes the first thing that was
// wrong; a body goes on as if nothing were, and returns Result().
//
//   Trial trial(subject.pace());
//   trial.Expect(version == 1, "the first version is not 1");
//   trial.Await([&] { return answered; }, "no answer");
//   return trial.Result();

#ifndef TRIVET_SRC_TESTING_CONFORMANCE_TRIAL_H_
#define TRIVET_SRC_TESTING_CONFORMANCE_TRIAL_H_

#include <string>
#include <string_view>
#include <utility>

#include "absl/functional/function_ref.h"
#include "trivet/config.h"
#include "trivet/testing/conformance/pace.h"
#include "trivet/testing/conformance/promise.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

class Trial {
 public:
  explicit Trial(testing::Pace pace) : pace_(std::move(pace)) {}

  bool Expect(bool holds, std::string_view otherwise) {
    if (!holds && wrong_.empty()) wrong_ = otherwise;
    return holds;
  }

  // Waits for nothing any more once something was wrong.
  bool Await(absl::FunctionRef<bool()> goal, std::string_view otherwise) {
    return wrong_.empty() && Expect(pace_.Await(goal), otherwise);
  }

  testing::Finding Result() const {
    return wrong_.empty() ? testing::Finding::Kept()
                          : testing::Finding::Broken(wrong_);
  }

  bool ok() const { return wrong_.empty(); }
  const testing::Pace& pace() const { return pace_; }

 private:
  const testing::Pace pace_;
  std::string wrong_;
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_TESTING_CONFORMANCE_TRIAL_H_
