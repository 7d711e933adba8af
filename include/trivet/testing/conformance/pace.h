// SPDX-License-Identifier: Apache-2.0
//
// Pace: how time passes where a conformance suite's subject lives, in reality
// or in a simulation, so that one suite does for both and none sleeps.
//
//   Pace real;
//   Pace simulated([&sim](absl::Duration span) { sim.RunFor(span); });
//
//   auto answered = std::make_shared<bool>(false);
//   executor->Post([=] { pace.Update([&] { *answered = true; }); });
//   if (!pace.Await([&] { return *answered; })) return ...;
//
// Copies are one and the same, so that a callback which comes late may keep
// one.
//
// Thread safety: thread-safe in real time; a virtual one belongs to the thread
// of its simulation.

#ifndef TRIVET_TESTING_CONFORMANCE_PACE_H_
#define TRIVET_TESTING_CONFORMANCE_PACE_H_

#include <memory>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "trivet/config.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {

class TRIVET_EXPORT Pace {
 public:
  // Real time. `patience` is how long Await waits for what should happen at
  // once: all of it passes only if that never happens.
  explicit Pace(absl::Duration patience = absl::Seconds(60));

  // Virtual time, of which `run` lets a span pass, with all that happens in it.
  explicit Pace(absl::AnyInvocable<void(absl::Duration span)> run);

  bool is_virtual() const;
  absl::Duration patience() const;

  // Changes state that a goal is about. `change` must not wait for anything.
  void Update(absl::FunctionRef<void()> change) const;

  // Lets time pass until `goal` holds; false: it does not.
  bool Await(absl::FunctionRef<bool()> goal) const;
  bool AwaitFor(absl::Duration patience, absl::FunctionRef<bool()> goal) const;

  // Lets all of `span` pass.
  void Pass(absl::Duration span) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_TESTING_CONFORMANCE_PACE_H_
