// SPDX-License-Identifier: Apache-2.0
//
// Every backend that stands on nothing but trivet keeps every promise; and
// every liar is caught, or the promises would prove nothing.

#include "trivet/lock/lock_backend.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/lock/support/lock_backend_promises.h"
#include "trivet/adapters/memory/memory_lock_backend.h"
#include "trivet/host/executor.h"
#include "trivet/host/versioned_store.h"
#include "trivet/lock/cas_lock_backend.h"

namespace trivet {
namespace {

using Grants = absl::StatusOr<std::optional<LeaseGrant>>;

struct Kind {
  const char* name;
  BackendWorld::Make make;
};

const Kind kHonest[] = {
    {"Memory",
     [](Executor* executor, VersionedStore*) -> std::unique_ptr<LockBackend> {
       return std::make_unique<MemoryLockBackend>(executor);
     }},
    {"Cas",
     [](Executor* executor,
        VersionedStore* store) -> std::unique_ptr<LockBackend> {
       return std::make_unique<CasLockBackend>(executor, store);
     }},
};

class LockBackends
    : public ::testing::TestWithParam<std::tuple<Kind, LockBackendPromise>> {};

TEST_P(LockBackends, KeepPromise) {
  const auto& [kind, promise] = GetParam();
  BackendWorld world(kind.make);
  EXPECT_EQ(promise.broken(world), "");
}

INSTANTIATE_TEST_SUITE_P(
    All, LockBackends,
    ::testing::Combine(::testing::ValuesIn(kHonest),
                       ::testing::ValuesIn(LockBackendPromises())),
    [](const auto& param) {
      return std::string(std::get<0>(param.param).name) + "_" +
             std::get<1>(param.param).name;
    });

class LockBackendArguments : public ::testing::TestWithParam<Kind> {};

TEST_P(LockBackendArguments, AreCheckedAndNamed) {
  BackendWorld world(GetParam().make);
  const auto message = [](const absl::Status& status) {
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    return std::string(status.message());
  };
  using ::testing::AllOf;
  using ::testing::HasSubstr;
  EXPECT_THAT(message(world.Acquire("", "a").status()),
              AllOf(HasSubstr("LeaseKey.lock"), HasSubstr("0 bytes")));
  EXPECT_THAT(message(world.Renew(std::string(513, 'x'), "a").status()),
              AllOf(HasSubstr("513 bytes"), HasSubstr("512")));
  EXPECT_THAT(message(world.Release("lock", "").status()),
              HasSubstr("LeaseKey.lease_id"));
  EXPECT_THAT(message(world.Acquire("lock", "a", -absl::Seconds(1)).status()),
              AllOf(HasSubstr("ttl is -1s"), HasSubstr("positive")));
}

INSTANTIATE_TEST_SUITE_P(All, LockBackendArguments,
                         ::testing::ValuesIn(kHonest),
                         [](const auto& param) { return param.param.name; });

// --- Liars -------------------------------------------------------------------

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
    cut.lease_id += key.lock;
    Liar::Acquire(cut, ttl, deadline, std::move(done));
  }
};

template <typename L>
std::unique_ptr<LockBackend> MakeLiar(Executor* executor, VersionedStore*) {
  return std::make_unique<L>(executor);
}

std::vector<std::string> PromisesBrokenBy(BackendWorld::Make make) {
  std::vector<std::string> broken;
  for (const LockBackendPromise& promise : LockBackendPromises()) {
    BackendWorld world(make);
    if (!promise.broken(world).empty()) broken.push_back(promise.name);
  }
  return broken;
}

TEST(Liars, AreCaughtByThePromiseTheyBreak) {
  using ::testing::AllOf;
  using ::testing::Contains;
  EXPECT_THAT(
      PromisesBrokenBy(MakeLiar<RepeatsAToken>),
      AllOf(Contains("FencedAcrossRelease"), Contains("FencedAcrossExpiry")));
  EXPECT_THAT(PromisesBrokenBy(MakeLiar<RenewsForANonOwner>),
              AllOf(Contains("OwnedRenewal"), Contains("OwnedAfterLoss")));
  EXPECT_THAT(PromisesBrokenBy(MakeLiar<ReleasesForAnybody>),
              Contains("OwnedRelease"));
  EXPECT_THAT(PromisesBrokenBy(MakeLiar<EndsEarly>), Contains("NotBefore"));
  EXPECT_THAT(PromisesBrokenBy(MakeLiar<NeverEnds>), Contains("Ends"));
  EXPECT_THAT(PromisesBrokenBy(MakeLiar<GrantsARepeatAnew>),
              Contains("Idempotent"));
  EXPECT_THAT(PromisesBrokenBy(MakeLiar<ForgetsTheLine>), Contains("InLine"));
  EXPECT_THAT(PromisesBrokenBy(MakeLiar<TellsNobody>), Contains("Notifies"));
  EXPECT_THAT(PromisesBrokenBy(MakeLiar<CutsNames>), Contains("AnyName"));
}

}  // namespace
}  // namespace trivet
