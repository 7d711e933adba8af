// SPDX-License-Identifier: Apache-2.0
//
// Two workers want to do one job. The first is stopped in the middle of it, for
// longer than its lease lasts, and goes on as if nothing had happened. What it
// then writes is refused, because its token is stale.
//
//   $ ./guard_a_job
//   worker-a holds the job with token 0.1
//   worker-a writes the first half: done
//   worker-a is stopped, and its lease runs out
//   worker-b holds the job next, and writes the second half: done
//   worker-a goes on, and writes with token 0.1: refused
//   worker-a asks why: lock "job": the lease ran out
//   the record reads "first half, second half"

#include <cstdlib>
#include <deque>
#include <iostream>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "trivet/adapters/memory/memory_lock_backend.h"
#include "trivet/adapters/thread/thread_executor.h"
#include "trivet/host/executor.h"
#include "trivet/lock/fencing_token.h"
#include "trivet/lock/lock_client.h"

namespace {

// What the job is about. The gate stands beside the data and is asked by every
// write; in a database both are columns of one row.
class Record {
 public:
  absl::Status Write(trivet::FencingToken token, std::string text) {
    absl::Status admitted = gate_.Admit(token);
    if (admitted.ok()) text_ = std::move(text);
    return admitted;
  }
  const std::string& text() const { return text_; }

 private:
  trivet::FencingGate gate_;
  std::string text_;
};

// An executor that can be stopped, as SIGSTOP stops a process: its clock runs
// on, its tasks do not.
class StoppableExecutor final : public trivet::Executor {
 public:
  explicit StoppableExecutor(std::unique_ptr<trivet::Executor> behind)
      : behind_(std::move(behind)) {}

  void Stop() {
    const std::lock_guard<std::mutex> lock(mu_);
    stopped_ = true;
  }
  void Continue() {
    const std::lock_guard<std::mutex> lock(mu_);
    stopped_ = false;
    for (Task& task : late_) behind_->Post(std::move(task));
    late_.clear();
  }

  trivet::MonotonicTime Now() const override { return behind_->Now(); }
  void Post(Task task) override { behind_->Post(Held(std::move(task))); }
  void PostAt(trivet::MonotonicTime when, Task task) override {
    behind_->PostAt(when, Held(std::move(task)));
  }
  bool MayBlock() const override { return behind_->MayBlock(); }

 private:
  Task Held(Task task) {
    return [this, task = std::move(task)]() mutable {
      {
        const std::lock_guard<std::mutex> lock(mu_);
        if (stopped_) return late_.push_back(std::move(task));
      }
      std::move(task)();
    };
  }

  std::mutex mu_;
  bool stopped_ = false;
  std::deque<Task> late_;
  // Last, so that its threads are gone before what they use.
  std::unique_ptr<trivet::Executor> behind_;
};

template <typename T>
T OrDie(absl::StatusOr<T> result) {
  if (result.ok()) return *std::move(result);
  std::cerr << result.status() << "\n";
  std::exit(1);
}

std::unique_ptr<trivet::LockClient> MakeClient(trivet::Executor* executor,
                                               trivet::LockBackend* backend,
                                               const std::string& owner) {
  trivet::LockClientOptions options;
  options.lease.ttl = absl::Seconds(1.5);
  options.lease.renew_after = absl::Milliseconds(500);
  options.require_fence = trivet::FenceStrength::kMonotonic;
  return OrDie(trivet::LockClient::Create(executor, backend, owner, options));
}

absl::Status FinishTheJob(trivet::LockClient& locks, Record& record) {
  // [readme]
  // Waits for whoever has it, and renews it until `lease` is destroyed.
  const absl::StatusOr<trivet::Lease> lease =
      locks.Lock("job", absl::Seconds(30));
  if (!lease.ok()) return lease.status();
  // The record refuses a token lower than the highest that it has seen.
  return record.Write(lease->fencing_token(), record.text() + ", second half");
  // [/readme]
}

const char* Outcome(const absl::Status& written) {
  return written.ok() ? "done" : "refused";
}

}  // namespace

int main() {
  // Each outlives what is built on it.
  Record record;
  const auto executor = OrDie(trivet::ThreadExecutor::Create());
  trivet::MemoryLockBackend backend(executor.get());
  StoppableExecutor process_a(OrDie(trivet::ThreadExecutor::Create()));
  const auto locks_a = MakeClient(&process_a, &backend, "worker-a");
  const auto locks_b = MakeClient(executor.get(), &backend, "worker-b");

  const trivet::Lease lease = OrDie(locks_a->Lock("job", absl::Seconds(30)));
  const trivet::FencingToken token = lease.fencing_token();
  std::cout << "worker-a holds the job with token " << ToString(token) << "\n"
            << "worker-a writes the first half: "
            << Outcome(record.Write(token, "first half")) << "\n";

  std::cout << "worker-a is stopped, and its lease runs out\n";
  process_a.Stop();
  std::cout << "worker-b holds the job next, and writes the second half: "
            << Outcome(FinishTheJob(*locks_b, record)) << "\n";

  process_a.Continue();
  std::cout << "worker-a goes on, and writes with token " << ToString(token)
            << ": " << Outcome(record.Write(token, "what I meant to say"))
            << "\n"
            << "worker-a asks why: " << lease.CheckHeld().message() << "\n";

  std::cout << "the record reads \"" << record.text() << "\"\n";
  return record.text() == "first half, second half" ? 0 : 1;
}
