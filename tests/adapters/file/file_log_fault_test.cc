// SPDX-License-Identifier: Apache-2.0
//
// A disk that fails. Every n-th system call is made to fail, under every
// operation; an error is reported, the log stops, and the next claim finds
// everything that was acknowledged.

#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/adapters/file/file_log_test_util.h"
#include "tests/adapters/file/memory_disk.h"
#include "trivet/adapters/file/file_log_store.h"
#include "trivet/host/log_store.h"

namespace trivet {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

TEST_F(FileLogTest, Unknown_AFailedSyncPoisonsTheLogUntilItIsClaimed) {
  ASSERT_TRUE(Append(log_.get(), 1, {"a"}).ok());
  disk_.FailCall(2, EIO);  // The write succeeds, the sync fails.
  const absl::Status failed = Append(log_.get(), 1, {"b"}).status();
  EXPECT_EQ(failed.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(failed.message()),
              HasSubstr("cannot sync 'log/0000000000000002.log'"));

  // A second sync would succeed, and would be a lie.
  for (int i = 0; i < 3; ++i) {
    const uint64_t calls = disk_.calls();
    const absl::Status later = Append(log_.get(), 1, {"c"}).status();
    EXPECT_EQ(later.code(), absl::StatusCode::kUnavailable);
    EXPECT_THAT(std::string(later.message()), HasSubstr("claimed again"));
    EXPECT_EQ(disk_.calls(), calls) << "touched a disk that had failed";
  }
  EXPECT_TRUE(absl::IsAborted(Append(log_.get(), 9, {"d"}).status()))
      << "fenced stays fenced, and certain";

  const Records claimed = Claimed();
  EXPECT_THAT(claimed, ElementsAre(Pair(1, "a"), Pair(2, "b")))
      << "b was written; whether it is in the log was unknown";
  MemoryDisk after(MemoryDisk::PowerLoss(disk_.state(), 0));
  EXPECT_EQ(Recover(&after)->records, claimed) << "visited, so durable";
  EXPECT_EQ(*Append(log_.get(), 2, {"e"}), 3U);
}

TEST_F(FileLogTest, Unknown_APowerLossAfterAFailedSyncLosesOnlyTheUnknown) {
  ASSERT_TRUE(Append(log_.get(), 1, {"a"}).ok());
  disk_.FailCall(2, EIO);
  ASSERT_FALSE(Append(log_.get(), 1, {"b"}).ok());
  for (const uint64_t seed : {0U, 1U}) {
    MemoryDisk after(MemoryDisk::PowerLoss(disk_.state(), seed));
    EXPECT_THAT(Recover(&after)->records, ElementsAre(Pair(1, "a")));
  }
}

TEST_F(FileLogTest, Unknown_AWriteThatFailsHalfwayIsATornTail) {
  ASSERT_TRUE(Append(log_.get(), 1, {"a"}).ok());
  disk_.FailCall(1, ENOSPC);
  const absl::Status failed =
      Append(log_.get(), 1, {std::string(500, 'b')}).status();
  EXPECT_EQ(failed.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(Claimed(), ElementsAre(Pair(1, "a")));
  EXPECT_EQ(*Append(log_.get(), 2, {"c"}), 2U);
}

TEST_F(FileLogTest, Unknown_TheWholeBatchFailsWithIt) {
  disk_.HoldSyncs(true);
  disk_.FailCall(2, EIO);
  SharedState state;
  std::vector<absl::StatusCode> codes;
  for (int i = 0; i < 20; ++i) {
    log_->Append(1, {"r"}, Durability::kForced,
                 [&](const absl::StatusOr<LogIndex>& last) {
                   state.Update([&] { codes.push_back(last.status().code()); });
                 });
  }
  disk_.HoldSyncs(false);
  state.WaitFor([&] { return codes.size() == 20; });
  EXPECT_THAT(codes, testing::Each(absl::StatusCode::kUnavailable));
}

TEST_F(FileLogTest, AFullDiskStopsTheLogAndRoomHealsIt) {
  const std::string big(1000, 'b');
  size_t acknowledged = 0;
  while (true) {
    // The third call of a roll creates the new segment.
    if (acknowledged == 3) disk_.FailCall(5, ENOSPC);
    const auto last = Append(log_.get(), 1, {big});
    if (!last.ok()) {
      EXPECT_EQ(last.status().code(), absl::StatusCode::kResourceExhausted);
      break;
    }
    ++acknowledged;
    ASSERT_LT(acknowledged, 100U);
  }
  EXPECT_FALSE(Append(log_.get(), 1, {"later"}).ok());
  EXPECT_GE(Claimed().size(), acknowledged);
  EXPECT_TRUE(Append(log_.get(), 2, {"room again"}).ok());
}

// What the world has been told, by an object that may have failed since.
struct Told {
  std::vector<std::string> issued;  // In order, whatever became of them.
  size_t acknowledged = 0;          // How many are behind a forced success.
  Epoch epoch = 0;                  // The last one claimed with success.
};

// A life: create, claim, append, roll, trim, claim, append; stops at the first
// error, as a role does. Returns whether all went well.
bool LiveOnce(MemoryDisk* disk, Told* told) {
  auto log = CreateOn(disk);
  if (absl::IsAlreadyExists(log.status())) log = OpenOn(disk);
  if (!log.ok()) return false;
  for (int round = 0; round < 2; ++round) {
    const auto claimed = ClaimAll(log->get());
    if (!claimed.ok()) return false;
    told->epoch = claimed->epoch;
    for (int i = 0; i < 6; ++i) {
      const std::string record =
          std::to_string(told->issued.size()) + std::string(900, 'r');
      told->issued.push_back(record);
      const bool forced = i != 2;
      if (!Append(log->get(), claimed->epoch, {record},
                  forced ? Durability::kForced : Durability::kLazy)
               .ok()) {
        return false;
      }
      if (forced) told->acknowledged = told->issued.size();
    }
    (*log)->Trim(claimed->epoch, 3);
  }
  return true;
}

// What is there must be a run of what was issued, up to at least the last that
// was acknowledged, and begin no later than the trim allowed.
void ExpectKept(const Told& told, const Claimed& found,
                const std::string& what) {
  EXPECT_GT(found.epoch, told.epoch) << what;
  const LogIndex last = found.records.empty() ? 0 : found.records.back().first;
  EXPECT_GE(last, told.acknowledged) << what << ": an acknowledged record lost";
  EXPECT_LE(last, told.issued.size()) << what;
  if (!found.records.empty()) {
    EXPECT_LE(found.records.front().first, 3U) << what;
  }
  for (const auto& [index, record] : found.records) {
    EXPECT_EQ(record, told.issued[index - 1]) << what;
  }
}

class FileLogFaults : public testing::TestWithParam<int> {};

TEST_P(FileLogFaults, EveryCallMayFailAndNothingAcknowledgedIsLost) {
  MemoryDisk whole;
  Told all;
  ASSERT_TRUE(LiveOnce(&whole, &all));
  const uint64_t calls = whole.calls();
  ASSERT_GT(calls, 60U);
  for (uint64_t n = 1; n <= calls; ++n) {
    const std::string what = "call " + std::to_string(n);
    MemoryDisk disk;
    disk.FailCall(n, GetParam());
    Told told;
    LiveOnce(&disk, &told);  // The last calls come after the last answer.
    disk.FailCall(UINT64_MAX / 2, EIO);
    for (const uint64_t seed : {0U, 1U, 2U, 3U}) {
      MemoryDisk after(MemoryDisk::PowerLoss(disk.state(), seed));
      auto found = Recover(&after);
      if (absl::IsNotFound(found.status()) && told.epoch == 0) continue;
      ASSERT_TRUE(found.ok()) << what << ": " << found.status();
      ExpectKept(told, *found, what);
    }
    // The same without power loss, and life goes on.
    const bool created = !absl::IsNotFound(OpenOn(&disk).status());
    ASSERT_TRUE(created || told.epoch == 0) << what;
    if (created) {
      const auto found = Recover(&disk);
      ASSERT_TRUE(found.ok()) << what << ": " << found.status();
      ExpectKept(told, *found, what);
    } else {
      EXPECT_TRUE(LiveOnce(&disk, &told)) << what;
    }
    if (testing::Test::HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Errors, FileLogFaults,
                         testing::Values(EIO, ENOSPC, EACCES));

// The same object claims again after each failure, as a fail-over does.
TEST(FileLogFaultsTest, AClaimHealsTheObjectAfterAnyFailedCall) {
  for (uint64_t n = 1; n < 60; ++n) {
    MemoryDisk disk;
    auto log = CreateOn(&disk);
    ASSERT_TRUE(log.ok());
    Told told;
    disk.FailCall(n, EIO);
    int failures = 0;
    for (int i = 0; i < 12; ++i) {
      if (i % 4 == 0 || failures > 0) {
        auto claimed = ClaimAll(log->get());
        if (!claimed.ok()) {
          ++failures;
          claimed = ClaimAll(log->get());
        }
        ASSERT_TRUE(claimed.ok()) << n << ": " << claimed.status();
        ExpectKept(told, *claimed, "call " + std::to_string(n));
        told.epoch = claimed->epoch;
        // What is not there now was not written, and never will be.
        told.issued.resize(claimed->records.size());
        failures = 0;
      }
      const std::string record = std::to_string(i) + std::string(900, 'r');
      told.issued.push_back(record);
      if (Append(log->get(), told.epoch, {record}).ok()) {
        told.acknowledged = told.issued.size();
      } else {
        ++failures;
      }
    }
    if (testing::Test::HasFailure()) return;
  }
}

TEST_F(FileLogTest, AClaimThatFailedMayNotBeUndoneByItsPredecessor) {
  ASSERT_TRUE(Append(log_.get(), 1, {"a"}).ok());
  // Every call of a claim fails in turn; afterwards either epoch 1 is fenced or
  // the log is stopped, but epoch 1 never goes on as if nothing had been.
  for (uint64_t n = 1; n <= 16; ++n) {
    MemoryDisk disk;
    auto log = CreateOn(&disk);
    ASSERT_EQ(ClaimAll(log->get())->epoch, 1U);
    disk.FailCall(n, EIO);
    const auto claimed = ClaimAll(log->get());
    const absl::Status later = Append(log->get(), 1, {"b"}).status();
    if (!claimed.ok()) {
      EXPECT_TRUE(absl::IsAborted(later) || absl::IsUnavailable(later)) << n;
      const auto again = ClaimAll(log->get());
      ASSERT_TRUE(again.ok()) << n << ": " << again.status();
      EXPECT_GT(again->epoch, 1U);
    } else {
      EXPECT_TRUE(absl::IsAborted(later)) << n;
    }
  }
}

TEST(FileLogFaultsTest, CreateLeavesNothingThatOpensUnlessItSucceeded) {
  for (uint64_t n = 1; n < 20; ++n) {
    MemoryDisk disk;
    disk.FailCall(n, ENOSPC);
    const auto created = CreateOn(&disk).status();
    MemoryDisk after(MemoryDisk::PowerLoss(disk.state(), 0));
    if (created.ok()) {
      EXPECT_TRUE(Recover(&after).ok()) << n;
    } else {
      EXPECT_TRUE(absl::IsNotFound(OpenOn(&after).status())) << n;
      EXPECT_TRUE(CreateOn(&after).ok()) << n << ": cannot be created any more";
    }
  }
}

}  // namespace
}  // namespace trivet
