// SPDX-License-Identifier: Apache-2.0
//
// Giving a Lease back: by asking, by letting go, by assigning.

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/lock/support/lock_client_fixture.h"
#include "trivet/lock/fencing_token.h"
#include "trivet/lock/lock_client.h"

namespace trivet {
namespace {

using ::testing::HasSubstr;

class LockClientReleaseTest : public LockClientFixture {};

TEST_F(LockClientReleaseTest, ReleaseAsyncSaysWhenItIsReleased) {
  const auto client = MakeClient();
  Lease lease = Take(*client);
  flaky_.fate = [](Op) { return Fate::kHoldRequest; };
  std::vector<absl::Status> released;
  lease.ReleaseAsync([&](absl::Status s) { released.push_back(std::move(s)); });
  EXPECT_FALSE(lease.CheckHeld().ok());
  executor_.RunUntilIdle();
  EXPECT_TRUE(released.empty());
  flaky_.DeliverHeld();
  EXPECT_TRUE(IsFree("jobs"));
  EXPECT_TRUE(released.empty());  // On the executor.
  executor_.RunUntilIdle();
  EXPECT_THAT(released, ::testing::ElementsAre(absl::OkStatus()));
}

TEST_F(LockClientReleaseTest, EveryReleaseAsyncIsAnsweredOnce) {
  const auto client = MakeClient();
  Lease lease = Take(*client);
  int answered = 0;
  const auto count = [&](const absl::Status& status) {
    EXPECT_TRUE(status.ok());
    ++answered;
  };
  lease.ReleaseAsync(count);
  lease.ReleaseAsync(count);
  executor_.RunUntilIdle();
  lease.ReleaseAsync(count);
  executor_.RunUntilIdle();
  EXPECT_EQ(answered, 3);
  EXPECT_EQ(flaky_.Count(Op::kRelease), 1);
}

TEST_F(LockClientReleaseTest, ReleasingALostLeaseIsFine) {
  const auto client = MakeClient();
  Lease lease = Take(*client);
  executor_.JumpBy(absl::Seconds(20));
  std::optional<absl::Status> released;
  lease.ReleaseAsync([&](absl::Status s) { released = std::move(s); });
  executor_.RunUntilIdle();
  EXPECT_EQ(released, absl::OkStatus());
}

TEST_F(LockClientReleaseTest, AReleaseWithoutAnswerIsReportedAfterTheTtl) {
  const auto client = MakeClient();
  Lease lease = Take(*client);
  flaky_.fate = [](Op) { return Fate::kLoseRequest; };
  std::optional<absl::Status> released;
  lease.ReleaseAsync([&](absl::Status s) { released = std::move(s); });
  executor_.AdvanceBy(absl::Seconds(14));
  EXPECT_FALSE(released.has_value());
  executor_.AdvanceBy(absl::Seconds(1));
  ASSERT_TRUE(released.has_value());
  EXPECT_TRUE(absl::IsUnavailable(*released));
}

TEST_F(LockClientReleaseTest, OnLostIsNotCalledForWhatWasGivenBack) {
  const auto client = MakeClient();
  std::optional<Lease> lease = Take(*client);
  auto alive = std::make_shared<int>();
  lease->OnLost([alive](const absl::Status&) { ADD_FAILURE(); });
  lease.reset();
  executor_.AdvanceBy(absl::Minutes(1));
  EXPECT_EQ(alive.use_count(), 1) << "the callback is kept";
}

TEST_F(LockClientReleaseTest, AMovedFromLeaseHoldsNothing) {
  const auto client = MakeClient();
  Lease a = Take(*client, "a");
  Lease b = std::move(a);
  EXPECT_TRUE(b.CheckHeld().ok());
  // NOLINTBEGIN(bugprone-use-after-move)
  EXPECT_TRUE(absl::IsFailedPrecondition(a.CheckHeld()));
  EXPECT_EQ(a.lock_name(), "");
  EXPECT_EQ(a.fencing_token(), FencingToken());
  EXPECT_EQ(a.ValidFor(), absl::ZeroDuration());
  EXPECT_TRUE(a.Release().ok());
  bool released = false;
  a.ReleaseAsync([&](const absl::Status& s) { released = s.ok(); });
  EXPECT_TRUE(released);
  a.OnLost([](const absl::Status&) { ADD_FAILURE(); });
  // NOLINTEND(bugprone-use-after-move)
}

TEST_F(LockClientReleaseTest, AssigningGivesBackWhatWasHeld) {
  const auto client = MakeClient();
  Lease a = Take(*client, "a");
  Lease b = Take(*client, "b");
  a = std::move(b);
  EXPECT_TRUE(IsFree("a"));
  EXPECT_FALSE(IsFree("b"));
  EXPECT_EQ(a.lock_name(), "b");
  Lease& same = a;
  a = std::move(same);
  EXPECT_TRUE(a.CheckHeld().ok());
}

TEST_F(LockClientReleaseTest, OnLostOfWhatWasGivenBackIsNotKept) {
  const auto client = MakeClient();
  Lease lease = Take(*client);
  flaky_.fate = [](Op) { return Fate::kHoldRequest; };
  lease.ReleaseAsync([](const absl::Status&) {});
  auto alive = std::make_shared<int>();
  lease.OnLost([alive](const absl::Status&) { ADD_FAILURE(); });
  EXPECT_EQ(alive.use_count(), 1) << "the release is not answered yet";
  flaky_.DeliverHeld();
  executor_.RunUntilIdle();
  lease.OnLost([alive](const absl::Status&) { ADD_FAILURE(); });
  EXPECT_EQ(alive.use_count(), 1) << "it is over";
}

// While the client is inside the backend for another lock, a renewal is
// answered and then the lease given back: the client learns of both at once.
TEST_F(LockClientReleaseTest, ARenewalDoesNotUndoARelease) {
  const auto client = MakeClient();
  Lease lease = Take(*client);
  flaky_.fate = [](Op) { return Fate::kHoldReply; };
  executor_.AdvanceBy(absl::Seconds(5));
  ASSERT_EQ(flaky_.Count(Op::kRenew), 1);
  flaky_.fate = [&](Op op) {
    if (op == Op::kAcquire) {
      flaky_.DeliverHeld();
      lease.ReleaseAsync([](const absl::Status&) {});
    }
    return Fate::kAnswer;
  };
  const Locked other = Start(*client, "other", absl::Seconds(1));
  EXPECT_THAT(std::string(lease.CheckHeld().message()), HasSubstr("released"));
  executor_.RunUntilIdle();
  EXPECT_TRUE(IsFree("jobs"));
}

}  // namespace
}  // namespace trivet
