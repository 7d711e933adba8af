// SPDX-License-Identifier: Apache-2.0
//
// The checkers of leases, and the lock service as a simulated host sees it.

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/lock/fencing_token.h"
#include "trivet/lock/lock_backend.h"
#include "trivet/testing/fault_options.h"
#include "trivet/testing/fencing_checker.h"
#include "trivet/testing/grant_checker.h"
#include "trivet/testing/sim_host.h"
#include "trivet/testing/sim_lock_backend.h"
#include "trivet/testing/simulation.h"
#include "trivet/testing/violations.h"

namespace trivet {
namespace {

using ::testing::ElementsAre;
using testing::FaultOptions;
using testing::FencingChecker;
using testing::GrantChecker;
using ::testing::HasSubstr;
using testing::SimHost;
using testing::SimLockBackend;
using testing::Simulation;
using testing::Violations;

using Grant = std::optional<LeaseGrant>;

TEST(FencingChecker, FallingAndRepeatedTokensAreReported) {
  Violations violations;
  FencingChecker fencing(&violations);
  fencing.Granted("l", {0, 1});
  fencing.Granted("l", {0, 3});
  fencing.Granted("m", {0, 3});
  fencing.Admitted("l", {0, 1});
  fencing.Admitted("l", {0, 3});
  fencing.Admitted("l", {0, 3});
  fencing.Admitted("m", {0, 1});
  fencing.Admitted("l", {1, 1});  // Another generation: not comparable.
  EXPECT_EQ(violations.ToString(), "");
  fencing.Admitted("l", {0, 2});
  fencing.Granted("l", {0, 3});
  EXPECT_THAT(
      violations.list(),
      ElementsAre("Fence: lock l admitted a write with token 0.2 after 0.3",
                  "Unique: two leases of lock l have the token 0.3"));
}

TEST(FencingChecker, WhereTokensAreMonotonicThereIsOneGeneration) {
  Violations violations;
  FencingChecker fencing(&violations, FenceStrength::kMonotonic);
  fencing.Granted("l", {0, 1});
  fencing.Admitted("l", {0, 1});
  EXPECT_EQ(violations.ToString(), "");
  fencing.Granted("l", {1, 2});
  fencing.Granted("l", {1, 1});
  fencing.Admitted("l", {1, 2});
  EXPECT_THAT(
      violations.list(),
      ElementsAre("Rises: a lease of lock l has the token 1.2, and 0.1 was "
                  "given before it was asked for",
                  "Unique: two leases of lock l have the token 1.1",
                  "Fence: lock l admitted a write with token 1.2 after 0.1"));
}

TEST(FencingChecker, ATokenBelowWhatWasKnownWhenItWasAskedForIsReported) {
  Violations violations;
  FencingChecker fencing(&violations);
  EXPECT_EQ(fencing.Latest("l"), std::nullopt);
  fencing.Granted("l", {0, 5}, fencing.Latest("l"));
  const std::optional<FencingToken> before = fencing.Latest("l");
  fencing.Granted("l", {0, 7}, before);
  fencing.Granted("l", {0, 6}, before);  // Asked for at once, heard of later.
  EXPECT_EQ(fencing.Latest("l"), (FencingToken{0, 7}));
  fencing.Granted("l", {1, 1}, fencing.Latest("l"));  // The store was rebuilt.
  EXPECT_EQ(fencing.Latest("l"), (FencingToken{1, 1}));
  EXPECT_EQ(violations.ToString(), "");
  fencing.Granted("l", {0, 4}, before);
  EXPECT_THAT(violations.list(),
              ElementsAre("Rises: a lease of lock l has the token 0.4, and 0.5 "
                          "was given before it was asked for"));
}

TEST(FencingChecker, AWriteThatIsRefusedForNothingIsReported) {
  Violations violations;
  FencingChecker fencing(&violations);
  fencing.Admitted("l", {0, 3});
  fencing.Refused("l", {0, 2});
  EXPECT_EQ(violations.ToString(), "");
  fencing.Refused("l", {0, 3});
  fencing.Refused("m", {0, 1});
  EXPECT_THAT(violations.list(),
              ElementsAre("Refused: lock l refused a write with token 0.3, and "
                          "had admitted no larger one",
                          "Refused: lock m refused a write with token 0.1, and "
                          "had admitted no larger one"));
}

// Says what it is told to say next.
class Parrot : public LockBackend {
 public:
  LockBackendTraits Traits() const override {
    LockBackendTraits traits;
    traits.fence = fence;
    return traits;
  }
  void Acquire(const LeaseKey&, absl::Duration, MonotonicTime,
               Done<Grant> done) override {
    ++asked;
    std::move(done)(next);
  }
  void Renew(const LeaseKey&, absl::Duration, MonotonicTime,
             Done<Grant> done) override {
    ++asked;
    std::move(done)(next);
  }
  void Release(const LeaseKey&, MonotonicTime, Done<bool> done) override {
    ++asked;
    std::move(done)(true);
  }
  void AwaitRelease(const LeaseKey& key,
                    absl::AnyInvocable<void() &&> done) override {
    awaited = &key;  // Which is valid until `done` has been called.
    hint = std::move(done);
  }
  FenceStrength fence = FenceStrength::kMonotonic;
  Grant next;
  int asked = 0;
  const LeaseKey* awaited = nullptr;
  absl::AnyInvocable<void() &&> hint;
};

class GrantCheckerTest : public ::testing::Test {
 protected:
  static constexpr absl::Duration kTtl = absl::Seconds(1);

  void Acquire(const std::string& lease_id, Grant grant) {
    parrot_.next = std::move(grant);
    checker_.Acquire({"l", lease_id, lease_id}, kTtl,
                     MonotonicTime::InfiniteFuture(),
                     [](absl::StatusOr<Grant>) {});
  }
  void Renew(const std::string& lease_id, Grant grant) {
    parrot_.next = std::move(grant);
    checker_.Renew({"l", lease_id, lease_id}, kTtl,
                   MonotonicTime::InfiniteFuture(),
                   [](absl::StatusOr<Grant>) {});
  }
  void Release(const std::string& lease_id) {
    checker_.Release({"l", lease_id, lease_id}, MonotonicTime::InfiniteFuture(),
                     [](absl::StatusOr<bool>) {});
  }
  static Grant Token(uint64_t value) { return LeaseGrant{{0, value}, kTtl}; }

  Violations violations_;
  Parrot parrot_;
  Simulation sim_{1};
  GrantChecker checker_{sim_.AddHost("h").executor(), &parrot_, &violations_};
};

TEST_F(GrantCheckerTest, AHonestBackendPasses) {
  Acquire("a", Token(1));
  Acquire("b", std::nullopt);
  Acquire("a", Token(1));
  Renew("a", Token(1));
  sim_.RunFor(absl::Milliseconds(900));
  Renew("a", Token(1));
  Release("a");
  Acquire("b", Token(2));
  sim_.RunFor(kTtl);
  Renew("b", std::nullopt);
  Acquire("c", Token(3));
  sim_.RunFor(kTtl);
  Acquire("c", Token(4));  // Late, and a new lease.
  Acquire("c", Token(4));
  EXPECT_EQ(violations_.ToString(), "");
}

TEST_F(GrantCheckerTest, TwoHoldersAreReported) {
  Acquire("a", Token(1));
  sim_.RunFor(absl::Milliseconds(900));
  Acquire("b", Token(2));
  EXPECT_THAT(violations_.ToString(),
              HasSubstr("Exclusive: lock l: b is granted while a holds it for "
                        "another 100ms"));
}

TEST_F(GrantCheckerTest, ATokenThatDoesNotRiseIsReported) {
  Acquire("a", Token(5));
  Release("a");
  Acquire("b", Token(5));
  EXPECT_THAT(violations_.ToString(), HasSubstr("Fenced"));
}

TEST_F(GrantCheckerTest, TokensRiseAsFarAsTheTraitsSay) {
  const auto again = [this](FenceStrength fence, FencingToken token) {
    parrot_.fence = fence;
    Acquire("a", LeaseGrant{token, kTtl});
    Release("a");
    return violations_.list().size();
  };
  EXPECT_EQ(again(FenceStrength::kMonotonic, {0, 5}), 0U);
  EXPECT_EQ(again(FenceStrength::kNone, {0, 3}), 0U);
  EXPECT_EQ(again(FenceStrength::kMonotonicUnlessDataLost, {1, 3}), 0U);
  EXPECT_EQ(again(FenceStrength::kMonotonicUnlessDataLost, {1, 2}), 1U);
  EXPECT_EQ(again(FenceStrength::kMonotonicUnlessDataLost, {0, 5}), 2U);
  EXPECT_EQ(again(FenceStrength::kMonotonic, {2, 9}), 3U);
}

TEST_F(GrantCheckerTest, AnotherTokenForTheSameLeaseIsReported) {
  Acquire("a", Token(1));
  Acquire("a", Token(2));
  EXPECT_THAT(violations_.ToString(), HasSubstr("Idempotent"));
}

TEST_F(GrantCheckerTest, RenewingForAnotherIsReported) {
  Acquire("a", Token(1));
  Renew("b", Token(1));
  EXPECT_THAT(violations_.ToString(), HasSubstr("b is renewed and does not"));
}

TEST_F(GrantCheckerTest, RenewingWhatRanOutIsReported) {
  Acquire("a", Token(1));
  sim_.RunFor(absl::Seconds(2));
  Renew("a", Token(1));
  EXPECT_THAT(violations_.ToString(), HasSubstr("a is renewed after it ran"));
}

TEST_F(GrantCheckerTest, AnotherTokenForARenewalIsReported) {
  Acquire("a", Token(1));
  Renew("a", Token(2));
  EXPECT_THAT(violations_.ToString(),
              HasSubstr("Idempotent: lock l: a had token 0.1 and is renewed"));
}

TEST_F(GrantCheckerTest, RefusingToRenewALiveLeaseIsReported) {
  Acquire("a", Token(1));
  Renew("b", std::nullopt);
  sim_.RunFor(absl::Milliseconds(900));
  EXPECT_EQ(violations_.ToString(), "");
  Renew("a", std::nullopt);
  EXPECT_THAT(violations_.ToString(),
              HasSubstr("NotBefore: lock l: a is refused a renewal, and holds "
                        "it for another 100ms"));
}

// Answers when it is told to.
class Late : public Parrot {
 public:
  void Acquire(const LeaseKey&, absl::Duration, MonotonicTime,
               Done<Grant> done) override {
    acquired = std::move(done);
  }
  void Renew(const LeaseKey&, absl::Duration, MonotonicTime,
             Done<Grant> done) override {
    renewed = std::move(done);
  }
  Done<Grant> acquired;
  Done<Grant> renewed;
};

TEST_F(GrantCheckerTest, ItMayBeGoneWhenAnAnswerComes) {
  Late late;
  auto checker = std::make_unique<GrantChecker>(sim_.FindHost("h")->executor(),
                                                &late, &violations_);
  int answers = 0;
  checker->Acquire({"l", "a", "a"}, kTtl, MonotonicTime::InfiniteFuture(),
                   [&](absl::StatusOr<Grant>) { ++answers; });
  checker->Renew({"l", "a", "a"}, kTtl, MonotonicTime::InfiniteFuture(),
                 [&](absl::StatusOr<Grant>) { ++answers; });
  checker.reset();
  std::move(late.acquired)(Token(1));
  std::move(late.renewed)(Token(2));
  EXPECT_EQ(answers, 2);
  EXPECT_EQ(violations_.ToString(), "");
}

TEST_F(GrantCheckerTest, RefusingAFreeLockIsReported) {
  Acquire("a", Token(1));
  Acquire("b", std::nullopt);
  Release("b");
  Release("a");
  Acquire("c", std::nullopt);
  EXPECT_THAT(violations_.ToString(), HasSubstr("Available: lock l: c"));
}

TEST_F(GrantCheckerTest, EndingALeaseEarlyReleasesIt) {
  EXPECT_FALSE(checker_.EndEarly("l"));
  Acquire("a", Token(1));
  EXPECT_FALSE(checker_.EndedEarly("l", {0, 1}));
  EXPECT_TRUE(checker_.EndEarly("l"));
  Acquire("b", Token(2));
  EXPECT_TRUE(checker_.EndedEarly("l", {0, 1}));
  EXPECT_FALSE(checker_.EndedEarly("l", {0, 2}));
  EXPECT_FALSE(checker_.EndedEarly("m", {0, 1}));
  EXPECT_EQ(violations_.ToString(), "");
}

TEST_F(GrantCheckerTest, EndingASessionReleasesAllThatItsOwnerHolds) {
  Acquire("a", Token(1));
  EXPECT_FALSE(checker_.EndSession("b"));
  EXPECT_TRUE(checker_.EndSession("a"));
  EXPECT_FALSE(checker_.EndSession("a"));
  Acquire("b", Token(2));
  EXPECT_EQ(violations_.ToString(), "");
}

TEST_F(GrantCheckerTest, ARestoredTtlLastsFromNowOn) {
  EXPECT_FALSE(checker_.RestoreTtl("l", kTtl));
  Acquire("a", Token(1));
  sim_.RunFor(absl::Milliseconds(900));
  EXPECT_TRUE(checker_.RestoreTtl("l", kTtl));
  sim_.RunFor(absl::Milliseconds(900));
  Acquire("b", Token(2));
  EXPECT_THAT(violations_.ToString(), HasSubstr("Exclusive: lock l: b"));
  parrot_.next = std::nullopt;
  EXPECT_FALSE(checker_.RestoreTtl("l", kTtl));
}

struct Client {
  Client(Simulation* sim, LockBackend* service)
      : host(&sim->AddHost("client")),
        backend(std::make_unique<SimLockBackend>(host, "server", service)) {
    sim->AddHost("server");
  }
  void Acquire(std::vector<std::string>* answers) {
    backend->Acquire(
        {"l", "id", "me"}, absl::Seconds(1), MonotonicTime::InfiniteFuture(),
        [answers](absl::StatusOr<Grant> grant) {
          answers->push_back(!grant.ok()          ? "unknown"
                             : grant->has_value() ? ToString((*grant)->token)
                                                  : "refused");
        });
  }
  SimHost* host;
  std::unique_ptr<SimLockBackend> backend;
};

TEST(SimLockBackend, AnswersComeOverTheNetwork) {
  Parrot parrot;
  Simulation sim(1);
  Client client(&sim, &parrot);
  std::vector<std::string> answers;
  parrot.next = LeaseGrant{{0, 7}, absl::Seconds(1)};
  client.Acquire(&answers);
  EXPECT_THAT(answers, ElementsAre());
  sim.RunFor(absl::Seconds(1));
  EXPECT_THAT(answers, ElementsAre("0.7"));
}

TEST(SimLockBackend, ALostReplyIsUnknownAndWasActedOn) {
  Parrot parrot;
  FaultOptions faults;
  faults.reply_loss = 1;
  Simulation sim(1, faults);
  Client client(&sim, &parrot);
  std::vector<std::string> answers;
  client.Acquire(&answers);
  sim.RunFor(absl::Seconds(5));
  EXPECT_THAT(answers, ElementsAre("unknown"));
  EXPECT_EQ(parrot.asked, 1);
}

TEST(SimLockBackend, AnswersEverythingBeforeItGoes) {
  Parrot parrot;
  Simulation sim(1);
  Client client(&sim, &parrot);
  std::vector<std::string> answers;
  client.Acquire(&answers);
  client.backend.reset();
  EXPECT_THAT(answers, ElementsAre("unknown"));
  sim.RunFor(absl::Seconds(5));
  EXPECT_EQ(answers.size(), 1U);
}

TEST(SimLockBackend, AHintMayTakeLongerThanACall) {
  Parrot parrot;
  Simulation sim(1);
  Client client(&sim, &parrot);
  int hints = 0;
  client.backend->AwaitRelease({"l", "id", "me"}, [&] { ++hints; });
  sim.RunFor(absl::Minutes(1));
  ASSERT_TRUE(parrot.hint != nullptr);
  EXPECT_EQ(parrot.awaited->lease_id, "id");
  std::move(parrot.hint)();
  EXPECT_EQ(hints, 0);
  sim.RunFor(absl::Seconds(1));
  EXPECT_EQ(hints, 1);
}

}  // namespace
}  // namespace trivet
