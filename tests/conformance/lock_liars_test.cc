// SPDX-License-Identifier: Apache-2.0
//
// Every lying backend is caught by the promise that it breaks.

#include <algorithm>
#include <cstddef>
#include <map>
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
#include "tests/conformance/broken_by.h"
#include "tests/conformance/lock_subjects.h"
#include "tests/support/manual_executor.h"
#include "trivet/adapters/memory/memory_lock_backend.h"
#include "trivet/host/executor.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/lock/lock_backend.h"
#include "trivet/testing/conformance/lock_backend_suite.h"
#include "trivet/testing/conformance/pace.h"
#include "trivet/testing/conformance/promise.h"

namespace trivet {
namespace {

using ::testing::ElementsAre;
using Grants = absl::StatusOr<std::optional<LeaseGrant>>;

class Liar : public LockBackend {
 public:
  explicit Liar(Executor* executor) : honest_(executor) {}

  LockBackendTraits Traits() const override { return honest_.Traits(); }
  void Acquire(const LeaseKey& key, absl::Duration ttl, MonotonicTime deadline,
               Done<std::optional<LeaseGrant>> done) override {
    honest_.Acquire(key, ttl, deadline, std::move(done));
  }
  void Renew(const LeaseKey& key, absl::Duration ttl, MonotonicTime deadline,
             Done<std::optional<LeaseGrant>> done) override {
    honest_.Renew(key, ttl, deadline, std::move(done));
  }
  void Release(const LeaseKey& key, MonotonicTime deadline,
               Done<bool> done) override {
    honest_.Release(key, deadline, std::move(done));
  }
  void AwaitRelease(const LeaseKey& key,
                    absl::AnyInvocable<void() &&> done) override {
    honest_.AwaitRelease(key, std::move(done));
  }

 protected:
  MemoryLockBackend honest_;
};

class RepeatsAToken final : public Liar {
 public:
  using Liar::Liar;
  void Acquire(const LeaseKey& key, absl::Duration ttl, MonotonicTime deadline,
               Done<std::optional<LeaseGrant>> done) override {
    Liar::Acquire(key, ttl, deadline,
                  [done = std::move(done)](Grants grant) mutable {
                    if (grant.ok() && grant->has_value()) {
                      (*grant)->token.value = ((*grant)->token.value + 1) / 2;
                    }
                    std::move(done)(std::move(grant));
                  });
  }
};

class RenewsForANonOwner final : public Liar {
 public:
  using Liar::Liar;
  void Renew(const LeaseKey&, absl::Duration ttl, MonotonicTime,
             Done<std::optional<LeaseGrant>> done) override {
    std::move(done)(LeaseGrant{{0, 1}, ttl});
  }
};

class ReleasesForAnybody final : public Liar {
 public:
  using Liar::Liar;
  void Acquire(const LeaseKey& key, absl::Duration ttl, MonotonicTime deadline,
               Done<std::optional<LeaseGrant>> done) override {
    Liar::Acquire(key, ttl, deadline, [&](Grants grant) {
      if (grant.ok() && grant->has_value()) holders_[key.lock] = key.lease_id;
      std::move(done)(std::move(grant));
    });
  }
  void Release(const LeaseKey& key, MonotonicTime deadline,
               Done<bool> done) override {
    Liar::Release({key.lock, holders_[key.lock] + "?", ""}, deadline,
                  [](auto) {});
    Liar::Release({key.lock, holders_[key.lock], ""}, deadline,
                  std::move(done));
  }

 private:
  std::map<std::string, std::string> holders_;
};

class EndsEarly final : public Liar {
 public:
  using Liar::Liar;
  void Acquire(const LeaseKey& key, absl::Duration ttl, MonotonicTime deadline,
               Done<std::optional<LeaseGrant>> done) override {
    Liar::Acquire(key, ttl / 2, deadline,
                  [done = std::move(done), ttl](Grants grant) mutable {
                    if (grant.ok() && grant->has_value()) {
                      (*grant)->granted_ttl = ttl;
                    }
                    std::move(done)(std::move(grant));
                  });
  }
};

class NeverEnds final : public Liar {
 public:
  using Liar::Liar;
  void Acquire(const LeaseKey& key, absl::Duration ttl, MonotonicTime deadline,
               Done<std::optional<LeaseGrant>> done) override {
    Liar::Acquire(key, 20 * ttl, deadline, std::move(done));
  }
};

// Forgets who asked: each request is new to it.
class GrantsARepeatAnew final : public Liar {
 public:
  using Liar::Liar;
  void Acquire(const LeaseKey& key, absl::Duration ttl, MonotonicTime deadline,
               Done<std::optional<LeaseGrant>> done) override {
    Liar::Renew(key, ttl, deadline, [&](const Grants& grant) {
      if (grant.ok() && grant->has_value()) {
        Liar::Release(key, deadline, [](auto) {});
      }
    });
    Liar::Acquire(key, ttl, deadline, std::move(done));
  }
};

class ForgetsTheLine final : public Liar {
 public:
  using Liar::Liar;
  void Acquire(const LeaseKey& key, absl::Duration ttl, MonotonicTime deadline,
               Done<std::optional<LeaseGrant>> done) override {
    Grants result;
    Liar::Acquire(key, ttl, deadline,
                  [&](Grants grant) { result = std::move(grant); });
    if (result.ok() && !result->has_value()) {
      Liar::Release(key, deadline, [](auto) {});
    }
    std::move(done)(std::move(result));
  }
};

class TellsNobody final : public Liar {
 public:
  using Liar::Liar;
  void AwaitRelease(const LeaseKey&, absl::AnyInvocable<void() &&>) override {}
};

class CutsNames final : public Liar {
 public:
  using Liar::Liar;
  void Acquire(const LeaseKey& key, absl::Duration ttl, MonotonicTime deadline,
               Done<std::optional<LeaseGrant>> done) override {
    LeaseKey cut = key;
    cut.lock.resize(std::min<size_t>(cut.lock.size(), 255));
    Liar::Acquire(cut, ttl, deadline, std::move(done));
  }
};

// Says yes to whoever asks second.
class GrantsASecondTime final : public Liar {
 public:
  using Liar::Liar;
  void Acquire(const LeaseKey& key, absl::Duration ttl, MonotonicTime deadline,
               Done<std::optional<LeaseGrant>> done) override {
    Liar::Acquire(key, ttl, deadline,
                  [&, done = std::move(done)](Grants grant) mutable {
                    const bool first = !std::exchange(asked_, true);
                    if (first && grant.ok() && grant->has_value()) {
                      token_ = (*grant)->token;
                    }
                    if (grant.ok() && !grant->has_value() &&
                        key.lease_id == "b" && !std::exchange(lied_, true)) {
                      grant = LeaseGrant{{0, token_.value + 1}, ttl};
                    }
                    std::move(done)(std::move(grant));
                  });
  }

 private:
  bool asked_ = false;
  bool lied_ = false;
  FencingToken token_;
};

class ChangesTheTokenWithARenewal final : public Liar {
 public:
  using Liar::Liar;
  void Renew(const LeaseKey& key, absl::Duration ttl, MonotonicTime deadline,
             Done<std::optional<LeaseGrant>> done) override {
    Liar::Renew(key, ttl, deadline,
                [done = std::move(done)](Grants grant) mutable {
                  if (grant.ok() && grant->has_value()) ++(*grant)->token.value;
                  std::move(done)(std::move(grant));
                });
  }
};

class DoesNotExtend final : public Liar {
 public:
  using Liar::Liar;
  void Renew(const LeaseKey& key, absl::Duration ttl, MonotonicTime deadline,
             Done<std::optional<LeaseGrant>> done) override {
    Liar::Renew(key, absl::Nanoseconds(1), deadline,
                [done = std::move(done), ttl](Grants grant) mutable {
                  if (grant.ok() && grant->has_value()) {
                    (*grant)->granted_ttl = ttl;
                  }
                  std::move(done)(std::move(grant));
                });
  }
};

class OnlySaysItReleases final : public Liar {
 public:
  using Liar::Liar;
  void Release(const LeaseKey&, MonotonicTime, Done<bool> done) override {
    std::move(done)(true);
  }
};

class RefusesToReleaseTwice final : public Liar {
 public:
  using Liar::Liar;
  void Release(const LeaseKey& key, MonotonicTime deadline,
               Done<bool> done) override {
    bool held = false;
    Liar::Renew(key, absl::Nanoseconds(1), deadline, [&](const Grants& grant) {
      held = grant.ok() && grant->has_value();
    });
    Liar::Release(key, deadline,
                  [&](const absl::StatusOr<bool>&) { std::move(done)(held); });
  }
};

class KeepsPlacesForEver final : public Liar {
 public:
  using Liar::Liar;
  void Acquire(const LeaseKey& key, absl::Duration ttl, MonotonicTime deadline,
               Done<std::optional<LeaseGrant>> done) override {
    const bool vanishes = key.lease_id == "vanishes";
    Liar::Acquire(key, vanishes ? 1000 * ttl : ttl, deadline, std::move(done));
  }
};

class TellsTwice final : public Liar {
 public:
  using Liar::Liar;
  void AwaitRelease(const LeaseKey& key,
                    absl::AnyInvocable<void() &&> done) override {
    Liar::AwaitRelease(key, [done = std::move(done)]() mutable {
      std::move(done)();
      std::move(done)();
    });
  }
};

class TellsWhoHasReleased final : public Liar {
 public:
  using Liar::Liar;
  void AwaitRelease(const LeaseKey&,
                    absl::AnyInvocable<void() &&> done) override {
    hints_.push_back(std::move(done));
  }
  void Release(const LeaseKey& key, MonotonicTime deadline,
               Done<bool> done) override {
    if (key.lease_id == "a") {
      for (auto& hint : hints_) std::move(hint)();
      hints_.clear();
    }
    Liar::Release(key, deadline, std::move(done));
  }

 private:
  std::vector<absl::AnyInvocable<void() &&>> hints_;
};

class AnswersTwice final : public Liar {
 public:
  using Liar::Liar;
  void Release(const LeaseKey& key, MonotonicTime deadline,
               Done<bool> done) override {
    Liar::Release(
        key, deadline,
        [done = std::move(done)](const absl::StatusOr<bool>& ended) mutable {
          std::move(done)(ended);
          std::move(done)(ended);
        });
  }
};

// Answers a little later, if it is still there.
class ForgetsToAnswerWhenItGoes final : public Liar {
 public:
  explicit ForgetsToAnswerWhenItGoes(Executor* executor)
      : Liar(executor), executor_(executor) {}
  void Acquire(const LeaseKey& key, absl::Duration ttl, MonotonicTime deadline,
               Done<std::optional<LeaseGrant>> done) override {
    Liar::Acquire(
        key, ttl, deadline, [&, done = std::move(done)](Grants grant) mutable {
          executor_->Post(
              [grant = std::move(grant), done = std::move(done)]() mutable {
                std::move(done)(std::move(grant));
              });
        });
  }

 private:
  Executor* const executor_;
};

// A lock of its own, held while it answers: who calls again is not heard.
class HoldsALockWhileItAnswers final : public Liar {
 public:
  using Liar::Liar;
  void Acquire(const LeaseKey& key, absl::Duration ttl, MonotonicTime deadline,
               Done<std::optional<LeaseGrant>> done) override {
    if (std::exchange(locked_, true)) return;
    Liar::Acquire(key, ttl, deadline, std::move(done));
    locked_ = false;
  }

 private:
  bool locked_ = false;
};

// Begins with the first token again after a restart.
class ForgetsItsTokens final : public testing::LockBackendSubject {
 public:
  LockBackend* backend() override { return backend_.get(); }
  testing::Pace pace() const override { return pace_; }
  MonotonicTime Now() const override { return executor_.Now(); }
  bool Restart() override {
    backend_ = std::make_unique<MemoryLockBackend>(&executor_);
    return true;
  }

 private:
  ManualExecutor executor_;
  std::unique_ptr<MemoryLockBackend> backend_ =
      std::make_unique<MemoryLockBackend>(&executor_);
  const testing::Pace pace_{
      [this](absl::Duration span) { executor_.AdvanceBy(span); }};
};

// On a machine that stops again and again, in real time.
class OnASlowMachine final : public testing::LockBackendSubject {
 public:
  LockBackend* backend() override { return &backend_; }
  testing::Pace pace() const override { return pace_; }
  MonotonicTime Now() const override {
    executor_.AdvanceBy(ttl() / 4);
    return executor_.Now();
  }
  absl::Duration ttl() const override { return absl::Milliseconds(40); }

 private:
  mutable ManualExecutor executor_;
  GrantsASecondTime backend_{&executor_};
  const testing::Pace pace_;
};

template <typename L>
std::vector<std::string> Broken() {
  return BrokenBy<testing::LockBackendSuite>(
      [] { return std::make_unique<LocksInMemory<L>>(); });
}

TEST(LyingBackends, AreCaughtByWhatTheyBreak) {
  EXPECT_THAT(
      Broken<GrantsASecondTime>(),
      ElementsAre("Exclusive", "IdempotentRepeatKeepsItsWord", "OwnedAfterLoss",
                  "NotBefore", "NotBeforeAfterRenewal",
                  "NotBeforeAfterShorterRenewal", "AnyName"));
  EXPECT_THAT(Broken<RepeatsAToken>(),
              ElementsAre("FencedAcrossRelease", "FencedAcrossExpiry"));
  EXPECT_THAT(Broken<ChangesTheTokenWithARenewal>(),
              ElementsAre("FencedWithinALease"));
  EXPECT_THAT(
      Broken<RenewsForANonOwner>(),
      ElementsAre("OwnedRenewal", "OwnedAfterLoss", "NotBeforeAfterRenewal"));
  EXPECT_THAT(
      Broken<ReleasesForAnybody>(),
      ElementsAre("OwnedRelease", "OwnedAfterLoss", "ReleaseOfWhatHasEnded",
                  "InLine", "NotifiesNobodyWhoReleased"));
  EXPECT_THAT(Broken<OnlySaysItReleases>(),
              ElementsAre("ExclusiveAfterRelease", "InLine", "Notifies"));
  EXPECT_THAT(Broken<RefusesToReleaseTwice>(),
              ElementsAre("ReleaseOfWhatHasEnded"));
  EXPECT_THAT(
      Broken<EndsEarly>(),
      ElementsAre("IdempotentRepeatKeepsItsWord", "NotBefore",
                  "NotBeforeAfterRenewal", "NotBeforeAfterShorterRenewal"));
  EXPECT_THAT(Broken<DoesNotExtend>(), ElementsAre("NotBeforeAfterRenewal"));
  EXPECT_THAT(Broken<NeverEnds>(),
              ElementsAre("FencedAcrossExpiry", "OwnedAfterLoss", "Ends",
                          "InLineOnlyForATtl"));
  EXPECT_THAT(Broken<GrantsARepeatAnew>(), ElementsAre("Idempotent"));
  EXPECT_THAT(Broken<ForgetsTheLine>(), ElementsAre("InLine"));
  EXPECT_THAT(Broken<KeepsPlacesForEver>(), ElementsAre("InLineOnlyForATtl"));
  EXPECT_THAT(Broken<CutsNames>(), ElementsAre("AnyName"));
}

TEST(LyingBackends, WhoForgetsItsTokensIsCaught) {
  EXPECT_THAT(BrokenBy<testing::LockBackendSuite>(
                  [] { return std::make_unique<ForgetsItsTokens>(); }),
              ElementsAre("FencedAcrossRestart"));
}

// It cannot be told whether the lease had run out.
TEST(LyingBackends, OnASlowMachineNobodyIsBlamed) {
  OnASlowMachine subject;
  const auto& promises = testing::LockBackendSuite::Promises();
  const testing::Finding finding = promises.front().check(subject);
  EXPECT_EQ(finding.kind, testing::Finding::kNotChecked);
  EXPECT_THAT(finding.text, ::testing::HasSubstr("choose a longer ttl()"));
}

TEST(LyingBackends, AreCaughtByHowTheyAnswer) {
  EXPECT_THAT(Broken<TellsNobody>(), ElementsAre("Notifies"));
  EXPECT_THAT(Broken<TellsTwice>(), ElementsAre("NotifiesAtMostOnce"));
  EXPECT_THAT(Broken<TellsWhoHasReleased>(),
              ElementsAre("NotifiesNobodyWhoReleased"));
  EXPECT_THAT(Broken<AnswersTwice>(), ElementsAre("AnsweredOnce"));
  EXPECT_THAT(Broken<ForgetsToAnswerWhenItGoes>(),
              ElementsAre("AnsweredBeforeTheDestructorReturns"));
  EXPECT_THAT(Broken<HoldsALockWhileItAnswers>(),
              ElementsAre("EveryMethodMayBeCalledInsideDone"));
}

}  // namespace
}  // namespace trivet
