// SPDX-License-Identifier: Apache-2.0
//
// LogWriter: what the file log does with appends, claims and hints, in which
// order; without the thread that FileLogStore does it on.
//
//   Take(append), Take(append), ...   a batch: refused, or added to the files
//   Finish(batch)                     one write, one sync if any is forced, one
//                                     mark; then each has its result
//
// The first error stops the log until it is claimed again.
//
// Thread safety: thread-compatible.

#ifndef TRIVET_SRC_ADAPTERS_FILE_LOG_WRITER_H_
#define TRIVET_SRC_ADAPTERS_FILE_LOG_WRITER_H_

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "src/adapters/file/log_files.h"
#include "trivet/adapters/file/file_log_store.h"
#include "trivet/config.h"
#include "trivet/host/log_store.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

class TRIVET_EXPORT LogWriter {
 public:
  LogWriter(std::unique_ptr<LogFiles> files, size_t record_size_max)
      : record_size_max_(record_size_max), files_(std::move(files)) {}

  // As LogStore::Claim, but for the visit.
  absl::StatusOr<LogFiles::Retained> Claim(Epoch wanted);

  struct Batch {
    std::vector<absl::StatusOr<LogIndex>> results;  // As they were taken.
    bool some = false;                              // Is there any to write?
    bool forced = false;                            // And to sync?
    absl::Status written;
  };
  void Take(Epoch epoch, const std::vector<std::string>& records,
            Durability durability, Batch* batch);

  // Finish does this first; for who lets time pass in between.
  void Flush(Batch* batch);
  void Finish(Batch* batch);

  // As LogStore::Trim.
  void Trim(Epoch epoch, LogIndex first_needed);

  Epoch epoch() const { return epoch_; }  // 0: none was claimed here.
  size_t record_size_max() const { return record_size_max_; }
  FileLogStats stats() const;

 private:
  absl::StatusOr<LogIndex> Add(Epoch epoch,
                               const std::vector<std::string>& records);

  const size_t record_size_max_;
  const std::unique_ptr<LogFiles> files_;
  Epoch epoch_ = 0;       // The one that may append.
  absl::Status stopped_;  // Why nothing may be appended until the next claim.
  FileLogStats counts_;
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_ADAPTERS_FILE_LOG_WRITER_H_
