// SPDX-License-Identifier: Apache-2.0

#include "trivet/adapters/file/file_log_store.h"

#include <pthread.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "src/adapters/file/file_log_factory.h"
#include "src/adapters/file/file_ops.h"
#include "src/adapters/file/log_files.h"
#include "src/internal/invariant.h"
#include "src/internal/mutant.h"
#include "trivet/host/log_store.h"

namespace trivet {
inline namespace v0_1 {
namespace {

using internal::FileOps;
using internal::LogFiles;

constexpr size_t kSegmentSizeStep = 4096;
constexpr size_t kSegmentSizeMax = size_t{1} << 30;
constexpr size_t kSegmentOverhead = 256;  // Headers, a mark and padding.

absl::Status OutOfRange(const char* field, size_t value, size_t least,
                        size_t most) {
  return absl::InvalidArgumentError(
      std::string("FileLogOptions.") + field + ": " + std::to_string(value) +
      " is not in " + std::to_string(least) + ".." + std::to_string(most));
}

absl::Status Check(const FileLogOptions& options) {
  const size_t segment = options.segment_size;
  if (segment < kSegmentSizeStep || segment > kSegmentSizeMax) {
    return OutOfRange("segment_size", segment, kSegmentSizeStep,
                      kSegmentSizeMax);
  }
  if (segment % kSegmentSizeStep != 0) {
    return absl::InvalidArgumentError(
        "FileLogOptions.segment_size: " + std::to_string(segment) +
        " is not a multiple of " + std::to_string(kSegmentSizeStep));
  }
  const size_t record_most = segment - kSegmentOverhead;
  if (options.record_size_max < 1 || options.record_size_max > record_most) {
    return OutOfRange("record_size_max", options.record_size_max, 1,
                      record_most);
  }
  return absl::OkStatus();
}

absl::Status Fenced(Epoch epoch, Epoch claimed) {
  const std::string claim =
      claimed == 0 ? "no epoch is claimed"
                   : "the claimed epoch is " + std::to_string(claimed);
  return absl::AbortedError("fenced: the append is of epoch " +
                            std::to_string(epoch) + ", " + claim);
}

}  // namespace

// Appends and claims stand in one queue and are carried out in its order by one
// thread, the writer, which alone touches the files. So a claim has everything
// issued before it on disk when it reads the log, and refuses everything issued
// under a smaller epoch after it; and completions come in order.
class FileLogStore::Impl {
 public:
  Impl(std::unique_ptr<LogFiles> files, size_t record_size_max)
      : record_size_max_(record_size_max),
        id_(files->log_id()),
        files_(std::move(files)) {}

  absl::Status StartWriter();
  void StopWriter();

  absl::StatusOr<Epoch> Claim(Epoch wanted, Visitor visit);
  void Append(Epoch epoch, std::vector<std::string> records,
              Durability durability, AppendDone done);
  void Trim(Epoch epoch, LogIndex first_needed);

  std::string_view id() const { return id_; }
  size_t record_size_max() const { return record_size_max_; }

  FileLogStats stats() const {
    const absl::MutexLock lock(&mu_);
    return stats_;
  }

 private:
  // A claim that its caller waits for.
  struct ClaimCall {
    Epoch wanted = 0;
    std::optional<absl::StatusOr<LogFiles::Retained>> result;
  };

  struct Operation {
    Epoch epoch = 0;
    std::vector<std::string> records;
    Durability durability = Durability::kForced;
    AppendDone done;
    ClaimCall* claim = nullptr;  // If set, this is a claim, not an append.
  };

  struct TrimHint {
    Epoch epoch = 0;
    LogIndex first_needed = 0;
  };

  void Write();
  bool TakeAll(std::vector<Operation>* operations, TrimHint* trim);
  void CarryOut(ClaimCall* claim);
  absl::StatusOr<LogFiles::Retained> ClaimFiles(Epoch wanted);
  void CarryOut(Operation* begin, Operation* end);
  absl::StatusOr<LogIndex> Take(const Operation& append);
  absl::Status MakeDurable(bool forced);
  void CarryOut(const TrimHint& trim);
  void PublishStats();

  const size_t record_size_max_;
  const std::string id_;
  pthread_t writer_{};
  bool writer_runs_ = false;

  mutable absl::Mutex mu_;
  absl::CondVar wake_writer_;
  absl::CondVar claimed_;
  std::vector<Operation> queue_ ABSL_GUARDED_BY(mu_);
  TrimHint trim_ ABSL_GUARDED_BY(mu_);
  bool closing_ ABSL_GUARDED_BY(mu_) = false;
  FileLogStats stats_ ABSL_GUARDED_BY(mu_);

  // The writer's own.
  const std::unique_ptr<LogFiles> files_;
  Epoch epoch_ = 0;       // The one that may append; 0: none was claimed here.
  absl::Status stopped_;  // Why nothing may be appended until the next claim.
  FileLogStats counts_;
};

absl::Status FileLogStore::Impl::StartWriter() {
  const auto run = [](void* self) -> void* {
    static_cast<Impl*>(self)->Write();
    return nullptr;
  };
  const int error = pthread_create(&writer_, nullptr, run, this);
  if (error != 0) {
    return absl::ResourceExhaustedError(
        std::string("FileLogStore: no thread: ") +
        std::generic_category().message(error));
  }
  writer_runs_ = true;
  return absl::OkStatus();
}

void FileLogStore::Impl::StopWriter() {
  if (!writer_runs_) return;
  TRIVET_INVARIANT(!pthread_equal(writer_, pthread_self()),
                   "REQUIRES: not destroyed by one of its own callbacks");
  {
    const absl::MutexLock lock(&mu_);
    closing_ = true;
    wake_writer_.Signal();
  }
  pthread_join(writer_, nullptr);
}

absl::StatusOr<Epoch> FileLogStore::Impl::Claim(Epoch wanted, Visitor visit) {
  TRIVET_INVARIANT(!pthread_equal(writer_, pthread_self()),
                   "REQUIRES: not called by a callback of an append");
  ClaimCall call;
  call.wanted = wanted;
  {
    const absl::MutexLock lock(&mu_);
    queue_.emplace_back().claim = &call;
    wake_writer_.Signal();
    while (!call.result.has_value()) claimed_.Wait(&mu_);
  }
  if (!call.result->ok()) return call.result->status();
  const LogFiles::Retained& retained = **call.result;
  absl::Status visited = retained.Visit(visit);
  if (!visited.ok()) return visited;
  return retained.segment.epoch;
}

void FileLogStore::Impl::Append(Epoch epoch, std::vector<std::string> records,
                                Durability durability, AppendDone done) {
  const absl::MutexLock lock(&mu_);
  if (closing_) return;  // The caller's frame destroys `done`, unlocked.
  Operation& append = queue_.emplace_back();
  append.epoch = epoch;
  append.records = std::move(records);
  append.durability = durability;
  append.done = std::move(done);
  wake_writer_.Signal();
}

void FileLogStore::Impl::Trim(Epoch epoch, LogIndex first_needed) {
  const absl::MutexLock lock(&mu_);
  const bool news = epoch > trim_.epoch ||
                    (epoch == trim_.epoch && first_needed > trim_.first_needed);
  if (!news) return;
  trim_ = {epoch, first_needed};
  wake_writer_.Signal();
}

void FileLogStore::Impl::Write() {
  std::vector<Operation> operations;
  TrimHint trim;
  while (TakeAll(&operations, &trim)) {
    Operation* const end = operations.data() + operations.size();
    for (Operation* at = operations.data(); at != end;) {
      if (at->claim != nullptr) {
        CarryOut((at++)->claim);
        continue;
      }
      Operation* const begin = at;
      while (at != end && at->claim == nullptr) ++at;
      CarryOut(begin, at);
    }
    operations.clear();
    CarryOut(trim);
  }
}

// Waits for something to do. False: nothing more will come.
bool FileLogStore::Impl::TakeAll(std::vector<Operation>* operations,
                                 TrimHint* trim) {
  const absl::MutexLock lock(&mu_);
  while (queue_.empty() && trim_.first_needed == 0) {
    if (closing_) return false;
    wake_writer_.Wait(&mu_);
  }
  operations->swap(queue_);
  *trim = trim_;
  trim_.first_needed = 0;  // Taken; the epoch stays, against late hints.
  return true;
}

void FileLogStore::Impl::CarryOut(ClaimCall* claim) {
  absl::StatusOr<LogFiles::Retained> result = ClaimFiles(claim->wanted);
  const absl::MutexLock lock(&mu_);
  claim->result = std::move(result);
  claimed_.SignalAll();
}

absl::StatusOr<LogFiles::Retained> FileLogStore::Impl::ClaimFiles(
    Epoch wanted) {
  const Epoch last = files_->last_epoch();
  if (wanted == 0 && last == UINT64_MAX) {
    return absl::ResourceExhaustedError("the last epoch there is was claimed");
  }
  if (wanted != 0 && wanted <= last) {
    return absl::AbortedError("epoch " + std::to_string(wanted) +
                              " is wanted, " + std::to_string(last) +
                              " was claimed before");
  }
  const Epoch epoch = wanted != 0 ? wanted : last + 1;
  auto retained = files_->Claim(epoch);
  stopped_ = retained.status();
  // A claim that failed halfway may have become durable: it fences too.
  if (files_->last_epoch() == epoch) epoch_ = epoch;
  PublishStats();
  return retained;
}

// One write, one sync if anything is forced, then the callbacks.
void FileLogStore::Impl::CarryOut(Operation* begin, Operation* end) {
  std::vector<absl::StatusOr<LogIndex>> results;
  results.reserve(static_cast<size_t>(end - begin));
  bool forced = false;
  bool some = false;
  for (const Operation* append = begin; append != end; ++append) {
    results.push_back(Take(*append));
    if (!results.back().ok()) continue;
    some = true;
    if (append->durability == Durability::kForced) forced = true;
  }
  if (some) {
    const absl::Status written = MakeDurable(forced);
    for (absl::StatusOr<LogIndex>& result : results) {
      if (!written.ok() && result.ok()) result = written;
    }
  }
  PublishStats();
  for (size_t i = 0; i < results.size(); ++i) {
    std::move(begin[i].done)(std::move(results[i]));
  }
}

absl::StatusOr<LogIndex> FileLogStore::Impl::Take(const Operation& append) {
  const bool fenced = append.epoch != epoch_ || epoch_ == 0;
  if (fenced && !TRIVET_MUTANT(file_log_append_not_fenced)) {
    return Fenced(append.epoch, epoch_);
  }
  if (!stopped_.ok()) {
    return absl::UnavailableError(
        "the log stopped at an earlier error and has to be claimed again: " +
        std::string(stopped_.message()));
  }
  for (const std::string& record : append.records) {
    if (record.size() <= record_size_max_) continue;
    // Stops the log like any error: what is appended after it must not
    // stand without it.
    stopped_ = absl::InvalidArgumentError(
        "record of " + std::to_string(record.size()) +
        " bytes; FileLogOptions.record_size_max is " +
        std::to_string(record_size_max_));
    return stopped_;
  }
  for (const std::string& record : append.records) {
    absl::Status added = files_->Add(record);
    if (!added.ok()) {
      stopped_ = added;
      return added;
    }
  }
  ++counts_.appends;
  counts_.records += append.records.size();
  return files_->next_index() - 1;
}

absl::Status FileLogStore::Impl::MakeDurable(bool forced) {
  absl::Status written = forced ? files_->Sync() : files_->Flush();
  // The mark stands before the callbacks: what was told to be durable is
  // protected against being taken for a torn tail. Its failure is for the
  // next append to report; these records are durable.
  const absl::Status marked = written.ok() && forced ? files_->Mark() : written;
  if (!marked.ok() && stopped_.ok()) stopped_ = marked;
  return written;
}

void FileLogStore::Impl::CarryOut(const TrimHint& trim) {
  if (trim.first_needed == 0 || trim.epoch != epoch_ || !stopped_.ok()) return;
  stopped_ = files_->Trim(trim.first_needed);
}

void FileLogStore::Impl::PublishStats() {
  counts_.syncs = files_->syncs();
  counts_.segments = files_->segments();
  const absl::MutexLock lock(&mu_);
  stats_ = counts_;
}

absl::StatusOr<std::unique_ptr<FileLogStore>> internal::FileLogFactory::Create(
    FileOps* ops, std::string directory, const FileLogOptions& options) {
  absl::Status checked = Check(options);
  if (!checked.ok()) return checked;
  auto files =
      LogFiles::Create(ops, std::move(directory), options.segment_size);
  if (!files.ok()) return files.status();
  return Start(*std::move(files), options);
}

absl::StatusOr<std::unique_ptr<FileLogStore>> internal::FileLogFactory::Open(
    FileOps* ops, std::string directory, const FileLogOptions& options) {
  absl::Status checked = Check(options);
  if (!checked.ok()) return checked;
  auto files = LogFiles::Open(ops, std::move(directory), options.segment_size);
  if (!files.ok()) return files.status();
  return Start(*std::move(files), options);
}

absl::StatusOr<std::unique_ptr<FileLogStore>> internal::FileLogFactory::Start(
    std::unique_ptr<LogFiles> files, const FileLogOptions& options) {
  std::unique_ptr<FileLogStore> log(
      new FileLogStore(std::make_unique<FileLogStore::Impl>(
          std::move(files), options.record_size_max)));
  absl::Status started = log->impl_->StartWriter();
  if (!started.ok()) return started;
  return log;
}

absl::StatusOr<std::unique_ptr<FileLogStore>> FileLogStore::Create(
    std::string directory, FileLogOptions options) {
  return internal::FileLogFactory::Create(FileOps::Posix(),
                                          std::move(directory), options);
}

absl::StatusOr<std::unique_ptr<FileLogStore>> FileLogStore::Open(
    std::string directory, FileLogOptions options) {
  return internal::FileLogFactory::Open(FileOps::Posix(), std::move(directory),
                                        options);
}

FileLogStore::FileLogStore(std::unique_ptr<Impl> impl)
    : impl_(std::move(impl)) {}

FileLogStore::~FileLogStore() { impl_->StopWriter(); }

std::string_view FileLogStore::id() const { return impl_->id(); }

FileLogStats FileLogStore::stats() const { return impl_->stats(); }

absl::StatusOr<Epoch> FileLogStore::Claim(Epoch wanted, Visitor visit) {
  return impl_->Claim(wanted, visit);
}

void FileLogStore::Append(Epoch epoch, std::vector<std::string> records,
                          Durability durability, AppendDone done) {
  impl_->Append(epoch, std::move(records), durability, std::move(done));
}

void FileLogStore::Trim(Epoch epoch, LogIndex first_needed) {
  impl_->Trim(epoch, first_needed);
}

size_t FileLogStore::RecordSizeMax() const { return impl_->record_size_max(); }

}  // namespace v0_1
}  // namespace trivet
