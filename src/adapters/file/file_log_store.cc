// SPDX-License-Identifier: Apache-2.0

#include "trivet/adapters/file/file_log_store.h"

#include <pthread.h>

#include <cstddef>
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
#include "src/adapters/file/log_writer.h"
#include "src/internal/invariant.h"
#include "trivet/host/log_store.h"

namespace trivet {
inline namespace v0_1 {
namespace {

using internal::FileOps;
using internal::LogFiles;
using internal::LogWriter;

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

}  // namespace

// Appends and claims stand in one queue and are carried out in its order by one
// thread, the writer, which alone touches the files. So a claim has everything
// issued before it on disk when it reads the log, and refuses everything issued
// under a smaller epoch after it; and completions come in order.
class FileLogStore::Impl {
 public:
  Impl(std::unique_ptr<LogFiles> files, size_t record_size_max)
      : id_(files->log_id()), log_(std::move(files), record_size_max) {}

  absl::Status StartWriter();
  void StopWriter();

  absl::StatusOr<Epoch> Claim(Epoch wanted, Visitor visit);
  void Append(Epoch epoch, std::vector<std::string> records,
              Durability durability, AppendDone done);
  void Trim(Epoch epoch, LogIndex first_needed);

  std::string_view id() const { return id_; }
  size_t record_size_max() const { return log_.record_size_max(); }

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
  void CarryOut(Operation* begin, Operation* end);
  void PublishStats();

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

  LogWriter log_;  // The writer's own.
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
    log_.Trim(trim.epoch, trim.first_needed);
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
  absl::StatusOr<LogFiles::Retained> result = log_.Claim(claim->wanted);
  PublishStats();
  const absl::MutexLock lock(&mu_);
  claim->result = std::move(result);
  claimed_.SignalAll();
}

// One write, one sync if anything is forced, then the callbacks.
void FileLogStore::Impl::CarryOut(Operation* begin, Operation* end) {
  LogWriter::Batch batch;
  batch.results.reserve(static_cast<size_t>(end - begin));
  for (const Operation* append = begin; append != end; ++append) {
    log_.Take(append->epoch, append->records, append->durability, &batch);
  }
  log_.Finish(&batch);
  PublishStats();
  for (size_t i = 0; i < batch.results.size(); ++i) {
    std::move(begin[i].done)(std::move(batch.results[i]));
  }
}

void FileLogStore::Impl::PublishStats() {
  const absl::MutexLock lock(&mu_);
  stats_ = log_.stats();
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
