// SPDX-License-Identifier: Apache-2.0

#include "src/adapters/sqlite/worker.h"

#include <pthread.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "src/adapters/sqlite/database.h"
#include "src/internal/fork_generation.h"
#include "src/internal/invariant.h"
#include "src/internal/quoted.h"
#include "trivet/adapters/sqlite/sqlite_options.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {
namespace {

// So that a transaction keeps others waiting for a moment only.
constexpr size_t kAsksMax = 256;

absl::Status Check(const std::string& path, const SqliteOptions& options) {
  if (path.empty() || path == ":memory:" || absl::StartsWith(path, "file:") ||
      path.find('\0') != path.npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("the path of a database is ", Quoted(path),
                     "; it must name a file that other processes can open"));
  }
  constexpr absl::Duration kMin = absl::Milliseconds(1);
  constexpr absl::Duration kMax = absl::Minutes(1);
  if (options.busy_timeout < kMin || options.busy_timeout > kMax) {
    return absl::InvalidArgumentError(absl::StrCat(
        "SqliteOptions.busy_timeout is ",
        absl::FormatDuration(options.busy_timeout), "; it must be in 1ms..1m"));
  }
  return absl::OkStatus();
}

}  // namespace

SqliteWorker::SqliteWorker(absl::Duration busy_timeout)
    : generation_(ForkGeneration()), busy_timeout_(busy_timeout) {}

absl::StatusOr<SqliteWorker::Owner> SqliteWorker::Open(
    const std::string& path, const SqliteOptions& options,
    absl::FunctionRef<absl::Status(Database* database)> prepare) {
  absl::Status sound = Check(path, options);
  if (!sound.ok()) return sound;
  Owner worker(new SqliteWorker(options.busy_timeout));
  auto database = Database::Open(path, [self = worker.get()](int times) {
    return self->WaitForOthers(times);
  });
  if (!database.ok()) return database.status();
  worker->database_ = *std::move(database);
  absl::Status started = worker->Transact(
      /*durable=*/true, [&] { return prepare(worker->database_.get()); });
  if (started.ok()) started = worker->Start();
  if (!started.ok()) return started;
  return worker;
}

// By pthread_create, because std::thread reports failure by an exception.
absl::Status SqliteWorker::Start() {
  const auto run = [](void* self) -> void* {
    static_cast<SqliteWorker*>(self)->Work();
    return nullptr;
  };
  const int error = pthread_create(&thread_, nullptr, run, this);
  if (error != 0) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "no thread for a database: ", std::generic_category().message(error)));
  }
  runs_ = true;
  return absl::OkStatus();
}

void SqliteWorker::Delete::operator()(SqliteWorker* worker) const {
  if (worker->generation_ == ForkGeneration()) delete worker;
}

SqliteWorker::~SqliteWorker() {
  if (!runs_) return;
  TRIVET_INVARIANT(!pthread_equal(thread_, pthread_self()),
                   "REQUIRES: not destroyed by one of its own callbacks");
  {
    const absl::MutexLock lock(&mu_);
    closing_ = true;
    wake_.Signal();
    closed_.Signal();
  }
  pthread_join(thread_, nullptr);
}

void SqliteWorker::Push(Ask ask) {
  if (generation_ != ForkGeneration()) {
    return std::move(ask.tell)(absl::FailedPreconditionError(
        "the database was opened by this process's parent; open it anew"));
  }
  const absl::MutexLock lock(&mu_);
  queue_.push_back(std::move(ask));
  wake_.Signal();
}

// Called by SQLite, again and again, while another process writes. SQLite tells
// nobody when that is over.
bool SqliteWorker::WaitForOthers(int times) {
  if (times == 0) waited_ = absl::ZeroDuration();
  const absl::Duration wait = std::min(
      absl::Milliseconds(1 << std::min(times, 3)), busy_timeout_ - waited_);
  if (wait <= absl::ZeroDuration()) return false;
  waited_ += wait;
  const absl::MutexLock lock(&mu_);
  if (!closing_) closed_.WaitWithTimeout(&mu_, wait);
  return !closing_;
}

void SqliteWorker::Work() {
  while (true) {
    std::vector<Ask> asks;
    {
      const absl::MutexLock lock(&mu_);
      while (queue_.empty() && !closing_) wake_.Wait(&mu_);
      if (queue_.empty()) return;
      if (queue_.size() <= kAsksMax) {
        asks.swap(queue_);
      } else {
        const auto end = queue_.begin() + kAsksMax;
        asks.assign(std::make_move_iterator(queue_.begin()),
                    std::make_move_iterator(end));
        queue_.erase(queue_.begin(), end);
      }
    }
    Do(&asks);
  }
}

// Together, if SQLite does all that is asked of it. Otherwise nothing has
// happened, and each is tried alone, until it fails to begin or to end: where
// the end fails nobody knows what has happened.
void SqliteWorker::Do(std::vector<Ask>* asks) {
  bool durable = false;
  for (const Ask& ask : *asks) durable = durable || ask.durable;
  bool acted = true;
  const auto act = [&](Ask& ask) {
    ask.act(database_.get());
    acted = database_->error().ok();
    return database_->error();
  };
  absl::Status status = Transact(durable, [&] {
    for (Ask& ask : *asks) {
      absl::Status done = act(ask);
      if (!done.ok()) return done;
    }
    return absl::OkStatus();
  });
  bool alone = !acted && asks->size() > 1;
  for (Ask& ask : *asks) {
    if (alone) {
      acted = true;
      status = Transact(ask.durable, [&] { return act(ask); });
      alone = status.ok() || !acted;
    }
    std::move(ask.tell)(status);
  }
}

absl::Status SqliteWorker::Transact(bool durable,
                                    absl::FunctionRef<absl::Status()> act) {
  absl::Status status = database_->Begin(durable);
  if (!status.ok()) return status;
  status = act();
  if (status.ok()) status = database_->Commit();
  if (!status.ok()) database_->Rollback();
  return status;
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
