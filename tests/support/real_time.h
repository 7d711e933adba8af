// SPDX-License-Identifier: Apache-2.0
//
// The one place in the tests where real time passes: bounded waits for
// something that happens on another thread. A wait that runs out fails its test
// with a sentence; no test depends on how long anything takes.
//
//   Event delivered;
//   executor->Post([&] { delivered.Notify(); });
//   delivered.Wait();
//
//   Awaiter<absl::StatusOr<LogIndex>> last;
//   log->Append(epoch, {"a"}, Durability::kForced, last.Done());
//   EXPECT_THAT(last.Wait(), ...);

#ifndef TRIVET_TESTS_SUPPORT_REAL_TIME_H_
#define TRIVET_TESTS_SUPPORT_REAL_TIME_H_

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace trivet {

// Far longer than anything takes, shorter than ctest's patience.
inline constexpr absl::Duration kPatience = absl::Seconds(60);

// A condition over state shared by threads. Whoever changes the state does it
// in Update; whoever waits for it, in WaitFor.
class SharedState {
 public:
  void Update(absl::FunctionRef<void()> change) {
    absl::MutexLock lock(&mu_);
    change();
  }

  // Waits until `goal` holds. False, and the test has failed: it never did.
  bool WaitFor(absl::FunctionRef<bool()> goal,
               absl::Duration patience = kPatience) {
    absl::MutexLock lock(&mu_);
    const bool reached = mu_.AwaitWithTimeout(
        absl::Condition(
            +[](absl::FunctionRef<bool()>* g) { return (*g)(); }, &goal),
        patience);
    EXPECT_TRUE(reached) << "waited in vain for "
                         << absl::FormatDuration(patience);
    return reached;
  }

 private:
  absl::Mutex mu_;
};

// Something that happens once.
class Event {
 public:
  void Notify() {
    state_.Update([this] { happened_ = true; });
  }

  bool Wait(absl::Duration patience = kPatience) {
    return state_.WaitFor([this] { return happened_; }, patience);
  }

  bool HasHappened() {
    bool happened = false;
    state_.Update([&] { happened = happened_; });
    return happened;
  }

 private:
  SharedState state_;
  bool happened_ = false;
};

// Turns a callback into a value. The callback may outlive the awaiter, and may
// be destroyed uncalled.
template <typename T>
class Awaiter {
 public:
  // The callback, to be called at most once.
  auto Done() {
    return [shared = shared_](T value) {
      shared->state.Update([&] { shared->value.emplace(std::move(value)); });
    };
  }

  // The value. Ends the process if it never comes, since there is none to
  // return.
  T Wait(absl::Duration patience = kPatience) {
    if (!shared_->state.WaitFor([this] { return shared_->value.has_value(); },
                                patience)) {
      std::fprintf(stderr, "Awaiter: the callback was never called\n");
      std::abort();
    }
    return *std::exchange(shared_->value, std::nullopt);
  }

  bool IsReady() {
    bool ready = false;
    shared_->state.Update([&] { ready = shared_->value.has_value(); });
    return ready;
  }

 private:
  struct Shared {
    SharedState state;
    std::optional<T> value;
  };
  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

}  // namespace trivet

#endif  // TRIVET_TESTS_SUPPORT_REAL_TIME_H_
