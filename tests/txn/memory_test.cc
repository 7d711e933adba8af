// SPDX-License-Identifier: Apache-2.0
//
// What the machines' memory is made of: live records, timers, and the table of
// a coordinator's transactions.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "src/txn/live_records.h"
#include "src/txn/log_lag.h"
#include "src/txn/timer_queue.h"
#include "src/txn/txn_table.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/txn/transaction.h"

namespace trivet {
namespace {

using testing::ElementsAre;

using Records = internal::LiveRecords<std::string>;

TEST(LiveRecordsTest, TheOldestLiveRecordHoldsTheLog) {
  Records records;
  uint64_t a = records.Issue("a");
  uint64_t b = records.Issue("b");
  EXPECT_EQ(records.TrimBefore(), 1u);
  EXPECT_EQ(records.TakeAppended(a, 10), "a");
  EXPECT_EQ(records.TrimBefore(), 10u);
  EXPECT_EQ(records.TakeAppended(b, 11), "b");
  records.Retire(&b);
  EXPECT_EQ(b, 0u);
  EXPECT_EQ(records.TrimBefore(), 10u);
  records.Retire(&a);
  EXPECT_EQ(records.TrimBefore(), 12u);
  EXPECT_EQ(records.live(), 0u);
}

TEST(LiveRecordsTest, NothingInFlightIsTrimmed) {
  Records records;
  uint64_t a = records.Issue("a");
  const uint64_t b = records.Issue("b");
  records.TakeAppended(a, 10);
  records.Retire(&a);
  EXPECT_EQ(records.TrimBefore(), 11u);  // b will stand at 11 or later.
  records.TakeAppended(b, 20);
  EXPECT_EQ(records.TrimBefore(), 20u);
}

TEST(LiveRecordsTest, OnlyTheTicketWhoseTurnItIsIsTaken) {
  Records records;
  uint64_t a = records.Issue("a");
  const uint64_t b = records.Issue("b");
  EXPECT_EQ(records.TakeAppended(b, 10), std::nullopt);
  EXPECT_EQ(records.TakeAppended(0, 10), std::nullopt);
  EXPECT_EQ(records.TakeAppended(3, 10), std::nullopt);
  EXPECT_EQ(records.TakeAppended(a, 10), "a");
  EXPECT_EQ(records.TakeAppended(a, 10), std::nullopt);
  uint64_t none = 0;
  records.Retire(&none);
  EXPECT_EQ(records.live(), 2u);
}

TEST(LiveRecordsTest, CopiesTakeOverOnceTheLastIsAppended) {
  Records records;
  uint64_t old = 0;
  uint64_t other = 0;
  records.Adopt({{7, &other}, {5, &old}}, 9);
  EXPECT_EQ(records.TrimBefore(), 5u);
  EXPECT_FALSE(records.CompactionIsDue(true));
  uint64_t flying = records.Issue("flying");
  records.TakeAppended(flying, 2000);
  EXPECT_TRUE(records.CompactionIsDue(false));
  const uint64_t late = records.Issue("late");  // In flight meanwhile.
  records.BeginCopies();
  old = records.Issue("copy 1");
  other = records.Issue("copy 2");
  flying = records.Issue("copy 3");
  const uint64_t late_copy = records.Issue("copy 4");
  records.EndCopies();
  EXPECT_FALSE(records.CompactionIsDue(true));  // One is on its way.
  uint64_t after = records.Issue("after");
  EXPECT_EQ(records.TakeAppended(late, 2001), "late");
  records.TakeAppended(old, 2002);
  records.TakeAppended(other, 2003);
  records.TakeAppended(flying, 2004);
  EXPECT_EQ(records.TrimBefore(), 5u);
  records.Retire(&old);
  records.TakeAppended(late_copy, 2005);
  EXPECT_EQ(records.TrimBefore(), 2003u);
  records.TakeAppended(after, 2006);
  EXPECT_EQ(records.live(), 4u);
}

TEST(LiveRecordsTest, CopiesThatCostNoSyncComeSooner) {
  Records records;
  uint64_t old = records.Issue("old");
  uint64_t passing = records.Issue("passing");
  records.TakeAppended(old, 1);
  records.TakeAppended(passing, 1 + internal::LogLag().min_riding);
  records.Retire(&passing);
  EXPECT_FALSE(records.CompactionIsDue(true));
  passing = records.Issue("passing");
  records.TakeAppended(passing, 2 + internal::LogLag().min_riding);
  EXPECT_TRUE(records.CompactionIsDue(true));
  EXPECT_FALSE(records.CompactionIsDue(false));
}

TEST(LiveRecordsTest, TheLogStaysShortWhateverLivesForEver) {
  Records records;
  uint64_t eternal = records.Issue("identity");
  LogIndex index = 0;
  records.TakeAppended(eternal, ++index);
  for (int i = 0; i < 20000; ++i) {
    uint64_t passing = records.Issue("passing");
    records.TakeAppended(passing, ++index);
    records.Retire(&passing);
    if (records.CompactionIsDue(false)) {
      records.BeginCopies();
      eternal = records.Issue("identity");
      records.EndCopies();
      records.TakeAppended(eternal, ++index);
    }
    ASSERT_LE(index - records.TrimBefore(), internal::LogLag().min + 2);
  }
}

MonotonicTime At(int64_t ms) {
  return MonotonicTime::FromOrigin(absl::Milliseconds(ms));
}

TEST(TimerQueueTest, PopsInTimeOrderAndDropsWhatIsStale) {
  internal::TimerQueue<int> timers;
  const auto but_two = [](const auto& timer) { return timer.key != 2; };
  timers.Arm(At(30), 3, but_two);
  timers.Arm(At(10), 1, but_two);
  timers.Arm(At(20), 2, but_two);
  timers.Arm(At(10), 0, but_two);
  timers.Arm(MonotonicTime::InfiniteFuture(), 9, but_two);
  std::vector<int> popped;
  int key = 0;
  EXPECT_FALSE(timers.PopDue(At(9), but_two, &key));
  while (timers.PopDue(At(25), but_two, &key)) popped.push_back(key);
  EXPECT_THAT(popped, ElementsAre(0, 1));
  EXPECT_EQ(timers.Earliest(but_two), At(30));
  EXPECT_TRUE(timers.PopDue(At(30), but_two, &key));
  EXPECT_EQ(timers.Earliest(but_two), MonotonicTime::InfiniteFuture());
  EXPECT_FALSE(timers.PopDue(MonotonicTime::InfiniteFuture(), but_two, &key));
}

// One that is armed again and again for later leaves stale entries behind,
// which are not due for long.
TEST(TimerQueueTest, HoldsNoMoreThanTwiceWhatIsCurrent) {
  internal::TimerQueue<int> timers;
  std::vector<MonotonicTime> due(100, MonotonicTime::InfiniteFuture());
  const auto is_current = [&](const internal::TimerQueue<int>::Timer& timer) {
    return due[static_cast<size_t>(timer.key)] == timer.when;
  };
  for (int i = 0; i < 10000; ++i) {
    MonotonicTime& when = due[static_cast<size_t>(i % 100)];
    when = At(1000000 + i * 7919 % 10007);  // No two alike.
    timers.Arm(when, i % 100, is_current);
    ASSERT_LE(timers.size(), 200u);
  }
  std::vector<MonotonicTime> popped;
  int key = 0;
  while (timers.PopDue(At(2000000), is_current, &key)) {
    popped.push_back(due[static_cast<size_t>(key)]);
  }
  std::sort(due.begin(), due.end());
  EXPECT_EQ(popped, due);
}

struct Txn {
  int value = 0;
};

TEST(TxnTableTest, FindsWhatWasBegunAndWhatWasRecovered) {
  internal::TxnTable<Txn> table(5, 100);
  table.Recover({3, 8})->value = 38;
  EXPECT_EQ(table.Next(), (TxnNumber{5, 1}));
  table.Begin()->value = 51;
  table.Begin()->value = 52;
  EXPECT_EQ(table.Find({3, 8})->value, 38);
  EXPECT_EQ(table.Find({5, 2})->value, 52);
  for (const TxnNumber number :
       {TxnNumber{5, 3}, {5, 0}, {5, UINT64_MAX}, {3, 9}, {4, 1}, {6, 1}}) {
    EXPECT_EQ(table.Find(number), nullptr);
  }
  table.Erase({5, 1});
  table.Erase({3, 8});
  table.Erase({3, 8});
  EXPECT_EQ(table.Find({5, 1}), nullptr);
  EXPECT_EQ(table.Find({3, 8}), nullptr);
  EXPECT_EQ(table.Find({5, 2})->value, 52);
  EXPECT_EQ(table.Next(), (TxnNumber{5, 3}));
}

TEST(TxnTableTest, OneThatTakesForEverIsLeftBehindByTheWindow) {
  internal::TxnTable<Txn> table(1, 4);
  Txn* const slow = table.Begin();
  slow->value = 1;
  for (int i = 0; i < 100; ++i) {
    const TxnNumber number = table.Next();
    table.Begin();
    if (i != 50) table.Erase(number);
  }
  EXPECT_EQ(table.Find({1, 1}), slow);
  std::vector<uint64_t> left;
  table.ForEach([&](TxnNumber n, const Txn&) { left.push_back(n.sequence); });
  EXPECT_THAT(left, ElementsAre(1, 52));
  table.Erase({1, 1});
  table.Erase({1, 52});
  EXPECT_EQ(table.Find({1, 1}), nullptr);
  EXPECT_EQ(table.Next(), (TxnNumber{1, 102}));
}

}  // namespace
}  // namespace trivet
