// SPDX-License-Identifier: Apache-2.0
//
// LogFiles: the file log without threads. One caller at a time claims, adds
// records, writes and syncs them, and trims.
//
//   directory/lock                    held while the log is open
//             0000000000000007.log    segments, oldest first
//             0000000000000008.log
//             trivet-segment.new      a segment in the making
//
// A segment gets its name only when it is whole and durable, and only when
// the segment before it is durable; it loses it, oldest first, only when
// everything after it is durable. So a crash leaves at most one thing to be
// judged: the tail of the last segment.
//
// After an error every call fails with it, until Claim succeeds.
//
// Thread safety: thread-compatible.

#ifndef TRIVET_SRC_ADAPTERS_FILE_LOG_FILES_H_
#define TRIVET_SRC_ADAPTERS_FILE_LOG_FILES_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "src/adapters/file/directory.h"
#include "src/adapters/file/file_ops.h"
#include "src/adapters/file/segment.h"
#include "trivet/config.h"
#include "trivet/host/log_store.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

class TRIVET_EXPORT LogFiles {
 public:
  // As FileLogStore's; `segment_size` has been checked.
  static absl::StatusOr<std::unique_ptr<LogFiles>> Create(
      FileOps* ops, std::string directory, uint64_t segment_size);
  static absl::StatusOr<std::unique_ptr<LogFiles>> Open(FileOps* ops,
                                                        std::string directory,
                                                        uint64_t segment_size);
  ~LogFiles();

  // What a claim retained, for whoever wants to visit it.
  struct TRIVET_EXPORT Retained {
    std::shared_ptr<const File> file;
    SegmentHeader segment;
    uint64_t end;

    absl::Status Visit(LogStore::Visitor visit) const;
  };

  // Reads the log, and writes the epoch and all that is retained into a new
  // segment, which is durable and alone when this returns.
  // REQUIRES: epoch > last_epoch().
  absl::StatusOr<Retained> Claim(Epoch epoch);

  // Takes a record. It is written by Flush, or before; it is durable after
  // Sync, or before. The record fits into a segment.
  absl::Status Add(std::string_view record);
  absl::Status Flush();
  absl::Status Sync();

  // Tells the next reader of the log what Sync has made durable.
  absl::Status Mark();

  // Drops the segments that hold nothing from `first_needed` on.
  absl::Status Trim(LogIndex first_needed);

  const std::string& log_id() const { return log_id_; }
  Epoch last_epoch() const { return last_epoch_; }
  LogIndex next_index() const { return next_index_; }
  uint64_t syncs() const { return syncs_; }
  uint64_t segments() const { return segments_made_; }

 private:
  struct Segment {
    std::shared_ptr<const File> file;
    SegmentHeader header;
  };
  // What reading the segments has found out.
  struct Scan {
    LogIndex next_index = 1;
    LogIndex first_needed = 1;
    LogIndex synced_index = 0;  // The last that a whole frame tells was synced.
  };

  LogFiles(std::unique_ptr<Directory> directory, uint64_t segment_size);

  // The numbers of all segments in the directory, ascending.
  absl::StatusOr<std::vector<uint64_t>> Numbers() const;

  // The segments that make up the log, oldest first: from the last one that
  // starts a log to the last of all.
  absl::StatusOr<std::vector<Segment>> Survey() const;
  absl::StatusOr<Segment> OpenSegment(uint64_t number) const;

  absl::StatusOr<Scan> ReadAll(const std::vector<Segment>& segments) const;
  absl::Status ReadSegment(const Segment& segment, bool is_last,
                           Scan* scan) const;
  absl::Status CheckTail(SegmentReader* reader, const Scan& scan) const;

  absl::StatusOr<Retained> Rewrite(Epoch epoch, const std::vector<Segment>& old,
                                   const Scan& scan);
  absl::Status CopyFrom(const Segment& segment, LogIndex from);
  absl::Status RemoveAllBefore(uint64_t number);

  // Makes the segment `header` with the frames that `fill` writes the current
  // one.
  absl::Status Make(SegmentHeader header,
                    absl::FunctionRef<absl::Status()> fill);
  absl::Status MakeUnnamed(absl::FunctionRef<absl::Status()> fill);
  void Take(std::string_view record);
  absl::Status Roll();
  absl::Status WriteFrame();
  absl::Status Stop(absl::Status why);

  const std::unique_ptr<Directory> directory_;
  const uint64_t segment_size_;
  std::string log_id_;
  Epoch last_epoch_ = 0;
  absl::Status stopped_;  // OK while the log is usable.

  // The segments in use, oldest first; the last one is written to.
  std::deque<SegmentHeader> live_;
  std::shared_ptr<File> current_;
  uint64_t offset_ = 0;  // Where the next frame goes.
  bool has_unsynced_ = false;

  std::string body_;         // Of the next frame.
  uint32_t records_ = 0;     // In it.
  LogIndex next_index_ = 1;  // Of the next record to be added.
  LogIndex synced_index_ = 0;
  LogIndex told_index_ = 0;  // The synced_index_ that the disk tells of.
  LogIndex first_needed_ = 1;

  uint64_t syncs_ = 0;
  uint64_t segments_made_ = 0;
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_ADAPTERS_FILE_LOG_FILES_H_
