// SPDX-License-Identifier: Apache-2.0
//
// SqliteWorker: the thread that has a database to itself. Whatever was asked
// while it wrote becomes one transaction, so a hundred who ask at once wait for
// the disk once.
//
//   any thread --Add--> queue --all of it--> BEGIN, each act, COMMIT --> tell
//
// Thread safety: thread-safe.

#ifndef TRIVET_SRC_ADAPTERS_SQLITE_WORKER_H_
#define TRIVET_SRC_ADAPTERS_SQLITE_WORKER_H_

#include <pthread.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "src/adapters/sqlite/database.h"
#include "trivet/adapters/sqlite/sqlite_options.h"
#include "trivet/config.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

class SqliteWorker {
 public:
  // In a forked child the worker is its parent's, and left alone.
  struct Delete {
    void operator()(SqliteWorker* worker) const;
  };
  using Owner = std::unique_ptr<SqliteWorker, Delete>;

  // `prepare` makes the tables, inside a transaction.
  static absl::StatusOr<Owner> Open(
      const std::string& path, const SqliteOptions& options,
      absl::FunctionRef<absl::Status(Database* database)> prepare);

  // Does what was asked; waits for no other process any more.
  // REQUIRES: not called by `tell`.
  ~SqliteWorker();

  // Asks for what `act` answers, a StatusOr<T>(Database*), inside a
  // transaction; again, if that came to nothing. An error of SQLite's own ends
  // the transaction; any other is an answer as good as a value. `done` is
  // called when what was done is committed; `durable`: when it survives a loss
  // of power.
  template <typename T, typename Act>
  void Add(bool durable, Act act,
           absl::AnyInvocable<void(absl::StatusOr<T>) &&> done) {
    auto answer = std::make_shared<absl::StatusOr<T>>();
    Push({durable,
          [answer, act = std::move(act)](Database* database) {
            *answer = act(database);
          },
          [answer, done = std::move(done)](absl::Status status) mutable {
            if (!status.ok()) *answer = std::move(status);
            std::move(done)(std::move(*answer));
          }});
  }

 private:
  struct Ask {
    bool durable;
    absl::AnyInvocable<void(Database* database)> act;
    absl::AnyInvocable<void(absl::Status) &&> tell;
  };

  explicit SqliteWorker(absl::Duration busy_timeout);
  absl::Status Start();
  void Push(Ask ask);
  bool WaitForOthers(int times);
  void Work();
  void Do(std::vector<Ask>* asks);
  absl::Status Transact(bool durable, absl::FunctionRef<absl::Status()> act);

  const uint64_t generation_;  // Of forks.
  const absl::Duration busy_timeout_;
  absl::Duration waited_;  // For another process, so far.
  std::unique_ptr<Database> database_;
  pthread_t thread_{};
  bool runs_ = false;

  absl::Mutex mu_;
  absl::CondVar wake_;    // There is something to do, or no more.
  absl::CondVar closed_;  // closing_ is true now.
  std::vector<Ask> queue_ ABSL_GUARDED_BY(mu_);
  bool closing_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_ADAPTERS_SQLITE_WORKER_H_
