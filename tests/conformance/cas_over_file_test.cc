// SPDX-License-Identifier: Apache-2.0
//
// Leases over registers in files conform, also when the process that kept them
// has ended.

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "tests/support/manual_executor.h"
#include "tests/support/real_time.h"
#include "tests/support/temp_dir.h"
#include "trivet/adapters/file/file_versioned_store.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/host/versioned_store.h"
#include "trivet/lock/cas_lock_backend.h"
#include "trivet/lock/lock_backend.h"
#include "trivet/testing/conformance/gtest.h"
#include "trivet/testing/conformance/lock_backend_suite.h"
#include "trivet/testing/conformance/pace.h"

namespace trivet {
namespace {

using testing::LockBackendSubject;
using testing::Pace;

// Answers inside the call, so that time, which is virtual, stands still until
// the disk is done.
class Waiting final : public VersionedStore {
 public:
  explicit Waiting(VersionedStore* store) : store_(store) {}

  void Get(std::string key, Done<VersionedValue> done) override {
    Awaiter<absl::StatusOr<VersionedValue>> answer;
    store_->Get(std::move(key), answer.Done());
    std::move(done)(answer.Wait());
  }
  void CompareAndSet(std::string key, uint64_t expected_version,
                     std::string value, Done<uint64_t> done) override {
    Awaiter<absl::StatusOr<uint64_t>> answer;
    store_->CompareAndSet(std::move(key), expected_version, std::move(value),
                          answer.Done());
    std::move(done)(answer.Wait());
  }

 private:
  VersionedStore* const store_;
};

class CasOverFile final : public LockBackendSubject {
 public:
  CasOverFile() {
    EXPECT_TRUE(FileVersionedStore::Create(directory_.Sub("locks")).ok());
    Restart();
  }

  LockBackend* backend() override { return backend_.get(); }
  Pace pace() const override { return pace_; }
  MonotonicTime Now() const override { return executor_.Now(); }
  bool Restart() override {
    backend_.reset();
    store_.reset();
    store_ = *FileVersionedStore::Open(directory_.Sub("locks"));
    waiting_ = std::make_unique<Waiting>(store_.get());
    backend_ = std::make_unique<CasLockBackend>(&executor_, waiting_.get());
    return true;
  }
  bool Destroy() override {
    backend_.reset();
    return true;
  }

 private:
  TempDir directory_;
  ManualExecutor executor_;
  const Pace pace_{[this](absl::Duration span) { executor_.AdvanceBy(span); }};
  std::unique_ptr<FileVersionedStore> store_;
  std::unique_ptr<Waiting> waiting_;
  std::unique_ptr<CasLockBackend> backend_;
};

TRIVET_TEST_CONFORMANCE(CasLockBackendOverFiles, LockBackendSuite,
                        [] { return std::make_unique<CasOverFile>(); });

}  // namespace
}  // namespace trivet
