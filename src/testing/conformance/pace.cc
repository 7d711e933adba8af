// SPDX-License-Identifier: Apache-2.0

#include "trivet/testing/conformance/pace.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {

struct Pace::State {
  absl::Mutex mu;
  absl::Duration patience;
  absl::AnyInvocable<void(absl::Duration)> run;  // nullptr: real time.
};

Pace::Pace(absl::Duration patience) : state_(std::make_shared<State>()) {
  state_->patience = patience;
}

Pace::Pace(absl::AnyInvocable<void(absl::Duration)> run)
    : Pace(absl::Seconds(60)) {
  state_->run = std::move(run);
}

bool Pace::is_virtual() const { return state_->run != nullptr; }

absl::Duration Pace::patience() const { return state_->patience; }

void Pace::Update(absl::FunctionRef<void()> change) const {
  const absl::MutexLock lock(&state_->mu);
  change();
}

bool Pace::Await(absl::FunctionRef<bool()> goal) const {
  return AwaitFor(patience(), goal);
}

bool Pace::AwaitFor(absl::Duration patience,
                    absl::FunctionRef<bool()> goal) const {
  if (!is_virtual()) {
    const absl::MutexLock lock(&state_->mu);
    return state_->mu.AwaitWithTimeout(
        absl::Condition(
            +[](absl::FunctionRef<bool()>* g) { return (*g)(); }, &goal),
        patience);
  }
  // In growing steps: what comes soon is not waited for longer than it takes
  // once more, and what never comes does not take long to find out.
  absl::Duration step = absl::Microseconds(100);
  for (absl::Duration passed; passed < patience; passed += step) {
    if (goal()) return true;
    step = std::min(2 * step, absl::Milliseconds(100));
    state_->run(step);
  }
  return goal();
}

void Pace::Pass(absl::Duration span) const {
  if (is_virtual()) {
    state_->run(span);
  } else {
    AwaitFor(span, [] { return false; });
  }
}

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet
