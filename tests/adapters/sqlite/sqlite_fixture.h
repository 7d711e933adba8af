// SPDX-License-Identifier: Apache-2.0
//
// What the tests of the SQLite adapters share: a clock to be set, and a
// connection of the test's own to look into the file.

#ifndef TRIVET_TESTS_ADAPTERS_SQLITE_SQLITE_FIXTURE_H_
#define TRIVET_TESTS_ADAPTERS_SQLITE_SQLITE_FIXTURE_H_

#include <sqlite3.h>

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "src/adapters/sqlite/machine_clock.h"
#include "src/adapters/sqlite/sqlite_factory.h"
#include "tests/support/lease_calls.h"
#include "trivet/adapters/sqlite/sqlite_lock_backend.h"
#include "trivet/lock/lock_backend.h"

namespace trivet {

// A machine whose clock the test sets.
class Machine {
 public:
  void AdvanceBy(absl::Duration span) {
    const absl::MutexLock lock(&mu_);
    now_ += span;
  }
  absl::Duration Now() const {
    const absl::MutexLock lock(&mu_);
    return now_;
  }

 private:
  mutable absl::Mutex mu_;
  absl::Duration now_ ABSL_GUARDED_BY(mu_) = absl::Hours(1);
};

class MachinesClock final : public internal::MachineClock {
 public:
  MachinesClock(const Machine* machine, std::string name)
      : machine_(machine), name_(std::move(name)) {}
  std::string name() const override { return name_; }
  absl::Duration Now() const override { return machine_->Now(); }

 private:
  const Machine* const machine_;
  const std::string name_;
};

inline std::unique_ptr<SqliteLockBackend> OpenOn(
    const Machine& machine, const std::string& path,
    const std::string& clock = "boot 1", const SqliteOptions& options = {}) {
  auto backend = internal::SqliteFactory::Open(
      path, options, std::make_unique<MachinesClock>(&machine, clock));
  EXPECT_TRUE(backend.ok()) << backend.status();
  return *std::move(backend);
}

// Another program that has the file open.
class Connection {
 public:
  explicit Connection(const std::string& path) {
    EXPECT_EQ(sqlite3_open(path.c_str(), &connection_), SQLITE_OK);
  }
  ~Connection() { sqlite3_close(connection_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  sqlite3* get() { return connection_; }
  int Run(const std::string& sql) {
    return sqlite3_exec(connection_, sql.c_str(), nullptr, nullptr, nullptr);
  }

 private:
  sqlite3* connection_ = nullptr;
};

}  // namespace trivet

#endif  // TRIVET_TESTS_ADAPTERS_SQLITE_SQLITE_FIXTURE_H_
