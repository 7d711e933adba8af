// SPDX-License-Identifier: Apache-2.0
//
// What the tests of the file log share: a log on a MemoryDisk, and its calls in
// a form that waits.

#ifndef TRIVET_TESTS_ADAPTERS_FILE_FILE_LOG_TEST_UTIL_H_
#define TRIVET_TESTS_ADAPTERS_FILE_FILE_LOG_TEST_UTIL_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "src/adapters/file/file_log_factory.h"
#include "tests/adapters/file/memory_disk.h"
#include "tests/support/real_time.h"
#include "trivet/adapters/file/file_log_store.h"
#include "trivet/host/log_store.h"

namespace trivet {

inline constexpr char kDirectory[] = "log";

inline FileLogOptions SmallSegments() {
  FileLogOptions options;
  options.segment_size = 4096;
  options.record_size_max = 1024;
  return options;
}

inline absl::StatusOr<std::unique_ptr<FileLogStore>> CreateOn(
    MemoryDisk* disk) {
  return internal::FileLogFactory::Create(disk, kDirectory, SmallSegments());
}

inline absl::StatusOr<std::unique_ptr<FileLogStore>> OpenOn(MemoryDisk* disk) {
  return internal::FileLogFactory::Open(disk, kDirectory, SmallSegments());
}

using Records = std::vector<std::pair<LogIndex, std::string>>;

struct Claimed {
  Epoch epoch = 0;
  Records records;
};

inline absl::StatusOr<Claimed> ClaimAll(LogStore* log, Epoch wanted = 0) {
  Claimed claimed;
  absl::StatusOr<Epoch> epoch =
      log->Claim(wanted, [&](LogIndex index, std::string_view record) {
        claimed.records.emplace_back(index, record);
        return absl::OkStatus();
      });
  if (!epoch.ok()) return epoch.status();
  claimed.epoch = *epoch;
  return claimed;
}

inline absl::StatusOr<LogIndex> Append(
    LogStore* log, Epoch epoch, std::vector<std::string> records,
    Durability durability = Durability::kForced) {
  Awaiter<absl::StatusOr<LogIndex>> last;
  log->Append(epoch, std::move(records), durability, last.Done());
  return last.Wait();
}

// Opens the log on `disk`, claims it and closes it.
inline absl::StatusOr<Claimed> Recover(MemoryDisk* disk) {
  auto log = OpenOn(disk);
  if (!log.ok()) return log.status();
  return ClaimAll(log->get());
}

// A log on a disk of its own, created and claimed with epoch 1.
class FileLogTest : public testing::Test {
 protected:
  void SetUp() override {
    auto log = CreateOn(&disk_);
    ASSERT_TRUE(log.ok()) << log.status();
    log_ = *std::move(log);
    const auto claimed = ClaimAll(log_.get());
    ASSERT_TRUE(claimed.ok()) << claimed.status();
    ASSERT_EQ(claimed->epoch, 1U);
  }

  void Reopen() {
    log_.reset();
    auto log = OpenOn(&disk_);
    ASSERT_TRUE(log.ok()) << log.status();
    log_ = *std::move(log);
  }

  // Every record that a new claim visits.
  Records Claimed() {
    const auto claimed = ClaimAll(log_.get());
    EXPECT_TRUE(claimed.ok()) << claimed.status();
    return claimed.ok() ? claimed->records : Records();
  }

  MemoryDisk disk_;
  std::unique_ptr<FileLogStore> log_;
};

}  // namespace trivet

#endif  // TRIVET_TESTS_ADAPTERS_FILE_FILE_LOG_TEST_UTIL_H_
