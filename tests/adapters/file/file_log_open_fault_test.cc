// SPDX-License-Identifier: Apache-2.0
//
// A disk that fails while a log is opened or created. Every n-th system call is
// made to fail, on every kind of directory that a life may leave; the error is
// told with the path, nothing is left open, and without the failure the log
// opens with all that it had.

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/adapters/file/file_log_test_util.h"
#include "tests/adapters/file/memory_disk.h"
#include "trivet/host/log_store.h"

namespace trivet {
namespace {

using testing::AnyOf;
using testing::Contains;
using testing::ContainsRegex;
using testing::Not;
using testing::SizeIs;

constexpr char kUnnamed[] = "trivet-segment.new";

// A directory that a life left behind, and what a log opened there must show.
struct Left {
  std::string how;
  MemoryDisk::State state;
  Records records;
  Epoch epoch = 0;  // The last one that somebody was told of.
};

// Three lives' worth of segments, all of it forced.
Left Closed() {
  Left left = {"closed", {}, {}, 1};
  MemoryDisk disk;
  auto log = CreateOn(&disk);
  EXPECT_TRUE(ClaimAll(log->get()).ok());
  for (LogIndex i = 1; i <= 12; ++i) {
    left.records.emplace_back(i, std::to_string(i) + std::string(900, 'r'));
    EXPECT_TRUE(Append(log->get(), 1, {left.records.back().second}).ok());
  }
  log->reset();
  EXPECT_THAT(disk.Names(kDirectory), SizeIs(testing::Ge(4U)));
  left.state = disk.state();
  return left;
}

Left OnlyCreated() {
  MemoryDisk disk;
  EXPECT_TRUE(CreateOn(&disk).ok());
  return {"only created", disk.state(), {}, 0};
}

// The process died in the middle of a write.
Left Torn() {
  Left left = Closed();
  left.how = "torn";
  MemoryDisk disk(left.state);
  auto log = OpenOn(&disk);
  EXPECT_TRUE(ClaimAll(log->get()).ok());
  disk.FailCall(1, EIO);
  EXPECT_FALSE(Append(log->get(), 2, {std::string(900, 't')}).ok());
  left.state = disk.state();
  left.epoch = 2;
  return left;
}

// The process died while it claimed the log that `left` holds, each time when
// other files were there: a segment in the making, then old ones and new.
std::vector<Left> CutClaimsOf(const Left& left) {
  std::vector<Left> cut;
  MemoryDisk disk(left.state);
  std::vector<std::string> names = disk.Names(kDirectory);
  disk.OnChange([&](const MemoryDisk::State& state) {
    MemoryDisk now(state);
    if (now.Names(kDirectory) == names) return;
    names = now.Names(kDirectory);
    cut.push_back(
        {"cut when these were there: " + testing::PrintToString(names), state,
         left.records, left.epoch});
  });
  EXPECT_TRUE(Recover(&disk).ok());
  EXPECT_THAT(cut.front().state.directories[kDirectory].names,
              Contains(testing::Key(kUnnamed)));
  EXPECT_GE(cut.size(), 4U);
  return cut;
}

std::vector<Left> AllKinds() {
  std::vector<Left> all = {OnlyCreated(), Closed(), Torn()};
  for (Left& cut : CutClaimsOf(Closed())) all.push_back(std::move(cut));
  return all;
}

// An error of the disk is neither damage nor the log's end, and names the path.
void ExpectTold(const absl::Status& status, int error) {
  const absl::StatusCode code =
      error == ENOSPC   ? absl::StatusCode::kResourceExhausted
      : error == EACCES ? absl::StatusCode::kPermissionDenied
                        : absl::StatusCode::kUnavailable;
  EXPECT_EQ(status.code(), code) << status;
  EXPECT_THAT(std::string(status.message()),
              ContainsRegex("cannot [a-z ]+ '(log|log/[a-z0-9.-]+|\\.)': "));
}

// What opens on `disk`, now and after a power loss, is what `left` holds.
void ExpectKept(const Left& left, MemoryDisk* disk) {
  for (const uint64_t seed : {0U, 1U, 2U, 3U}) {
    MemoryDisk after(MemoryDisk::PowerLoss(disk->state(), seed));
    const auto found = Recover(&after);
    ASSERT_TRUE(found.ok()) << "power loss " << seed << ": " << found.status();
    EXPECT_EQ(found->records, left.records) << "power loss " << seed;
    EXPECT_GT(found->epoch, left.epoch) << "power loss " << seed;
  }
  const auto found = Recover(disk);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->records, left.records);
  EXPECT_GT(found->epoch, left.epoch);
}

class FileLogOpenFaults : public testing::TestWithParam<int> {};

TEST_P(FileLogOpenFaults, AnyCallOfARecoveryMayFailAndIsTold) {
  for (const Left& left : AllKinds()) {
    SCOPED_TRACE(left.how);
    MemoryDisk whole(left.state);
    ExpectKept(left, &whole);
    MemoryDisk counting(left.state);
    ASSERT_TRUE(Recover(&counting).ok());
    EXPECT_GT(counting.calls(), 10U);
    for (uint64_t n = 1; n <= counting.calls(); ++n) {
      SCOPED_TRACE("call " + std::to_string(n));
      MemoryDisk disk(left.state);
      disk.FailCall(n, GetParam());
      ExpectTold(Recover(&disk).status(), GetParam());
      EXPECT_EQ(disk.open_descriptors(), 0U);
      ExpectKept(left, &disk);
      if (HasFailure()) return;
    }
  }
}

TEST_P(FileLogOpenFaults, AnyCallOfCreateMayFailAndNobodysFileIsTouched) {
  for (const bool has_directory : {false, true}) {
    MemoryDisk::State before;
    if (has_directory) {
      MemoryDisk disk;
      disk.SetContents(kDirectory, "new", "somebody's news");
      disk.SetContents(kDirectory, kUnnamed, "half a segment");
      before = disk.state();
    }
    const Left left = {"created", {}, {}, 0};
    MemoryDisk counting(before);
    ASSERT_TRUE(CreateOn(&counting).ok());
    for (uint64_t n = 1; n <= counting.calls(); ++n) {
      SCOPED_TRACE("call " + std::to_string(n));
      MemoryDisk disk(before);
      disk.FailCall(n, GetParam());
      ExpectTold(CreateOn(&disk).status(), GetParam());
      EXPECT_EQ(disk.open_descriptors(), 0U);
      for (const uint64_t seed : {1U, 0U, 2U, 3U}) {
        MemoryDisk after(MemoryDisk::PowerLoss(disk.state(), seed));
        const absl::Status again = CreateOn(&after).status();
        EXPECT_THAT(again.code(), AnyOf(absl::StatusCode::kOk,
                                        absl::StatusCode::kAlreadyExists))
            << again;
        ExpectKept(left, &after);
        EXPECT_EQ(after.Contents(kDirectory, "lock"), "");
        if (!has_directory) continue;
        ASSERT_THAT(after.Names(kDirectory), Contains("new"));
        EXPECT_EQ(after.Contents(kDirectory, "new"), "somebody's news");
        EXPECT_THAT(after.Names(kDirectory), Not(Contains(kUnnamed)));
      }
      if (HasFailure()) return;
    }
  }
}

// A call that does half of what it was asked for has not failed.
TEST(FileLogShortCalls, AreContinued) {
  for (const Left& left : AllKinds()) {
    SCOPED_TRACE(left.how);
    MemoryDisk counting(left.state);
    ASSERT_TRUE(Recover(&counting).ok());
    for (uint64_t n = 1; n <= counting.calls(); ++n) {
      SCOPED_TRACE("call " + std::to_string(n));
      MemoryDisk disk(left.state);
      disk.ShortenCall(n);
      ExpectKept(left, &disk);
      if (HasFailure()) return;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Errors, FileLogOpenFaults,
                         testing::Values(EIO, ENOSPC, EACCES));

}  // namespace
}  // namespace trivet
