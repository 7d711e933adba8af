// SPDX-License-Identifier: Apache-2.0
//
// The bytes of one segment file of the log; README.md is their specification.
//
//   +--------+-------+-------+------+-------+---------------------------+
//   | header | frame | frame | mark | frame | zeros to the file's end   |
//   +--------+-------+-------+------+-------+---------------------------+
//
// A frame is what one write brought: any number of records under one checksum.
// A mark is a frame without records, written after a sync to tell of it.
//
// Thread safety: thread-compatible.

#ifndef TRIVET_SRC_ADAPTERS_FILE_SEGMENT_H_
#define TRIVET_SRC_ADAPTERS_FILE_SEGMENT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "src/adapters/file/directory.h"
#include "trivet/config.h"
#include "trivet/host/log_store.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

inline constexpr size_t kSegmentHeaderSize = 96;
inline constexpr size_t kFrameHeaderSize = 40;
inline constexpr size_t kFrameAlignment = 8;
inline constexpr size_t kLogIdSize = 32;
inline constexpr uint64_t kNumberMax = INT64_MAX;  // Of segments and records.

// What a segment says of itself. It is durable before the segment has a name.
struct SegmentHeader {
  std::string log_id;         // Of kLogIdSize hexadecimal digits.
  bool starts_log = false;    // Whether it replaces all segments before it.
  uint64_t number = 0;        // As in its name.
  uint64_t size = 0;          // Of the file.
  Epoch epoch = 0;            // The last one claimed.
  LogIndex first_index = 0;   // Of its first record, if it gets any.
  LogIndex synced_index = 0;  // The last record durable when it was named.
};

std::string EncodeSegmentHeader(const SegmentHeader& header);

// kDataLoss: not a trivet log's, or damaged. kUnimplemented: of a newer one.
absl::StatusOr<SegmentHeader> ReadSegmentHeader(const File& file);

struct FrameHeader {
  uint32_t body_size = 0;
  uint32_t records = 0;       // None: a mark.
  LogIndex first_index = 0;   // Of its first record, or of the next one.
  LogIndex synced_index = 0;  // The last record known to be durable.
  LogIndex first_needed = 0;  // Records before it may be forgotten.
};

// A frame with its place in the file, header, body and padding. The checksum
// covers the place, so what was written elsewhere, or for another log, is no
// frame here. `header.body_size` is taken from `body`.
std::string EncodeFrame(const SegmentHeader& segment, uint64_t offset,
                        FrameHeader header, std::string_view body);

// The bytes a frame takes in the file.
constexpr uint64_t FrameSize(uint64_t body_size) {
  return (kFrameHeaderSize + body_size + kFrameAlignment - 1) /
         kFrameAlignment * kFrameAlignment;
}

struct Frame {
  FrameHeader header;
  std::string_view body;  // Records, each a varint length and its bytes.
};

// Reads the frames of a segment in order.
class SegmentReader {
 public:
  // Reads up to `end`, the file's size or less.
  SegmentReader(std::shared_ptr<const File> file, SegmentHeader segment,
                uint64_t end);

  // Reads the next frame, valid until the next call. False: offset() is not the
  // start of a whole one.
  absl::StatusOr<bool> Next(Frame* frame);

  // The last record that any frame header from offset() on tells was synced;
  // 0 if there is no such header. Their bodies need not be whole: a header is
  // written after the sync that it tells of.
  absl::StatusOr<LogIndex> SyncedFromHere();

  uint64_t offset() const { return offset_; }
  const SegmentHeader& segment() const { return segment_; }
  const std::string& path() const { return file_->path(); }

 private:
  // `size` bytes at `offset`, which lie before `end_`.
  absl::StatusOr<std::string_view> Bytes(uint64_t offset, size_t size);

  const std::shared_ptr<const File> file_;
  const SegmentHeader segment_;
  const uint64_t end_;
  uint64_t offset_ = kSegmentHeaderSize;
  uint64_t buffer_offset_ = 0;
  std::string buffer_;
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_ADAPTERS_FILE_SEGMENT_H_
