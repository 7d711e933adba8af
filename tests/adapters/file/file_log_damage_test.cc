// SPDX-License-Identifier: Apache-2.0
//
// Damage to the files: either it can be a write that was never synced, and the
// log opens with all that was; or it is refused and nothing is touched.

#include <cctype>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "src/internal/crc32c.h"
#include "tests/adapters/file/file_log_test_util.h"
#include "tests/adapters/file/memory_disk.h"
#include "trivet/host/log_store.h"

namespace trivet {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using Files = std::map<std::string, std::string>;

Files FilesOf(const MemoryDisk& disk) {
  Files files;
  for (const std::string& name : disk.Names(kDirectory)) {
    files[name] = disk.Contents(kDirectory, name);
  }
  return files;
}

void PutFiles(const Files& files, MemoryDisk* disk) {
  disk->MakeDirectory(kDirectory);
  for (const auto& [name, bytes] : files) {
    disk->SetContents(kDirectory, name, bytes);
  }
}

// A log as it lies on disk, and what was put into it.
struct Reference {
  Files files;
  Records appended;
  size_t forced = 0;  // How many of them are behind a forced append.
};

void Put(FileLogStore* log, const std::string& record, Durability durability,
         Reference* reference) {
  const auto last = Append(log, 1, {record}, durability);
  ASSERT_TRUE(last.ok()) << last.status();
  reference->appended.emplace_back(*last, record);
  if (durability == Durability::kForced) {
    reference->forced = reference->appended.size();
  }
}

Reference MakeReference(int rounds, size_t size) {
  Reference reference;
  MemoryDisk disk;
  auto log = CreateOn(&disk);
  EXPECT_TRUE(log.ok());
  EXPECT_TRUE(ClaimAll(log->get(), 1).ok());
  for (int i = 0; i < rounds; ++i) {
    const std::string text = std::to_string(i) + std::string(size, '.');
    Put(log->get(), "forced " + text, Durability::kForced, &reference);
    Put(log->get(), "lazy " + text, Durability::kLazy, &reference);
  }
  reference.files = FilesOf(disk);
  return reference;
}

// The records of the transaction protocol, as tests/golden has them: their
// bytes are the last word of a line.
std::vector<std::string> ProtocolRecords() {
  std::ifstream in("tests/golden/txn_record_v1.txt");
  EXPECT_TRUE(in.is_open()) << "run from the root of the source tree";
  std::vector<std::string> records;
  for (std::string line; std::getline(in, line);) {
    const size_t at = line.rfind(" = ");
    if (line[0] == '#' || at == std::string::npos) continue;
    std::string& record = records.emplace_back();
    for (size_t i = at + 3; i + 1 < line.size(); i += 2) {
      record += static_cast<char>(std::stoi(line.substr(i, 2), nullptr, 16));
    }
  }
  return records;
}

// Every kind of record of the protocol, over several segments.
Reference MakeProtocolReference() {
  Reference reference;
  MemoryDisk disk;
  auto log = CreateOn(&disk);
  EXPECT_TRUE(log.ok());
  EXPECT_TRUE(ClaimAll(log->get(), 1).ok());
  const std::vector<std::string> records = ProtocolRecords();
  EXPECT_GE(records.size(), 10U);
  for (int round = 0; round < 3; ++round) {
    for (const std::string& record : records) {
      Put(log->get(), record, Durability::kForced, &reference);
    }
    const std::string work(900, static_cast<char>('a' + round));
    Put(log->get(), work, Durability::kForced, &reference);
    Put(log->get(), work, Durability::kLazy, &reference);
  }
  reference.files = FilesOf(disk);
  return reference;
}

enum class Outcome { kPrefix, kRefused };

// Opens and claims damaged files and holds the result to the promise.
Outcome Judge(const Reference& reference, const Files& files,
              const std::string& what) {
  MemoryDisk disk;
  PutFiles(files, &disk);
  const auto recovered = Recover(&disk);
  if (!recovered.ok()) {
    EXPECT_TRUE(absl::IsDataLoss(recovered.status()))
        << what << ": " << recovered.status();
    EXPECT_THAT(std::string(recovered.status().message()),
                AllOf(HasSubstr("log/00000000000000"), HasSubstr(" offset ")))
        << what;
    EXPECT_EQ(FilesOf(disk), files) << what << ": a refused log was changed";
    return Outcome::kRefused;
  }
  const size_t count = recovered->records.size();
  EXPECT_GE(count, reference.forced) << what << ": a forced record is lost";
  EXPECT_LE(count, reference.appended.size()) << what;
  for (size_t i = 0; i < std::min(count, reference.appended.size()); ++i) {
    EXPECT_EQ(recovered->records[i], reference.appended[i]) << what;
  }
  EXPECT_GT(recovered->epoch, 1U) << what << ": the epoch is forgotten";
  return Outcome::kPrefix;
}

// How many of the damaged logs came out how.
struct Tally {
  void Add(Outcome outcome) {
    ++(outcome == Outcome::kRefused ? refused : prefixes);
  }
  void Print(const char* what) const {
    std::printf("%s: %d refused, %d legal prefixes\n", what, refused, prefixes);
  }
  int refused = 0;
  int prefixes = 0;
};

TEST(FileLogDamage, EverySingleBitFlipIsHarmlessOrRefused) {
  const Reference reference = MakeProtocolReference();
  ASSERT_GT(reference.files.size(), 3U);
  Tally tally;
  Files damaged = reference.files;
  for (const auto& [name, bytes] : reference.files) {
    for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
      char& byte = damaged[name][bit / 8];
      byte = static_cast<char>(byte ^ (1 << (bit % 8)));
      tally.Add(
          Judge(reference, damaged, name + ", bit " + std::to_string(bit)));
      byte = bytes[bit / 8];
      if (testing::Test::HasFailure()) return;
    }
  }
  tally.Print("bit flips");
  EXPECT_GT(tally.refused, 8 * 3 * 900);
}

TEST(FileLogDamage, EveryTruncationIsRefused) {
  const Reference reference = MakeProtocolReference();
  Tally tally;
  for (const auto& [name, bytes] : reference.files) {
    Files damaged = reference.files;
    for (size_t size = bytes.size(); size > 0; --size) {
      damaged[name].resize(size - 1);
      tally.Add(Judge(reference, damaged,
                      name + " cut to " + std::to_string(size - 1)));
      if (testing::Test::HasFailure()) return;
    }
  }
  tally.Print("truncations");
  for (const auto& [name, bytes] : reference.files) {
    if (bytes.empty()) continue;  // The lock, of which nobody reads a byte.
    Files damaged = reference.files;
    damaged[name] += '\0';
    tally.Add(Judge(reference, damaged, name + " longer"));
  }
  EXPECT_EQ(tally.prefixes, 0);
}

// A disk that returns zeros for a sector that was synced. Only of the sector
// with the very last frame header nothing else can tell that it was.
TEST(FileLogDamage, AZeroedSectorBeforeTheLastIsHarmlessOrRefused) {
  for (const size_t size : {0U, 100U, 300U}) {
    const Reference reference = MakeReference(12, size);
    const auto last = std::prev(reference.files.find("lock"));
    const size_t last_header = last->second.rfind("lazy 11") - 41;
    for (const auto& [name, bytes] : reference.files) {
      for (size_t at = 0; at < bytes.size(); at += 512) {
        if (name == last->first && at / 512 >= last_header / 512) break;
        Files damaged = reference.files;
        damaged[name].replace(at, 512, std::string(512, '\0'));
        Judge(reference, damaged, name + ", sector at " + std::to_string(at));
      }
    }
  }
}

TEST(FileLogDamage, AMissingSegmentIsRefused) {
  const Reference reference = MakeReference(12, 300);
  ASSERT_GE(reference.files.size(), 4U);
  size_t position = 0;
  for (const auto& [name, bytes] : reference.files) {
    // Of the last one nothing tells but the one before it is full; see README.
    if (++position + 1 >= reference.files.size()) break;
    if (position == 1) continue;  // The first: as if it had been trimmed.
    Files damaged = reference.files;
    damaged.erase(name);
    EXPECT_EQ(Judge(reference, damaged, name + " removed"), Outcome::kRefused);
  }
}

TEST(FileLogDamage, RefusalsNameTheFileAndTheOffset) {
  const Reference reference = MakeReference(1, 0);
  Files damaged = reference.files;
  damaged["0000000000000002.log"][96 + 40] ^= 1;  // A byte of "forced 0".
  MemoryDisk disk;
  PutFiles(damaged, &disk);
  const absl::Status status = Recover(&disk).status();
  EXPECT_EQ(std::string(status.message()),
            "'log/0000000000000002.log', offset 96: no whole frame; record 1 "
            "was here, since record 1 was synced");
}

TEST(FileLogDamage, SegmentsOfTwoLogsDoNotMix) {
  const Reference ours = MakeReference(12, 300);
  const Reference theirs = MakeReference(12, 300);
  for (const auto& [name, bytes] : ours.files) {
    if (bytes.empty()) continue;
    Files mixed = ours.files;
    mixed[name] = theirs.files.at(name);
    EXPECT_EQ(Judge(ours, mixed, name + " of another log"), Outcome::kRefused);
  }
}

// Every claim begins the log anew, in a segment of its own. One of a log that
// was claimed more often would have the rest taken for leftovers, and removed.
TEST(FileLogDamage, ALaterBeginningOfAnotherLogIsRefused) {
  const Reference ours = MakeReference(12, 300);
  MemoryDisk disk;
  ASSERT_TRUE(CreateOn(&disk).ok());
  std::string name;
  for (int claims = 0; name <= std::prev(ours.files.find("lock"))->first;) {
    ASSERT_LT(++claims, 100);
    ASSERT_TRUE(Recover(&disk).ok());
    const Files files = FilesOf(disk);
    name = std::prev(files.find("lock"))->first;
  }
  Files mixed = ours.files;
  mixed[name] = FilesOf(disk).at(name);
  EXPECT_EQ(Judge(ours, mixed, name + " of another log"), Outcome::kRefused);
}

TEST(FileLogDamage, SegmentsUnderEachOthersNamesAreRefused) {
  const Reference reference = MakeReference(12, 300);
  Files swapped = reference.files;
  std::swap(swapped["0000000000000003.log"], swapped["0000000000000004.log"]);
  EXPECT_EQ(Judge(reference, swapped, "swapped"), Outcome::kRefused);
}

// Opens files that are not of this log format; they must stay as they are.
absl::Status OpenFiles(const Files& files) {
  MemoryDisk disk;
  PutFiles(files, &disk);
  absl::Status status = Recover(&disk).status();
  EXPECT_EQ(FilesOf(disk), files);
  return status;
}

void SetChecksum(std::string* segment) {
  const uint32_t checksum =
      internal::Crc32c(std::string_view(*segment).substr(0, 92));
  for (size_t i = 0; i < 4; ++i) {
    (*segment)[92 + i] = static_cast<char>(checksum >> (8 * i));
  }
}

TEST(FileLogForeign, AFileThatIsNotALogIsRefusedUntouched) {
  for (const size_t size : {size_t{0}, size_t{10}, size_t{4096}}) {
    const absl::Status status = OpenFiles(
        {{"lock", ""}, {"0000000000000001.log", std::string(size, 'j')}});
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  }
}

TEST(FileLogForeign, ANewerFormatIsRefusedUntouched) {
  Files files = MakeReference(1, 0).files;
  std::string& segment = files["0000000000000002.log"];
  segment[8] = 2;
  SetChecksum(&segment);
  const absl::Status status = OpenFiles(files);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(status.message()), HasSubstr("format version 2"));
}

TEST(FileLogForeign, AHeaderThatMakesNoSenseIsRefused) {
  const Files files = MakeReference(1, 0).files;
  // Flags, log id, number, first index, synced index; each with a checksum
  // that is right.
  for (const size_t at : {12U, 16U, 55U, 79U, 87U}) {
    Files hostile = files;
    std::string& segment = hostile["0000000000000002.log"];
    segment[at] = '\xFF';
    SetChecksum(&segment);
    const absl::Status status = OpenFiles(hostile);
    EXPECT_TRUE(absl::IsDataLoss(status)) << at << ": " << status;
  }
}

TEST(FileLogForeign, OtherFilesInTheDirectoryAreLeftAlone) {
  const Reference reference = MakeReference(1, 0);
  Files files = reference.files;
  files["README"] = "somebody's notes";
  files["2.log"] = "not our kind of name";
  files["000000000000000A.log"] = "nor is this";
  files["new"] = "what is new";
  MemoryDisk disk;
  PutFiles(files, &disk);
  ASSERT_TRUE(Recover(&disk).ok());
  EXPECT_EQ(disk.Contents(kDirectory, "README"), "somebody's notes");
  EXPECT_EQ(disk.Contents(kDirectory, "2.log"), "not our kind of name");
  EXPECT_EQ(disk.Contents(kDirectory, "000000000000000A.log"), "nor is this");
  EXPECT_EQ(disk.Contents(kDirectory, "new"), "what is new");
}

TEST(FileLogForeign, WhatACrashLeftUnnamedIsRemovedByTheNextClaim) {
  const Reference reference = MakeReference(1, 0);
  Files files = reference.files;
  files["trivet-segment.new"] = "half a segment";
  MemoryDisk disk;
  PutFiles(files, &disk);
  ASSERT_TRUE(Recover(&disk).ok());
  EXPECT_THAT(disk.Names(kDirectory),
              ElementsAre("0000000000000003.log", "lock"));
}

// Reads tests/golden/file_log_v1.txt: hexadecimal, with comments.
Files ReadGolden() {
  std::ifstream in("tests/golden/file_log_v1.txt");
  EXPECT_TRUE(in.is_open()) << "run from the root of the source tree";
  Files files;
  std::string name;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    for (std::string word; words >> word;) {
      if (word == "file") {
        words >> name;
      } else {
        files[name].push_back(static_cast<char>(std::stoi(word, nullptr, 16)));
      }
    }
  }
  for (auto& [file, bytes] : files) bytes.resize(4096);
  return files;
}

// Whatever version 1 has written stays readable, and version 1 writes no other
// bytes.
TEST(FileLogGolden, TheBytesOfVersion1AreForEver) {
  const Files golden = ReadGolden();
  ASSERT_EQ(golden.size(), 2U);
  const std::string first = "0000000000000001.log";
  const std::string second = "0000000000000002.log";
  MemoryDisk disk;
  PutFiles({{"lock", ""}, {first, golden.at(first)}}, &disk);
  auto log = OpenOn(&disk);
  ASSERT_TRUE(log.ok()) << log.status();
  EXPECT_EQ((*log)->id(), "00112233445566778899aabbccddeeff");
  const auto claimed = ClaimAll(log->get(), 7);
  ASSERT_TRUE(claimed.ok()) << claimed.status();
  EXPECT_THAT(claimed->records,
              ElementsAre(Pair(1, "credit 40"), Pair(2, "debit 40")));
  ASSERT_TRUE(Append(log->get(), 7, {"ended"}, Durability::kLazy).ok());
  ASSERT_TRUE(Append(log->get(), 7, {"more"}).ok());
  log->reset();
  EXPECT_THAT(disk.Names(kDirectory), ElementsAre(second, "lock"));
  EXPECT_TRUE(disk.Contents(kDirectory, second) == golden.at(second))
      << "the bytes written are not those of the golden file";

  MemoryDisk again;
  PutFiles({{"lock", ""}, {second, golden.at(second)}}, &again);
  const auto recovered = Recover(&again);
  ASSERT_TRUE(recovered.ok()) << recovered.status();
  EXPECT_EQ(recovered->epoch, 8U);
  EXPECT_THAT(recovered->records,
              ElementsAre(Pair(1, "credit 40"), Pair(2, "debit 40"),
                          Pair(3, "ended"), Pair(4, "more")));
}

}  // namespace
}  // namespace trivet
