// SPDX-License-Identifier: Apache-2.0

#include "tests/lock/support/lock_backend_promises.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "src/internal/invariant.h"
#include "tests/lock/support/fake_store.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/lock/fencing_token.h"
#include "trivet/lock/lock_backend.h"

namespace trivet {

BackendWorld::BackendWorld(Make make)
    : store_(std::make_unique<FakeStore>()),
      backend_(make(&executor_, store_.get())) {}

BackendWorld::~BackendWorld() = default;

const LeaseKey& BackendWorld::Key(const std::string& lock,
                                  const std::string& id) {
  keys_.push_back(std::make_unique<LeaseKey>(LeaseKey{lock, id, "owner"}));
  return *keys_.back();
}

BackendWorld::Grant BackendWorld::Acquire(const std::string& lock,
                                          const std::string& id,
                                          absl::Duration ttl) {
  std::optional<Grant> result;
  backend_->Acquire(Key(lock, id), ttl, executor_.Now() + absl::Seconds(1),
                    [&](Grant reply) { result = std::move(reply); });
  executor_.RunUntil([&] { return result.has_value(); }, absl::Seconds(1));
  TRIVET_INVARIANT(result.has_value(), "Acquire was answered");
  return *result;
}

BackendWorld::Grant BackendWorld::Renew(const std::string& lock,
                                        const std::string& id,
                                        absl::Duration ttl) {
  std::optional<Grant> result;
  backend_->Renew(Key(lock, id), ttl, executor_.Now() + absl::Seconds(1),
                  [&](Grant reply) { result = std::move(reply); });
  executor_.RunUntil([&] { return result.has_value(); }, absl::Seconds(1));
  TRIVET_INVARIANT(result.has_value(), "Renew was answered");
  return *result;
}

absl::StatusOr<bool> BackendWorld::Release(const std::string& lock,
                                           const std::string& id) {
  std::optional<absl::StatusOr<bool>> result;
  backend_->Release(
      Key(lock, id), executor_.Now() + absl::Seconds(1),
      [&](absl::StatusOr<bool> reply) { result = std::move(reply); });
  executor_.RunUntil([&] { return result.has_value(); }, absl::Seconds(1));
  TRIVET_INVARIANT(result.has_value(), "Release was answered");
  return *result;
}

bool BackendWorld::Gets(const std::string& lock, const std::string& id,
                        absl::Duration ttl) {
  const Grant grant = Acquire(lock, id, ttl);
  return grant.ok() && grant->has_value();
}

std::optional<LeaseGrant> BackendWorld::GetsWithin(const std::string& lock,
                                                   const std::string& id,
                                                   absl::Duration limit) {
  const MonotonicTime end = executor_.Now() + limit;
  while (true) {
    const Grant grant = Acquire(lock, id);
    if (grant.ok() && grant->has_value()) return *grant;
    if (executor_.Now() >= end) return std::nullopt;
    AdvanceBy(absl::Milliseconds(100));
  }
}

std::shared_ptr<bool> BackendWorld::Await(const std::string& lock,
                                          const std::string& id) {
  const auto told = std::make_shared<bool>(false);
  backend_->AwaitRelease(Key(lock, id), [told] { *told = true; });
  executor_.RunUntilIdle();
  return told;
}

namespace {

constexpr absl::Duration kTtl = BackendWorld::kTtl;

// Long enough for any backend to notice that a silent holder is gone.
constexpr absl::Duration kLong = absl::Seconds(50);

std::string Broken(bool kept, const std::string& what) {
  return kept ? std::string() : what;
}

std::string Exclusive(BackendWorld& world) {
  if (!world.Gets("lock", "a")) return "a free lock is refused";
  if (world.Gets("lock", "b")) return "granted twice";
  return Broken(world.Gets("other", "b"), "another lock is refused");
}

std::string ExclusiveAfterRelease(BackendWorld& world) {
  world.Acquire("lock", "a").IgnoreError();
  if (world.Release("lock", "a") != absl::StatusOr<bool>(true)) {
    return "the holder cannot release";
  }
  if (!world.Gets("lock", "b")) return "a released lock is refused";
  return Broken(!world.Gets("lock", "a"), "granted twice");
}

std::string FencedAcrossRelease(BackendWorld& world) {
  FencingGate gate;
  for (int i = 0; i < 5; ++i) {
    const std::string id = absl::StrCat("id", i);
    const auto grant = world.GetsWithin("lock", id, kLong);
    if (!grant.has_value()) return "not granted";
    if (gate.highest() == grant->token) return "a token was repeated";
    const absl::Status admitted = gate.Admit(grant->token);
    if (!admitted.ok()) return std::string(admitted.message());
    world.Release("lock", id).IgnoreError();
  }
  return "";
}

std::string FencedAcrossExpiry(BackendWorld& world) {
  FencingGate gate;
  for (int i = 0; i < 5; ++i) {
    const auto grant = world.GetsWithin("lock", absl::StrCat("id", i), kLong);
    if (!grant.has_value()) return "a silent holder keeps the lock for ever";
    if (gate.highest() == grant->token) return "a token was repeated";
    const absl::Status admitted = gate.Admit(grant->token);
    if (!admitted.ok()) return std::string(admitted.message());
  }
  return "";
}

std::string FencedWithinALease(BackendWorld& world) {
  const auto first = world.GetsWithin("lock", "a", kLong);
  if (!first.has_value()) return "not granted";
  const auto renewed = world.Renew("lock", "a");
  if (!renewed.ok() || !renewed->has_value()) return "not renewed";
  return Broken((*renewed)->token == first->token,
                "renewing changed the token");
}

std::string Idempotent(BackendWorld& world) {
  const auto first = world.Acquire("lock", "a");
  const auto again = world.Acquire("lock", "a");
  if (!again.ok() || !again->has_value()) return "the holder is refused";
  return Broken((*first)->token == (*again)->token,
                "a repeated request was granted anew");
}

// Read strictly: what the answer to a repeat says counts from the repeat.
std::string IdempotentRepeatKeepsItsWord(BackendWorld& world) {
  world.Acquire("lock", "a").IgnoreError();
  world.AdvanceBy(kTtl / 2);
  const auto again = world.Acquire("lock", "a");
  if (!again.ok() || !again->has_value()) return "the holder is refused";
  const absl::Duration granted = std::min((*again)->granted_ttl, kLong);
  return Broken(
      !world.GetsWithin("lock", "b", granted - absl::Milliseconds(200))
           .has_value(),
      "ended earlier than the repeat said");
}

std::string OwnedRenewal(BackendWorld& world) {
  world.Acquire("lock", "a").IgnoreError();
  const auto renewed = world.Renew("lock", "b");
  if (!renewed.ok() || renewed->has_value()) return "renewed for a stranger";
  const auto free = world.Renew("free", "b");
  if (!free.ok() || free->has_value()) return "renewed a free lock";
  return Broken(world.Gets("free", "c"), "renewing a free lock took it");
}

std::string OwnedRelease(BackendWorld& world) {
  world.Acquire("lock", "a").IgnoreError();
  world.Release("lock", "b").IgnoreError();
  return Broken(!world.Gets("lock", "c"), "released for a stranger");
}

std::string OwnedAfterLoss(BackendWorld& world) {
  world.Acquire("lock", "a").IgnoreError();
  if (!world.GetsWithin("lock", "b", kLong).has_value()) return "not granted";
  const auto renewed = world.Renew("lock", "a");
  if (!renewed.ok() || renewed->has_value()) return "renewed after loss";
  world.Release("lock", "a").IgnoreError();
  return Broken(!world.Gets("lock", "c"),
                "a late release ended the next holder's lease");
}

std::string ReleaseOfWhatHasEnded(BackendWorld& world) {
  world.Acquire("lock", "a").IgnoreError();
  world.Release("lock", "a").IgnoreError();
  const auto again = world.Release("lock", "a");
  if (!again.ok() || !*again) return "releasing twice is not fine";
  const auto never = world.Release("free", "a");
  return Broken(never.ok() && *never, "releasing a free lock is not fine");
}

std::string NotBefore(BackendWorld& world) {
  const auto grant = world.GetsWithin("lock", "a", kLong);
  if (!grant.has_value()) return "not granted";
  if (grant->granted_ttl < kTtl) return "granted less than was asked for";
  const auto other =
      world.GetsWithin("lock", "b", kTtl - absl::Milliseconds(200));
  return Broken(!other.has_value(), "ended before its time");
}

std::string NotBeforeAfterRenewal(BackendWorld& world) {
  world.Acquire("lock", "a").IgnoreError();
  world.AdvanceBy(kTtl / 2);
  world.Renew("lock", "a").IgnoreError();
  const auto other =
      world.GetsWithin("lock", "b", kTtl - absl::Milliseconds(200));
  return Broken(!other.has_value(), "a renewal did not extend");
}

std::string NotBeforeAfterShorterRenewal(BackendWorld& world) {
  world.Acquire("lock", "a", kTtl).IgnoreError();
  world.Renew("lock", "a", absl::Seconds(1)).IgnoreError();
  const auto other =
      world.GetsWithin("lock", "b", kTtl - absl::Milliseconds(200));
  return Broken(!other.has_value(), "renewing shortened the lease");
}

std::string Ends(BackendWorld& world) {
  world.Acquire("lock", "a").IgnoreError();
  return Broken(world.GetsWithin("lock", "b", kLong).has_value(),
                "a silent holder keeps the lock for ever");
}

std::string AnyName(BackendWorld& world) {
  const std::string names[] = {std::string(1, '\0'),
                               std::string("a\0b", 3),
                               "a",
                               "a/b",
                               "a%2Fb",
                               "'; DROP TABLE locks; --",
                               "\xff\xfe",
                               " ",
                               "..",
                               std::string(512, 'x'),
                               std::string(511, 'x')};
  for (const std::string& name : names) {
    if (!world.Gets(name, "a")) return "refused: " + name;
  }
  return Broken(!world.Gets("a", "b"), "two names are one lock");
}

std::string InLine(BackendWorld& world) {
  if (!world.backend().Traits().fair) return "";
  world.Acquire("lock", "a").IgnoreError();
  world.Acquire("lock", "b").IgnoreError();
  world.Acquire("lock", "c").IgnoreError();
  world.Release("lock", "a").IgnoreError();
  if (world.Gets("lock", "c")) return "c was granted before b";
  if (world.Gets("lock", "d")) return "d was granted before b";
  if (!world.Gets("lock", "b")) return "the first in line is refused";
  world.Release("lock", "c").IgnoreError();  // Gives up its place.
  world.Release("lock", "b").IgnoreError();
  return Broken(world.Gets("lock", "d"), "who gave up still stands in line");
}

std::string InLineOnlyForATtl(BackendWorld& world) {
  world.Acquire("lock", "a", kLong).IgnoreError();
  world.Acquire("lock", "vanishes").IgnoreError();
  world.AdvanceBy(kTtl + absl::Seconds(1));
  world.Release("lock", "a").IgnoreError();
  return Broken(world.GetsWithin("lock", "b", kLong).has_value(),
                "a vanished waiter blocks the line");
}

std::string Notifies(BackendWorld& world) {
  if (!world.backend().Traits().notifies) return "";
  world.Acquire("lock", "a").IgnoreError();
  world.Acquire("lock", "b").IgnoreError();
  const auto told = world.Await("lock", "b");
  world.Release("lock", "a").IgnoreError();
  world.AdvanceBy(absl::Seconds(1));
  return Broken(*told, "a release is not told");
}

}  // namespace

const std::vector<LockBackendPromise>& LockBackendPromises() {
  static const auto* const promises = new std::vector<LockBackendPromise>{
      {"Exclusive", Exclusive},
      {"ExclusiveAfterRelease", ExclusiveAfterRelease},
      {"FencedAcrossRelease", FencedAcrossRelease},
      {"FencedAcrossExpiry", FencedAcrossExpiry},
      {"FencedWithinALease", FencedWithinALease},
      {"Idempotent", Idempotent},
      {"IdempotentRepeatKeepsItsWord", IdempotentRepeatKeepsItsWord},
      {"OwnedRenewal", OwnedRenewal},
      {"OwnedRelease", OwnedRelease},
      {"OwnedAfterLoss", OwnedAfterLoss},
      {"ReleaseOfWhatHasEnded", ReleaseOfWhatHasEnded},
      {"NotBefore", NotBefore},
      {"NotBeforeAfterRenewal", NotBeforeAfterRenewal},
      {"NotBeforeAfterShorterRenewal", NotBeforeAfterShorterRenewal},
      {"Ends", Ends},
      {"AnyName", AnyName},
      {"InLine", InLine},
      {"InLineOnlyForATtl", InLineOnlyForATtl},
      {"Notifies", Notifies},
  };
  return *promises;
}

}  // namespace trivet
