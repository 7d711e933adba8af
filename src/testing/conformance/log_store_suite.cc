// SPDX-License-Identifier: Apache-2.0

#include "trivet/testing/conformance/log_store_suite.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "src/testing/conformance/log_trial.h"
#include "trivet/host/log_store.h"
#include "trivet/testing/conformance/promise.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {
namespace {

using internal::LogTrial;
using End = LogStoreSubject::End;

// --- Claim -------------------------------------------------------------------

Finding ClaimOfANewLogVisitsNothing(LogStoreSubject& subject) {
  LogTrial trial(&subject);
  trial.Claim();
  trial.ExpectRecords({});
  return trial.Result();
}

Finding ClaimOfZeroIsOneMoreThanTheLast(LogStoreSubject& subject) {
  LogTrial trial(&subject);
  const Epoch first = trial.Claim();
  trial.Expect(trial.Claim() == first + 1, "0 is not one more than the last");
  trial.Claim(first + 10);
  trial.Expect(trial.Claim() == first + 11, "0 is not one more than the last");
  trial.Reopen();
  trial.Expect(trial.Claim() == first + 12,
               "0 is not one more than the last, once the log was closed");
  return trial.Result();
}

Finding ClaimTakesTheEpochWanted(LogStoreSubject& subject) {
  LogTrial trial(&subject);
  for (const Epoch wanted : {Epoch{1}, Epoch{2}, Epoch{7}, Epoch{1} << 40}) {
    trial.Claim(wanted);
    trial.Force(wanted, {"a"});
  }
  return trial.Result();
}

Finding ClaimRefusesAnEpochClaimedBefore(LogStoreSubject& subject) {
  LogTrial trial(&subject);
  trial.Claim(7);
  for (const bool reopened : {false, true}) {
    for (const Epoch wanted : {Epoch{7}, Epoch{6}, Epoch{1}}) {
      const absl::Status status = trial.TryClaim(wanted).status();
      trial.Expect(absl::IsAborted(status),
                   "an epoch was claimed that was not above the last");
      trial.Expect(trial.visited().empty(), "a refused claim visits records");
    }
    if (!reopened) {
      trial.Force(7, {"a refused claim fences nobody"});
      trial.Reopen();
    }
  }
  return trial.Result();
}

Finding ClaimStopsAtTheFirstError(LogStoreSubject& subject) {
  LogTrial trial(&subject);
  trial.Force(trial.Claim(), {"a", "b", "c"});
  int visits = 0;
  const auto claimed = subject.log()->Claim(0, [&](LogIndex, std::string_view) {
    return ++visits == 2 ? absl::DataLossError("mine") : absl::OkStatus();
  });
  trial.Expect(claimed.status() == absl::DataLossError("mine"),
               "the visitor's error is not what Claim returns");
  trial.Expect(visits == 2, "the visit went on after the first error");
  return trial.Result();
}

Finding ClaimStaysIfTheVisitFails(LogStoreSubject& subject) {
  LogTrial trial(&subject);
  const Epoch first = trial.Claim();
  trial.Force(first, {"a"});
  subject.log()
      ->Claim(first + 5,
              [](LogIndex, std::string_view) {
                return absl::DataLossError("mine");
              })
      .status()
      .IgnoreError();
  trial.ExpectFenced(first);
  trial.Expect(absl::IsAborted(trial.TryClaim(first + 5).status()),
               "the epoch of a claim whose visit failed was claimed again");
  return trial.Result();
}

// --- Append ------------------------------------------------------------------

Finding AppendCountsFromOne(LogStoreSubject& subject) {
  LogTrial trial(&subject);
  Epoch epoch = trial.Claim();
  trial.Expect(trial.Force(epoch, {"a"}) == 1, "the first record is not 1");
  trial.Expect(trial.Lazy(epoch, {"b", "c"}) == 3,
               "the last of three records is not 3");
  trial.Reopen();
  epoch = trial.Claim();
  trial.Expect(trial.Visited(1, "a") && trial.Visited(3, "c"),
               "a record is visited with another index than was reported");
  trial.Expect(trial.Force(epoch, {"d"}) == 4, "the fourth record is not 4");
  return trial.Result();
}

Finding AppendCompletesOnceAndInOrder(LogStoreSubject& subject) {
  LogTrial trial(&subject);
  const Epoch epoch = trial.Claim();
  std::vector<LogTrial::Append> appends;
  appends.reserve(100);
  for (size_t i = 0; i < 100; ++i) {
    appends.push_back(
        trial.Start(epoch, {std::to_string(i)},
                    i % 3 == 0 ? Durability::kForced : Durability::kLazy));
  }
  for (const auto& append : appends) trial.Wait(append).status().IgnoreError();
  trial.Force(epoch, {"after all"});
  trial.pace().Pass(absl::Milliseconds(5));
  trial.pace().Update([&] {
    for (size_t i = 0; i < appends.size(); ++i) {
      trial.Expect(appends[i]->completions == 1,
                   "an append was completed twice");
      trial.Expect(appends[i]->turn == i + 1,
                   "appends were completed out of order");
      trial.Expect(appends[i]->last.has_value() && appends[i]->last->ok() &&
                       **appends[i]->last == i + 1,
                   "an append reports another index than its last record's");
    }
  });
  return trial.Result();
}

// A lock of the store's would be waited for by its own holder.
Finding AppendHoldsNoLockWhenItIsDone(LogStoreSubject& subject) {
  LogTrial trial(&subject);
  const Epoch epoch = trial.Claim();
  LogTrial::Append inner;
  const auto outer = trial.Start(epoch, {"outer"}, Durability::kForced, [&] {
    subject.log()->Trim(epoch, 1);
    inner = trial.Start(epoch, {"inner"}, Durability::kForced);
  });
  trial.Wait(outer).status().IgnoreError();
  if (trial.ok()) {
    const auto last = trial.Wait(inner);
    trial.Expect(last.ok() && *last == 2, "an append inside `done` failed");
  }
  return trial.Result();
}

Finding AppendTakesAnyNumberOfRecords(LogStoreSubject& subject) {
  LogTrial trial(&subject);
  const Epoch epoch = trial.Claim();
  std::vector<std::string> records;
  records.reserve(5000);
  for (int i = 0; i < 5000; ++i) records.push_back(std::to_string(i));
  trial.Expect(trial.Force(epoch, records) == 5000,
               "the last of 5000 records is not 5000");
  trial.Claim();
  trial.ExpectRecords(records);
  return trial.Result();
}

Finding AppendMayBeCalledFromAnyThread(LogStoreSubject& subject) {
  if (subject.pace().is_virtual()) {
    return Finding::NotChecked("virtual time belongs to one thread");
  }
  LogTrial trial(&subject);
  const Epoch epoch = trial.Claim();
  constexpr size_t kThreads = 4;
  constexpr size_t kAppends = 50;
  std::vector<LogTrial::Append> appends(kThreads * kAppends);
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = 0; i < kAppends; ++i) {
        appends[t * kAppends + i] =
            trial.Start(epoch, {std::to_string(t) + "." + std::to_string(i)},
                        i % 2 == 0 ? Durability::kForced : Durability::kLazy);
        subject.log()->Trim(epoch, 1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<LogIndex> lasts;
  lasts.reserve(appends.size());
  for (const auto& append : appends) {
    lasts.push_back(trial.Wait(append).value_or(0));
  }
  trial.Claim();
  trial.Expect(trial.visited().size() == appends.size(),
               "several threads' appends are not all there");
  for (size_t i = 0; i < lasts.size(); ++i) {
    trial.Expect(trial.Visited(lasts[i], std::to_string(i / kAppends) + "." +
                                             std::to_string(i % kAppends)),
                 "a record is not where its append says");
  }
  return trial.Result();
}

Finding RecordSizeMaxIsTaken(LogStoreSubject& subject) {
  LogTrial trial(&subject);
  const Epoch epoch = trial.Claim();
  const size_t size = std::min(subject.log()->RecordSizeMax(), size_t{4} << 20);
  const std::string record(size, 'r');
  trial.Force(epoch, {"before", record, record});
  trial.Force(epoch, {"after"});
  trial.Claim();
  trial.ExpectRecords({"before", record, record, "after"});
  return trial.Result();
}

// --- Fenced, Unknown ---------------------------------------------------------

Finding FencedBelowTheLatestClaim(LogStoreSubject& subject) {
  LogTrial trial(&subject);
  const Epoch first = trial.Claim();
  trial.Force(first, {"a"});
  const Epoch second = trial.Claim();
  trial.ExpectFenced(first);
  trial.Force(second, {"b"});
  const Epoch third = trial.Claim(second + 10);
  trial.ExpectFenced(first);
  trial.ExpectFenced(second);
  trial.Force(third, {"c"});
  trial.Claim();
  trial.ExpectRecords({"a", "b", "c"});
  return trial.Result();
}

// Of appends that are under way when the next owner claims, those that succeed
// are before what it reads.
Finding FencedWhileUnderWay(LogStoreSubject& subject) {
  LogTrial trial(&subject);
  for (int round = 0; round < 5 && trial.ok(); ++round) {
    const Epoch epoch = trial.Claim();
    std::vector<LogTrial::Append> appends;
    appends.reserve(20);
    for (int i = 0; i < 20; ++i) {
      appends.push_back(
          trial.Start(epoch, {"under way"},
                      i % 2 == 0 ? Durability::kForced : Durability::kLazy));
    }
    trial.Claim();
    const LogIndex seen = trial.visited_last();
    for (const auto& append : appends) {
      const auto last = trial.Wait(append);
      trial.Expect(!last.ok() || *last <= seen,
                   "an append of a fenced owner succeeded after the claim");
    }
    trial.Claim();
    trial.Expect(trial.visited_last() == seen,
                 "a fenced owner's record came after the claim");
  }
  return trial.Result();
}

Finding FencedAfterReopening(LogStoreSubject& subject) {
  LogTrial trial(&subject);
  trial.Claim(5);
  trial.Force(5, {"a"});
  trial.Claim(9);
  trial.Reopen();
  trial.ExpectFenced(5);
  trial.Expect(absl::IsAborted(trial.TryClaim(9).status()),
               "an epoch was claimed twice");
  trial.Expect(trial.Claim() == 10, "0 is not one more than the last");
  trial.ExpectFenced(5);
  trial.ExpectRecords({"a"});
  return trial.Result();
}

Finding FencedAfterPowerLoss(LogStoreSubject& subject) {
  LogTrial trial(&subject);
  trial.Claim(5);
  trial.Claim(9);
  if (!trial.Stop(End::kPowerLoss)) {
    return Finding::NotChecked("power cannot be cut here");
  }
  trial.Start();
  trial.ExpectFenced(5);
  trial.Expect(absl::IsAborted(trial.TryClaim(9).status()),
               "an epoch was claimed twice");
  trial.Expect(trial.Claim() == 10, "0 is not one more than the last");
  return trial.Result();
}

Finding FencedWhereverItComesFrom(LogStoreSubject& subject) {
  LogStore* const rival = subject.rival();
  if (rival == nullptr) {
    return Finding::NotChecked("the log is open in one place at a time");
  }
  LogTrial trial(&subject);
  for (int round = 0; round < 3 && trial.ok(); ++round) {
    trial.Use(nullptr);
    const Epoch mine = trial.Claim();
    trial.Force(mine, {"mine"});
    trial.Use(rival);
    const Epoch theirs = trial.Claim();
    const LogIndex last = trial.visited_last();
    trial.Expect(theirs == mine + 1, "0 is not one more than the last");
    trial.Expect(trial.Visited(last, "mine"),
                 "another host does not see what was appended");
    trial.Use(nullptr);
    trial.ExpectFenced(mine);
    trial.Use(rival);
    trial.Expect(trial.Force(theirs, {"theirs"}) == last + 1,
                 "a fenced owner's record is in the log");
  }
  return trial.Result();
}

Finding UnknownUntilTheNextClaim(LogStoreSubject& subject) {
  LogTrial trial(&subject);
  const Epoch epoch = trial.Claim();
  trial.Force(epoch, {"a"});
  if (!subject.FailNextAppend()) {
    return Finding::NotChecked("no append can be made to fail here");
  }
  const absl::Status failed =
      trial.Wait(trial.Start(epoch, {"failed"}, Durability::kForced)).status();
  trial.Expect(!failed.ok() && !absl::IsAborted(failed),
               "the append that should fail did not");
  for (const Durability durability : {Durability::kLazy, Durability::kForced}) {
    const absl::Status later =
        trial.Wait(trial.Start(epoch, {"later"}, durability)).status();
    trial.Expect(!later.ok(), "an append succeeded after one that had failed");
    trial.Expect(!absl::IsAborted(later),
                 "an owner that nobody has fenced is "
                 "told that it was");
  }
  const Epoch next = trial.Claim();
  trial.ExpectPrefix({"a"}, {"failed"}, 0);
  trial.Force(next, {"again"});
  return trial.Result();
}

}  // namespace

const std::vector<Promise<LogStoreSubject>>& LogStoreSuite::Promises() {
  static const auto* const promises = [] {
    auto* const all = new std::vector<Promise<LogStoreSubject>>{
        {"ClaimOfANewLogVisitsNothing", ClaimOfANewLogVisitsNothing},
        {"ClaimOfZeroIsOneMoreThanTheLast", ClaimOfZeroIsOneMoreThanTheLast},
        {"ClaimTakesTheEpochWanted", ClaimTakesTheEpochWanted},
        {"ClaimRefusesAnEpochClaimedBefore", ClaimRefusesAnEpochClaimedBefore},
        {"ClaimStopsAtTheFirstError", ClaimStopsAtTheFirstError},
        {"ClaimStaysIfTheVisitFails", ClaimStaysIfTheVisitFails},
        {"AppendCountsFromOne", AppendCountsFromOne},
        {"AppendCompletesOnceAndInOrder", AppendCompletesOnceAndInOrder},
        {"AppendHoldsNoLockWhenItIsDone", AppendHoldsNoLockWhenItIsDone},
        {"AppendTakesAnyNumberOfRecords", AppendTakesAnyNumberOfRecords},
        {"AppendMayBeCalledFromAnyThread", AppendMayBeCalledFromAnyThread},
        {"RecordSizeMaxIsTaken", RecordSizeMaxIsTaken},
        {"FencedBelowTheLatestClaim", FencedBelowTheLatestClaim},
        {"FencedWhileUnderWay", FencedWhileUnderWay},
        {"FencedAfterReopening", FencedAfterReopening},
        {"FencedAfterPowerLoss", FencedAfterPowerLoss},
        {"FencedWhereverItComesFrom", FencedWhereverItComesFrom},
        {"UnknownUntilTheNextClaim", UnknownUntilTheNextClaim},
    };
    const auto& more = internal::LogSurvivalPromises();
    all->insert(all->end(), more.begin(), more.end());
    return all;
  }();
  return *promises;
}

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet
