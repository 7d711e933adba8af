// SPDX-License-Identifier: Apache-2.0

#include "src/adapters/file/segment.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "src/adapters/file/directory.h"
#include "src/internal/bytes.h"
#include "src/internal/crc32c.h"
#include "trivet/host/log_store.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {
namespace {

constexpr std::string_view kMagic("trivetL\n", 8);
constexpr uint32_t kVersion = 1;
constexpr uint32_t kStartsLog = 1;  // A flag.
constexpr size_t kChecksumSize = 4;
constexpr size_t kSearchStep = 4096;
constexpr size_t kReadAhead = size_t{256} << 10;

// The checksum of a frame header, which binds the frame to its place.
uint32_t FrameChecksum(const SegmentHeader& segment, uint64_t offset,
                       std::string_view header_after_checksum) {
  std::string place;
  ByteWriter writer(&place);
  writer.Raw(segment.log_id);
  writer.U64(segment.number);
  writer.U64(offset);
  return ExtendCrc32c(Crc32c(place), header_after_checksum);
}

struct CheckedHeader {
  FrameHeader header;
  uint32_t body_checksum;
};

// nullopt: no frame header of this place.
std::optional<CheckedHeader> DecodeFrameHeader(const SegmentHeader& segment,
                                               uint64_t offset,
                                               std::string_view bytes) {
  ByteReader reader(bytes);
  const uint32_t checksum = reader.U32();
  CheckedHeader result;
  result.body_checksum = reader.U32();
  result.header.body_size = reader.U32();
  result.header.records = reader.U32();
  result.header.first_index = reader.U64();
  result.header.synced_index = reader.U64();
  result.header.first_needed = reader.U64();
  if (!reader.Finished()) return std::nullopt;
  if (result.header.first_index == 0) return std::nullopt;  // Zeros, mostly.
  const std::string_view covered = bytes.substr(kChecksumSize);
  if (FrameChecksum(segment, offset, covered) != checksum) return std::nullopt;
  return result;
}

bool IsAllZero(std::string_view bytes) {
  return bytes.empty() ||
         (bytes[0] == '\0' &&
          bytes.substr(1) == bytes.substr(0, bytes.size() - 1));
}

// The last record that the frame headers which start in the first kSearchStep
// of `bytes`, the bytes at `offset`, tell was synced.
LogIndex SyncedIn(const SegmentHeader& segment, uint64_t offset,
                  std::string_view bytes) {
  LogIndex synced = 0;
  for (size_t at = 0; at < kSearchStep && at + kFrameHeaderSize <= bytes.size();
       at += kFrameAlignment) {
    const std::optional<CheckedHeader> found = DecodeFrameHeader(
        segment, offset + at, bytes.substr(at, kFrameHeaderSize));
    if (found.has_value()) {
      synced = std::max(synced, found->header.synced_index);
    }
  }
  return synced;
}

bool MakesSense(const SegmentHeader& header) {
  return header.log_id.find_first_not_of("0123456789abcdef") ==
             std::string::npos &&
         header.number >= 1 && header.number <= kNumberMax &&
         header.first_index >= 1 && header.first_index <= kNumberMax &&
         header.synced_index + 1 >= header.first_index &&
         header.synced_index <= kNumberMax;
}

absl::Status Damaged(const File& file, const std::string& what) {
  return absl::DataLossError("'" + file.path() + "', offset 0: " + what);
}

}  // namespace

std::string EncodeSegmentHeader(const SegmentHeader& header) {
  std::string bytes;
  ByteWriter writer(&bytes);
  writer.Raw(kMagic);
  writer.U32(kVersion);
  writer.U32(header.starts_log ? kStartsLog : 0);
  writer.Raw(header.log_id);
  writer.U64(header.number);
  writer.U64(header.size);
  writer.U64(header.epoch);
  writer.U64(header.first_index);
  writer.U64(header.synced_index);
  bytes.resize(kSegmentHeaderSize - kChecksumSize);
  writer.U32(Crc32c(bytes));
  return bytes;
}

absl::StatusOr<SegmentHeader> ReadSegmentHeader(const File& file) {
  std::string bytes;
  absl::Status read = file.Read(0, kSegmentHeaderSize, &bytes);
  if (!read.ok()) return read;
  ByteReader reader(bytes);
  if (reader.Raw(kMagic.size()) != kMagic) {
    return Damaged(file, "not a segment of a trivet log");
  }
  // Every version keeps magic, version and checksum where they are, so a
  // damaged version is not taken for a newer one.
  const size_t covered = kSegmentHeaderSize - kChecksumSize;
  ByteReader checksum(std::string_view(bytes).substr(covered));
  if (checksum.U32() != Crc32c(std::string_view(bytes).substr(0, covered))) {
    return Damaged(file, "the segment header does not match its checksum");
  }
  const uint32_t version = reader.U32();
  if (version != kVersion) {
    return absl::UnimplementedError(
        "'" + file.path() + "' has format version " + std::to_string(version) +
        "; this trivet knows " + std::to_string(kVersion));
  }
  SegmentHeader header;
  const uint32_t flags = reader.U32();
  header.starts_log = (flags & kStartsLog) != 0;
  header.log_id = reader.Raw(kLogIdSize);
  header.number = reader.U64();
  header.size = reader.U64();
  header.epoch = reader.U64();
  header.first_index = reader.U64();
  header.synced_index = reader.U64();
  if (flags > kStartsLog || !MakesSense(header)) {
    return Damaged(file, "the segment header makes no sense");
  }
  absl::StatusOr<uint64_t> size = file.Size();
  if (!size.ok()) return size.status();
  if (*size != header.size) {
    return Damaged(file, "the file has " + std::to_string(*size) +
                             " bytes; its header says " +
                             std::to_string(header.size));
  }
  return header;
}

std::string EncodeFrame(const SegmentHeader& segment, uint64_t offset,
                        FrameHeader header, std::string_view body) {
  std::string covered;
  ByteWriter fields(&covered);
  fields.U32(Crc32c(body));
  fields.U32(static_cast<uint32_t>(body.size()));
  fields.U32(header.records);
  fields.U64(header.first_index);
  fields.U64(header.synced_index);
  fields.U64(header.first_needed);

  std::string bytes;
  bytes.reserve(FrameSize(body.size()));
  ByteWriter writer(&bytes);
  writer.U32(FrameChecksum(segment, offset, covered));
  writer.Raw(covered);
  writer.Raw(body);
  bytes.resize(FrameSize(body.size()));
  return bytes;
}

SegmentReader::SegmentReader(std::shared_ptr<const File> file,
                             SegmentHeader segment, uint64_t end)
    : file_(std::move(file)), segment_(std::move(segment)), end_(end) {}

absl::StatusOr<std::string_view> SegmentReader::Bytes(uint64_t offset,
                                                      size_t size) {
  if (offset < buffer_offset_ ||
      offset + size > buffer_offset_ + buffer_.size()) {
    const uint64_t wanted = std::max(size, kReadAhead);
    const auto readable = std::min<uint64_t>(wanted, end_ - offset);
    buffer_offset_ = offset;
    absl::Status read =
        file_->Read(offset, static_cast<size_t>(readable), &buffer_);
    if (!read.ok()) return read;
  }
  return std::string_view(buffer_).substr(
      static_cast<size_t>(offset - buffer_offset_), size);
}

absl::StatusOr<bool> SegmentReader::Next(Frame* frame) {
  if (offset_ + kFrameHeaderSize > end_) return false;
  absl::StatusOr<std::string_view> bytes = Bytes(offset_, kFrameHeaderSize);
  if (!bytes.ok()) return bytes.status();
  const std::optional<CheckedHeader> found =
      DecodeFrameHeader(segment_, offset_, *bytes);
  if (!found.has_value()) return false;
  const uint64_t size = FrameSize(found->header.body_size);
  if (size > end_ - offset_) return false;
  bytes = Bytes(offset_, static_cast<size_t>(size));
  if (!bytes.ok()) return bytes.status();
  const std::string_view body =
      bytes->substr(kFrameHeaderSize, found->header.body_size);
  if (Crc32c(body) != found->body_checksum) return false;
  offset_ += size;
  *frame = {found->header, body};
  return true;
}

absl::StatusOr<LogIndex> SegmentReader::SyncedFromHere() {
  LogIndex synced = 0;
  for (uint64_t at = offset_; at + kFrameHeaderSize <= end_;) {
    const auto size = static_cast<size_t>(
        std::min<uint64_t>(kSearchStep + kFrameHeaderSize, end_ - at));
    absl::StatusOr<std::string_view> bytes = Bytes(at, size);
    if (!bytes.ok()) return bytes.status();
    if (!IsAllZero(*bytes)) {
      const LogIndex told = SyncedIn(segment_, at, *bytes);
      synced = std::max(synced, told);
    }
    at += kSearchStep;
  }
  return synced;
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
