// SPDX-License-Identifier: Apache-2.0
//
// What the file log makes of any files: segments of any bytes, or of any fields
// under checksums that are right. It opens them or refuses them; what it
// refuses it leaves as it is, and what it shows stays, under what comes behind.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "src/adapters/file/log_files.h"
#include "src/adapters/file/segment.h"
#include "src/internal/bytes.h"
#include "src/internal/crc32c.h"
#include "tests/adapters/file/memory_disk.h"
#include "tests/fuzz/allocations.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/input.h"
#include "trivet/host/log_store.h"

namespace trivet {
namespace {

using internal::LogFiles;
using Records = std::vector<std::pair<LogIndex, std::string>>;

constexpr char kDirectory[] = "log";
constexpr uint64_t kSegmentSize = 4096;
constexpr uint64_t kFileSize = 1024;
const std::string kLogId(internal::kLogIdSize, 'a');

std::string NameOf(size_t number) {
  return "000000000000000" + std::to_string(number) + ".log";
}

// Small, or near the largest there is.
uint64_t NumberOf(Input* input) {
  const uint8_t byte = input->Byte();
  if (byte < 0xF0) return byte % 16;
  const uint64_t edge = byte < 0xF8 ? UINT64_MAX : INT64_MAX;
  return edge - (byte & 7);
}

std::string BodyOf(Input* input, uint32_t* records) {
  if (input->OneIn(8)) {
    *records = input->Byte();
    return input->Text(input->Byte());
  }
  std::string body;
  *records = static_cast<uint32_t>(input->Below(4));
  for (uint32_t i = 0; i < *records; ++i) {
    internal::ByteWriter(&body).Bytes(input->Text(input->Below(32)));
  }
  return body;
}

// A segment whose checksums are right and whose fields are mostly so. `*told`
// gets the last record that it tells was synced.
std::string SegmentOf(Input* input, size_t number, LogIndex* next,
                      LogIndex* told) {
  const size_t wrong = input->Below(16);  // Which field, if any.
  internal::SegmentHeader header;
  header.log_id = kLogId;
  if (wrong == 1) header.log_id[0] = 'b';
  header.number = wrong == 2 ? NumberOf(input) : number;
  header.size = kFileSize;
  header.starts_log = number == 1 || input->OneIn(8);
  header.epoch = input->OneIn(4) ? NumberOf(input) : 1;
  header.first_index = *next = wrong == 3 ? NumberOf(input) : *next;
  header.synced_index = wrong == 4 ? NumberOf(input) : *next - 1;
  *told = header.synced_index;
  std::string bytes = internal::EncodeSegmentHeader(header);
  while (!input->IsEmpty() && !input->OneIn(6)) {
    const size_t off = input->Below(16);
    internal::FrameHeader frame;
    const std::string body = BodyOf(input, &frame.records);
    frame.first_index = off == 1 ? NumberOf(input) : *next;
    frame.synced_index = off == 2 ? NumberOf(input) : *next - 1;
    frame.first_needed = off == 3 ? NumberOf(input) : 0;
    const bool is_frame =
        frame.first_index > 0 && off != 5 &&
        bytes.size() + internal::kFrameHeaderSize <= kFileSize;
    if (is_frame) *told = std::max(*told, frame.synced_index);
    bytes += internal::EncodeFrame(header, bytes.size(), frame, body);
    *next = frame.first_index + frame.records;
    // Something that is no frame; what follows was written later.
    if (off == 4) bytes.resize(bytes.size() + 8 * input->Below(8), '\0');
    if (off == 5) bytes[bytes.size() - 1 - input->Below(40)] ^= 1;  // Its own.
  }
  bytes.resize(kFileSize);
  return bytes;
}

using Files = std::map<std::string, std::string>;

Files FilesOf(const MemoryDisk& disk) {
  Files files;
  for (const std::string& name : disk.Names(kDirectory)) {
    files[name] = disk.Contents(kDirectory, name);
  }
  return files;
}

struct Found {
  Epoch epoch = 0;
  LogIndex next = 0;
  Records records;
};

absl::StatusOr<Found> Recover(MemoryDisk* disk, const std::string& append) {
  auto log = LogFiles::Open(disk, kDirectory, kSegmentSize);
  if (!log.ok()) return log.status();
  if ((*log)->last_epoch() == UINT64_MAX) return absl::AbortedError("the last");
  Found found;
  found.epoch = (*log)->last_epoch() + 1;
  const auto retained = (*log)->Claim(found.epoch);
  if (!retained.ok()) return retained.status();
  const absl::Status visited =
      retained->Visit([&](LogIndex index, std::string_view record) {
        found.records.emplace_back(index, record);
        return absl::OkStatus();
      });
  FUZZ_CHECK(visited.ok());
  found.next = (*log)->next_index();
  // No log gets near the end of the numbers by itself.
  if (append.empty() || (*log)->next_index() >= internal::kNumberMax) {
    return found;
  }
  found.records.emplace_back((*log)->next_index(), append);
  FUZZ_CHECK((*log)->Add(append).ok());
  FUZZ_CHECK((*log)->Sync().ok());
  return found;
}

void Run(Input input) {
  MemoryDisk disk;
  disk.MakeDirectory(kDirectory);
  disk.SetContents(kDirectory, "lock", "");
  const size_t segments = 1 + input.Below(3);
  const bool checked = !input.OneIn(4);
  LogIndex next = 1;
  LogIndex told = 0;
  for (size_t number = 1; number <= segments; ++number) {
    disk.SetContents(
        kDirectory, NameOf(number),
        checked ? SegmentOf(&input, number, &next, &told)
                : input.Text(number < segments ? input.Byte() : SIZE_MAX));
  }
  const Files before = FilesOf(disk);
  const Allocations allocations;
  const absl::StatusOr<Found> found = Recover(&disk, "appended");
  // Most of it is the disk, which keeps whole segments.
  FUZZ_CHECK(allocations.Bytes() <= 300'000);
  if (!found.ok()) {
    const absl::StatusCode code = found.status().code();
    FUZZ_CHECK(code == absl::StatusCode::kDataLoss ||
               code == absl::StatusCode::kUnimplemented ||
               code == absl::StatusCode::kAborted);
    FUZZ_CHECK(FilesOf(disk) == before);
    return;
  }
  FUZZ_CHECK(found->next > told);  // Nothing is lost that was synced.
  // In order and without a hole, and the same the next time.
  for (size_t i = 0; i < found->records.size(); ++i) {
    FUZZ_CHECK(found->records[i].first == found->records[0].first + i);
  }
  MemoryDisk after(MemoryDisk::PowerLoss(disk.state(), 0));
  const absl::StatusOr<Found> again = Recover(&after, "");
  if (found->epoch == UINT64_MAX) return;
  FUZZ_CHECK(again.ok() && again->epoch == found->epoch + 1);
  FUZZ_CHECK(again->records == found->records);
}

}  // namespace
}  // namespace trivet

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  trivet::Run({data, size});
  return 0;
}
