// SPDX-License-Identifier: Apache-2.0
//
// What the tests of LogStoreSuite share: a log in memory as its subject, also
// for liars that are made of it.

#ifndef TRIVET_TESTS_CONFORMANCE_LOG_SUBJECTS_H_
#define TRIVET_TESTS_CONFORMANCE_LOG_SUBJECTS_H_

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "tests/support/manual_executor.h"
#include "tests/support/memory_log_store.h"
#include "trivet/host/log_store.h"
#include "trivet/testing/conformance/log_store_suite.h"
#include "trivet/testing/conformance/pace.h"

namespace trivet {

// `Log` is made from an executor, whose time is the subject's, and has Crash()
// and FailNextAppend() as MemoryLogStore has them.
template <typename Log>
class LogInMemory final : public testing::LogStoreSubject {
 public:
  LogStore* log() override { return &log_; }
  testing::Pace pace() const override { return pace_; }
  bool Stop(End how) override {
    if (how == End::kPowerLoss) log_.Crash();
    return true;
  }
  void Start() override {}
  bool FailNextAppend() override {
    log_.FailNextAppend(absl::UnavailableError("as asked"),
                        MemoryLogStore::Written::kYes);
    return true;
  }

 private:
  ManualExecutor executor_;
  Log log_{&executor_};
  const testing::Pace pace_{
      [this](absl::Duration span) { executor_.AdvanceBy(span); }};
};

}  // namespace trivet

#endif  // TRIVET_TESTS_CONFORMANCE_LOG_SUBJECTS_H_
