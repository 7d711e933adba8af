// SPDX-License-Identifier: Apache-2.0

#include "trivet/testing/conformance/lock_backend_suite.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "src/testing/conformance/trial.h"
#include "trivet/lock/fencing_token.h"
#include "trivet/lock/lock_backend.h"
#include "trivet/testing/conformance/pace.h"
#include "trivet/testing/conformance/promise.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {
namespace {

using internal::Trial;
using Grant = absl::StatusOr<std::optional<LeaseGrant>>;

// A request that was made. The callback shares it, with the key, which must
// live until then.
template <typename T>
struct Request {
  LeaseKey key;
  std::optional<absl::StatusOr<T>> answer;
  int answers = 0;
};

// The calls of a backend's clients, as if they were blocking. It is a Trial for
// what every call must do.
class Clients : public Trial {
 public:
  explicit Clients(LockBackendSubject* subject)
      : Trial(subject->pace()), subject_(subject), ttl_(subject->ttl()) {}

  template <typename T>
  using Pending = std::shared_ptr<Request<T>>;

  Pending<std::optional<LeaseGrant>> StartAcquire(const std::string& lock,
                                                  const std::string& id,
                                                  absl::Duration ttl) {
    auto request = New<std::optional<LeaseGrant>>(lock, id);
    backend().Acquire(request->key, ttl, Deadline(), Answer(request));
    return request;
  }
  Pending<std::optional<LeaseGrant>> StartRenew(const std::string& lock,
                                                const std::string& id,
                                                absl::Duration ttl) {
    auto request = New<std::optional<LeaseGrant>>(lock, id);
    backend().Renew(request->key, ttl, Deadline(), Answer(request));
    return request;
  }
  Pending<bool> StartRelease(const std::string& lock, const std::string& id) {
    auto request = New<bool>(lock, id);
    backend().Release(request->key, Deadline(), Answer(request));
    return request;
  }
  template <typename T>
  absl::StatusOr<T> Wait(const Pending<T>& request) {
    absl::StatusOr<T> answer = absl::DeadlineExceededError("no answer");
    Await([&] { return request->answer.has_value(); },
          "a request was never answered");
    pace().Update([&] {
      if (request->answer.has_value()) answer = *request->answer;
    });
    return answer;
  }

  Grant Acquire(const std::string& lock, const std::string& id) {
    return Wait(StartAcquire(lock, id, ttl_));
  }
  Grant Acquire(const std::string& lock, const std::string& id,
                absl::Duration ttl) {
    return Wait(StartAcquire(lock, id, ttl));
  }
  Grant Renew(const std::string& lock, const std::string& id) {
    return Wait(StartRenew(lock, id, ttl_));
  }
  Grant Renew(const std::string& lock, const std::string& id,
              absl::Duration ttl) {
    return Wait(StartRenew(lock, id, ttl));
  }
  absl::StatusOr<bool> Release(const std::string& lock, const std::string& id) {
    return Wait(StartRelease(lock, id));
  }

  // Whether the call answered with a grant.
  bool Gets(const std::string& lock, const std::string& id) {
    const Grant grant = Acquire(lock, id);
    return grant.ok() && grant->has_value();
  }

  // Asks again and again, at most for `limit`.
  std::optional<LeaseGrant> GetsWithin(const std::string& lock,
                                       const std::string& id,
                                       absl::Duration limit) {
    const MonotonicTime end = subject_->Now() + limit;
    while (ok()) {
      const Grant grant = Acquire(lock, id);
      if (grant.ok() && grant->has_value()) return *grant;
      if (subject_->Now() >= end) break;
      pace().Pass(ttl_ / 100);
    }
    return std::nullopt;
  }

  // Asks for a hint; the result counts how often it was given.
  std::shared_ptr<int> Hints(const std::string& lock, const std::string& id) {
    const auto told = std::make_shared<int>(0);
    const auto request = New<bool>(lock, id);
    backend().AwaitRelease(request->key, [told, request, pace = pace()] {
      pace.Update([&] { ++*told; });
    });
    pace().Pass(ttl_ / 100);
    return told;
  }

  int Told(const std::shared_ptr<int>& hints) const {
    int told = 0;
    pace().Update([&] { told = *hints; });
    return told;
  }

  LockBackend& backend() { return *subject_->backend(); }
  LockBackendSubject& subject() { return *subject_; }
  absl::Duration ttl() const { return ttl_; }

  // Long enough for any backend to notice that a silent holder is gone.
  absl::Duration Long() const { return 5 * ttl_; }
  // As long as a lease surely lives, with what asking may take.
  absl::Duration AlmostTtl() const { return ttl_ - ttl_ / 50; }

 private:
  template <typename T>
  static Pending<T> New(const std::string& lock, const std::string& id) {
    auto request = std::make_shared<Request<T>>();
    request->key = {lock, id, "owner"};
    return request;
  }
  template <typename T>
  LockBackend::Done<T> Answer(const Pending<T>& request) {
    return [request, pace = pace()](absl::StatusOr<T> answer) {
      pace.Update([&] {
        request->answer = std::move(answer);
        ++request->answers;
      });
    };
  }
  MonotonicTime Deadline() const { return subject_->Now() + absl::Minutes(1); }

  LockBackendSubject* const subject_;
  const absl::Duration ttl_;
};

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
  world.pace().Pass(world.ttl() / 2);
  const auto answer = world.Acquire("lock", "a");
  const auto again = answer.ok() ? *answer : std::nullopt;
  if (!again.has_value()) return Finding::Broken("the holder is refused");
  const absl::Duration granted = std::min(again->granted_ttl, world.Long());
  return KeptIf(
      !world.GetsWithin("lock", "b", granted - world.ttl() / 50).has_value(),
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
  const auto other = world.GetsWithin("lock", "b", world.AlmostTtl());
  return KeptIf(!other.has_value(), "ended before its time");
}

Finding NotBeforeAfterRenewal(Clients& world) {
  world.Acquire("lock", "a").IgnoreError();
  world.pace().Pass(world.ttl() / 2);
  world.Renew("lock", "a").IgnoreError();
  const auto other = world.GetsWithin("lock", "b", world.AlmostTtl());
  return KeptIf(!other.has_value(), "a renewal did not extend");
}

Finding NotBeforeAfterShorterRenewal(Clients& world) {
  world.Acquire("lock", "a", world.ttl()).IgnoreError();
  world.Renew("lock", "a", world.ttl() / 10).IgnoreError();
  const auto other = world.GetsWithin("lock", "b", world.AlmostTtl());
  return KeptIf(!other.has_value(), "renewing shortened the lease");
}

Finding Ends(Clients& world) {
  world.Acquire("lock", "a").IgnoreError();
  return KeptIf(world.GetsWithin("lock", "b", world.Long()).has_value(),
                "a silent holder keeps the lock for ever");
}

Finding AnyName(Clients& world) {
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
  int holder = 0;
  for (const std::string& name : names) {
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
  world.Acquire("lock", "a", world.Long()).IgnoreError();
  world.Acquire("lock", "vanishes").IgnoreError();
  world.pace().Pass(world.ttl() + world.ttl() / 10);
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
  world.pace().Pass(world.ttl() / 10);
  return KeptIf(world.Told(hints) > 0, "a release is not told");
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
  world.pace().Pass(world.ttl() / 10);
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
    world.pace().Pass(world.ttl() / 10);
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
  world.pace().Pass(2 * world.ttl());
  return KeptIf(world.Told(hints) == before,
                "a hint was given after Release ended it");
}

// A promise over clients: what a call must do in any case comes first.
template <Finding (*Check)(Clients&)>
Finding On(LockBackendSubject& subject) {
  Clients clients(&subject);
  const Finding finding = Check(clients);
  const Finding calls = clients.Result();
  return calls.kind == Finding::kKept ? finding : calls;
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
