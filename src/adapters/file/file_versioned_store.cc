// SPDX-License-Identifier: Apache-2.0

#include "trivet/adapters/file/file_versioned_store.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "src/adapters/file/file_log_factory.h"
#include "src/adapters/file/file_ops.h"
#include "src/internal/bytes.h"
#include "trivet/adapters/file/file_log_store.h"
#include "trivet/host/log_store.h"
#include "trivet/host/versioned_store.h"

namespace trivet {
inline namespace v0_1 {
namespace {

using internal::ByteReader;
using internal::ByteWriter;

// Every record begins with it, so a log of something else is not taken for a
// store.
constexpr std::string_view kTag = "TVR1";

// Rewriting a smaller log would gain nothing.
constexpr size_t kCompactAbove = size_t{1} << 20;

FileLogOptions LogOptions() {
  FileLogOptions options;
  options.segment_size = size_t{2} << 20;
  options.record_size_max = size_t{1} << 20;  // A register is much smaller.
  return options;
}

std::string EncodeRegister(std::string_view key, const VersionedValue& value) {
  std::string record;
  ByteWriter writer(&record);
  writer.Raw(kTag);
  writer.U64(value.version);
  writer.Bytes(key);
  writer.Bytes(value.value);
  return record;
}

absl::Status CheckSize(const char* what, size_t size, size_t size_max) {
  if (size <= size_max) return absl::OkStatus();
  return absl::InvalidArgumentError(std::string("FileVersionedStore: a ") +
                                    what + " of " + std::to_string(size) +
                                    " bytes; the limit is " +
                                    std::to_string(size_max));
}

// Of the log, as an error of the store: kAborted would mean something else.
absl::Status StoreError(const absl::Status& error) {
  const absl::StatusCode code =
      absl::IsAborted(error) ? absl::StatusCode::kUnavailable : error.code();
  return absl::Status(code, error.message());
}

}  // namespace

// Operations are decided in memory, at once, in the order issued, as if all
// earlier writes were durable; and every answer travels through the log behind
// those writes: a write as its record, an answer without one as an empty
// append. The log completes appends in order and none after one that failed, so
// an answer arrives only if what it is built on is durable.
class FileVersionedStore::Impl {
 public:
  absl::Status Start(std::unique_ptr<FileLogStore> log);
  void Get(std::string_view key, Done<VersionedValue> done);
  void CompareAndSet(std::string key, uint64_t expected_version,
                     std::string value, Done<uint64_t> done);

 private:
  absl::Status Replay(LogIndex index, std::string_view record);

  // Calls `done` with `answer` once everything issued so far is durable.
  template <typename T>
  void Answer(absl::StatusOr<T> answer, std::vector<std::string> records,
              Done<T> done) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Compact() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Held while appending, so that the log has the order of the decisions. The
  // log never calls back inside Append.
  absl::Mutex mu_;
  std::map<std::string, VersionedValue, std::less<>> registers_
      ABSL_GUARDED_BY(mu_);
  size_t live_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  size_t logged_bytes_ ABSL_GUARDED_BY(mu_) = 0;  // Since the last rewriting.
  Epoch epoch_ = 0;

  // Last, to be destroyed first: it answers what waits.
  std::unique_ptr<FileLogStore> log_;
};

absl::Status FileVersionedStore::Impl::Start(
    std::unique_ptr<FileLogStore> log) {
  log_ = std::move(log);
  const absl::StatusOr<Epoch> epoch =
      log_->Claim(0, [this](LogIndex index, std::string_view record) {
        return Replay(index, record);
      });
  if (!epoch.ok()) return epoch.status();
  epoch_ = *epoch;
  const absl::MutexLock lock(&mu_);
  for (const auto& [key, value] : registers_) {
    live_bytes_ += EncodeRegister(key, value).size();
  }
  return absl::OkStatus();
}

absl::Status FileVersionedStore::Impl::Replay(LogIndex index,
                                              std::string_view record) {
  ByteReader reader(record);
  const bool tagged = reader.Raw(kTag.size()) == kTag;
  VersionedValue value;
  value.version = reader.U64();
  const std::string_view key = reader.Bytes(kKeySizeMax);
  value.value = reader.Bytes(kValueSizeMax);
  if (!tagged || !reader.Finished() || value.version == 0) {
    return absl::DataLossError("record " + std::to_string(index) +
                               " of the log is not a versioned register");
  }
  const absl::MutexLock lock(&mu_);
  VersionedValue& held = registers_[std::string(key)];
  // The same version again is a copy that Compact made.
  if (value.version < held.version) {
    return absl::DataLossError("record " + std::to_string(index) +
                               " of the log takes a version back");
  }
  held = std::move(value);
  logged_bytes_ += record.size();
  return absl::OkStatus();
}

template <typename T>
void FileVersionedStore::Impl::Answer(absl::StatusOr<T> answer,
                                      std::vector<std::string> records,
                                      Done<T> done) {
  const Durability durability =
      records.empty() ? Durability::kLazy : Durability::kForced;
  log_->Append(epoch_, std::move(records), durability,
               [answer = std::move(answer), done = std::move(done)](
                   const absl::StatusOr<LogIndex>& last) mutable {
                 if (!last.ok()) answer = StoreError(last.status());
                 std::move(done)(std::move(answer));
               });
}

void FileVersionedStore::Impl::Get(std::string_view key,
                                   Done<VersionedValue> done) {
  const absl::MutexLock lock(&mu_);
  const auto found = registers_.find(key);
  VersionedValue value;
  if (found != registers_.end()) value = found->second;
  Answer<VersionedValue>(std::move(value), {}, std::move(done));
}

void FileVersionedStore::Impl::CompareAndSet(std::string key,
                                             uint64_t expected_version,
                                             std::string value,
                                             Done<uint64_t> done) {
  const absl::MutexLock lock(&mu_);
  const auto found = registers_.find(key);
  const uint64_t version =
      found != registers_.end() ? found->second.version : 0;
  if (version != expected_version) {
    return Answer<uint64_t>(
        absl::AbortedError("version " + std::to_string(expected_version) +
                           " is expected, the register is at " +
                           std::to_string(version)),
        {}, std::move(done));
  }
  if (version == UINT64_MAX) {
    return Answer<uint64_t>(
        absl::ResourceExhaustedError("the register has had its last version"),
        {}, std::move(done));
  }
  if (found != registers_.end()) {
    live_bytes_ -= EncodeRegister(key, found->second).size();
  }
  VersionedValue next{std::move(value), version + 1};
  std::string record = EncodeRegister(key, next);
  live_bytes_ += record.size();
  logged_bytes_ += record.size();
  registers_.insert_or_assign(std::move(key), std::move(next));
  Answer<uint64_t>(version + 1, {std::move(record)}, std::move(done));
  if (logged_bytes_ > kCompactAbove + 2 * live_bytes_) Compact();
}

// Appends all registers anew; what stands before them may then go. Forced,
// because a log may drop what is old as soon as it is told to.
void FileVersionedStore::Impl::Compact() {
  std::vector<std::string> records;
  records.reserve(registers_.size());
  for (const auto& [key, value] : registers_) {
    records.push_back(EncodeRegister(key, value));
  }
  logged_bytes_ = live_bytes_;
  const size_t count = records.size();
  // The log itself, not this object, which may be half destroyed by then.
  log_->Append(epoch_, std::move(records), Durability::kForced,
               [log = log_.get(), epoch = epoch_,
                count](const absl::StatusOr<LogIndex>& last) {
                 if (last.ok()) log->Trim(epoch, *last - count + 1);
               });
}

absl::StatusOr<std::unique_ptr<FileVersionedStore>>
internal::FileVersionedFactory::Create(FileOps* ops, std::string directory) {
  auto log = FileLogFactory::Create(ops, std::move(directory), LogOptions());
  if (!log.ok()) return log.status();
  return Start(*std::move(log));
}

absl::StatusOr<std::unique_ptr<FileVersionedStore>>
internal::FileVersionedFactory::Open(FileOps* ops, std::string directory) {
  auto log = FileLogFactory::Open(ops, std::move(directory), LogOptions());
  if (!log.ok()) return log.status();
  return Start(*std::move(log));
}

absl::StatusOr<std::unique_ptr<FileVersionedStore>>
internal::FileVersionedFactory::Start(std::unique_ptr<FileLogStore> log) {
  auto impl = std::make_unique<FileVersionedStore::Impl>();
  absl::Status started = impl->Start(std::move(log));
  if (!started.ok()) return started;
  return std::unique_ptr<FileVersionedStore>(
      new FileVersionedStore(std::move(impl)));
}

absl::StatusOr<std::unique_ptr<FileVersionedStore>> FileVersionedStore::Create(
    std::string directory) {
  return internal::FileVersionedFactory::Create(internal::FileOps::Posix(),
                                                std::move(directory));
}

absl::StatusOr<std::unique_ptr<FileVersionedStore>> FileVersionedStore::Open(
    std::string directory) {
  return internal::FileVersionedFactory::Open(internal::FileOps::Posix(),
                                              std::move(directory));
}

FileVersionedStore::FileVersionedStore(std::unique_ptr<Impl> impl)
    : impl_(std::move(impl)) {}

FileVersionedStore::~FileVersionedStore() = default;

void FileVersionedStore::Get(std::string key, Done<VersionedValue> done) {
  absl::Status checked = CheckSize("key", key.size(), kKeySizeMax);
  if (!checked.ok()) return std::move(done)(std::move(checked));
  impl_->Get(key, std::move(done));
}

void FileVersionedStore::CompareAndSet(std::string key,
                                       uint64_t expected_version,
                                       std::string value, Done<uint64_t> done) {
  absl::Status checked = CheckSize("key", key.size(), kKeySizeMax);
  if (checked.ok()) {
    checked = CheckSize("value", value.size(), kValueSizeMax);
  }
  if (!checked.ok()) return std::move(done)(std::move(checked));
  impl_->CompareAndSet(std::move(key), expected_version, std::move(value),
                       std::move(done));
}

}  // namespace v0_1
}  // namespace trivet
