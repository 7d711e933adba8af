// SPDX-License-Identifier: Apache-2.0
//
// Processes that contend for a lock and write under its tokens, while they are
// killed and stopped at any moment.

#include <poll.h>
#include <sqlite3.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "src/internal/backoff.h"
#include "src/internal/random.h"
#include "tests/adapters/sqlite/sqlite_fixture.h"
#include "tests/support/fork.h"
#include "tests/support/temp_dir.h"
#include "trivet/adapters/sqlite/sqlite_fence.h"
#include "trivet/adapters/sqlite/sqlite_lock_backend.h"
#include "trivet/adapters/thread/thread_executor.h"
#include "trivet/lock/lock_client.h"

namespace trivet {
namespace {

constexpr absl::Duration kTtl = absl::Milliseconds(300);

std::unique_ptr<LockClient> NewClient(Executor* executor, LockBackend* backend,
                                      std::string owner) {
  LockClientOptions options;
  options.lease.ttl = kTtl;
  options.lease.renew_after = kTtl / 3;
  options.lease.retry_min = absl::Milliseconds(2);
  options.lease.retry_max = absl::Milliseconds(20);
  options.require_fence = FenceStrength::kMonotonic;
  return *LockClient::Create(executor, backend, std::move(owner), options);
}

// Does not look whether it still holds the lock: the gate does.
char Write(Connection* data, FencingToken token, pid_t self) {
  if (data->Run("BEGIN IMMEDIATE") != SQLITE_OK) return 'b';
  const absl::Status admitted = AdmitInSqlite(data->get(), "journal", token);
  const bool written =
      admitted.ok() &&
      data->Run("INSERT INTO journal VALUES (" + std::to_string(token.value) +
                ", " + std::to_string(self) + ")") == SQLITE_OK &&
      data->Run("COMMIT") == SQLITE_OK;
  if (!written) data->Run("ROLLBACK");
  return written ? 'w' : 'r';
}

// Until it is killed. Says a letter of each write.
[[noreturn]] void Work(const std::string& locks, const std::string& journal,
                       int progress) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const auto executor = *ThreadExecutor::Create({1});
  const auto backend = *SqliteLockBackend::Open(locks);
  const auto client =
      NewClient(executor.get(), backend.get(), std::to_string(getpid()));
  Connection data(journal);
  sqlite3_busy_timeout(data.get(), /*ms=*/10000);
  while (true) {
    const absl::StatusOr<Lease> lease = client->Lock("job", absl::Minutes(1));
    if (!lease.ok()) ExitChild(1);
    for (int i = 0; i < 4; ++i) {
      const char letter = Write(&data, lease->fencing_token(), getpid());
      if (write(progress, &letter, 1) != 1) ExitChild(1);
    }
  }
}

class SqliteProcessTest : public ::testing::Test {
 protected:
  SqliteProcessTest() {
    {
      Connection data(journal_);
      EXPECT_EQ(
          data.Run("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; "
                   "CREATE TABLE journal (token INTEGER, writer INTEGER)"),
          SQLITE_OK);
    }  // A database that is open must not be taken through a fork.
    EXPECT_EQ(pipe(pipe_.data()), 0);
    for (pid_t& worker : workers_) worker = Start();
  }
  ~SqliteProcessTest() override {
    for (pid_t& worker : workers_) Kill(worker);
    close(pipe_[0]);
    close(pipe_[1]);
  }

  pid_t Start() {
    const pid_t worker = fork();
    if (worker == 0) Work(locks_, journal_, pipe_[1]);
    return worker;
  }
  static void Kill(pid_t& worker) {
    if (worker <= 0) return;  // Those have other meanings.
    kill(worker, SIGKILL);
    waitpid(std::exchange(worker, 0), nullptr, 0);
  }

  // Reads so many letters, or as many as come within the time.
  void AwaitWrites(int count, absl::Duration patience) {
    while (count > 0) {
      pollfd readable = {pipe_[0], POLLIN, 0};
      const timespec time = absl::ToTimespec(patience);
      if (ppoll(&readable, 1, &time, nullptr) <= 0) return;
      char letter = 0;
      if (read(pipe_[0], &letter, 1) != 1) return;
      ++said_[static_cast<unsigned char>(letter)];
      --count;
    }
  }

  TempDir folder_;
  const std::string locks_ = folder_.Sub("locks.db");
  const std::string journal_ = folder_.Sub("journal.db");
  std::array<int, 2> pipe_{};
  std::array<pid_t, 4> workers_{};
  std::array<int, 256> said_{};
};

TEST_F(SqliteProcessTest, WhoeverIsKilledOrStoppedTheJournalHasRisingTokens) {
  const uint64_t seed = internal::RandomSeed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  internal::SplitMix64 random(seed);
  for (int round = 0; round < 24; ++round) {
    AwaitWrites(static_cast<int>(random.Next() % 12), absl::Seconds(20));
    pid_t& worker = workers_[random.Next() % workers_.size()];
    if (round % 2 == 0) {
      Kill(worker);
      worker = Start();
    } else {
      // It may have a file locked: nobody else writes until it goes on.
      kill(worker, SIGSTOP);
      AwaitWrites(8, 2 * kTtl);
      kill(worker, SIGCONT);
    }
  }
  AwaitWrites(20, absl::Seconds(20));
  for (pid_t& worker : workers_) Kill(worker);
  EXPECT_GT(said_['w'], 50);

  // In the order in which they were committed.
  Connection data(journal_);
  const auto count = [&](const char* sql) {
    sqlite3_stmt* statement = nullptr;
    EXPECT_EQ(sqlite3_prepare_v2(data.get(), sql, -1, &statement, nullptr),
              SQLITE_OK);
    EXPECT_EQ(sqlite3_step(statement), SQLITE_ROW);
    const int result = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return result;
  };
  EXPECT_GE(count("SELECT count(*) FROM journal"), said_['w']);
  EXPECT_EQ(count("SELECT count(*) FROM journal a, journal b WHERE "
                  "b.rowid = a.rowid + 1 AND b.token < a.token"),
            0);
  EXPECT_EQ(count("SELECT count(*) FROM (SELECT token FROM journal GROUP BY "
                  "token HAVING count(DISTINCT writer) > 1)"),
            0);

  // Whoever was killed with the lock loses it by time alone.
  const auto executor = *ThreadExecutor::Create({1});
  const auto backend = *SqliteLockBackend::Open(locks_);
  const auto client = NewClient(executor.get(), backend.get(), "the last");
  EXPECT_TRUE(client->Lock("job", absl::Minutes(1)).ok());
}

}  // namespace
}  // namespace trivet
