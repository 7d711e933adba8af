// SPDX-License-Identifier: Apache-2.0
//
// The part of LogStoreSuite about what outlives an owner.

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "src/testing/conformance/log_trial.h"
#include "trivet/host/log_store.h"
#include "trivet/testing/conformance/log_store_suite.h"
#include "trivet/testing/conformance/promise.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {
namespace {

using testing::Finding;
using testing::LogStoreSubject;
using testing::Promise;
using End = LogStoreSubject::End;

Finding NoPowerLoss() {
  return Finding::NotChecked("power cannot be cut here");
}

// --- Prefix, Whole -----------------------------------------------------------

// Power goes inside the very `done` that promises.
Finding PrefixKeepsWhatWasForced(LogStoreSubject& subject) {
  LogTrial trial(&subject);
  std::vector<std::string> all;
  for (int life = 0; life < 5 && trial.ok(); ++life) {
    const Epoch epoch = trial.Claim();
    trial.ExpectRecords(all);
    all.push_back("forced in life " + std::to_string(life));
    const auto cut = std::make_shared<bool>(false);
    trial
        .Wait(trial.Start(epoch, {all.back()}, Durability::kForced,
                          [&, cut] { *cut = subject.Stop(End::kPowerLoss); }))
        .status()
        .IgnoreError();
    if (trial.ok() && !*cut) return NoPowerLoss();
    if (trial.ok()) trial.Start();
  }
  if (trial.ok()) trial.Claim();
  trial.ExpectRecords(all);
  return trial.Result();
}

Finding PrefixKeepsWhatCameBeforeAForcedOne(LogStoreSubject& subject) {
  LogTrial trial(&subject);
  const Epoch epoch = trial.Claim();
  trial.Lazy(epoch, {"lazy 1"});
  trial.Lazy(epoch, {"lazy 2"});
  const auto cut = std::make_shared<bool>(false);
  trial
      .Wait(trial.Start(epoch, {"forced"}, Durability::kForced,
                        [&, cut] { *cut = subject.Stop(End::kPowerLoss); }))
      .status()
      .IgnoreError();
  if (!trial.ok()) return trial.Result();
  if (!*cut) return NoPowerLoss();
  trial.Start();
  trial.Claim();
  trial.ExpectRecords({"lazy 1", "lazy 2", "forced"});
  return trial.Result();
}

// Lives that end with appends under way, of records of `size` bytes.
Finding CutWhileAppending(LogStoreSubject& subject, size_t size) {
  LogTrial trial(&subject);
  std::vector<std::string> kept;
  for (int life = 0; life < 10 && trial.ok(); ++life) {
    const Epoch epoch = trial.Claim();
    std::vector<std::string> attempted;
    std::vector<LogTrial::Append> appends;
    for (int i = 0; i < 6; ++i) {
      std::vector<std::string> records;
      for (int j = 0; j <= i % 3; ++j) {
        records.push_back(std::to_string(life) + "." + std::to_string(i) + "." +
                          std::to_string(j) + std::string(size, 'x'));
      }
      attempted.insert(attempted.end(), records.begin(), records.end());
      const bool forced = i % 3 == life % 3;
      appends.push_back(
          trial.Start(epoch, std::move(records),
                      forced ? Durability::kForced : Durability::kLazy));
    }
    // Some lives end at once, and some a moment later.
    if (life % 2 == 1) {
      trial.Wait(appends[static_cast<size_t>(life % 6)]).status().IgnoreError();
    }
    size_t durable = 0;
    size_t issued = 0;
    for (size_t i = 0; i < appends.size(); ++i) {
      issued += 1 + i % 3;
      const bool forced = i % 3 == static_cast<size_t>(life % 3);
      if (forced && trial.IsComplete(appends[i])) durable = issued;
    }
    if (!trial.Stop(End::kPowerLoss)) return NoPowerLoss();
    trial.Start();
    trial.Claim();
    trial.ExpectPrefix(kept, attempted, durable);
    kept.clear();
    for (const auto& record : trial.visited()) kept.push_back(record.text);
  }
  return trial.Result();
}

Finding PrefixOfWhatWasAppended(LogStoreSubject& subject) {
  return CutWhileAppending(subject, 0);
}

Finding WholeOrNotAtAll(LogStoreSubject& subject) {
  return CutWhileAppending(
      subject, std::min(subject.log()->RecordSizeMax() / 2, size_t{9'999}));
}

Finding WholeWhateverTheBytes(LogStoreSubject& subject) {
  LogTrial trial(&subject);
  std::string all_bytes;
  for (int i = 0; i < 256; ++i) all_bytes.push_back(static_cast<char>(i));
  const std::vector<std::string> records = {"", all_bytes, std::string(1, '\0'),
                                            std::string(100, '\0'), ""};
  trial.Force(trial.Claim(), records);
  trial.Claim();
  trial.ExpectRecords(records);
  trial.Reopen();
  trial.Claim();
  trial.ExpectRecords(records);
  return trial.Result();
}

// --- Visited, Contiguous -----------------------------------------------------

Finding VisitedAgainUntilTrimmed(LogStoreSubject& subject) {
  LogTrial trial(&subject);
  const Epoch epoch = trial.Claim();
  trial.Lazy(epoch, {"a"});
  trial.Force(epoch, {"b"});
  for (int i = 0; i < 3; ++i) {
    trial.Claim();
    trial.ExpectRecords({"a", "b"});
    trial.Reopen();
  }
  return trial.Result();
}

// What a claim finds that was never forced is what somebody acts on next: in
// the same process, or in the one after.
Finding VisitedIsDurable(LogStoreSubject& subject) {
  LogTrial trial(&subject);
  std::vector<std::string> all;
  for (const bool reopened : {false, true}) {
    all.push_back("lazy");
    trial.Lazy(trial.Claim(), {all.back()});
    if (reopened) trial.Reopen();
    trial.Claim();
    trial.ExpectRecords(all);
    if (!trial.Stop(End::kPowerLoss)) return NoPowerLoss();
    trial.Start();
    trial.Claim();
    trial.ExpectRecords(all);
  }
  return trial.Result();
}

Finding ContiguousThroughTrims(LogStoreSubject& subject) {
  LogTrial trial(&subject);
  const std::string big(500, 'b');
  LogIndex last = 0;
  for (int life = 0; life < 5 && trial.ok(); ++life) {
    const Epoch epoch = trial.Claim();  // Which looks for holes.
    trial.Expect(trial.visited_last() == last, "the end of the log is gone");
    for (int i = 0; i < 20; ++i) last = trial.Force(epoch, {big, big});
    subject.log()->Trim(epoch, last - 10);
    last = trial.Force(epoch, {"x"});
    subject.log()->Trim(epoch, last - 20);  // Less than before.
    last = trial.Force(epoch, {"y"});
    if (life % 2 == 0) trial.Reopen();
  }
  return trial.Result();
}

Finding ContiguousTrimKeepsWhatIsNeeded(LogStoreSubject& subject) {
  LogTrial trial(&subject);
  const std::string big(500, 'b');
  const Epoch epoch = trial.Claim();
  for (int i = 0; i < 30; ++i) trial.Force(epoch, {big});
  const LogIndex needed = trial.Lazy(epoch, {"needed"});
  subject.log()->Trim(epoch, needed);
  for (int i = 0; i < 3; ++i) trial.Lazy(epoch, {"later"});
  const LogIndex last = trial.Force(epoch, {"last"});
  trial.Claim();
  trial.Expect(trial.Visited(needed, "needed"),
               "a trim took the record that it said is needed");
  trial.Expect(trial.Visited(last, "last"), "the last record is gone");
  return trial.Result();
}

// Who was deposed counts in indexes that mean other records by now.
Finding ContiguousDeposedTrimIsIgnored(LogStoreSubject& subject) {
  LogTrial trial(&subject);
  const std::string big(500, 'b');
  const Epoch deposed = trial.Claim();
  trial.Force(deposed, {"old"});
  const Epoch epoch = trial.Claim();
  const LogIndex first = trial.Force(epoch, {"first"});
  LogIndex last = first;
  for (int i = 0; i < 30; ++i) last = trial.Force(epoch, {big});
  subject.log()->Trim(deposed, last + 1);
  last = trial.Force(epoch, {"last"});
  trial.Claim();
  trial.Expect(trial.Visited(first, "first") && trial.Visited(last, "last"),
               "a trim of an epoch that was deposed took records of the next");
  return trial.Result();
}

// What a trim left is there after a loss of power too.
Finding ContiguousThroughPowerLoss(LogStoreSubject& subject) {
  LogTrial trial(&subject);
  const std::string big(500, 'b');
  for (int life = 0; life < 3 && trial.ok(); ++life) {
    const Epoch epoch = trial.Claim();
    for (int i = 0; i < 20; ++i) trial.Lazy(epoch, {big});
    const LogIndex live = trial.Force(epoch, {"live"});
    subject.log()->Trim(epoch, live);
    trial.Lazy(epoch, {"x"});
    const LogIndex last = trial.Force(epoch, {"last"});
    trial.Lazy(epoch, {"y"});
    if (!trial.Stop(End::kPowerLoss)) return NoPowerLoss();
    trial.Start();
    trial.Claim();
    trial.Expect(trial.Visited(live, "live") && trial.Visited(last, "last"),
                 "a record is gone that was forced and not trimmed");
  }
  return trial.Result();
}

}  // namespace

const std::vector<Promise<LogStoreSubject>>& LogSurvivalPromises() {
  static const auto* const promises = new std::vector<Promise<LogStoreSubject>>{
      {"PrefixKeepsWhatWasForced", PrefixKeepsWhatWasForced},
      {"PrefixKeepsWhatCameBeforeAForcedOne",
       PrefixKeepsWhatCameBeforeAForcedOne},
      {"PrefixOfWhatWasAppended", PrefixOfWhatWasAppended},
      {"WholeOrNotAtAll", WholeOrNotAtAll},
      {"WholeWhateverTheBytes", WholeWhateverTheBytes},
      {"VisitedAgainUntilTrimmed", VisitedAgainUntilTrimmed},
      {"VisitedIsDurable", VisitedIsDurable},
      {"ContiguousThroughTrims", ContiguousThroughTrims},
      {"ContiguousTrimKeepsWhatIsNeeded", ContiguousTrimKeepsWhatIsNeeded},
      {"ContiguousDeposedTrimIsIgnored", ContiguousDeposedTrimIsIgnored},
      {"ContiguousThroughPowerLoss", ContiguousThroughPowerLoss},
  };
  return *promises;
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
