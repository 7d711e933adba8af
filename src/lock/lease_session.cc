// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "src/internal/fork_generation.h"
#include "src/internal/mutant.h"
#include "src/internal/quoted.h"
#include "src/internal/wait.h"
#include "src/lock/lease_table.h"
#include "src/lock/lock_client_impl.h"
#include "trivet/host/executor.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/lock/fencing_token.h"
#include "trivet/lock/lease_machine.h"
#include "trivet/lock/lock_backend.h"
#include "trivet/lock/lock_client.h"

namespace trivet {
inline namespace v0_1 {

using internal::LeaseTable;

namespace {

// `done`, to be called with `status`.
template <typename Done>
absl::AnyInvocable<void() &&> Telling(Done done, absl::Status status) {
  return [done = std::move(done), status = std::move(status)]() mutable {
    std::move(done)(std::move(status));
  };
}

absl::Status MovedFrom() {
  return absl::FailedPreconditionError("a moved-from Lease holds nothing");
}

}  // namespace

// --- Session -----------------------------------------------------------------

Lease::Session::Session(std::weak_ptr<LockClient::Impl> client,
                        const Executor* executor, Id session_id,
                        LeaseKey lease_key, LockClient::LockDone done)
    : id(session_id),
      key(std::move(lease_key)),
      client_(std::move(client)),
      executor_(executor),
      fork_generation_(internal::ForkGeneration()),
      acquired_(std::move(done)) {}

// L8: a forked child holds nothing. Looked at before any mutex is taken, which
// another thread of the parent may have held.
bool Lease::Session::Forked() const {
  return internal::ForkGeneration() != fork_generation_;
}

std::shared_ptr<LockClient::Impl> Lease::Session::OpenClient() const {
  auto client = client_.lock();
  if (client != nullptr && !client->IsOpen()) client.reset();
  return client;
}

absl::Status Lease::Session::About(const absl::Status& status) const {
  if (status.ok()) return status;
  return absl::Status(status.code(), "lock " + internal::Quoted(key.lock) +
                                         ": " + std::string(status.message()));
}

FencingToken Lease::Session::token() const {
  if (Forked()) return FencingToken();  // Which every gate refuses.
  const absl::MutexLock lock(&mu_);
  return token_;
}

// Asks the clock itself: after a pause the loss may not have been noticed yet.
absl::Status Lease::Session::CheckHeld() const {
  if (Forked()) {
    return About(absl::FailedPreconditionError(
        "the lease belongs to the process that forked this one"));
  }
  MonotonicTime valid_until;
  {
    const absl::MutexLock lock(&mu_);
    if (!ended_.ok()) return About(ended_);
    valid_until = valid_until_;
  }
  if (executor_->Now() < valid_until || TRIVET_MUTANT(pause_unnoticed)) {
    return absl::OkStatus();
  }
  return About(absl::FailedPreconditionError("the lease ran out"));
}

absl::Duration Lease::Session::ValidFor() const {
  if (Forked()) return absl::ZeroDuration();
  MonotonicTime valid_until;
  {
    const absl::MutexLock lock(&mu_);
    valid_until = valid_until_;
  }
  // It is over, and the executor may be too.
  if (valid_until == MonotonicTime::InfinitePast()) return absl::ZeroDuration();
  return std::max(valid_until - executor_->Now(), absl::ZeroDuration());
}

void Lease::Session::OnLost(LostDone on_lost) {
  if (Forked()) return;
  const auto client = client_.lock();
  absl::Status why;
  {
    const absl::MutexLock lock(&mu_);
    if (!lost_) {
      // What was there before is destroyed with the argument, unlocked.
      if (ended_.ok()) std::swap(on_lost_, on_lost);
      return;
    }
    why = About(ended_);
  }
  if (client == nullptr) return;
  client->CallBack(Telling(std::move(on_lost), std::move(why)));
}

void Lease::Session::Release(ReleaseDone done) {
  const bool asked = done != nullptr;
  if (Forked()) {
    if (asked) std::move(done)(CheckHeld());
    return;
  }
  const auto client = OpenClient();
  bool over;
  {
    const absl::MutexLock lock(&mu_);
    over = over_;
    if (!over) {
      given_back_ = true;
      valid_until_ = MonotonicTime::InfinitePast();
      ended_ = absl::FailedPreconditionError("the lease was released");
      if (asked && client != nullptr) {
        releases_.push_back(std::exchange(done, nullptr));
      }
    }
  }
  if (client == nullptr) {  // Its Shutdown releases what it still can.
    if (asked) std::move(done)(ClientIsGone());
  } else if (!over) {
    client->Enqueue(LeaseTable::Told{id, LeaseMachine::ReleaseRequested{}});
  } else if (asked) {
    client->CallBack(Telling(std::move(done), absl::OkStatus()));
  }
}

absl::Status Lease::Session::BlockingRelease() {
  return internal::BlockOn<absl::Status>(
      executor_, [this](ReleaseDone done) { Release(std::move(done)); });
}

void Lease::Session::Cancel() {
  if (Forked()) return;
  if (const auto client = client_.lock()) {
    client->Enqueue(LeaseTable::Told{id, LeaseMachine::Cancelled{}});
  }
}

std::vector<Lease::Session::Callback> Lease::Session::Apply(
    const LeaseTable::Change& change) {
  std::vector<Callback> callbacks;
  LostDone unneeded;  // Destroyed after the mutex is given back.
  const absl::MutexLock lock(&mu_);
  switch (change.state) {
    case LeaseState::kAcquiring:
    case LeaseState::kWaiting:
      return callbacks;
    case LeaseState::kHeld:
      token_ = change.token;
      if (!given_back_) {
        valid_until_ = change.valid_until;
        if (acquired_ != nullptr && TRIVET_MUTANT(validity_from_delivery)) {
          valid_until_ = MonotonicTime() + (valid_until_ - executor_->Now());
        }
        ended_ = absl::OkStatus();
      }
      if (acquired_ != nullptr) {
        callbacks.push_back(
            [self = shared_from_this(), done = std::move(acquired_)]() mutable {
              self->Deliver(std::move(done));
            });
      }
      break;
    case LeaseState::kReleasing:
      valid_until_ = MonotonicTime::InfinitePast();
      if (acquired_ != nullptr) {
        callbacks.push_back(Telling(std::move(acquired_), About(change.why)));
      }
      break;
    case LeaseState::kLost:
    case LeaseState::kReleased:
      over_ = true;
      lost_ = change.state == LeaseState::kLost;
      valid_until_ = MonotonicTime::InfinitePast();
      if (lost_) ended_ = change.why;
      if (lost_ && on_lost_ != nullptr && !TRIVET_MUTANT(loss_not_told)) {
        callbacks.push_back(Telling(std::move(on_lost_), About(change.why)));
      }
      for (ReleaseDone& release : releases_) {
        // What was lost before it could be released has ended: that is fine.
        callbacks.push_back(Telling(
            std::move(release), lost_ ? absl::OkStatus() : About(change.why)));
      }
      releases_.clear();
      unneeded = std::exchange(on_lost_, nullptr);
      break;
  }
  acquired_ = nullptr;  // Called back, if it was there.
  return callbacks;
}

void Lease::Session::Deliver(LockClient::LockDone done) {
  if (OpenClient() == nullptr) return std::move(done)(ClientIsGone());
  if (TRIVET_MUTANT(validity_from_delivery)) {
    const absl::MutexLock lock(&mu_);
    valid_until_ = executor_->Now() + (valid_until_ - MonotonicTime());
  }
  std::move(done)(Lease(shared_from_this()));
}

void Lease::Session::Orphan() {
  LockClient::LockDone acquired;
  LostDone unneeded;
  std::vector<ReleaseDone> releases;
  {
    const absl::MutexLock lock(&mu_);
    over_ = true;
    valid_until_ = MonotonicTime::InfinitePast();
    if (ended_.ok()) {
      ended_ = absl::FailedPreconditionError("its client is gone");
    }
    std::swap(acquired, acquired_);
    std::swap(unneeded, on_lost_);
    releases.swap(releases_);
  }
  if (acquired != nullptr) std::move(acquired)(ClientIsGone());
  for (ReleaseDone& release : releases) std::move(release)(ClientIsGone());
}

absl::Status Lease::Session::ClientIsGone() const {
  return About(absl::CancelledError("the client is gone"));
}

// --- Lease -------------------------------------------------------------------

Lease::Lease(std::shared_ptr<Session> session) : session_(std::move(session)) {}

Lease::Lease(Lease&&) noexcept = default;

Lease& Lease::operator=(Lease&& other) noexcept {
  std::swap(session_, other.session_);
  if (this != &other) Lease(std::move(other));  // Gives back what was held.
  return *this;
}

// NOLINTNEXTLINE(bugprone-exception-escape): out of memory, it may end so.
Lease::~Lease() {
  if (session_ != nullptr) session_->Release(nullptr);
}

std::string_view Lease::lock_name() const {
  return session_ == nullptr ? std::string_view() : session_->key.lock;
}

FencingToken Lease::fencing_token() const {
  return session_ == nullptr ? FencingToken() : session_->token();
}

absl::Status Lease::CheckHeld() const {
  return session_ == nullptr ? MovedFrom() : session_->CheckHeld();
}

absl::Duration Lease::ValidFor() const {
  return session_ == nullptr ? absl::ZeroDuration() : session_->ValidFor();
}

void Lease::OnLost(absl::AnyInvocable<void(absl::Status) &&> on_lost) {
  if (session_ != nullptr) session_->OnLost(std::move(on_lost));
}

void Lease::ReleaseAsync(absl::AnyInvocable<void(absl::Status) &&> done) {
  if (session_ == nullptr) return std::move(done)(absl::OkStatus());
  session_->Release(std::move(done));
}

absl::Status Lease::Release() {
  return session_ == nullptr ? absl::OkStatus() : session_->BlockingRelease();
}

}  // namespace v0_1
}  // namespace trivet
