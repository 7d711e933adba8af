// SPDX-License-Identifier: Apache-2.0

#include "trivet/testing/conformance/lock_backend_suite.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "src/testing/conformance/lock_trial.h"
#include "trivet/lock/fencing_token.h"
#include "trivet/lock/lock_backend.h"
#include "trivet/testing/conformance/pace.h"
#include "trivet/testing/conformance/promise.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {
namespace {

using Clients = internal::LockTrial;
using Grant = Clients::Grant;

Finding KeptIf(bool kept, const std::string& otherwise) {
  return kept ? Finding::Kept() : Finding::Broken(otherwise);
}

Finding Exclusive(Clients& world) {
  if (!world.Gets("lock", "a")) {
    return Finding::Broken("a free lock is refused");
  }
  if (world.Gets("lock", "b")) return Finding::Broken("granted twice");
  return KeptIf(world.Gets("other", "b"), "another lock is refused");
}

Finding ExclusiveAfterRelease(Clients& world) {
  world.Acquire("lock", "a").IgnoreError();
  if (world.Release("lock", "a") != absl::StatusOr<bool>(true)) {
    return Finding::Broken("the holder cannot release");
  }
  if (!world.Gets("lock", "b")) {
    return Finding::Broken("a released lock is refused");
  }
  return KeptIf(!world.Gets("lock", "a"), "granted twice");
}

Finding NoFence() {
  return Finding::NotChecked("the backend's tokens promise no order");
}

Finding FencedAcrossRelease(Clients& world) {
  if (world.backend().Traits().fence == FenceStrength::kNone) return NoFence();
  FencingGate gate;
  for (int i = 0; i < 5; ++i) {
    const std::string id = "id" + std::to_string(i);
    const auto grant = world.GetsWithin("lock", id, world.Long());
    if (!grant.has_value()) return Finding::Broken("not granted");
    if (gate.highest() == grant->token) {
      return Finding::Broken("a token was repeated");
    }
    const absl::Status admitted = gate.Admit(grant->token);
    if (!admitted.ok()) return Finding::Broken(std::string(admitted.message()));
    world.Release("lock", id).IgnoreError();
  }
  return Finding::Kept();
}

Finding FencedAcrossExpiry(Clients& world) {
  if (world.backend().Traits().fence == FenceStrength::kNone) return NoFence();
  FencingGate gate;
  for (int i = 0; i < 5; ++i) {
    const auto grant =
        world.GetsWithin("lock", "id" + std::to_string(i), world.Long());
    if (!grant.has_value()) {
      return Finding::Broken("a silent holder keeps the lock for ever");
    }
    if (gate.highest() == grant->token) {
      return Finding::Broken("a token was repeated");
    }
    const absl::Status admitted = gate.Admit(grant->token);
    if (!admitted.ok()) return Finding::Broken(std::string(admitted.message()));
  }
  return Finding::Kept();
}

Finding FencedWithinALease(Clients& world) {
  const auto first = world.GetsWithin("lock", "a", world.Long());
  if (!first.has_value()) return Finding::Broken("not granted");
  const auto answer = world.Renew("lock", "a");
  const auto renewed = answer.ok() ? *answer : std::nullopt;
  if (!renewed.has_value()) return Finding::Broken("not renewed");
  return KeptIf(renewed->token == first->token, "renewing changed the token");
}

Finding Idempotent(Clients& world) {
  const auto first = world.GetsWithin("lock", "a", world.Long());
  if (!first.has_value()) return Finding::Broken("not granted");
  const auto answer = world.Acquire("lock", "a");
  const auto again = answer.ok() ? *answer : std::nullopt;
  if (!again.has_value()) return Finding::Broken("the holder is refused");
  return KeptIf(first->token == again->token,
                "a repeated request was granted anew");
}

// Read strictly: what the answer to a repeat says counts from the repeat.
Finding IdempotentRepeatKeepsItsWord(Clients& world) {
  world.Acquire("lock", "a").IgnoreError();
  world.Pass(world.ttl() / 2);
  const auto answer = world.Acquire("lock", "a");
  const auto again = answer.ok() ? *answer : std::nullopt;
  if (!again.has_value()) return Finding::Broken("the holder is refused");
  const absl::Duration more =
      std::min(again->granted_ttl, world.Long()) - world.ttl();
  return KeptIf(!world.GetsBefore("lock", "b", world.LivesUntil() + more),
                "ended earlier than the repeat said");
}

Finding OwnedRenewal(Clients& world) {
  world.Acquire("lock", "a").IgnoreError();
  const auto renewed = world.Renew("lock", "b");
  if (!renewed.ok() || renewed->has_value()) {
    return Finding::Broken("renewed for a stranger");
  }
  const auto free = world.Renew("free", "b");
  if (!free.ok() || free->has_value()) {
    return Finding::Broken("renewed a free lock");
  }
  return KeptIf(world.Gets("free", "c"), "renewing a free lock took it");
}

Finding OwnedRelease(Clients& world) {
  world.Acquire("lock", "a").IgnoreError();
  world.Release("lock", "b").IgnoreError();
  return KeptIf(!world.Gets("lock", "c"), "released for a stranger");
}

Finding OwnedAfterLoss(Clients& world) {
  world.Acquire("lock", "a").IgnoreError();
  if (!world.GetsWithin("lock", "b", world.Long()).has_value()) {
    return Finding::Broken("not granted");
  }
  const auto renewed = world.Renew("lock", "a");
  if (!renewed.ok() || renewed->has_value()) {
    return Finding::Broken("renewed after loss");
  }
  world.Release("lock", "a").IgnoreError();
  return KeptIf(!world.Gets("lock", "c"),
                "a late release ended the next holder's lease");
}

Finding ReleaseOfWhatHasEnded(Clients& world) {
  world.Acquire("lock", "a").IgnoreError();
  world.Release("lock", "a").IgnoreError();
  const auto again = world.Release("lock", "a");
  if (!again.ok() || !*again) {
    return Finding::Broken("releasing twice is not fine");
  }
  const auto never = world.Release("free", "a");
  return KeptIf(never.ok() && *never, "releasing a free lock is not fine");
}

Finding NotBefore(Clients& world) {
  const auto grant = world.GetsWithin("lock", "a", world.Long());
  if (!grant.has_value()) return Finding::Broken("not granted");
  if (grant->granted_ttl < world.ttl()) {
    return Finding::Broken("granted less than was asked for");
  }
  return KeptIf(!world.GetsBefore("lock", "b", world.LivesUntil()),
                "ended before its time");
}

Finding NotBeforeAfterRenewal(Clients& world) {
  world.Acquire("lock", "a").IgnoreError();
  world.Pass(world.ttl() / 2);
  world.Renew("lock", "a").IgnoreError();
  return KeptIf(!world.GetsBefore("lock", "b", world.LivesUntil()),
                "a renewal did not extend");
}

Finding NotBeforeAfterShorterRenewal(Clients& world) {
  world.Acquire("lock", "a", world.ttl()).IgnoreError();
  const MonotonicTime end = world.LivesUntil();
  world.Renew("lock", "a", world.ttl() / 10).IgnoreError();
  return KeptIf(!world.GetsBefore("lock", "b", end),
                "renewing shortened the lease");
}

Finding Ends(Clients& world) {
  world.Acquire("lock", "a").IgnoreError();
  return KeptIf(world.GetsWithin("lock", "b", world.Long()).has_value(),
                "a silent holder keeps the lock for ever");
}

// As long as the backend takes them.
Finding AnyName(Clients& world) {
  const size_t most =
      std::min<size_t>(world.backend().Traits().lock_name_max, 65536);
  const std::string names[] = {std::string(1, '\0'),
                               std::string("a\0b", 3),
                               "a",
                               "a/b",
                               "a%2Fb",
                               "'; DROP TABLE locks; --",
                               "\xff\xfe",
                               " ",
                               "..",
                               std::string(most, 'x'),
                               std::string(most - 1, 'x')};
  int holder = 0;
  for (const std::string& name : names) {
    if (name.size() > most || name.empty()) continue;
    // Refused, if an earlier name is the same lock.
    if (!world.Gets(name, "id" + std::to_string(holder++))) {
      return Finding::Broken("refused: " + name);
    }
  }
  return KeptIf(!world.Gets("a", "b"), "granted twice");
}

Finding NoLine() { return Finding::NotChecked("the backend is not fair"); }

Finding InLine(Clients& world) {
  if (!world.backend().Traits().fair) return NoLine();
  world.Acquire("lock", "a").IgnoreError();
  world.Acquire("lock", "b").IgnoreError();
  world.Acquire("lock", "c").IgnoreError();
  world.Release("lock", "a").IgnoreError();
  if (world.Gets("lock", "c")) return Finding::Broken("c was granted before b");
  if (world.Gets("lock", "d")) return Finding::Broken("d was granted before b");
  if (!world.Gets("lock", "b")) {
    return Finding::Broken("the first in line is refused");
  }
  world.Release("lock", "c").IgnoreError();  // Gives up its place.
  world.Release("lock", "b").IgnoreError();
  return KeptIf(world.Gets("lock", "d"), "who gave up still stands in line");
}

Finding InLineOnlyForATtl(Clients& world) {
  if (world.Allowed(world.Long()) < world.Long()) {
    return Finding::NotChecked("no lease outlasts a place in line here");
  }
  world.Acquire("lock", "a", world.Long()).IgnoreError();
  world.Acquire("lock", "vanishes").IgnoreError();
  world.Pass(world.ttl() + world.ttl() / 10);
  world.Release("lock", "a").IgnoreError();
  return KeptIf(world.GetsWithin("lock", "b", world.Long()).has_value(),
                "a vanished waiter blocks the line");
}

Finding NoHints() { return Finding::NotChecked("the backend gives no hints"); }

Finding Notifies(Clients& world) {
  if (!world.backend().Traits().notifies) return NoHints();
  world.Acquire("lock", "a").IgnoreError();
  world.Acquire("lock", "b").IgnoreError();
  const auto hints = world.Hints("lock", "b");
  world.Release("lock", "a").IgnoreError();
  // Later than the lease would have run out it is no use.
  const bool told =
      world.pace().AwaitFor(world.ttl() / 2, [&] { return *hints > 0; });
  return KeptIf(told, "a release is not told");
}

Finding FencedAcrossRestart(Clients& world) {
  if (world.backend().Traits().fence == FenceStrength::kNone) return NoFence();
  FencingGate gate;
  for (int life = 0; life < 3; ++life) {
    const std::string id = "id" + std::to_string(life);
    const auto grant = world.GetsWithin("lock", id, world.Long());
    if (!grant.has_value()) return Finding::Broken("not granted");
    if (gate.highest() == grant->token) {
      return Finding::Broken("a token was repeated");
    }
    const absl::Status admitted = gate.Admit(grant->token);
    if (!admitted.ok()) {
      return Finding::Broken(std::string(admitted.message()));
    }
    if (life % 2 == 0) world.Release("lock", id).IgnoreError();
    if (!world.subject().Restart()) {
      return Finding::NotChecked("the backend cannot be restarted here");
    }
  }
  return Finding::Kept();
}

Finding AnsweredOnce(Clients& world) {
  const auto first = world.StartAcquire("lock", "a", world.ttl());
  const auto refused = world.StartAcquire("lock", "b", world.ttl());
  world.Wait(first).IgnoreError();
  const auto renewed = world.StartRenew("lock", "a", world.ttl());
  world.Wait(renewed).IgnoreError();
  const auto released = world.StartRelease("lock", "a");
  world.Wait(released).IgnoreError();
  world.Wait(refused).IgnoreError();
  world.Pass(world.ttl() / 10);
  bool once = true;
  world.pace().Update([&] {
    once = first->answers == 1 && refused->answers == 1 &&
           renewed->answers == 1 && released->answers == 1;
  });
  return KeptIf(once, "a request was answered twice");
}

Finding AnsweredBeforeTheDestructorReturns(Clients& world) {
  std::vector<Clients::Pending<std::optional<LeaseGrant>>> requests;
  requests.reserve(10);
  for (int i = 0; i < 10; ++i) {
    requests.push_back(
        world.StartAcquire("lock", std::to_string(i), world.ttl()));
  }
  if (!world.subject().Destroy()) {
    return Finding::NotChecked("the backend cannot be destroyed here");
  }
  bool all = true;
  world.pace().Update([&] {
    for (const auto& request : requests) all = all && request->answers == 1;
  });
  return KeptIf(all, "a request was not answered before the backend was gone");
}

// A lock of the backend's would be waited for by its own holder.
Finding EveryMethodMayBeCalledInsideDone(Clients& world) {
  struct State {
    LeaseKey key{"lock", "a", "owner"};
    LeaseKey other{"lock", "b", "owner"};
    bool released = false;
  };
  const auto state = std::make_shared<State>();
  LockBackend* const backend = &world.backend();
  const MonotonicTime deadline = world.subject().Now() + absl::Minutes(1);
  const absl::Duration ttl = world.ttl();
  const bool notifies = backend->Traits().notifies;
  backend->Acquire(
      state->key, ttl, deadline, [=, pace = world.pace()](const Grant&) {
        backend->Acquire(state->other, ttl, deadline, [=](const Grant&) {
          if (notifies) backend->AwaitRelease(state->other, [state] {});
          backend->Renew(state->key, ttl, deadline, [=](const Grant&) {
            backend->Release(state->key, deadline,
                             [=](const absl::StatusOr<bool>&) {
                               pace.Update([&] { state->released = true; });
                             });
          });
        });
      });
  return KeptIf(world.pace().Await([&] { return state->released; }),
                "a call inside `done` was never answered");
}

Finding NotifiesAtMostOnce(Clients& world) {
  if (!world.backend().Traits().notifies) return NoHints();
  world.Acquire("lock", "a").IgnoreError();
  world.Acquire("lock", "b").IgnoreError();
  const auto hints = world.Hints("lock", "b");
  for (const char* const id : {"a", "b", "c"}) {
    world.Release("lock", id).IgnoreError();
    world.Pass(world.ttl() / 10);
    world.Acquire("lock", "c").IgnoreError();
  }
  return KeptIf(world.Told(hints) <= 1, "a hint was given twice");
}

Finding NotifiesNobodyWhoReleased(Clients& world) {
  if (!world.backend().Traits().notifies) return NoHints();
  world.Acquire("lock", "a").IgnoreError();
  world.Acquire("lock", "b").IgnoreError();
  const auto hints = world.Hints("lock", "b");
  world.Release("lock", "b").IgnoreError();
  const int before = world.Told(hints);
  world.Release("lock", "a").IgnoreError();
  world.Pass(2 * world.ttl());
  return KeptIf(world.Told(hints) == before,
                "a hint was given after Release ended it");
}

// A promise over clients: what a call must do in any case comes first.
template <Finding (*Check)(Clients&)>
Finding On(LockBackendSubject& subject) {
  Clients clients(&subject);
  Finding finding = Check(clients);
  Finding calls = clients.Result();
  if (calls.kind == Finding::kBroken) return calls;
  const std::optional<absl::Duration> delay = clients.Delay();
  if (finding.kind != Finding::kBroken || !delay.has_value()) return finding;
  return Finding::NotChecked(absl::StrCat(
      "something took ", absl::FormatDuration(*delay),
      " too long, which is no time to judge leases of ",
      absl::FormatDuration(clients.ttl()), ": choose a longer ttl()"));
}

}  // namespace

const std::vector<Promise<LockBackendSubject>>& LockBackendSuite::Promises() {
  static const auto* const promises =
      new std::vector<Promise<LockBackendSubject>>{
          {"Exclusive", On<Exclusive>},
          {"ExclusiveAfterRelease", On<ExclusiveAfterRelease>},
          {"FencedAcrossRelease", On<FencedAcrossRelease>},
          {"FencedAcrossExpiry", On<FencedAcrossExpiry>},
          {"FencedWithinALease", On<FencedWithinALease>},
          {"FencedAcrossRestart", On<FencedAcrossRestart>},
          {"Idempotent", On<Idempotent>},
          {"IdempotentRepeatKeepsItsWord", On<IdempotentRepeatKeepsItsWord>},
          {"OwnedRenewal", On<OwnedRenewal>},
          {"OwnedRelease", On<OwnedRelease>},
          {"OwnedAfterLoss", On<OwnedAfterLoss>},
          {"ReleaseOfWhatHasEnded", On<ReleaseOfWhatHasEnded>},
          {"NotBefore", On<NotBefore>},
          {"NotBeforeAfterRenewal", On<NotBeforeAfterRenewal>},
          {"NotBeforeAfterShorterRenewal", On<NotBeforeAfterShorterRenewal>},
          {"Ends", On<Ends>},
          {"AnyName", On<AnyName>},
          {"InLine", On<InLine>},
          {"InLineOnlyForATtl", On<InLineOnlyForATtl>},
          {"Notifies", On<Notifies>},
          {"NotifiesAtMostOnce", On<NotifiesAtMostOnce>},
          {"NotifiesNobodyWhoReleased", On<NotifiesNobodyWhoReleased>},
          {"AnsweredOnce", On<AnsweredOnce>},
          {"AnsweredBeforeTheDestructorReturns",
           On<AnsweredBeforeTheDestructorReturns>},
          {"EveryMethodMayBeCalledInsideDone",
           On<EveryMethodMayBeCalledInsideDone>},
      };
  return *promises;
}

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet
