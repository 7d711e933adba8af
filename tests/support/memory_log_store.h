// SPDX-License-Identifier: Apache-2.0
//
// MemoryLogStore: a LogStore in memory that keeps the contract, also over
// crashes, and can be told to be slow, to fail and to lose answers.
//
//   MemoryLogStore log;
//   ... open a coordinator on it, run ...
//   log.Crash();  // What was not forced is gone; so are pending completions.
//   ... open the next one ...
//
// Thread safety: thread-safe. Completions come inside Append, or inside
// Release, one at a time and in order.

#ifndef TRIVET_TESTS_SUPPORT_MEMORY_LOG_STORE_H_
#define TRIVET_TESTS_SUPPORT_MEMORY_LOG_STORE_H_

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "trivet/host/log_store.h"

namespace trivet {

class MemoryLogStore : public LogStore {
 public:
  enum class Written { kNo, kYes };

  absl::StatusOr<Epoch> Claim(Epoch wanted, Visitor visit) override {
    std::deque<Entry> visited;
    Epoch claimed = 0;
    {
      absl::MutexLock lock(&mu_);
      if (wanted != 0 && wanted <= epoch_) {
        return absl::AbortedError("an epoch at or above was claimed before");
      }
      epoch_ = wanted != 0 ? wanted : epoch_ + 1;
      failed_.reset();
      MakeDurable();
      visited = entries_;
      claimed = epoch_;
    }
    for (const Entry& entry : visited) {
      if (absl::Status status = visit(entry.index, entry.record);
          !status.ok()) {
        return status;
      }
    }
    return claimed;
  }

  void Append(Epoch epoch, std::vector<std::string> records,
              Durability durability, AppendDone done) override {
    {
      absl::MutexLock lock(&mu_);
      waiting_.push_back(
          {epoch, std::move(records), durability, std::move(done)});
    }
    Work();
  }

  void Trim(Epoch epoch, LogIndex first_needed) override {
    absl::MutexLock lock(&mu_);
    if (epoch != epoch_) return;
    while (!entries_.empty() && entries_.front().index < first_needed) {
      entries_.pop_front();
    }
  }

  // --- The test's side ------------------------------------------------------

  // Appends wait, neither written nor answered, until Release().
  void Hold() {
    absl::MutexLock lock(&mu_);
    held_ = true;
  }
  void Release() {
    {
      absl::MutexLock lock(&mu_);
      held_ = false;
    }
    Work();
  }

  // Loses what was not forced, and every append that waits.
  void Crash() {
    std::deque<Waiting> lost;
    absl::MutexLock lock(&mu_);
    lost.swap(waiting_);
    held_ = false;
    while (!entries_.empty() && entries_.back().index > durable_) {
      entries_.pop_back();
    }
    next_ = durable_ + 1;
  }

  // The next append fails with `status`, and, as the contract asks, all later
  // ones until the next Claim. The records of the next one are in the log, for
  // nobody to know, if `written`.
  void FailNextAppend(absl::Status status, Written written) {
    absl::MutexLock lock(&mu_);
    fail_next_ = std::make_pair(std::move(status), written);
  }

  // Puts a record there as an older or a foreign program might have.
  void Plant(std::string record) {
    absl::MutexLock lock(&mu_);
    entries_.push_back({next_++, std::move(record)});
    MakeDurable();
  }

  std::vector<std::string> Records() const {
    absl::MutexLock lock(&mu_);
    std::vector<std::string> records;
    for (const Entry& entry : entries_) records.push_back(entry.record);
    return records;
  }
  size_t forced_appends() const {
    absl::MutexLock lock(&mu_);
    return forced_appends_;
  }
  size_t lazy_appends() const {
    absl::MutexLock lock(&mu_);
    return lazy_appends_;
  }

 private:
  struct Entry {
    LogIndex index;
    std::string record;
  };
  struct Waiting {
    Epoch epoch;
    std::vector<std::string> records;
    Durability durability;
    AppendDone done;
  };

  // One thread at a time writes and answers, so that answers keep their order.
  void Work() {
    while (true) {
      std::optional<Waiting> next;
      absl::StatusOr<LogIndex> last = LogIndex{0};
      {
        absl::MutexLock lock(&mu_);
        if (answering_ || held_ || waiting_.empty()) return;
        answering_ = true;
        next = std::move(waiting_.front());
        waiting_.pop_front();
        last = Write(*next);
      }
      std::move(next->done)(std::move(last));
      absl::MutexLock lock(&mu_);
      answering_ = false;
    }
  }

  absl::StatusOr<LogIndex> Write(Waiting& append)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    ++(append.durability == Durability::kForced ? forced_appends_
                                                : lazy_appends_);
    if (append.epoch != epoch_) return absl::AbortedError("fenced");
    if (failed_.has_value()) return *failed_;
    Written written = Written::kYes;
    if (fail_next_.has_value()) {
      failed_ = fail_next_->first;
      written = fail_next_->second;
      fail_next_.reset();
    }
    if (written == Written::kYes) {
      for (std::string& record : append.records) {
        entries_.push_back({next_++, std::move(record)});
      }
      if (append.durability == Durability::kForced) MakeDurable();
    }
    if (failed_.has_value()) return *failed_;
    return next_ - 1;
  }

  void MakeDurable() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    durable_ = next_ - 1;
  }

  mutable absl::Mutex mu_;
  Epoch epoch_ ABSL_GUARDED_BY(mu_) = 0;
  std::deque<Entry> entries_ ABSL_GUARDED_BY(mu_);
  LogIndex next_ ABSL_GUARDED_BY(mu_) = 1;
  LogIndex durable_ ABSL_GUARDED_BY(mu_) = 0;
  std::deque<Waiting> waiting_ ABSL_GUARDED_BY(mu_);
  bool held_ ABSL_GUARDED_BY(mu_) = false;
  bool answering_ ABSL_GUARDED_BY(mu_) = false;
  std::optional<absl::Status> failed_ ABSL_GUARDED_BY(mu_);
  std::optional<std::pair<absl::Status, Written>> fail_next_
      ABSL_GUARDED_BY(mu_);
  size_t forced_appends_ ABSL_GUARDED_BY(mu_) = 0;
  size_t lazy_appends_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace trivet

#endif  // TRIVET_TESTS_SUPPORT_MEMORY_LOG_STORE_H_
