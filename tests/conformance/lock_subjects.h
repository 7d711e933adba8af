// SPDX-License-Identifier: Apache-2.0
//
// What the tests of LockBackendSuite share: a backend in memory as its subject,
// also for liars.

#ifndef TRIVET_TESTS_CONFORMANCE_LOCK_SUBJECTS_H_
#define TRIVET_TESTS_CONFORMANCE_LOCK_SUBJECTS_H_

#include <memory>

#include "absl/time/time.h"
#include "tests/support/manual_executor.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/lock/lock_backend.h"
#include "trivet/testing/conformance/lock_backend_suite.h"
#include "trivet/testing/conformance/pace.h"

namespace trivet {

// `Backend` is made from an executor, whose time is the subject's.
template <typename Backend>
class LocksInMemory final : public testing::LockBackendSubject {
 public:
  LockBackend* backend() override { return backend_.get(); }
  testing::Pace pace() const override { return pace_; }
  MonotonicTime Now() const override { return executor_.Now(); }
  bool Destroy() override {
    backend_.reset();
    return true;
  }

 private:
  ManualExecutor executor_;
  std::unique_ptr<Backend> backend_ = std::make_unique<Backend>(&executor_);
  const testing::Pace pace_{
      [this](absl::Duration span) { executor_.AdvanceBy(span); }};
};

}  // namespace trivet

#endif  // TRIVET_TESTS_CONFORMANCE_LOCK_SUBJECTS_H_
