// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "tests/sim/lock_world.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/lock/fencing_token.h"
#include "trivet/lock/lock_backend.h"
#include "trivet/lock/lock_client.h"
#include "trivet/testing/fault_options.h"
#include "trivet/testing/sim_host.h"

namespace trivet {
namespace sim {

using testing::SimHost;

// Hears what the backend tells the client.
class LockProcess::Listener : public LockBackend {
 public:
  Listener(LockProcess* process, std::unique_ptr<LockBackend> backend)
      : process_(process), backend_(std::move(backend)) {}

  // Whose grant of `lock` the client has heard of last.
  const std::string& Granted(const std::string& lock) { return granted_[lock]; }

  LockBackendTraits Traits() const override { return backend_->Traits(); }
  void Acquire(const LeaseKey& key, absl::Duration ttl, MonotonicTime deadline,
               Done<std::optional<LeaseGrant>> done) override {
    backend_->Acquire(key, ttl, deadline, Hear(key, false, std::move(done)));
  }
  void Renew(const LeaseKey& key, absl::Duration ttl, MonotonicTime deadline,
             Done<std::optional<LeaseGrant>> done) override {
    backend_->Renew(key, ttl, deadline, Hear(key, true, std::move(done)));
  }
  void Release(const LeaseKey& key, MonotonicTime deadline,
               Done<bool> done) override {
    backend_->Release(key, deadline, std::move(done));
  }
  void AwaitRelease(const LeaseKey& key,
                    absl::AnyInvocable<void() &&> done) override {
    backend_->AwaitRelease(key, std::move(done));
  }

 private:
  Done<std::optional<LeaseGrant>> Hear(const LeaseKey& key, bool renewal,
                                       Done<std::optional<LeaseGrant>> done) {
    const uint64_t asked = ++asked_;
    return [this, key, renewal, asked, done = std::move(done)](
               absl::StatusOr<std::optional<LeaseGrant>> answer) mutable {
      uint64_t& granted_at = granted_at_[key.lease_id];
      // What was asked before the last grant may be about one before it.
      const bool counts = renewal && asked > granted_at;
      if (answer.ok() && answer->has_value()) {
        granted_[key.lock] = key.lease_id;
        granted_at = std::max(granted_at, asked);
        if (counts) process_->Ended(key.lease_id, (*answer)->token);
      } else if (answer.ok() && counts) {
        process_->Ended(key.lease_id, FencingToken());
      }
      std::move(done)(std::move(answer));
    };
  }

  LockProcess* const process_;
  uint64_t asked_ = 0;
  std::map<std::string, std::string> granted_;  // By lock.
  std::map<std::string, uint64_t> granted_at_;  // By lease id: by which ask.
  const std::unique_ptr<LockBackend> backend_;
};

LockProcess::LockProcess(LockWorld* world, SimHost* host)
    : world_(world),
      host_(host),
      executor_(host->executor()),
      backend_(std::make_unique<Listener>(this, world->NewBackend(host))) {
  const std::string name(host->name());
  absl::StatusOr<std::unique_ptr<LockClient>> client =
      LockClient::Create(executor_, backend_.get(), name,
                         {world->plan().lease, FenceStrength::kMonotonic});
  if (!client.ok()) {
    world_->Violated("Create", client.status().ToString());
    return;
  }
  client_ = *std::move(client);
  for (const std::string& lock : world->plan().locks) {
    workers_.push_back(std::make_unique<Worker>());
    Worker* const worker = workers_.back().get();
    worker->lock = lock;
    worker->holder = absl::StrCat(name, " #", host->starts());
    Contend(worker);
  }
}

LockProcess::~LockProcess() {
  going_ = true;
  for (const auto& worker : workers_) {
    world_->exclusion().Forget(worker->lock, worker->holder);
    worker->lease.reset();
  }
}

void LockProcess::Contend(Worker* worker) {
  const uint64_t round = ++worker->round;
  worker->known = world_->KnownOf(worker->lock);
  worker->cancelled = false;
  if (world_->Draw("how", 4) == 0) {
    worker->give_up_at = MonotonicTime::InfinitePast();
    // One request, and perhaps one more that asks whether its answer stands.
    const absl::Duration request = world_->plan().lease.request_timeout;
    After(request, [this, worker, round, request] {
      if (worker->round == round) AwaitAnswer(worker, request);
    });
    client_->TryLockAsync(
        worker->lock,
        [this, worker](absl::StatusOr<std::optional<Lease>> answer) {
          GotAnswer(worker, std::move(answer));
        });
    return;
  }
  const absl::Duration timeout =
      Between(absl::Milliseconds(200), absl::Seconds(6));
  worker->give_up_at = executor_->Now() + timeout;
  AwaitAnswer(worker, timeout);
  LockClient::Waiting waiting = client_->LockAsync(
      worker->lock, timeout, [this, worker](absl::StatusOr<Lease> lease) {
        if (lease.ok()) {
          GotAnswer(worker, std::optional<Lease>(*std::move(lease)));
        } else {
          GotAnswer(worker, lease.status());
        }
      });
  if (world_->Draw("cancel", 8) == 0) {
    After(Between(absl::ZeroDuration(), timeout),
          [worker, round, waiting]() mutable {
            if (worker->round != round) return;
            worker->cancelled = true;
            waiting.Cancel();
          });
  }
}

void LockProcess::GotAnswer(Worker* worker,
                            absl::StatusOr<std::optional<Lease>> answer) {
  if (going_) return;  // Its client, which says so.
  const uint64_t round = ++worker->round;
  if (!answer.ok()) CheckError(*worker, answer.status());
  if (!answer.ok() || !answer->has_value()) {
    After(Between(absl::Milliseconds(5), absl::Milliseconds(300)),
          [this, worker] { Contend(worker); });
    return;
  }
  const auto lease = std::make_shared<Lease>(**std::move(answer));
  worker->lease = lease;
  worker->lease_id = backend_->Granted(worker->lock);
  worker->fate = std::make_shared<Fate>();
  world_->Granted(std::string(host_->name()), worker->lock,
                  lease->fencing_token(), worker->known);
  WatchLease(worker);
  const absl::Duration ttl = world_->plan().lease.ttl;
  Use(worker, round, executor_->Now() + Between(ttl / 8, ttl * 3));
}

// Why a lock was not had, and not before its time.
void LockProcess::CheckError(const Worker& worker, const absl::Status& error) {
  const bool waits = worker.give_up_at != MonotonicTime::InfinitePast();
  const bool expected = absl::IsUnavailable(error) ||
                        (absl::IsCancelled(error) && worker.cancelled) ||
                        (absl::IsDeadlineExceeded(error) && waits);
  if (!expected) return world_->Violated("Answer", error.ToString());
  if (!absl::IsCancelled(error) && executor_->Now() < worker.give_up_at) {
    world_->Violated("Answer", "given up early: " + error.ToString());
  }
}

// The lease that `worker` has just been given.
void LockProcess::WatchLease(Worker* worker) {
  const std::weak_ptr<Lease> lease = worker->lease;
  const FencingToken token = worker->lease->fencing_token();
  const std::shared_ptr<Fate> fate = worker->fate;
  world_->exclusion().Believes(
      worker->lock, worker->holder,
      [world = world_, lock = worker->lock, token, lease, fate] {
        const std::shared_ptr<Lease> held = lease.lock();
        if (held == nullptr || !held->CheckHeld().ok()) return false;
        if (fate->lost) world->Violated("L2", "held again after it was lost");
        return !world->EndedEarly(lock, token);
      });
  worker->lease->OnLost([world = world_, lock = worker->lock, token, fate,
                         known = worker->known](const absl::Status& why) {
    fate->lost = true;
    // Its own validity ends before the backend's does.
    if (absl::StrContains(why.message(), "before its time") &&
        !world->EndedEarly(lock, token) && !world->WasStale(lock, known)) {
      world->Violated("NotBefore", why.ToString());
    }
  });
  AwaitLoss(worker->holder, fate, lease);
}

// Whoever does not ask is told: when a timer for the end of the lease has rung.
void LockProcess::AwaitLoss(const std::string& holder,
                            const std::shared_ptr<Fate>& fate,
                            const std::weak_ptr<Lease>& lease) {
  const std::shared_ptr<Lease> held = lease.lock();
  if (held == nullptr || fate->given_back || fate->lost) return;
  if (held->CheckHeld().ok()) {
    return After(held->ValidFor(), [this, holder, fate, lease] {
      AwaitLoss(holder, fate, lease);
    });
  }
  AfterTimers([world = world_, holder, fate] {
    if (fate->given_back || fate->lost) return;
    world->Violated("L2", holder + " is not told that its lease is lost");
  });
}

void LockProcess::AwaitAnswer(Worker* worker, absl::Duration timeout) {
  After(timeout, [this, worker, round = worker->round] {
    AfterTimers([this, worker, round] {
      if (worker->round != round) return;
      world_->Violated("Answer", worker->holder + " is not told in time");
    });
  });
}

// Checks, and writes; now and then writes unchecked, as a process does that was
// paused in between.
void LockProcess::Use(Worker* worker, uint64_t round, MonotonicTime until) {
  if (worker->round != round) return;
  const bool held = worker->lease->CheckHeld().ok();
  if (held || world_->Draw("unchecked", 4) == 0) {
    host_->Call(
        SimHost::kWorld,
        [world = world_, lock = worker->lock,
         token = worker->lease->fencing_token(),
         lease = std::weak_ptr<Lease>(worker->lease)](SimHost::Reply reply) {
          const std::shared_ptr<Lease> now = lease.lock();
          world->Write(lock, token, now != nullptr && now->CheckHeld().ok());
          std::move(reply)();
        },
        [](absl::Status) {});
  }
  if (!held || executor_->Now() >= until) return LetGo(worker);
  After(Between(absl::Milliseconds(20), absl::Milliseconds(200)),
        [this, worker, round, until] { Use(worker, round, until); });
}

void LockProcess::LetGo(Worker* worker) {
  const uint64_t round = ++worker->round;
  const auto again = [this, worker, round] {
    if (worker->round != round) return;
    world_->exclusion().Forget(worker->lock, worker->holder);
    worker->fate->given_back = true;
    worker->lease.reset();
    // Nobody promises fairness over registers: in the end make room for others.
    const absl::Duration rest = absl::Seconds(world_->calm() ? 1 : 0);
    After(Between(rest, 2 * rest), [this, worker] { Contend(worker); });
  };
  switch (world_->Draw("let go", 3)) {
    case 0:  // Waits for the answer.
      worker->fate->given_back = true;
      worker->lease->ReleaseAsync([this, again](const absl::Status& status) {
        if (going_) return;
        if (!status.ok() && !absl::IsUnavailable(status)) {
          world_->Violated("Answer", status.ToString());
        }
        After({}, again);
      });
      return;
    case 1:  // Does not.
      again();
      return;
    default:  // Keeps it for a while, used or not.
      After(Between(absl::ZeroDuration(), world_->plan().lease.ttl), again);
  }
}

// Who holds a lease and is told that it has ended, or is another one by its
// token, believes it, however long it was valid. Who is told while it asks
// whether a doubtful grant stands may have been granted the lease again, under
// the same id, by the time that this looks.
void LockProcess::Ended(const std::string& lease_id, FencingToken token) {
  for (const auto& worker : workers_) {
    if (worker->lease_id != lease_id || worker->lease == nullptr ||
        worker->lease->fencing_token() == token) {
      continue;
    }
    const std::weak_ptr<Lease> told = worker->lease;
    After(absl::ZeroDuration(),
          [world = world_, holder = worker->holder, told] {
            const std::shared_ptr<Lease> lease = told.lock();
            if (lease != nullptr && lease->CheckHeld().ok()) {
              world->Violated("Ended", holder + " holds on to its lease");
            }
          });
  }
}

void LockProcess::After(absl::Duration delay, Executor::Task task) {
  executor_->PostAt(executor_->Now() + delay, std::move(task));
}

// When every timer has rung that is due by now, and what it brought about has
// been called back. Each may be late twice: a request, and its repetition.
void LockProcess::AfterTimers(Executor::Task task) {
  const testing::FaultOptions& faults = world_->plan().faults;
  absl::Duration late = faults.timer_late_max;
  if (faults.suspend > 0) late += faults.suspend_max;
  After(2 * late + absl::Milliseconds(1),
        [this, task = std::move(task)]() mutable {
          executor_->Post(std::move(task));
        });
}

absl::Duration LockProcess::Between(absl::Duration least, absl::Duration most) {
  const auto nanos =
      static_cast<uint64_t>(absl::ToInt64Nanoseconds(most - least));
  const uint64_t drawn = world_->Draw(
      absl::StrCat("delay of ", std::string(host_->name())), nanos + 1);
  return least + absl::Nanoseconds(static_cast<int64_t>(drawn));
}

}  // namespace sim
}  // namespace trivet
