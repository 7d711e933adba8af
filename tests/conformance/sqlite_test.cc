// SPDX-License-Identifier: Apache-2.0
//
// What stands on SQLite conforms, on files and in real time.

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "src/adapters/sqlite/machine_clock.h"
#include "tests/support/temp_dir.h"
#include "trivet/adapters/sqlite/sqlite_lock_backend.h"
#include "trivet/adapters/sqlite/sqlite_versioned_store.h"
#include "trivet/adapters/thread/thread_executor.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/lock/cas_lock_backend.h"
#include "trivet/testing/conformance/gtest.h"
#include "trivet/testing/conformance/lock_backend_suite.h"
#include "trivet/testing/conformance/pace.h"
#include "trivet/testing/conformance/versioned_store_suite.h"

namespace trivet {
namespace {

using testing::LockBackendSubject;
using testing::LockBackendSuite;
using testing::Pace;
using testing::VersionedStoreSubject;
using testing::VersionedStoreSuite;

class SqliteLocks final : public LockBackendSubject {
 public:
  SqliteLocks() { Restart(); }

  LockBackend* backend() override { return backend_.get(); }
  Pace pace() const override { return pace_; }
  MonotonicTime Now() const override { return executor_->Now(); }
  absl::Duration ttl() const override { return absl::Seconds(1); }
  bool Restart() override {
    backend_.reset();
    backend_ = *SqliteLockBackend::Open(folder_.Sub("locks.db"));
    return true;
  }
  bool Destroy() override {
    backend_.reset();
    return true;
  }

 private:
  const Pace pace_;
  TempDir folder_;
  std::unique_ptr<ThreadExecutor> executor_ = *ThreadExecutor::Create({1});
  std::unique_ptr<SqliteLockBackend> backend_;
};

TRIVET_TEST_CONFORMANCE(SqliteLockBackend, LockBackendSuite,
                        [] { return std::make_unique<SqliteLocks>(); });

class SqliteRegisters final : public VersionedStoreSubject {
 public:
  SqliteRegisters() { Restart(); }

  VersionedStore* store() override { return store_.get(); }
  Pace pace() const override { return pace_; }
  bool Restart() override {
    store_.reset();
    store_ = *SqliteVersionedStore::Open(folder_.Sub("registers.db"));
    rival_ = *SqliteVersionedStore::Open(folder_.Sub("registers.db"));
    return true;
  }
  VersionedStore* rival() override { return rival_.get(); }

 private:
  const Pace pace_;
  TempDir folder_;
  std::unique_ptr<SqliteVersionedStore> store_;
  std::unique_ptr<SqliteVersionedStore> rival_;
};

TRIVET_TEST_CONFORMANCE(SqliteVersionedStore, VersionedStoreSuite,
                        [] { return std::make_unique<SqliteRegisters>(); });

}  // namespace
}  // namespace trivet
