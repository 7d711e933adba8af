// SPDX-License-Identifier: Apache-2.0

#include "src/adapters/file/log_files.h"

#include <algorithm>
#include <cinttypes>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "src/adapters/file/directory.h"
#include "src/adapters/file/file_ops.h"
#include "src/adapters/file/segment.h"
#include "src/internal/bytes.h"
#include "src/internal/invariant.h"
#include "src/internal/mutant.h"
#include "src/internal/random.h"
#include "trivet/host/log_store.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {
namespace {

// No name that somebody else would give a file: it is removed unread.
constexpr char kUnnamed[] = "trivet-segment.new";
constexpr std::string_view kSuffix = ".log";
constexpr size_t kDigits = 16;
constexpr size_t kFrameBodyEnough = size_t{256} << 10;
constexpr uint64_t kSectorSize = 4096;

std::string NameOf(uint64_t number) {
  char digits[kDigits + 1];
  std::snprintf(digits, sizeof(digits), "%016" PRIx64, number);
  return digits + std::string(kSuffix);
}

// nullopt: not a segment's name.
std::optional<uint64_t> NumberOf(const std::string& name) {
  if (name.size() != kDigits + kSuffix.size()) return std::nullopt;
  uint64_t number = 0;
  for (size_t i = 0; i < kDigits; ++i) {
    const size_t digit = std::string_view("0123456789abcdef").find(name[i]);
    if (digit == std::string_view::npos) return std::nullopt;
    number = number << 4 | digit;
  }
  if (NameOf(number) != name) return std::nullopt;
  return number;
}

absl::Status DataLossAt(const std::string& path, uint64_t offset,
                        const std::string& what) {
  return absl::DataLossError("'" + path + "', offset " +
                             std::to_string(offset) + ": " + what);
}

absl::Status NotClaimed() {
  return absl::FailedPreconditionError("the log has not been claimed");
}

// Calls `visit` with the records of a frame; false if they are malformed.
bool ForEachRecord(const Frame& frame,
                   absl::FunctionRef<void(std::string_view)> visit) {
  ByteReader reader(frame.body);
  for (uint32_t i = 0; i < frame.header.records; ++i) {
    const std::string_view record = reader.Bytes(frame.body.size());
    if (!reader.ok()) return false;
    visit(record);
  }
  return reader.Finished();
}

}  // namespace

LogFiles::LogFiles(std::unique_ptr<Directory> directory, uint64_t segment_size)
    : directory_(std::move(directory)), segment_size_(segment_size) {}

LogFiles::~LogFiles() = default;

absl::StatusOr<std::unique_ptr<LogFiles>> LogFiles::Create(
    FileOps* ops, std::string path, uint64_t segment_size) {
  auto directory = Directory::OpenOrMake(ops, std::move(path));
  if (!directory.ok()) return directory.status();
  absl::Status locked = (*directory)->Lock(/*create=*/true);
  if (!locked.ok()) return locked;
  std::unique_ptr<LogFiles> log(
      new LogFiles(*std::move(directory), segment_size));
  absl::StatusOr<std::vector<uint64_t>> numbers = log->Numbers();
  if (!numbers.ok()) return numbers.status();
  if (!numbers->empty()) {
    return absl::AlreadyExistsError("'" + log->directory_->path() +
                                    "' holds a log already");
  }
  // First the lock's name, or a crash may leave what is neither a log nor none.
  if (!TRIVET_MUTANT(file_log_lock_name_is_late)) {
    absl::Status synced = log->directory_->Sync();
    if (!synced.ok()) return synced;
  }
  log->log_id_ = UniqueId();
  SegmentHeader header;
  header.log_id = log->log_id_;
  header.starts_log = true;
  header.number = 1;
  header.first_index = 1;
  absl::Status made =
      log->Make(std::move(header), [] { return absl::OkStatus(); });
  if (!made.ok()) return made;
  log->stopped_ = NotClaimed();
  return log;
}

absl::StatusOr<std::unique_ptr<LogFiles>> LogFiles::Open(
    FileOps* ops, std::string path, uint64_t segment_size) {
  auto directory = Directory::Open(ops, std::move(path));
  if (!directory.ok()) return directory.status();
  absl::Status locked = (*directory)->Lock(/*create=*/false);
  if (!locked.ok()) return locked;
  std::unique_ptr<LogFiles> log(
      new LogFiles(*std::move(directory), segment_size));
  absl::StatusOr<std::vector<Segment>> segments = log->Survey();
  if (!segments.ok()) return segments.status();
  log->log_id_ = segments->back().header.log_id;
  log->last_epoch_ = segments->back().header.epoch;
  log->stopped_ = NotClaimed();
  return log;
}

absl::StatusOr<std::vector<uint64_t>> LogFiles::Numbers() const {
  absl::StatusOr<std::vector<std::string>> names = directory_->List();
  if (!names.ok()) return names.status();
  std::vector<uint64_t> numbers;
  for (const std::string& name : *names) {
    const std::optional<uint64_t> number = NumberOf(name);
    if (number.has_value()) numbers.push_back(*number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

absl::StatusOr<std::vector<LogFiles::Segment>> LogFiles::Survey() const {
  absl::StatusOr<std::vector<uint64_t>> numbers = Numbers();
  if (!numbers.ok()) return numbers.status();
  if (numbers->empty()) {
    return absl::NotFoundError("'" + directory_->path() + "' holds no log");
  }
  std::vector<Segment> segments;  // Newest first.
  while (!numbers->empty()) {
    const uint64_t number = numbers->back();
    numbers->pop_back();
    if (!segments.empty() && segments.back().header.number != number + 1) {
      return DataLossAt(segments.back().file->path(), 0,
                        "the segment before it is missing");
    }
    absl::StatusOr<Segment> segment = OpenSegment(number);
    if (!segment.ok()) return segment.status();
    segments.push_back(*std::move(segment));
    if (segments.back().header.log_id != segments.front().header.log_id) {
      return DataLossAt(segments.back().file->path(), 0,
                        "the segment is of another log than the next one");
    }
    if (segments.back().header.starts_log) break;
  }
  // What is older was copied into these, and is still there because of a crash:
  // the next claim removes it. Of another log it is no leftover, and the ones
  // above are the strangers.
  for (const uint64_t number : *numbers) {
    const absl::StatusOr<Segment> older = OpenSegment(number);
    if (!older.ok() && !absl::IsDataLoss(older.status())) return older.status();
    if (older.ok() && older->header.log_id != segments.front().header.log_id) {
      return DataLossAt(older->file->path(), 0,
                        "the segment is of another log than later ones");
    }
  }
  std::reverse(segments.begin(), segments.end());
  return segments;
}

absl::StatusOr<LogFiles::Segment> LogFiles::OpenSegment(uint64_t number) const {
  auto file = directory_->OpenToRead(NameOf(number));
  if (!file.ok()) return file.status();
  absl::StatusOr<SegmentHeader> header = ReadSegmentHeader(**file);
  if (!header.ok()) return header.status();
  if (header->number != number) {
    return DataLossAt((*file)->path(), 0,
                      "the segment's name is not the one it was given");
  }
  return Segment{*std::move(file), *std::move(header)};
}

absl::StatusOr<LogFiles::Scan> LogFiles::ReadAll(
    const std::vector<Segment>& segments) const {
  Scan scan;
  scan.next_index = segments.front().header.first_index;
  for (const Segment& segment : segments) {
    const bool is_last = &segment == &segments.back();
    absl::Status read = ReadSegment(segment, is_last, &scan);
    if (!read.ok()) return read;
    if (is_last) break;
    const SegmentHeader& next = (&segment + 1)->header;
    if (next.first_index != scan.next_index) {
      return DataLossAt((&segment + 1)->file->path(), 0,
                        "the segment starts with record " +
                            std::to_string(next.first_index) +
                            ", the one before it ends before record " +
                            std::to_string(scan.next_index));
    }
  }
  return scan;
}

absl::Status LogFiles::ReadSegment(const Segment& segment, bool is_last,
                                   Scan* scan) const {
  SegmentReader reader(segment.file, segment.header, segment.header.size);
  while (true) {
    const uint64_t offset = reader.offset();
    Frame frame;
    const absl::StatusOr<bool> found = reader.Next(&frame);
    if (!found.ok() && TRIVET_MUTANT(file_log_read_error_is_the_end)) break;
    if (!found.ok()) return found.status();
    if (!*found) break;
    const FrameHeader& header = frame.header;
    if (header.first_index != scan->next_index ||
        header.records > kNumberMax - scan->next_index ||
        !ForEachRecord(frame, [](std::string_view) {})) {
      return DataLossAt(reader.path(), offset,
                        "a frame is whole and makes no sense");
    }
    scan->next_index += header.records;
    scan->first_needed = std::max(scan->first_needed, header.first_needed);
    scan->synced_index = std::max(scan->synced_index, header.synced_index);
  }
  return is_last ? CheckTail(&reader, *scan) : absl::OkStatus();
}

// Whether what `reader` could not read is the torn tail of a write that was
// never synced. The order in which a disk takes unsynced writes is its own, so
// whole frames may follow; only one that was written after a sync of the
// missing record proves that this record was lost.
absl::Status LogFiles::CheckTail(SegmentReader* reader,
                                 const Scan& scan) const {
  absl::StatusOr<LogIndex> told = reader->SyncedFromHere();
  if (!told.ok()) return told.status();
  const LogIndex synced =
      std::max({*told, scan.synced_index, reader->segment().synced_index,
                synced_index_});
  const bool was_synced = scan.next_index <= synced;
  if (TRIVET_MUTANT(file_log_bit_rot_is_torn_tail)) return absl::OkStatus();
  if (!was_synced && !TRIVET_MUTANT(file_log_torn_tail_is_damage)) {
    return absl::OkStatus();
  }
  return DataLossAt(
      reader->path(), reader->offset(),
      "no whole frame; record " + std::to_string(scan.next_index) +
          " was here, since record " + std::to_string(synced) + " was synced");
}

absl::StatusOr<LogFiles::Retained> LogFiles::Claim(Epoch epoch) {
  TRIVET_INVARIANT(epoch > last_epoch_, "an epoch is claimed once");
  absl::StatusOr<std::vector<Segment>> old = Survey();
  if (!old.ok()) return Stop(old.status());
  if (old->back().header.log_id != log_id_) {
    return Stop(DataLossAt(old->back().file->path(), 0,
                           "the segment is of another log"));
  }
  absl::StatusOr<Scan> scan = ReadAll(*old);
  if (!scan.ok()) return Stop(scan.status());
  last_epoch_ = epoch;  // From here on it may be durable.
  stopped_ = absl::OkStatus();
  return Rewrite(epoch, *old, *scan);
}

absl::StatusOr<LogFiles::Retained> LogFiles::Rewrite(
    Epoch epoch, const std::vector<Segment>& old, const Scan& scan) {
  const LogIndex from =
      std::min(scan.next_index,
               std::max(scan.first_needed, old.front().header.first_index));
  const LogIndex proven = synced_index_;
  live_.clear();
  body_.clear();
  records_ = 0;
  next_index_ = from;
  synced_index_ = scan.next_index - 1;  // True once the segment has its name.
  first_needed_ = from;

  SegmentHeader header;
  header.log_id = log_id_;
  header.starts_log = true;
  header.number = old.back().header.number + 1;
  header.epoch = epoch;
  header.first_index = from;
  header.synced_index = synced_index_;
  const uint64_t number = header.number;
  absl::Status done = Make(std::move(header), [&]() -> absl::Status {
    for (const Segment& segment : old) {
      absl::Status copied = CopyFrom(segment, from);
      if (!copied.ok()) return copied;
    }
    return records_ > 0 ? WriteFrame() : absl::OkStatus();
  });
  if (done.ok() && next_index_ != scan.next_index) {
    done = Stop(absl::DataLossError("'" + directory_->path() +
                                    "' changed while it was read"));
  }
  if (done.ok()) done = RemoveAllBefore(number);
  if (!done.ok()) {
    synced_index_ = proven;
    return done;
  }
  return Retained{current_, live_.back(), offset_};
}

// Takes over the records of `segment` from `from` on.
absl::Status LogFiles::CopyFrom(const Segment& segment, LogIndex from) {
  SegmentReader reader(segment.file, segment.header, segment.header.size);
  while (true) {
    Frame frame;
    const absl::StatusOr<bool> found = reader.Next(&frame);
    if (!found.ok()) return found.status();
    if (!*found) return absl::OkStatus();
    LogIndex index = frame.header.first_index;
    ForEachRecord(frame, [&](std::string_view record) {
      if (index++ >= from) Take(record);
    });
    if (body_.size() < kFrameBodyEnough) continue;
    absl::Status written = WriteFrame();
    if (!written.ok()) return written;
  }
}

absl::Status LogFiles::RemoveAllBefore(uint64_t number) {
  absl::StatusOr<std::vector<uint64_t>> numbers = Numbers();
  if (!numbers.ok()) return Stop(numbers.status());
  for (const uint64_t old : *numbers) {
    if (old >= number) break;
    absl::Status removed = directory_->Remove(NameOf(old));
    if (!removed.ok()) return Stop(std::move(removed));
  }
  absl::Status synced = directory_->Sync();
  return synced.ok() ? synced : Stop(std::move(synced));
}

absl::Status LogFiles::Make(SegmentHeader header,
                            absl::FunctionRef<absl::Status()> fill) {
  const std::string name = NameOf(header.number);
  live_.push_back(std::move(header));
  absl::Status made = MakeUnnamed(fill);
  if (made.ok()) made = directory_->Rename(current_.get(), kUnnamed, name);
  if (made.ok() && !TRIVET_MUTANT(file_log_no_directory_sync)) {
    made = directory_->Sync();
  }
  if (!made.ok()) return Stop(std::move(made));
  told_index_ = synced_index_;
  has_unsynced_ = false;
  ++segments_made_;
  return absl::OkStatus();
}

absl::Status LogFiles::MakeUnnamed(absl::FunctionRef<absl::Status()> fill) {
  absl::Status removed = directory_->Remove(kUnnamed);  // A crash left it.
  if (!removed.ok()) return removed;
  absl::StatusOr<std::shared_ptr<File>> file = directory_->CreateNew(kUnnamed);
  if (!file.ok()) return file.status();
  current_ = *std::move(file);
  offset_ = kSegmentHeaderSize;
  absl::Status made = fill();
  if (!made.ok()) return made;

  // Zeros up to the end now: later syncs then have no new size or blocks to
  // write. What a claim retains may need more than an ordinary segment.
  const uint64_t needed = (offset_ + kFrameHeaderSize + kSectorSize - 1) /
                          kSectorSize * kSectorSize;
  live_.back().size = std::max(segment_size_, needed);
  made = current_->WriteZeros(offset_, live_.back().size);
  if (made.ok()) made = current_->Write(0, EncodeSegmentHeader(live_.back()));
  if (made.ok() && !TRIVET_MUTANT(file_log_no_sync_of_new_segment)) {
    made = current_->Sync();
  }
  return made;
}

void LogFiles::Take(std::string_view record) {
  ByteWriter(&body_).Bytes(record);
  ++records_;
  ++next_index_;
}

absl::Status LogFiles::Add(std::string_view record) {
  if (!stopped_.ok()) return stopped_;
  const size_t size = body_.size() + kVarintSizeMax + record.size();
  // Behind every frame there is room for a mark.
  const bool fits =
      offset_ + FrameSize(size) + kFrameHeaderSize <= live_.back().size;
  if (!fits || size > kFrameBodyEnough) {
    absl::Status flushed = Flush();
    if (!flushed.ok()) return flushed;
  }
  const uint64_t alone = FrameSize(kVarintSizeMax + record.size());
  if (offset_ + alone + kFrameHeaderSize > live_.back().size) {
    absl::Status rolled = Roll();
    if (!rolled.ok()) return rolled;
  }
  Take(record);
  return absl::OkStatus();
}

absl::Status LogFiles::Flush() {
  if (!stopped_.ok()) return stopped_;
  return records_ > 0 ? WriteFrame() : absl::OkStatus();
}

absl::Status LogFiles::WriteFrame() {
  FrameHeader header;
  header.records = records_;
  header.first_index = next_index_ - records_;
  header.synced_index = synced_index_;
  header.first_needed = first_needed_;
  const std::string bytes = EncodeFrame(live_.back(), offset_, header, body_);
  absl::Status written = current_->Write(offset_, bytes);
  if (!written.ok() && !TRIVET_MUTANT(file_log_ignores_failed_write)) {
    return Stop(std::move(written));
  }
  offset_ += bytes.size();
  if (records_ > 0) has_unsynced_ = true;
  told_index_ = synced_index_;
  body_.clear();
  records_ = 0;
  return absl::OkStatus();
}

absl::Status LogFiles::Sync() {
  absl::Status flushed = Flush();
  if (!flushed.ok() || !has_unsynced_) return flushed;
  if (!TRIVET_MUTANT(file_log_acknowledges_early)) {
    absl::Status synced = current_->SyncData();
    if (!synced.ok() && !TRIVET_MUTANT(file_log_ignores_failed_sync)) {
      return Stop(std::move(synced));
    }
  }
  ++syncs_;
  has_unsynced_ = false;
  synced_index_ = next_index_ - 1;
  return absl::OkStatus();
}

absl::Status LogFiles::Mark() {
  if (!stopped_.ok()) return stopped_;
  TRIVET_INVARIANT(records_ == 0, "a mark follows a sync");
  return told_index_ < synced_index_ ? WriteFrame() : absl::OkStatus();
}

absl::Status LogFiles::Roll() {
  // Only the last segment may have a torn tail.
  absl::Status synced =
      TRIVET_MUTANT(file_log_rolls_without_sync) ? Flush() : Sync();
  if (!synced.ok()) return synced;
  SegmentHeader header;
  header.log_id = log_id_;
  header.number = live_.back().number + 1;
  header.epoch = last_epoch_;
  header.first_index = next_index_;
  header.synced_index = synced_index_;
  return Make(std::move(header), [] { return absl::OkStatus(); });
}

absl::Status LogFiles::Trim(LogIndex first_needed) {
  if (!stopped_.ok()) return stopped_;
  first_needed_ = std::min(next_index_, std::max(first_needed_, first_needed));
  while (live_.size() > 1 && live_[1].first_index <= first_needed_) {
    // What makes the segment superfluous may not be durable yet.
    absl::Status done = Sync();
    if (!done.ok()) return done;
    done = directory_->Remove(NameOf(live_.front().number));
    // Before the next one goes, or a power loss might leave a hole.
    if (done.ok()) done = directory_->Sync();
    if (!done.ok()) return Stop(std::move(done));
    live_.pop_front();
  }
  return absl::OkStatus();
}

absl::Status LogFiles::Stop(absl::Status why) {
  stopped_ = std::move(why);
  return stopped_;
}

absl::Status LogFiles::Retained::Visit(LogStore::Visitor visit) const {
  SegmentReader reader(file, segment, end);
  LogIndex index = segment.first_index;
  while (reader.offset() < end) {
    Frame frame;
    const absl::StatusOr<bool> found = reader.Next(&frame);
    if (!found.ok()) return found.status();
    if (!*found) {
      return DataLossAt(reader.path(), reader.offset(),
                        "cannot read back what was written");
    }
    absl::Status visited;
    ForEachRecord(frame, [&](std::string_view record) {
      if (visited.ok()) visited = visit(index++, record);
    });
    if (!visited.ok()) return visited;
  }
  return absl::OkStatus();
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
