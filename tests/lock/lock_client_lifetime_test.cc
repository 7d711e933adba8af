// SPDX-License-Identifier: Apache-2.0
//
// The ends of a LockClient: destroyed with work unfinished, inside its own
// callbacks, and forked.

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "tests/lock/support/lock_client_fixture.h"
#include "tests/support/fork.h"
#include "trivet/lock/lock_client.h"

namespace trivet {
namespace {

class LockClientLifetimeTest : public LockClientFixture {};

TEST_F(LockClientLifetimeTest, UnfinishedOperationsAreCancelledFirst) {
  auto client = MakeClient();
  std::optional<Lease> held = Take(*client);
  const Locked waiting = Start(*client, "jobs", absl::Minutes(5));
  flaky_.fate = [](Op) { return Fate::kHoldRequest; };
  const Locked asked = Start(*client, "other", absl::Minutes(5));
  const Tried tried = StartTry(*client, "third");
  std::optional<absl::Status> released;
  held->ReleaseAsync([&](absl::Status s) { released = std::move(s); });
  held.reset();
  executor_.RunUntilIdle();
  ASSERT_FALSE(waiting->has_value() || asked->has_value() ||
               tried->has_value() || released.has_value());
  client.reset();
  EXPECT_TRUE(absl::IsCancelled((*waiting)->status()));
  EXPECT_TRUE(absl::IsCancelled((*asked)->status()));
  EXPECT_TRUE(absl::IsCancelled((*tried)->status()));
  EXPECT_TRUE(absl::IsCancelled(*released));
}

TEST_F(LockClientLifetimeTest, WhatTheLastCallbacksAskForIsCancelledToo) {
  auto client = MakeClient();
  LockClient& dying = *client;
  std::optional<Lease> held = Take(dying);
  std::vector<absl::StatusCode> told;
  const auto tell = [&](const absl::Status& s) { told.push_back(s.code()); };
  dying.LockAsync("jobs", absl::Minutes(5), [&](absl::StatusOr<Lease> first) {
    tell(first.status());
    dying.LockAsync("other", absl::Minutes(5),
                    [&](absl::StatusOr<Lease> more) { tell(more.status()); });
    held->ReleaseAsync(tell);
    held.reset();
  });
  executor_.RunUntilIdle();
  ASSERT_TRUE(told.empty());
  client.reset();
  const auto cancelled = absl::StatusCode::kCancelled;
  EXPECT_EQ(told, std::vector<absl::StatusCode>(3, cancelled));
  EXPECT_TRUE(IsFree("jobs"));
}

TEST_F(LockClientLifetimeTest, ALeaseThatTheLastCallbackGivesBackIsReleased) {
  const auto holder = MakeClient();
  const Lease held = Take(*holder);
  auto client = MakeClient();
  std::optional<Lease> lease;
  std::vector<absl::StatusCode> told;
  client->LockAsync(
      "jobs", absl::Minutes(5), [&](const absl::StatusOr<Lease>&) {
        lease->ReleaseAsync(
            [&](const absl::Status& s) { told.push_back(s.code()); });
        EXPECT_EQ(told.size(), 1) << "inside the call";
        lease.reset();
      });
  lease = Take(*client, "other");  // Later than the other was asked for.
  client.reset();
  EXPECT_EQ(told, std::vector<absl::StatusCode>{absl::StatusCode::kCancelled});
  EXPECT_TRUE(IsFree("other"));
}

TEST_F(LockClientLifetimeTest, L4_WhatWasAskedForIsGivenUp) {
  auto client = MakeClient();
  std::optional<Lease> held = Take(*client);
  const Locked waiting = Start(*client, "jobs", absl::Minutes(5));
  flaky_.fate = [](Op op) {
    return op == Op::kAcquire ? Fate::kHoldReply : Fate::kAnswer;
  };
  const Locked asked = Start(*client, "other", absl::Minutes(5));
  EXPECT_FALSE(IsFree("other"));
  held.reset();
  client.reset();
  EXPECT_TRUE(IsFree("jobs"));
  EXPECT_TRUE(IsFree("other"));
}

// The backend renews both leases, but nobody hears it. They are lost in one
// breath, and the release of the first ends the client.
TEST_F(LockClientLifetimeTest, L4_WhatWasLostIsReleasedToo) {
  auto client = MakeClient();
  std::optional<Lease> first = Take(*client, "first");
  std::optional<Lease> second = Take(*client, "second");
  size_t calls = 0;
  flaky_.fate = [&](Op op) {
    if (op == Op::kRenew) return Fate::kLoseReply;
    if (client == nullptr) return Fate::kAnswer;
    EXPECT_FALSE(first.has_value() && first->CheckHeld().ok());
    EXPECT_FALSE(second.has_value() && second->CheckHeld().ok());
    first.reset();
    second.reset();
    client.reset();
    calls = flaky_.calls.size();
    return Fate::kAnswer;
  };
  executor_.AdvanceBy(absl::Seconds(15));
  ASSERT_EQ(client, nullptr);
  EXPECT_EQ(flaky_.calls.size(), calls) << "called after its destruction";
  EXPECT_TRUE(IsFree("first"));
  EXPECT_TRUE(IsFree("second"));
}

TEST_F(LockClientLifetimeTest, AGrantThatWasNotDeliveredIsGivenBack) {
  auto client = MakeClient();
  const Locked granted = Start(*client, "jobs", absl::Minutes(5));
  EXPECT_FALSE(IsFree("jobs"));
  client.reset();  // Before the executor has called back.
  EXPECT_TRUE(absl::IsCancelled((*granted)->status()));
  EXPECT_TRUE(IsFree("jobs"));
}

TEST_F(LockClientLifetimeTest, NothingIsCalledAfterwards) {
  auto client = MakeClient();
  const Locked waiting = Start(*client, "jobs", absl::Minutes(5));
  flaky_.fate = [](Op) { return Fate::kHoldRequest; };
  const Locked asked = Start(*client, "other", absl::Minutes(5));
  client.reset();
  const size_t calls = flaky_.calls.size();
  while (flaky_.held() > 0) flaky_.DeliverHeld();
  executor_.AdvanceBy(absl::Hours(1));
  EXPECT_EQ(flaky_.calls.size(), calls);
  EXPECT_EQ(executor_.pending(), 0);
}

TEST_F(LockClientLifetimeTest, MayBeDestroyedInsideALockCallback) {
  auto client = MakeClient();
  std::optional<absl::Status> other;
  client->LockAsync("jobs", absl::Minutes(5), [&](absl::StatusOr<Lease> lease) {
    ASSERT_TRUE(lease.ok());
    lease = absl::UnknownError("given back before the client goes");
    client.reset();
    EXPECT_TRUE(other.has_value()) << "unfinished work is called back first";
  });
  client->LockAsync("jobs", absl::Minutes(5), [&](absl::StatusOr<Lease> lease) {
    other = lease.status();
  });
  executor_.AdvanceBy(absl::Minutes(10));
  EXPECT_EQ(client, nullptr);
  EXPECT_TRUE(absl::IsCancelled(*other));
}

TEST_F(LockClientLifetimeTest, MayBeDestroyedInsideOnLost) {
  auto client = MakeClient();
  std::optional<Lease> lease = Take(*client);
  lease->OnLost([&](const absl::Status&) {
    lease.reset();
    client.reset();
  });
  executor_.JumpBy(absl::Seconds(20));
  executor_.RunUntilIdle();
  EXPECT_EQ(client, nullptr);
}

TEST_F(LockClientLifetimeTest, MayBeDestroyedInsideAReleaseCallback) {
  auto client = MakeClient();
  std::optional<Lease> lease = Take(*client);
  lease->ReleaseAsync([&](const absl::Status&) {
    lease.reset();
    client.reset();
  });
  executor_.RunUntilIdle();
  EXPECT_EQ(client, nullptr);
}

TEST_F(LockClientLifetimeTest, MayBeDestroyedInsideTheBackend) {
  auto client = MakeClient();
  flaky_.fate = [&](Op) {
    client.reset();
    return Fate::kAnswer;
  };
  LockClient& dying = *client;
  const Locked locked = Start(dying, "jobs", absl::Minutes(5));
  EXPECT_EQ(client, nullptr);
  EXPECT_TRUE(absl::IsCancelled((*locked)->status()));
  executor_.AdvanceBy(absl::Minutes(1));
}

TEST_F(LockClientLifetimeTest, ALeaseMayTakeTheLockAnewWhenItIsLost) {
  auto client = MakeClient();
  std::optional<Lease> lease = Take(*client);
  const FencingToken first = lease->fencing_token();
  lease->OnLost([&](const absl::Status&) {
    client->LockAsync("jobs", absl::Minutes(1),
                      [&](absl::StatusOr<Lease> again) {
                        ASSERT_TRUE(again.ok());
                        lease = *std::move(again);
                      });
  });
  executor_.JumpBy(absl::Seconds(20));
  executor_.AdvanceBy(absl::Seconds(1));
  EXPECT_TRUE(lease->CheckHeld().ok());
  EXPECT_GT(lease->fencing_token().value, first.value);
  lease.reset();
}

TEST_F(LockClientLifetimeTest, WaitingMayOutliveItsClient) {
  const auto holder = MakeClient();
  const Lease held = Take(*holder);
  auto client = MakeClient();
  LockClient::Waiting waiting =
      client->LockAsync("jobs", absl::Minutes(5), [](const auto&) {});
  client.reset();
  waiting.Cancel();
  executor_.RunUntilIdle();
  EXPECT_TRUE(held.CheckHeld().ok());
}

TEST_F(LockClientLifetimeTest, WaitingMayOutliveItsClientInsideTheBackend) {
  auto client = MakeClient();
  flaky_.fate = [](Op) { return Fate::kHoldRequest; };
  LockClient::Waiting waiting =
      client->LockAsync("jobs", absl::Minutes(5), [](const auto&) {});
  client.reset();
  const size_t calls = flaky_.calls.size();
  waiting.Cancel();  // The backend still holds the request, and its session.
  executor_.RunUntilIdle();
  EXPECT_EQ(flaky_.calls.size(), calls);
}

// It must not, but those who let it do no harm.
TEST_F(LockClientLifetimeTest, ALeaseThatOutlivesItsClientIsNotHeld) {
  auto client = MakeClient();
  Lease lost = Take(*client, "lost");
  executor_.JumpBy(absl::Seconds(20));
  executor_.RunUntilIdle();
  Lease held = Take(*client);
  client.reset();
  EXPECT_TRUE(IsFree("jobs"));
  EXPECT_TRUE(absl::IsFailedPrecondition(held.CheckHeld()));
  EXPECT_EQ(held.ValidFor(), absl::ZeroDuration());
  lost.OnLost([](const absl::Status&) { ADD_FAILURE(); });
  held.OnLost([](const absl::Status&) { ADD_FAILURE(); });
  std::optional<absl::Status> released;
  held.ReleaseAsync([&](absl::Status s) { released = std::move(s); });
  ASSERT_TRUE(released.has_value());
  EXPECT_TRUE(absl::IsCancelled(*released));
  executor_.AdvanceBy(absl::Minutes(1));
}

TEST_F(LockClientLifetimeTest, SessionsThatAreOverAreForgotten) {
  auto client = MakeClient();
  auto witness = std::make_shared<int>();
  for (int i = 0; i < 10; ++i) {
    client->LockAsync("jobs", absl::Minutes(5),
                      [witness](const absl::StatusOr<Lease>&) {});
  }
  executor_.RunUntilIdle();
  EXPECT_EQ(witness.use_count(), 1);
  EXPECT_TRUE(IsFree("jobs"));
}

// --- Fork --------------------------------------------------------------------

class ForkTest : public LockClientFixture {};

TEST_F(ForkTest, L8_AChildHoldsNothing) {
  auto client = MakeClient();
  std::optional<Lease> lease = Take(*client);
  EXPECT_TRUE(InChild([&] {
    const auto alive = std::make_shared<int>();
    lease->OnLost([alive](const absl::Status&) {});
    return absl::IsFailedPrecondition(lease->CheckHeld()) &&
           lease->ValidFor() == absl::ZeroDuration() &&
           lease->fencing_token() == FencingToken() && alive.use_count() == 1;
  }));
  EXPECT_TRUE(lease->CheckHeld().ok());
}

TEST_F(ForkTest, L8_AChildSendsNothingForItsParent) {
  auto client = MakeClient();
  std::optional<Lease> lease = Take(*client);
  const Locked waiting = Start(*client, "jobs", absl::Minutes(5));
  const size_t calls = flaky_.calls.size();
  EXPECT_TRUE(InChild([&] {
    executor_.AdvanceBy(absl::Minutes(1));
    bool refused = false;
    lease->ReleaseAsync([&](const absl::Status& status) {
      refused = absl::IsFailedPrecondition(status);
    });
    lease.reset();
    client.reset();
    executor_.AdvanceBy(absl::Minutes(1));
    return refused && flaky_.calls.size() == calls && !waiting->has_value();
  }));
  EXPECT_TRUE(lease->CheckHeld().ok());
  EXPECT_FALSE(IsFree("jobs"));
}

TEST_F(ForkTest, L8_AChildCancelsNothing) {
  const auto holder = MakeClient();
  const Lease held = Take(*holder);
  LockClientOptions patient;
  patient.lease.request_timeout = absl::Seconds(1);
  patient.lease.retry_min = patient.lease.retry_max = absl::Seconds(4);
  const auto client = MakeClient(patient);
  LockClient::Waiting waiting =
      client->LockAsync("jobs", absl::Minutes(5), [](const auto&) {});
  executor_.AdvanceBy(absl::Seconds(1));  // The next look is long after that.
  EXPECT_TRUE(InChild([&] {
    const size_t pending = executor_.pending();
    waiting.Cancel();  // A timer would be new: for the answer to the release.
    return executor_.pending() == pending;
  }));
}

TEST_F(ForkTest, L8_AChildsCopyOfAClientRefuses) {
  auto client = MakeClient();
  EXPECT_TRUE(InChild([&] {
    const Locked locked = Start(*client, "jobs", absl::Minutes(5));
    const Tried tried = StartTry(*client, "jobs");
    const bool refused = absl::IsFailedPrecondition((*locked)->status()) &&
                         absl::IsFailedPrecondition((*tried)->status());
    // A client of its own works.
    const auto own = MakeClient();
    const Lease lease = Take(*own);
    return refused && lease.CheckHeld().ok();
  }));
  EXPECT_TRUE(IsFree("jobs"));
}

}  // namespace
}  // namespace trivet
