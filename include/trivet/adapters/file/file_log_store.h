// SPDX-License-Identifier: Apache-2.0
//
// FileLogStore: a LogStore in a directory of the local disk.
//
//   absl::StatusOr<std::unique_ptr<FileLogStore>> log =
//       FileLogStore::Open("/var/lib/shop/bank-log");
//   if (absl::IsNotFound(log.status()) && first_start_ever) {
//     log = FileLogStore::Create("/var/lib/shop/bank-log");
//   }
//
// Creating is never implicit: a log that is missing where one was before is a
// disaster to be told of, not an empty log. Bytes on disk, and which damage is
// taken for a torn tail: src/adapters/file/README.md.
//
// One thread of its own takes all appends that wait, makes one write, one
// fdatasync if any of them is kForced, and then calls their callbacks, with no
// lock held: so throughput comes from many appends in flight, not from threads
// that block. A callback must not block and must not destroy the log.
//
// Several owners in one process may share one object, each with its own Claim:
// the later claim fences the earlier owner. No second object, in this process
// or another, can open the directory meanwhile.
//
// Errors of Append, apart from kAborted (fenced): kInvalidArgument (a record
// above record_size_max; nothing of that append is written), kResourceExhausted
// (disk full), kUnavailable (the disk failed, or an append before this one
// did). Each leaves the log unusable until it is claimed again.
//
// Thread safety: thread-safe. After fork() the child does not hold the lock on
// the directory, and must not use the object.

#ifndef TRIVET_ADAPTERS_FILE_FILE_LOG_STORE_H_
#define TRIVET_ADAPTERS_FILE_FILE_LOG_STORE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "trivet/config.h"
#include "trivet/host/log_store.h"

namespace trivet {
inline namespace v0_1 {

namespace internal {
class FileLogFactory;
}  // namespace internal

struct FileLogOptions {
  // Bytes of one segment file, written full of zeros before it is used. A
  // multiple of 4096, from 4 KiB to 1 GiB. May differ from run to run.
  size_t segment_size = size_t{8} << 20;

  // Bytes of one record, from 1 to segment_size - 256. For the log of a
  // transaction role see max_work_bytes of its options.
  size_t record_size_max = size_t{2} << 20;
};

// Counted since the object was made.
struct FileLogStats {
  uint64_t appends = 0;   // Appends that were written.
  uint64_t records = 0;   // Records in them.
  uint64_t syncs = 0;     // fdatasync calls that made appends durable.
  uint64_t segments = 0;  // Segments brought into use.
};

class TRIVET_EXPORT FileLogStore : public LogStore {
 public:
  // Makes an empty log with a new id in `directory`, which is created, for the
  // owner alone, if only its last component is missing. kAlreadyExists: there
  // is a log. Otherwise as Open.
  static absl::StatusOr<std::unique_ptr<FileLogStore>> Create(
      std::string directory, FileLogOptions options = {});

  // Opens the log in `directory` and changes nothing yet; Claim is next.
  // kNotFound: there is no log. kFailedPrecondition: it is open elsewhere.
  // kDataLoss: a file there is not a log's, or of another log, or damaged.
  // kUnimplemented: a newer trivet wrote it. kPermissionDenied, also for a
  // symbolic link in place of a file. kInvalidArgument: options.
  static absl::StatusOr<std::unique_ptr<FileLogStore>> Open(
      std::string directory, FileLogOptions options = {});

  // Finishes the appends that wait and calls their callbacks. What is appended
  // from then on is destroyed uncalled.
  // REQUIRES: not called by one of its own callbacks.
  ~FileLogStore() override;

  // The log's name in the world: 128 random bits, drawn when it was created, as
  // 32 hexadecimal digits.
  std::string_view id() const;

  FileLogStats stats() const;

  // REQUIRES: not called by a callback of an append.
  absl::StatusOr<Epoch> Claim(Epoch wanted, Visitor visit) override;
  void Append(Epoch epoch, std::vector<std::string> records,
              Durability durability, AppendDone done) override;
  void Trim(Epoch epoch, LogIndex first_needed) override;
  size_t RecordSizeMax() const override;

 private:
  friend class internal::FileLogFactory;
  class Impl;
  explicit FileLogStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_ADAPTERS_FILE_FILE_LOG_STORE_H_
