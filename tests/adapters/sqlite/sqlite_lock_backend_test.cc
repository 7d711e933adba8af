// SPDX-License-Identifier: Apache-2.0

#include "trivet/adapters/sqlite/sqlite_lock_backend.h"

#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "src/adapters/sqlite/machine_clock.h"
#include "tests/adapters/sqlite/sqlite_fixture.h"
#include "tests/support/fork.h"
#include "tests/support/temp_dir.h"

namespace trivet {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr absl::Duration kTtl = absl::Seconds(10);

class SqliteLockBackendTest : public ::testing::Test {
 protected:
  Machine machine_;
  TempDir folder_;
  const std::string path_ = folder_.Sub("locks.db");
  const LeaseKey a_ = {"job", "lease a", "host a"};
  const LeaseKey b_ = {"job", "lease b", "host b"};
};

TEST_F(SqliteLockBackendTest, ProcessesShareALockByTheFile) {
  const auto one = OpenOn(machine_, path_);
  const auto two = OpenOn(machine_, path_);
  EXPECT_EQ(TokenOf(Acquire(one.get(), a_, kTtl)), 1U);
  EXPECT_EQ(TokenOf(Acquire(two.get(), b_, kTtl)), 0U);
  machine_.AdvanceBy(kTtl - absl::Nanoseconds(1));
  EXPECT_EQ(TokenOf(Acquire(two.get(), b_, kTtl)), 0U);
  machine_.AdvanceBy(absl::Nanoseconds(1));
  EXPECT_EQ(TokenOf(Renew(one.get(), a_, kTtl)), 0U);
  EXPECT_EQ(TokenOf(Acquire(two.get(), b_, kTtl)), 2U);
  EXPECT_EQ(TokenOf(Acquire(one.get(), a_, kTtl)), 0U);
  // Whoever has lost it releases nothing.
  EXPECT_TRUE(*Release(one.get(), a_));
  EXPECT_EQ(TokenOf(Acquire(one.get(), a_, kTtl)), 0U);
  EXPECT_TRUE(*Release(two.get(), b_));
  EXPECT_EQ(TokenOf(Acquire(one.get(), a_, kTtl)), 3U);
}

TEST_F(SqliteLockBackendTest, LeasesAndTokensOutliveTheProcess) {
  auto backend = OpenOn(machine_, path_);
  EXPECT_EQ(TokenOf(Acquire(backend.get(), a_, kTtl)), 1U);
  backend.reset();
  backend = OpenOn(machine_, path_);
  EXPECT_EQ(TokenOf(Acquire(backend.get(), b_, kTtl)), 0U);
  EXPECT_EQ(TokenOf(Acquire(backend.get(), a_, kTtl)), 1U);
  EXPECT_EQ(TokenOf(Renew(backend.get(), a_, kTtl)), 1U);
  EXPECT_TRUE(*Release(backend.get(), a_));
  backend = OpenOn(machine_, path_);
  EXPECT_EQ(TokenOf(Acquire(backend.get(), b_, kTtl)), 2U);
}

TEST_F(SqliteLockBackendTest, ByAnotherClockTheWholeTtlIsWatched) {
  const auto before = OpenOn(machine_, path_, "boot 1");
  EXPECT_EQ(TokenOf(Acquire(before.get(), a_, kTtl)), 1U);
  // On a machine whose clock shows a time long after the end of that lease.
  Machine restarted;
  restarted.AdvanceBy(absl::Hours(1000));
  const auto after = OpenOn(restarted, path_, "boot 2");
  EXPECT_EQ(TokenOf(Acquire(after.get(), b_, kTtl)), 0U);
  restarted.AdvanceBy(kTtl - absl::Nanoseconds(1));
  EXPECT_EQ(TokenOf(Acquire(after.get(), b_, kTtl)), 0U);
  restarted.AdvanceBy(absl::Nanoseconds(1));
  EXPECT_EQ(TokenOf(Acquire(after.get(), b_, kTtl)), 2U);
  // And the same the other way round.
  EXPECT_EQ(TokenOf(Renew(before.get(), a_, kTtl)), 0U);
  EXPECT_EQ(TokenOf(Acquire(before.get(), a_, kTtl)), 0U);
}

// Another clock may have had the name of ours: it knows no lease that ends
// later than its ttl from now.
TEST_F(SqliteLockBackendTest, WhatOurClockCannotHaveWrittenIsWatched) {
  const auto backend = OpenOn(machine_, path_);
  EXPECT_EQ(TokenOf(Acquire(backend.get(), a_, kTtl)), 1U);
  Connection other(path_);
  ASSERT_EQ(other.Run("UPDATE trivet_lease SET until = until + 1"), SQLITE_OK);
  EXPECT_EQ(TokenOf(Renew(backend.get(), a_, kTtl)), 0U);
  ASSERT_EQ(other.Run("UPDATE trivet_lease SET until = 9223372036854775807"),
            SQLITE_OK);
  EXPECT_EQ(TokenOf(Acquire(backend.get(), b_, kTtl)), 0U);
  machine_.AdvanceBy(kTtl - absl::Nanoseconds(1));
  EXPECT_EQ(TokenOf(Acquire(backend.get(), b_, kTtl)), 0U);
  machine_.AdvanceBy(absl::Nanoseconds(1));
  EXPECT_EQ(TokenOf(Acquire(backend.get(), b_, kTtl)), 2U);
}

TEST_F(SqliteLockBackendTest, AWatchIsNotForgottenByATakeoverThatFails) {
  const auto before = OpenOn(machine_, path_, "boot 1");
  EXPECT_EQ(TokenOf(Acquire(before.get(), a_, kTtl)), 1U);
  const auto after = OpenOn(machine_, path_, "boot 2");
  EXPECT_EQ(TokenOf(Acquire(after.get(), b_, kTtl)), 0U);
  machine_.AdvanceBy(kTtl);
  Connection other(path_);
  ASSERT_EQ(other.Run("CREATE TRIGGER refuse BEFORE INSERT ON trivet_lease "
                      "BEGIN SELECT RAISE(ABORT, 'refused'); END"),
            SQLITE_OK);
  EXPECT_TRUE(absl::IsDataLoss(Acquire(after.get(), b_, kTtl).status()));
  ASSERT_EQ(other.Run("DROP TRIGGER refuse"), SQLITE_OK);
  EXPECT_EQ(TokenOf(Acquire(after.get(), b_, kTtl)), 2U);
}

TEST_F(SqliteLockBackendTest, ARenewalBeginsTheWatchAnew) {
  const auto holder = OpenOn(machine_, path_, "here");
  Machine elsewhere;
  const auto other = OpenOn(elsewhere, path_, "there");
  EXPECT_EQ(TokenOf(Acquire(holder.get(), a_, kTtl)), 1U);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(TokenOf(Acquire(other.get(), b_, kTtl)), 0U);
    elsewhere.AdvanceBy(kTtl);
    EXPECT_EQ(TokenOf(Renew(holder.get(), a_, kTtl)), 1U);
  }
  EXPECT_EQ(TokenOf(Acquire(other.get(), b_, kTtl)), 0U);
  // Of the ttl that was renewed for, not of the contender's own.
  EXPECT_EQ(TokenOf(Renew(holder.get(), a_, 3 * kTtl)), 1U);
  EXPECT_EQ(TokenOf(Acquire(other.get(), b_, kTtl)), 0U);
  elsewhere.AdvanceBy(2 * kTtl);
  EXPECT_EQ(TokenOf(Acquire(other.get(), b_, kTtl)), 0U);
  elsewhere.AdvanceBy(kTtl);
  EXPECT_EQ(TokenOf(Acquire(other.get(), b_, kTtl)), 2U);
}

TEST_F(SqliteLockBackendTest, WhatWasReleasedIsFreeByAnyClock) {
  const auto before = OpenOn(machine_, path_, "boot 1");
  EXPECT_EQ(TokenOf(Acquire(before.get(), a_, kTtl)), 1U);
  const auto after = OpenOn(machine_, path_, "boot 2");
  EXPECT_EQ(TokenOf(Acquire(after.get(), b_, kTtl)), 0U);
  EXPECT_TRUE(*Release(before.get(), a_));
  EXPECT_EQ(TokenOf(Acquire(after.get(), b_, kTtl)), 2U);
}

TEST_F(SqliteLockBackendTest, ManyWhoAskAtOnceAreAllAnswered) {
  const auto backend = OpenOn(machine_, path_);
  std::vector<LeaseKey> keys;
  for (int i = 0; i < 1000; ++i) {
    keys.push_back({"lock " + std::to_string(i % 500),
                    "lease " + std::to_string(i), "host"});
  }
  std::vector<Awaiter<Granted>> answers(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    backend->Acquire(keys[i], kTtl, MonotonicTime::InfiniteFuture(),
                     answers[i].Done());
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    EXPECT_EQ(TokenOf(answers[i].Wait()), i < 500 ? 1U : 0U) << i;
  }
}

TEST_F(SqliteLockBackendTest, WhoeverReadsBeforeWalModeIsWaitedFor) {
  Connection other(path_);
  ASSERT_EQ(other.Run("CREATE TABLE theirs (x); BEGIN; SELECT * FROM theirs"),
            SQLITE_OK);
  const absl::Time before = absl::Now();
  EXPECT_TRUE(absl::IsUnavailable(
      SqliteLockBackend::Open(path_, {absl::Milliseconds(50)}).status()));
  EXPECT_GE(absl::Now() - before, absl::Milliseconds(25));
  ASSERT_EQ(other.Run("COMMIT"), SQLITE_OK);
  EXPECT_EQ(SqliteLockBackend::Open(path_).status(), absl::OkStatus());
}

// One in some thousands meets a moment in which SQLite itself does not wait.
TEST_F(SqliteLockBackendTest, ManyWhoMakeTheFileAtOnceAllOpenIt) {
  for (int round = 0; round < 20; ++round) {
    const std::string path = path_ + std::to_string(round);
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        EXPECT_EQ(SqliteLockBackend::Open(path, {absl::Minutes(1)}).status(),
                  absl::OkStatus());
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
}

TEST_F(SqliteLockBackendTest, WhoeverWritesForTooLongIsNotWaitedFor) {
  SqliteOptions options;
  options.busy_timeout = absl::Milliseconds(50);
  auto backend = OpenOn(machine_, path_, "boot 1", options);
  Connection other(path_);
  ASSERT_EQ(other.Run("BEGIN IMMEDIATE"), SQLITE_OK);
  const Granted busy = Acquire(backend.get(), a_, kTtl);
  EXPECT_TRUE(absl::IsUnavailable(busy.status()));
  EXPECT_THAT(std::string(busy.status().message()),
              AllOf(HasSubstr(path_), HasSubstr("database is locked")));
  ASSERT_EQ(other.Run("COMMIT"), SQLITE_OK);
  EXPECT_EQ(TokenOf(Acquire(backend.get(), a_, kTtl)), 1U);
}

TEST_F(SqliteLockBackendTest, TheDestructorWaitsForNoOtherProcess) {
  SqliteOptions options;
  options.busy_timeout = absl::Minutes(1);
  auto backend = OpenOn(machine_, path_, "boot 1", options);
  Connection other(path_);
  ASSERT_EQ(other.Run("BEGIN IMMEDIATE"), SQLITE_OK);
  Awaiter<Granted> first;
  Awaiter<Granted> second;
  backend->Acquire(a_, kTtl, MonotonicTime::InfiniteFuture(), first.Done());
  backend->Acquire(b_, kTtl, MonotonicTime::InfiniteFuture(), second.Done());
  backend.reset();
  EXPECT_TRUE(first.IsReady() && second.IsReady());
  EXPECT_TRUE(absl::IsUnavailable(first.Wait().status()));
}

TEST_F(SqliteLockBackendTest, AFileThatIsNotThereAnyMoreIsNotBelieved) {
  const auto one = OpenOn(machine_, path_);
  EXPECT_EQ(TokenOf(Acquire(one.get(), a_, kTtl)), 1U);
  std::filesystem::remove(path_);
  EXPECT_TRUE(absl::IsDataLoss(Renew(one.get(), a_, kTtl).status()));
  const auto two = OpenOn(machine_, path_);
  EXPECT_EQ(TokenOf(Acquire(two.get(), b_, kTtl)), 1U);
  const Granted lost = Acquire(one.get(), a_, kTtl);
  EXPECT_TRUE(absl::IsDataLoss(lost.status()));
  EXPECT_THAT(std::string(lost.status().message()),
              HasSubstr("was moved or deleted while it was open"));
}

TEST_F(SqliteLockBackendTest, BadArgumentsAreRefusedByName) {
  const auto backend = OpenOn(machine_, path_);
  const auto error = [&](const LeaseKey& key, absl::Duration ttl) {
    const Granted granted = Acquire(backend.get(), key, ttl);
    EXPECT_TRUE(absl::IsInvalidArgument(granted.status()));
    return std::string(granted.status().message());
  };
  EXPECT_EQ(error({"", "a", "o"}, kTtl),
            "LeaseKey.lock has 0 bytes, must have 1 to 512");
  EXPECT_EQ(error({std::string(513, 'x'), "a", "o"}, kTtl),
            "LeaseKey.lock has 513 bytes, must have 1 to 512");
  EXPECT_EQ(error({"x", "", "o"}, kTtl),
            "LeaseKey.lease_id has 0 bytes, must have 1 to 512");
  EXPECT_EQ(error(a_, absl::ZeroDuration()), "ttl is 0, must be in 1ms..8760h");
  EXPECT_EQ(error(a_, absl::InfiniteDuration()),
            "ttl is inf, must be in 1ms..8760h");
}

TEST_F(SqliteLockBackendTest, WhatCannotBeOpenedIsRefusedByName) {
  const auto error = [](const std::string& path, absl::Duration busy_timeout) {
    return SqliteLockBackend::Open(path, {busy_timeout}).status();
  };
  const absl::Duration second = absl::Seconds(1);
  for (const char* path : {"", ":memory:", "file:x"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(error(path, second))) << path;
  }
  EXPECT_THAT(std::string(error(path_, absl::Hours(1)).message()),
              HasSubstr("busy_timeout is 1h; it must be in 1ms..1m"));
  EXPECT_THAT(std::string(error(path_, absl::ZeroDuration()).message()),
              HasSubstr("busy_timeout is 0; it must be in 1ms..1m"));
  const absl::Status nowhere = error(folder_.Sub("no/such/folder.db"), second);
  EXPECT_THAT(std::string(nowhere.message()),
              HasSubstr("unable to open database file"));
  std::ofstream(folder_.Sub("text")) << std::string(5000, 'x');
  EXPECT_TRUE(absl::IsDataLoss(error(folder_.Sub("text"), second)));
}

TEST_F(SqliteLockBackendTest, ANewerFormatIsRefused) {
  OpenOn(machine_, path_).reset();
  Connection newer(path_);
  ASSERT_EQ(newer.Run("UPDATE trivet_format SET format = 2"), SQLITE_OK);
  const absl::Status status = SqliteLockBackend::Open(path_).status();
  EXPECT_TRUE(absl::IsUnimplemented(status));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("trivet_lease has format 2; this trivet knows"));
}

TEST_F(SqliteLockBackendTest, ADamagedRowIsNeitherBelievedNorWritten) {
  const auto backend = OpenOn(machine_, path_);
  EXPECT_EQ(TokenOf(Acquire(backend.get(), a_, kTtl)), 1U);
  Connection other(path_);
  for (const char* damage :
       {"token = 'x'", "token = -1", "token = 9223372036854775807",
        "version = 0", "lease_id = 7", "lease_id = 'text'", "ttl = -1",
        "until = 'soon'", "clock = 1", "clock = 'boot 1'"}) {
    SCOPED_TRACE(damage);
    ASSERT_EQ(other.Run("CREATE TABLE kept AS SELECT * FROM trivet_lease"),
              SQLITE_OK);
    ASSERT_EQ(other.Run(std::string("UPDATE trivet_lease SET ") + damage),
              SQLITE_OK);
    EXPECT_TRUE(absl::IsDataLoss(Acquire(backend.get(), a_, kTtl).status()));
    EXPECT_TRUE(absl::IsDataLoss(Acquire(backend.get(), b_, kTtl).status()));
    EXPECT_TRUE(absl::IsDataLoss(Release(backend.get(), a_).status()));
    // Other locks are not concerned.
    EXPECT_NE(TokenOf(Acquire(backend.get(), {"fine", damage, ""}, kTtl)), 0U);
    ASSERT_EQ(other.Run("DELETE FROM trivet_lease; INSERT INTO trivet_lease "
                        "SELECT * FROM kept; DROP TABLE kept"),
              SQLITE_OK);
    EXPECT_EQ(TokenOf(Renew(backend.get(), a_, kTtl)), 1U);
  }
}

// One that SQLite refuses does not take those with it that it shares a
// transaction with.
TEST_F(SqliteLockBackendTest, OfAsksThatAreDoneTogetherOnlyTheBadOneFails) {
  const auto backend = OpenOn(machine_, path_);
  Connection other(path_);
  ASSERT_EQ(other.Run("CREATE TRIGGER refuse BEFORE INSERT ON trivet_lease "
                      "WHEN NEW.lease_id = CAST('" +
                      b_.lease_id +
                      "' AS BLOB) BEGIN SELECT RAISE(ABORT, 'refused'); END"),
            SQLITE_OK);
  // The first keeps the worker until the others have been asked.
  Event asked;
  Awaiter<Granted> bad;
  Awaiter<Granted> good;
  const LeaseKey first = {"first", "1", ""};
  const LeaseKey last = {"last", "2", ""};
  backend->Acquire(first, kTtl, MonotonicTime::InfiniteFuture(),
                   [&](Granted granted) {
                     EXPECT_EQ(TokenOf(granted), 1U);
                     asked.Wait();
                   });
  backend->Acquire(b_, kTtl, MonotonicTime::InfiniteFuture(), bad.Done());
  backend->Acquire(last, kTtl, MonotonicTime::InfiniteFuture(), good.Done());
  asked.Notify();
  EXPECT_TRUE(absl::IsDataLoss(bad.Wait().status()));
  EXPECT_EQ(TokenOf(good.Wait()), 1U);
}

TEST_F(SqliteLockBackendTest, L8_AForkedChildAsksForNothing) {
  auto backend = OpenOn(machine_, path_);
  EXPECT_EQ(TokenOf(Acquire(backend.get(), a_, kTtl)), 1U);
  EXPECT_TRUE(InChild([&] {
    const Granted renewed = Renew(backend.get(), a_, kTtl);
    backend.reset();
    return absl::IsFailedPrecondition(renewed.status());
  }));
  // The connection of the parent is as it was.
  EXPECT_EQ(TokenOf(Renew(backend.get(), a_, kTtl)), 1U);
}

TEST_F(SqliteLockBackendTest, AForkedChildOpensNothingWhileItsParentDid) {
  auto backend = OpenOn(machine_, path_);
  auto second = OpenOn(machine_, path_);
  const std::string other = folder_.Sub("other.db");
  const auto opens = [](const std::string& path) {
    return SqliteLockBackend::Open(path).status();
  };
  EXPECT_TRUE(InChild([&] {
    const absl::Status status = opens(path_);
    return absl::IsFailedPrecondition(status) &&
           status.message().find("was open when this process was forked") !=
               status.message().npos &&
           absl::IsFailedPrecondition(opens(other));
  }));
  backend.reset();
  EXPECT_TRUE(
      InChild([&] { return absl::IsFailedPrecondition(opens(path_)); }));
  second.reset();
  EXPECT_TRUE(InChild([&] { return opens(path_).ok() && opens(other).ok(); }));
}

TEST(MachineClock, IsOneAndTheSameForAllProcessesOfAMachine) {
  const auto clock = internal::MachineClock::New();
  const std::string name = clock->name();
  EXPECT_GT(name.size(), 36U);
  const absl::Duration now = clock->Now();
  EXPECT_GT(now, absl::ZeroDuration());
  EXPECT_TRUE(InChild([&] {
    const auto own = internal::MachineClock::New();
    return own->name() == name && own->Now() >= now;
  }));
}

}  // namespace
}  // namespace trivet
