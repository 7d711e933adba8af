// SPDX-License-Identifier: Apache-2.0
//
// What the file log adds to the contract of LogStore, which is tried line by
// line in tests/conformance.

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/adapters/file/file_log_test_util.h"
#include "tests/adapters/file/memory_disk.h"
#include "tests/support/real_time.h"
#include "trivet/adapters/file/file_log_store.h"
#include "trivet/host/log_store.h"

namespace trivet {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

TEST_F(FileLogTest, ANewLogIsEmptyAndItsFirstEpochIsOne) {
  const auto again = ClaimAll(log_.get());
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->epoch, 2U);
  EXPECT_THAT(again->records, IsEmpty());
}

TEST_F(FileLogTest, EveryLogHasAnIdOfItsOwnThatSurvives) {
  const std::string id(log_->id());
  EXPECT_EQ(id.size(), 32U);
  EXPECT_EQ(id.find_first_not_of("0123456789abcdef"), std::string::npos);
  Reopen();
  EXPECT_EQ(log_->id(), id);
  MemoryDisk other;
  EXPECT_NE((*CreateOn(&other))->id(), id);
}

TEST_F(FileLogTest, CountsRecordsFromOneAndReportsTheLast) {
  EXPECT_EQ(*Append(log_.get(), 1, {"a"}), 1U);
  EXPECT_EQ(*Append(log_.get(), 1, {"b", "c"}), 3U);
  EXPECT_EQ(*Append(log_.get(), 1, {}), 3U) << "nothing appended";
  EXPECT_THAT(Claimed(), ElementsAre(Pair(1, "a"), Pair(2, "b"), Pair(3, "c")));
  EXPECT_EQ(*Append(log_.get(), 2, {"d"}), 4U) << "goes on after a claim";
}

TEST_F(FileLogTest, Prefix_AnEmptyForcedAppendIsABarrier) {
  ASSERT_TRUE(Append(log_.get(), 1, {"lazy"}, Durability::kLazy).ok());
  ASSERT_TRUE(Append(log_.get(), 1, {}).ok());
  MemoryDisk after(MemoryDisk::PowerLoss(disk_.state(), 0));
  EXPECT_THAT(Recover(&after)->records, SizeIs(1));
}

TEST_F(FileLogTest, ALazyAppendCompletesWithoutASync) {
  const uint64_t syncs = disk_.data_syncs();
  ASSERT_TRUE(Append(log_.get(), 1, {"a"}, Durability::kLazy).ok());
  EXPECT_EQ(disk_.data_syncs(), syncs);
  EXPECT_EQ(log_->stats().syncs, 0U);
}

TEST_F(FileLogTest, Visited_AlsoBeforeTheFirstRecordIsVisited) {
  ASSERT_TRUE(Append(log_.get(), 1, {"lazy"}, Durability::kLazy).ok());
  int visits = 0;
  ASSERT_TRUE(log_->Claim(0,
                          [&](LogIndex, std::string_view) {
                            ++visits;
                            MemoryDisk after(
                                MemoryDisk::PowerLoss(disk_.state(), 0));
                            EXPECT_THAT(Recover(&after)->records, SizeIs(1));
                            return absl::OkStatus();
                          })
                  .ok());
  EXPECT_EQ(visits, 1);
}

TEST_F(FileLogTest, Fenced_NoAppendOfAnEpochThatWasNotClaimedLast) {
  ASSERT_TRUE(Append(log_.get(), 1, {"a"}).ok());
  ASSERT_EQ(ClaimAll(log_.get(), 5)->epoch, 5U);
  for (const Epoch stale : {0U, 1U, 2U, 4U, 6U}) {
    const absl::Status status = Append(log_.get(), stale, {"b"}).status();
    EXPECT_TRUE(absl::IsAborted(status)) << stale;
    EXPECT_THAT(std::string(status.message()), HasSubstr("epoch is 5"));
  }
  ASSERT_TRUE(Append(log_.get(), 5, {"c"}).ok());
  Reopen();
  EXPECT_TRUE(absl::IsAborted(Append(log_.get(), 5, {"d"}).status()))
      << "another object claimed it; this one has not";
  EXPECT_THAT(Claimed(), ElementsAre(Pair(1, "a"), Pair(2, "c")));
}

TEST_F(FileLogTest, Fenced_ThereIsNoEpochAfterTheLast) {
  ASSERT_EQ(ClaimAll(log_.get(), UINT64_MAX)->epoch, UINT64_MAX);
  EXPECT_EQ(ClaimAll(log_.get(), 0).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(Append(log_.get(), UINT64_MAX, {"a"}).ok());
}

// The append of epoch 1 stands in the queue when epoch 2 is claimed: it is in
// the log before the claim reads it. The one issued after the claim is refused,
// but not before everything earlier has completed.
TEST_F(FileLogTest, Fenced_ARefusalWaitsForAllEarlierAppends) {
  std::vector<std::string> order;
  SharedState state;
  const auto note = [&](std::string name) {
    return [&, name](const absl::StatusOr<LogIndex>& last) {
      state.Update(
          [&] { order.push_back(name + (last.ok() ? " ok" : " refused")); });
    };
  };
  disk_.HoldSyncs(true);
  log_->Append(1, {"a"}, Durability::kForced, note("a"));
  log_->Append(9, {"b"}, Durability::kForced, note("b"));
  log_->Append(1, {"c"}, Durability::kLazy, note("c"));
  disk_.HoldSyncs(false);
  state.WaitFor([&] { return order.size() == 3; });
  EXPECT_THAT(order, ElementsAre("a ok", "b refused", "c ok"));
  EXPECT_THAT(Claimed(), ElementsAre(Pair(1, "a"), Pair(2, "c")));
}

TEST_F(FileLogTest, Fenced_TwoOwnersInOneProcessShareTheObject) {
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> last_of_first{0};
  std::thread first([&] {
    while (!stop) {
      const auto last = Append(log_.get(), 1, {"first"});
      if (last.ok()) {
        last_of_first = *last;
      } else {
        EXPECT_TRUE(absl::IsAborted(last.status())) << last.status();
        break;
      }
    }
  });
  while (last_of_first < 20) std::this_thread::yield();
  const auto second = ClaimAll(log_.get());
  ASSERT_TRUE(second.ok());
  first.join();
  EXPECT_EQ(second->records.size(), last_of_first)
      << "an append of the first owner succeeded after the claim, or is lost";
  EXPECT_EQ(*Append(log_.get(), second->epoch, {"second"}), last_of_first + 1);
}

TEST_F(FileLogTest, AppendsNothingBeforeTheFirstClaim) {
  Reopen();
  const absl::Status status = Append(log_.get(), 1, {"a"}).status();
  EXPECT_TRUE(absl::IsAborted(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("no epoch is claimed"));
  EXPECT_THAT(Claimed(), IsEmpty());
}

TEST_F(FileLogTest, RollsOverManySegmentsAndKeepsEverything) {
  Records expected;
  for (LogIndex i = 1; i <= 200; ++i) {
    const std::string record = std::to_string(i) + std::string(i, '.');
    const auto durability =
        i % 3 == 0 ? Durability::kForced : Durability::kLazy;
    ASSERT_EQ(*Append(log_.get(), 1, {record}, durability), i);
    expected.emplace_back(i, record);
  }
  EXPECT_GT(log_->stats().segments, 5U);
  EXPECT_GT(disk_.Names(kDirectory).size(), 5U);
  EXPECT_EQ(Claimed(), expected);
  Reopen();
  EXPECT_EQ(Claimed(), expected);
  EXPECT_THAT(disk_.Names(kDirectory), SizeIs(2)) << "one segment and lock";
}

TEST_F(FileLogTest, OneAppendMayFillManySegments) {
  const std::vector<std::string> records(50, std::string(1000, 'r'));
  ASSERT_EQ(*Append(log_.get(), 1, records), 50U);
  MemoryDisk after(MemoryDisk::PowerLoss(disk_.state(), 0));
  EXPECT_THAT(Recover(&after)->records, SizeIs(50));
}

TEST_F(FileLogTest, Contiguous_TrimDropsWholeSegmentsOldestFirst) {
  const std::string big(1000, 'b');
  for (int i = 0; i < 30; ++i) {
    ASSERT_TRUE(Append(log_.get(), 1, {big}).ok());
  }
  const size_t before = disk_.Names(kDirectory).size();
  log_->Trim(1, 15);
  ASSERT_TRUE(Append(log_.get(), 1, {"x"}).ok());
  ASSERT_TRUE(Append(log_.get(), 1, {"y"}).ok());  // The trim is done by now.
  const size_t after = disk_.Names(kDirectory).size();
  EXPECT_LT(after, before);
  EXPECT_GT(after, before / 3);
  const Records records = Claimed();
  ASSERT_FALSE(records.empty());
  EXPECT_LE(records.front().first, 15U);
  EXPECT_EQ(records.back(), std::make_pair(LogIndex{32}, std::string("y")));
  for (size_t i = 1; i < records.size(); ++i) {
    EXPECT_EQ(records[i].first, records[i - 1].first + 1);
  }
}

TEST_F(FileLogTest, Contiguous_IndexesGoOnWhenEverythingIsTrimmed) {
  ASSERT_EQ(*Append(log_.get(), 1, {"a", "b", "c"}), 3U);
  log_->Trim(1, 4);
  // A later record carries the hint; the next claim forgets what is before it.
  ASSERT_EQ(*Append(log_.get(), 1, {"d"}), 4U);
  ASSERT_EQ(*Append(log_.get(), 1, {"e"}), 5U);
  EXPECT_THAT(Claimed(), ElementsAre(Pair(4, "d"), Pair(5, "e")));
  log_->Trim(2, 100);  // More than there is.
  ASSERT_EQ(*Append(log_.get(), 2, {"f"}), 6U);
  ASSERT_EQ(*Append(log_.get(), 2, {"g"}), 7U);
  Reopen();
  const Records left = Claimed();
  ASSERT_FALSE(left.empty());
  EXPECT_GE(left.front().first, 6U);
  EXPECT_EQ(left.back(), std::make_pair(LogIndex{7}, std::string("g")));
  EXPECT_EQ(*Append(log_.get(), 3, {"h"}), 8U);
}

TEST_F(FileLogTest, Contiguous_ATrimOfAFencedEpochIsIgnored) {
  ASSERT_TRUE(Append(log_.get(), 1, {"a", "b"}).ok());
  ASSERT_EQ(ClaimAll(log_.get())->epoch, 2U);
  log_->Trim(1, 3);
  log_->Trim(3, 3);
  ASSERT_TRUE(Append(log_.get(), 2, {"c"}).ok());
  ASSERT_TRUE(Append(log_.get(), 2, {"d"}).ok());
  EXPECT_THAT(Claimed(), SizeIs(4));
}

// The records that make a segment superfluous were appended lazily: they must
// be durable before it goes.
TEST_F(FileLogTest, Contiguous_TrimNeverCostsARecordThatWasAppendedAnew) {
  const std::string big(1000, 'b');
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(Append(log_.get(), 1, {big}).ok());
  }
  const auto last = Append(log_.get(), 1, {"live"}, Durability::kLazy);
  ASSERT_TRUE(last.ok());
  log_->Trim(1, *last);
  ASSERT_TRUE(Append(log_.get(), 1, {}, Durability::kLazy).ok());
  ASSERT_TRUE(Append(log_.get(), 1, {}, Durability::kLazy).ok());
  EXPECT_THAT(disk_.Names(kDirectory), SizeIs(2)) << "the trim was carried out";
  MemoryDisk after(MemoryDisk::PowerLoss(disk_.state(), 0));
  const auto recovered = Recover(&after);
  ASSERT_TRUE(recovered.ok()) << recovered.status();
  ASSERT_FALSE(recovered->records.empty());
  EXPECT_EQ(recovered->records.back().second, "live");
}

// One sync serves all appends that came while the one before it ran.
TEST_F(FileLogTest, ManyForcedAppendsShareASync) {
  constexpr int kAppends = 100;
  disk_.HoldSyncs(true);
  const uint64_t syncs = disk_.data_syncs();
  SharedState state;
  int completed = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kAppends; ++i) {
    threads.emplace_back([&] {
      log_->Append(1, {"r"}, Durability::kForced,
                   [&](const absl::StatusOr<LogIndex>& last) {
                     EXPECT_TRUE(last.ok());
                     state.Update([&] { ++completed; });
                   });
    });
  }
  for (std::thread& thread : threads) thread.join();
  disk_.HoldSyncs(false);
  state.WaitFor([&] { return completed == kAppends; });
  // The first batch waited in its sync, so all else can have been in one more;
  // a batch that was taken in between makes it three.
  EXPECT_LE(disk_.data_syncs() - syncs, 3U);
  EXPECT_EQ(log_->stats().appends, 100U);
  EXPECT_EQ(log_->stats().records, 100U);
  EXPECT_LE(log_->stats().syncs, 3U);
}

TEST_F(FileLogTest, DestructionFinishesAppendsAndDestroysLaterOnes) {
  FileLogStore* const port = log_.get();
  disk_.HoldSyncs(true);
  int completed = 0;
  for (int i = 0; i < 10; ++i) {
    log_->Append(1, {"r"}, Durability::kForced,
                 [&](const absl::StatusOr<LogIndex>& last) {
                   completed += last.ok() ? 1 : 0;
                 });
  }
  Event in_callback;
  Event closing;
  auto held = std::make_shared<int>(0);
  const std::weak_ptr<int> watched = held;
  log_->Append(1, {"last"}, Durability::kForced,
               [&, held](const absl::StatusOr<LogIndex>&) mutable {
                 in_callback.Notify();
                 closing.Wait();
                 // Time for the destructor to begin.
                 for (int i = 0; i < 1000; ++i) std::this_thread::yield();
                 port->Append(1, {"too late"}, Durability::kForced,
                              [held](const absl::StatusOr<LogIndex>&) {});
               });
  held.reset();
  disk_.HoldSyncs(false);
  in_callback.Wait();
  closing.Notify();
  log_.reset();
  EXPECT_EQ(completed, 10);
  EXPECT_TRUE(watched.expired())
      << "a callback was neither called nor destroyed";
}

TEST_F(FileLogTest, ARecordAboveTheLimitIsRefusedAndStopsTheLog) {
  const absl::Status status =
      Append(log_.get(), 1, {"fine", std::string(1025, 'x')}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("1025"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("record_size_max"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("1024"));
  // As after any error but kAborted: the log would have a hole otherwise.
  const absl::Status later = Append(log_.get(), 1, {"later"}).status();
  EXPECT_EQ(later.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(Claimed(), IsEmpty()) << "nothing of that append was written";
  EXPECT_TRUE(Append(log_.get(), 2, {"again"}).ok());
}

TEST(FileLogDeathTest, DiesWhereACallbackWouldWaitForItself) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  const auto in_callback = [](auto call) {
    MemoryDisk disk;
    auto log = *CreateOn(&disk);
    const absl::StatusOr<Claimed> claimed = ClaimAll(log.get());
    Event never;
    log->Append(claimed->epoch, {"a"}, Durability::kForced,
                [&](const absl::StatusOr<LogIndex>&) { call(log); });
    never.Wait();
  };
  EXPECT_DEATH(in_callback([](auto& log) { log.reset(); }),
               "not destroyed by one of its own callbacks");
  EXPECT_DEATH(
      in_callback([](auto& log) { ClaimAll(log.get()).IgnoreError(); }),
      "not called by a callback of an append");
}

TEST(FileLogOptionsTest, AreCheckedByNameValueAndLimit) {
  MemoryDisk disk;
  const auto expect_refused = [&](size_t segment, size_t record,
                                  const std::string& text) {
    FileLogOptions options;
    options.segment_size = segment;
    options.record_size_max = record;
    for (const auto& made :
         {internal::FileLogFactory::Create(&disk, kDirectory, options).status(),
          internal::FileLogFactory::Open(&disk, kDirectory, options)
              .status()}) {
      EXPECT_EQ(made.code(), absl::StatusCode::kInvalidArgument);
      EXPECT_THAT(std::string(made.message()), HasSubstr(text));
    }
  };
  expect_refused(0, 1, "segment_size: 0 is not in 4096..1073741824");
  expect_refused(4095, 1, "segment_size: 4095");
  expect_refused((size_t{1} << 30) + 4096, 1, "segment_size: 1073745920");
  expect_refused(4097, 1, "4097 is not a multiple of 4096");
  expect_refused(4096, 0, "record_size_max: 0 is not in 1..3840");
  expect_refused(4096, 3841, "record_size_max: 3841");
  EXPECT_EQ(disk.calls(), 0U);

  FileLogOptions least;
  least.segment_size = 4096;
  least.record_size_max = 3840;
  auto log = internal::FileLogFactory::Create(&disk, kDirectory, least);
  ASSERT_TRUE(log.ok()) << log.status();
  ASSERT_TRUE(ClaimAll(log->get()).ok());
  const std::string largest(3840, 'x');
  ASSERT_TRUE(Append(log->get(), 1, {largest, largest}).ok());
  EXPECT_THAT(ClaimAll(log->get())->records, SizeIs(2));
}

TEST(FileLogSegmentSize, MayChangeFromRunToRun) {
  MemoryDisk disk;
  Records expected;
  FileLogOptions options = SmallSegments();
  auto log = internal::FileLogFactory::Create(&disk, kDirectory, options);
  for (const size_t size : {4096U, 65536U, 8192U, 4096U}) {
    log->reset();
    options.segment_size = size;
    log = internal::FileLogFactory::Open(&disk, kDirectory, options);
    ASSERT_TRUE(log.ok()) << log.status();
    const auto claimed = ClaimAll(log->get());
    ASSERT_TRUE(claimed.ok()) << claimed.status();
    EXPECT_EQ(claimed->records, expected);
    for (int i = 0; i < 20; ++i) {
      const std::string record(500, 'r');
      const auto last = Append(log->get(), claimed->epoch, {record});
      ASSERT_TRUE(last.ok());
      expected.emplace_back(*last, record);
    }
  }
}

TEST(FileLogCreate, IsNeverImplicit) {
  MemoryDisk disk;
  EXPECT_EQ(OpenOn(&disk).status().code(), absl::StatusCode::kNotFound);
  ASSERT_EQ(disk.MakeDirectory(kDirectory), 0);
  EXPECT_EQ(OpenOn(&disk).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(disk.Names(kDirectory), IsEmpty()) << "Open left something";
  ASSERT_TRUE(CreateOn(&disk).ok());
  EXPECT_EQ(CreateOn(&disk).status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(OpenOn(&disk).ok());
}

}  // namespace
}  // namespace trivet
