// SPDX-License-Identifier: Apache-2.0
//
// Every lying log is caught by the promise that it breaks.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/conformance/broken_by.h"
#include "tests/conformance/log_subjects.h"
#include "tests/support/memory_log_store.h"
#include "trivet/host/executor.h"
#include "trivet/host/log_store.h"
#include "trivet/testing/conformance/log_store_suite.h"

namespace trivet {
namespace {

using ::testing::ElementsAre;
using testing::LogStoreSuite;

class Liar : public MemoryLogStore {
 public:
  explicit Liar(Executor* executor) : executor_(executor) {}

 protected:
  Executor* const executor_;
};

class AcknowledgesBeforeItIsDurable final : public Liar {
 public:
  using Liar::Liar;
  void Append(Epoch epoch, std::vector<std::string> records, Durability,
              AppendDone done) override {
    Liar::Append(epoch, std::move(records), Durability::kLazy, std::move(done));
  }
};

// Forces the records of a forced append, and not those before it.
class ForcesOnlyWhatItIsGiven final : public Liar {
 public:
  using Liar::Liar;
  void Append(Epoch epoch, std::vector<std::string> records,
              Durability durability, AppendDone done) override {
    if (durability == Durability::kLazy) {
      ++lazy_;
    } else if (lazy_ > 0) {
      durability = Durability::kLazy;
    }
    Liar::Append(epoch, std::move(records), durability, std::move(done));
  }
  void Crash() {
    lazy_ = 0;
    Liar::Crash();
  }

 private:
  size_t lazy_ = 0;
};

// Half of the record that was written last, if it was not forced.
class ShowsATornRecord final : public Liar {
 public:
  using Liar::Liar;
  absl::StatusOr<Epoch> Claim(Epoch wanted, Visitor visit) override {
    unsynced_.clear();
    return Liar::Claim(wanted, visit);
  }
  void Append(Epoch epoch, std::vector<std::string> records,
              Durability durability, AppendDone done) override {
    unsynced_ = durability == Durability::kLazy ? records.back() : "";
    Liar::Append(epoch, std::move(records), durability, std::move(done));
  }
  void Crash() {
    Liar::Crash();
    if (unsynced_.size() > 1) Plant(unsynced_.substr(0, unsynced_.size() / 2));
  }

 private:
  std::string unsynced_;
};

class EndsRecordsAtAZero final : public Liar {
 public:
  using Liar::Liar;
  void Append(Epoch epoch, std::vector<std::string> records,
              Durability durability, AppendDone done) override {
    for (std::string& record : records) {
      record = record.substr(0, record.find('\0'));
    }
    Liar::Append(epoch, std::move(records), durability, std::move(done));
  }
};

// What a claim visits stays as lazy as it was.
class TrustsThePageCache final : public Liar {
 public:
  using Liar::Liar;
  absl::StatusOr<Epoch> Claim(Epoch wanted, Visitor visit) override {
    const std::vector<std::string> all = Records();
    Liar::Crash();  // Leaves what is durable.
    const std::vector<std::string> durable = Records();
    const absl::StatusOr<Epoch> claimed = Liar::Claim(
        wanted, [](LogIndex, std::string_view) { return absl::OkStatus(); });
    for (size_t i = durable.size(); claimed.ok() && i < all.size(); ++i) {
      Liar::Append(*claimed, {all[i]}, Durability::kLazy,
                   [](const absl::StatusOr<LogIndex>&) {});
    }
    if (!claimed.ok()) return claimed;
    for (size_t i = 0; i < all.size(); ++i) {
      absl::Status seen = visit(first_ + i, all[i]);
      if (!seen.ok()) return seen;
    }
    return claimed;
  }
  void Trim(Epoch, LogIndex) override {}  // Indexes would change.

 private:
  LogIndex first_ = 1;
};

class TrimsOneTooMany final : public Liar {
 public:
  using Liar::Liar;
  void Trim(Epoch epoch, LogIndex first_needed) override {
    if (first_needed > 1) Liar::Trim(epoch, first_needed + 1);
  }
};

// Believes whoever it hears from.
class TrimsForTheDeposed final : public Liar {
 public:
  using Liar::Liar;
  absl::StatusOr<Epoch> Claim(Epoch wanted, Visitor visit) override {
    absl::StatusOr<Epoch> claimed = Liar::Claim(wanted, std::move(visit));
    if (claimed.ok()) epoch_ = *claimed;
    return claimed;
  }
  void Trim(Epoch, LogIndex first_needed) override {
    Liar::Trim(epoch_, first_needed);
  }

 private:
  Epoch epoch_ = 0;
};

// Forgets a record behind what was trimmed.
class LeavesAHole final : public Liar {
 public:
  using Liar::Liar;
  absl::StatusOr<Epoch> Claim(Epoch wanted, Visitor visit) override {
    return Liar::Claim(wanted, [&](LogIndex index, std::string_view record) {
      return hole_ != 0 && index == hole_ ? absl::OkStatus()
                                          : visit(index, record);
    });
  }
  void Trim(Epoch, LogIndex first_needed) override {
    if (first_needed > 1) hole_ = first_needed - 1;
  }

 private:
  LogIndex hole_ = 0;
};

class VisitsOnAfterAnError final : public Liar {
 public:
  using Liar::Liar;
  absl::StatusOr<Epoch> Claim(Epoch wanted, Visitor visit) override {
    absl::Status first_error;
    const auto claimed =
        Liar::Claim(wanted, [&](LogIndex index, std::string_view record) {
          first_error.Update(visit(index, record));
          return absl::OkStatus();
        });
    if (!first_error.ok()) return first_error;
    return claimed;
  }
};

// The visitor's error is replaced by one of its own.
class SpeaksForTheVisitor final : public Liar {
 public:
  using Liar::Liar;
  absl::StatusOr<Epoch> Claim(Epoch wanted, Visitor visit) override {
    const auto claimed = Liar::Claim(wanted, visit);
    return claimed.ok() || absl::IsAborted(claimed.status())
               ? claimed
               : absl::StatusOr<Epoch>(absl::DataLossError("a bad record"));
  }
};

// Of all these, the epoch that the log below has is not the one told.
class Renumbers : public Liar {
 public:
  using Liar::Liar;

 protected:
  absl::StatusOr<Epoch> ClaimBelow(Visitor visit) {
    const auto below = Liar::Claim(0, visit);
    if (below.ok()) below_ = *below;
    return below;
  }
  Epoch below_ = 0;
};

class LetsAFencedWriterAppend final : public Renumbers {
 public:
  using Renumbers::Renumbers;
  absl::StatusOr<Epoch> Claim(Epoch wanted, Visitor visit) override {
    const auto claimed = Liar::Claim(wanted, visit);
    if (claimed.ok()) below_ = *claimed;
    return claimed;
  }
  void Append(Epoch, std::vector<std::string> records, Durability durability,
              AppendDone done) override {
    Liar::Append(below_, std::move(records), durability, std::move(done));
  }
};

class KnowsBetterWhichEpochIsNext final : public Liar {
 public:
  using Liar::Liar;
  absl::StatusOr<Epoch> Claim(Epoch wanted, Visitor visit) override {
    return Liar::Claim(wanted > (Epoch{1} << 32) ? 0 : wanted, visit);
  }
};

class CountsEpochsByTens final : public Renumbers {
 public:
  using Renumbers::Renumbers;
  absl::StatusOr<Epoch> Claim(Epoch wanted, Visitor visit) override {
    const auto claimed = Liar::Claim(wanted != 0 ? wanted : below_ + 10, visit);
    if (claimed.ok()) below_ = *claimed;
    return claimed;
  }
};

// Whoever began an append is let through, claimed or not.
class LetsWhatIsUnderWayPast final : public Renumbers {
 public:
  using Renumbers::Renumbers;
  absl::StatusOr<Epoch> Claim(Epoch wanted, Visitor visit) override {
    const auto claimed = Liar::Claim(wanted, visit);
    if (claimed.ok()) below_ = *claimed;
    return claimed;
  }
  void Append(Epoch epoch, std::vector<std::string> records,
              Durability durability, AppendDone done) override {
    executor_->Post([this, is_owner = epoch == below_, epoch, durability,
                     records = std::move(records),
                     done = std::move(done)]() mutable {
      Liar::Append(is_owner ? below_ : epoch, std::move(records), durability,
                   std::move(done));
    });
  }
};

class ShowsAHeader final : public Liar {
 public:
  using Liar::Liar;
  absl::StatusOr<Epoch> Claim(Epoch wanted, Visitor visit) override {
    if (Records().empty() && !visit(1, "a header").ok()) return Epoch{0};
    return Liar::Claim(wanted, visit);
  }
};

class ShowsThingsThreeTimes final : public Liar {
 public:
  using Liar::Liar;
  absl::StatusOr<Epoch> Claim(Epoch wanted, Visitor visit) override {
    const bool shows = ++claims_ <= 3;
    return Liar::Claim(wanted, [&](LogIndex index, std::string_view record) {
      return shows ? visit(index, record) : absl::OkStatus();
    });
  }

 private:
  int claims_ = 0;
};

// Gives out once more an epoch that it has given out.
class RepeatsAnEpoch final : public Renumbers {
 public:
  using Renumbers::Renumbers;
  absl::StatusOr<Epoch> Claim(Epoch wanted, Visitor visit) override {
    auto claimed = ClaimBelow(visit);
    if (!claimed.ok()) return claimed;
    told_ = wanted != 0 ? wanted : told_ + 1;
    return told_;
  }
  void Append(Epoch epoch, std::vector<std::string> records,
              Durability durability, AppendDone done) override {
    Liar::Append(epoch == told_ ? below_ : 0, std::move(records), durability,
                 std::move(done));
  }

 private:
  Epoch told_ = 0;
};

class ForgetsItsEpochAtALossOfPower final : public Renumbers {
 public:
  using Renumbers::Renumbers;
  absl::StatusOr<Epoch> Claim(Epoch wanted, Visitor visit) override {
    if (wanted != 0 && wanted <= told_) return absl::AbortedError("claimed");
    told_ = wanted != 0 ? wanted : told_ + 1;
    const auto claimed = ClaimBelow(visit);
    if (!claimed.ok()) return claimed;
    return told_;
  }
  void Append(Epoch epoch, std::vector<std::string> records,
              Durability durability, AppendDone done) override {
    Liar::Append(epoch == told_ ? below_ : 0, std::move(records), durability,
                 std::move(done));
  }
  void Crash() {
    told_ = 0;
    Liar::Crash();
  }

 private:
  Epoch told_ = 0;
};

class CompletesOutOfOrder final : public Liar {
 public:
  using Liar::Liar;
  void Append(Epoch epoch, std::vector<std::string> records,
              Durability durability, AppendDone done) override {
    if (durability == Durability::kLazy) {
      return Liar::Append(epoch, std::move(records), durability,
                          std::move(done));
    }
    Liar::Append(
        epoch, std::move(records), durability,
        [this, done = std::move(done)](absl::StatusOr<LogIndex> last) mutable {
          executor_->Post(
              [last = std::move(last), done = std::move(done)]() mutable {
                std::move(done)(std::move(last));
              });
        });
  }
};

class CompletesTwice final : public Liar {
 public:
  using Liar::Liar;
  void Append(Epoch epoch, std::vector<std::string> records,
              Durability durability, AppendDone done) override {
    Liar::Append(
        epoch, std::move(records), durability,
        [done = std::move(done)](const absl::StatusOr<LogIndex>& last) mutable {
          std::move(done)(last);
          std::move(done)(last);
        });
  }
};

class ReportsTheFirstIndex final : public Liar {
 public:
  using Liar::Liar;
  void Append(Epoch epoch, std::vector<std::string> records,
              Durability durability, AppendDone done) override {
    const size_t others = records.size() - 1;
    Liar::Append(epoch, std::move(records), durability,
                 [others, done = std::move(done)](
                     absl::StatusOr<LogIndex> last) mutable {
                   if (last.ok()) *last -= others;
                   std::move(done)(std::move(last));
                 });
  }
};

// A list that is cut at a thousand.
class TakesAThousandRecords final : public Liar {
 public:
  using Liar::Liar;
  void Append(Epoch epoch, std::vector<std::string> records,
              Durability durability, AppendDone done) override {
    if (records.size() > 1000) records.resize(1000);
    Liar::Append(epoch, std::move(records), durability, std::move(done));
  }
};

class ClaimsToTakeMore final : public Liar {
 public:
  using Liar::Liar;
  size_t RecordSizeMax() const override { return size_t{3} << 20; }
  void Append(Epoch epoch, std::vector<std::string> records,
              Durability durability, AppendDone done) override {
    for (const std::string& record : records) {
      if (record.size() > size_t{2} << 20) {
        return std::move(done)(absl::InvalidArgumentError("too long"));
      }
    }
    Liar::Append(epoch, std::move(records), durability, std::move(done));
  }
};

// As if a sync that failed could be tried again.
class GoesOnAfterAnError final : public Renumbers {
 public:
  using Renumbers::Renumbers;
  absl::StatusOr<Epoch> Claim(Epoch wanted, Visitor visit) override {
    if (wanted != 0 && wanted <= told_) return absl::AbortedError("claimed");
    told_ = wanted != 0 ? wanted : told_ + 1;
    const auto claimed = ClaimBelow(visit);
    if (!claimed.ok()) return claimed;
    return told_;
  }
  void Append(Epoch epoch, std::vector<std::string> records,
              Durability durability, AppendDone done) override {
    Liar::Append(
        epoch == told_ ? below_ : 0, std::move(records), durability,
        [this, done = std::move(done)](absl::StatusOr<LogIndex> last) mutable {
          if (!last.ok() && !absl::IsAborted(last.status())) {
            ClaimBelow([](LogIndex, std::string_view) {
              return absl::OkStatus();
            }).IgnoreError();
          }
          std::move(done)(std::move(last));
        });
  }

 private:
  Epoch told_ = 0;
};

template <typename L>
std::vector<std::string> Broken() {
  return BrokenBy<LogStoreSuite>(
      [] { return std::make_unique<LogInMemory<L>>(); });
}

TEST(LyingLogs, AreCaughtByWhatTheyBreakOfRecords) {
  EXPECT_THAT(Broken<AcknowledgesBeforeItIsDurable>(),
              ElementsAre("PrefixKeepsWhatWasForced",
                          "PrefixKeepsWhatCameBeforeAForcedOne",
                          "PrefixOfWhatWasAppended", "WholeOrNotAtAll",
                          "ContiguousThroughPowerLoss"));
  EXPECT_THAT(Broken<ForcesOnlyWhatItIsGiven>(),
              ElementsAre("PrefixKeepsWhatCameBeforeAForcedOne",
                          "PrefixOfWhatWasAppended", "WholeOrNotAtAll",
                          "ContiguousThroughPowerLoss"));
  EXPECT_THAT(Broken<ShowsATornRecord>(),
              ElementsAre("PrefixOfWhatWasAppended", "WholeOrNotAtAll"));
  EXPECT_THAT(Broken<EndsRecordsAtAZero>(),
              ElementsAre("WholeWhateverTheBytes"));
  EXPECT_THAT(Broken<TrustsThePageCache>(), ElementsAre("VisitedIsDurable"));
  EXPECT_THAT(Broken<TrimsOneTooMany>(),
              ElementsAre("ContiguousTrimKeepsWhatIsNeeded",
                          "ContiguousThroughPowerLoss"));
  EXPECT_THAT(Broken<TrimsForTheDeposed>(),
              ElementsAre("ContiguousDeposedTrimIsIgnored"));
  EXPECT_THAT(
      Broken<LeavesAHole>(),
      ElementsAre("ContiguousThroughTrims", "ContiguousTrimKeepsWhatIsNeeded",
                  "ContiguousDeposedTrimIsIgnored",
                  "ContiguousThroughPowerLoss"));
}

TEST(LyingLogs, AreCaughtByWhatTheyBreakOfClaims) {
  EXPECT_THAT(Broken<KnowsBetterWhichEpochIsNext>(),
              ElementsAre("ClaimTakesTheEpochWanted"));
  EXPECT_THAT(Broken<CountsEpochsByTens>(),
              ElementsAre("ClaimOfZeroIsOneMoreThanTheLast",
                          "FencedAfterReopening", "FencedAfterPowerLoss"));
  EXPECT_THAT(Broken<LetsWhatIsUnderWayPast>(),
              ElementsAre("FencedWhileUnderWay", "PrefixOfWhatWasAppended",
                          "WholeOrNotAtAll"));
  EXPECT_THAT(
      Broken<ShowsAHeader>(),
      ElementsAre("ClaimOfANewLogVisitsNothing",
                  "ClaimRefusesAnEpochClaimedBefore",
                  "PrefixKeepsWhatWasForced", "ContiguousThroughTrims"));
  EXPECT_THAT(
      Broken<ShowsThingsThreeTimes>(),
      ElementsAre("FencedBelowTheLatestClaim", "FencedWhileUnderWay",
                  "FencedAfterReopening", "PrefixKeepsWhatWasForced",
                  "PrefixOfWhatWasAppended", "WholeOrNotAtAll",
                  "VisitedAgainUntilTrimmed", "VisitedIsDurable",
                  "ContiguousThroughTrims", "ContiguousThroughPowerLoss"));
  EXPECT_THAT(Broken<VisitsOnAfterAnError>(),
              ElementsAre("ClaimStopsAtTheFirstError"));
  EXPECT_THAT(Broken<SpeaksForTheVisitor>(),
              ElementsAre("ClaimStopsAtTheFirstError"));
  EXPECT_THAT(Broken<LetsAFencedWriterAppend>(),
              ElementsAre("FencedBelowTheLatestClaim", "FencedAfterReopening",
                          "FencedAfterPowerLoss"));
  EXPECT_THAT(Broken<RepeatsAnEpoch>(),
              ElementsAre("ClaimRefusesAnEpochClaimedBefore",
                          "ClaimStaysIfTheVisitFails", "FencedAfterReopening",
                          "FencedAfterPowerLoss"));
  EXPECT_THAT(Broken<ForgetsItsEpochAtALossOfPower>(),
              ElementsAre("FencedAfterPowerLoss"));
}

TEST(LyingLogs, AreCaughtByWhatTheyBreakOfAppends) {
  EXPECT_THAT(Broken<CompletesOutOfOrder>(),
              ElementsAre("AppendCompletesOnceAndInOrder"));
  EXPECT_THAT(Broken<CompletesTwice>(),
              ElementsAre("AppendCompletesOnceAndInOrder",
                          "AppendHoldsNoLockWhenItIsDone"));
  EXPECT_THAT(
      Broken<ReportsTheFirstIndex>(),
      ElementsAre("AppendCountsFromOne", "AppendTakesAnyNumberOfRecords"));
  EXPECT_THAT(Broken<TakesAThousandRecords>(),
              ElementsAre("AppendTakesAnyNumberOfRecords"));
  EXPECT_THAT(Broken<ClaimsToTakeMore>(), ElementsAre("RecordSizeMaxIsTaken"));
  EXPECT_THAT(Broken<GoesOnAfterAnError>(),
              ElementsAre("UnknownUntilTheNextClaim"));
}

// One log behind two ports, as two hosts have it.
template <typename Port>
class FromTwoHosts final : public testing::LogStoreSubject {
 public:
  LogStore* log() override { return &mine_; }
  LogStore* rival() override { return &theirs_; }
  testing::Pace pace() const override { return pace_; }
  bool Stop(End how) override { return how == End::kClose; }
  void Start() override {}

 private:
  ManualExecutor executor_;
  MemoryLogStore log_;
  Port mine_{&log_};
  Port theirs_{&log_};
  const testing::Pace pace_{
      [this](absl::Duration span) { executor_.AdvanceBy(span); }};
};

class HonestPort : public LogStore {
 public:
  explicit HonestPort(MemoryLogStore* log) : log_(log) {}
  absl::StatusOr<Epoch> Claim(Epoch wanted, Visitor visit) override {
    return log_->Claim(wanted, visit);
  }
  void Append(Epoch epoch, std::vector<std::string> records,
              Durability durability, AppendDone done) override {
    log_->Append(epoch, std::move(records), durability, std::move(done));
  }
  void Trim(Epoch epoch, LogIndex first_needed) override {
    log_->Trim(epoch, first_needed);
  }

 protected:
  MemoryLogStore* const log_;
};

// Compares with what was claimed here last, which is not what was claimed last.
class KnowsOnlyItsOwnClaims final : public HonestPort {
 public:
  using HonestPort::HonestPort;
  absl::StatusOr<Epoch> Claim(Epoch wanted, Visitor visit) override {
    const absl::StatusOr<Epoch> claimed = HonestPort::Claim(wanted, visit);
    if (claimed.ok()) latest = mine_ = *claimed;
    return claimed;
  }
  void Append(Epoch epoch, std::vector<std::string> records,
              Durability durability, AppendDone done) override {
    HonestPort::Append(epoch == mine_ ? latest : epoch, std::move(records),
                       durability, std::move(done));
  }

 private:
  inline static Epoch latest = 0;
  Epoch mine_ = 0;
};

TEST(LyingLogs, WhoIsNotFencedByAnotherHostIsCaught) {
  EXPECT_THAT(BrokenBy<LogStoreSuite>(
                  [] { return std::make_unique<FromTwoHosts<HonestPort>>(); }),
              ElementsAre());
  EXPECT_THAT(BrokenBy<LogStoreSuite>([] {
                return std::make_unique<FromTwoHosts<KnowsOnlyItsOwnClaims>>();
              }),
              ElementsAre("FencedWhereverItComesFrom"));
}

}  // namespace
}  // namespace trivet
