// SPDX-License-Identifier: Apache-2.0

#include "trivet/lock/lock_client.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "src/internal/backoff.h"
#include "src/internal/crc32c.h"
#include "src/internal/fork_generation.h"
#include "src/internal/invariant.h"
#include "src/internal/pump.h"
#include "src/internal/random.h"
#include "src/internal/wait.h"
#include "src/lock/lease_table.h"
#include "src/lock/lock_client_impl.h"
#include "trivet/host/executor.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/lock/fencing_token.h"
#include "trivet/lock/lease_machine.h"
#include "trivet/lock/lease_options.h"
#include "trivet/lock/lock_backend.h"

namespace trivet {
inline namespace v0_1 {
namespace {

constexpr size_t kOwnerMax = 512;

absl::Status CheckTtl(absl::Duration ttl, const LockBackendTraits& traits) {
  if (ttl >= traits.ttl_min && ttl <= traits.ttl_max) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "LeaseOptions.ttl is " + absl::FormatDuration(ttl) +
      ", must be between the backend's " +
      absl::FormatDuration(traits.ttl_min) + " and " +
      absl::FormatDuration(traits.ttl_max));
}

absl::Status Forbidden() {
  return absl::FailedPreconditionError(
      "this LockClient belongs to the process that forked this one; create a "
      "new one in the child");
}

}  // namespace

using internal::LeaseTable;

// --- Impl --------------------------------------------------------------------

// What the backend is given as `done`. Keeps the session, whose key the backend
// may look at until then. A backend that drops it did not answer.
template <typename Answered>
class LockClient::Impl::Reply {
 public:
  using Result = decltype(Answered::reply);

  Reply(std::weak_ptr<Impl> impl, std::shared_ptr<Lease::Session> session,
        uint64_t request)
      : impl_(std::move(impl)),
        session_(std::move(session)),
        request_(request) {}
  Reply(Reply&&) noexcept = default;
  Reply& operator=(Reply&&) = delete;
  // NOLINTNEXTLINE(bugprone-exception-escape): out of memory, it may end so.
  ~Reply() {
    if (session_ != nullptr) Tell(absl::UnavailableError("dropped"));
  }

  void operator()(Result result) && { Tell(std::move(result)); }

 private:
  void Tell(Result result) {
    const auto session = std::exchange(session_, nullptr);
    const auto impl = impl_.lock();
    if (impl == nullptr) return;
    impl->Enqueue(
        LeaseTable::Told{session->id, Answered{request_, std::move(result)}});
  }

  std::weak_ptr<Impl> impl_;
  std::shared_ptr<Lease::Session> session_;
  const uint64_t request_;
};

// The seed of the jitter is no secret and comes from no generator, so that
// equal histories in virtual time stay equal.
LockClient::Impl::Impl(Executor* executor, LockBackend* backend,
                       std::string owner, const LockClientOptions& options)
    : Pump(executor, LeaseTable(options.lease)),
      backend_(backend),
      owner_(std::move(owner)),
      ttl_(options.lease.ttl),
      request_timeout_(options.lease.request_timeout),
      traits_(backend->Traits()),
      jitter_seed_(uint64_t{internal::Crc32c(owner_)} << 32),
      fork_generation_(internal::ForkGeneration()) {}

bool LockClient::Impl::Forked() const {
  return internal::ForkGeneration() != fork_generation_;
}

absl::Status LockClient::Impl::CheckName(std::string_view lock) const {
  if (!lock.empty() && lock.size() <= traits_.lock_name_max) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      "lock name has " + std::to_string(lock.size()) +
      " bytes, must have 1 to " + std::to_string(traits_.lock_name_max));
}

std::shared_ptr<Lease::Session> LockClient::Impl::Open(
    std::string_view lock, LeaseMachine::Started started, LockDone done) {
  const int64_t nanos =
      absl::ToInt64Nanoseconds(executor()->Now() - MonotonicTime());
  const auto self = std::static_pointer_cast<Impl>(shared_from_this());
  // L3: one lease id per acquisition.
  LeaseKey key{std::string(lock), internal::UniqueId(), owner_};
  std::shared_ptr<Lease::Session> session;
  {
    const absl::MutexLock guard(&sessions_mu_);
    session = std::make_shared<Lease::Session>(
        self, executor(), ++last_session_, std::move(key), std::move(done));
    sessions_.emplace(session->id, session);
  }
  const uint64_t seed = internal::SplitMix64::Mix(jitter_seed_ ^ session->id ^
                                                  static_cast<uint64_t>(nanos));
  Enqueue(LeaseTable::Opened{session->id, seed, started});
  return session;
}

void LockClient::Impl::Refuse(absl::Status status, LockDone done) {
  if (Forked() || !IsOpen()) return std::move(done)(std::move(status));
  CallBack([status = std::move(status), done = std::move(done)]() mutable {
    std::move(done)(std::move(status));
  });
}

void LockClient::Impl::Perform(LeaseTable::Effects& effects) {
  if (Forked()) return;  // L8: nothing is sent for the parent.
  for (const LeaseTable::Change& change : effects.changes) {
    for (auto& callback : Find(change.session)->Apply(change)) {
      CallBack(std::move(callback));
    }
  }
  for (const LeaseTable::Ask& ask : effects.asks) {
    if (!IsOpen()) return;
    Send(ask);
  }
  for (const LeaseTable::SessionId id : effects.forgotten) {
    std::shared_ptr<Lease::Session> last;  // Destroyed unlocked.
    const absl::MutexLock lock(&sessions_mu_);
    const auto found = sessions_.find(id);
    last = std::move(found->second);
    sessions_.erase(found);
  }
}

void LockClient::Impl::Send(const LeaseTable::Ask& ask) {
  const auto self = std::static_pointer_cast<Impl>(shared_from_this());
  auto session = Find(ask.session);
  const LeaseKey& key = session->key;
  const auto [request, method, deadline] = ask.request;
  switch (method) {
    case LeaseMachine::Method::kAcquire:
      return backend_->Acquire(
          key, ttl_, deadline,
          Reply<LeaseMachine::Acquired>(self, std::move(session), request));
    case LeaseMachine::Method::kRenew:
      return backend_->Renew(
          key, ttl_, deadline,
          Reply<LeaseMachine::Renewed>(self, std::move(session), request));
    case LeaseMachine::Method::kRelease:
      return backend_->Release(
          key, deadline,
          Reply<LeaseMachine::Released>(self, std::move(session), request));
    case LeaseMachine::Method::kAwaitRelease:
      if (!traits_.notifies) return;  // L6: the timer does it.
      return backend_->AwaitRelease(
          key, [weak = std::weak_ptr<Impl>(self), session] {
            const auto impl = weak.lock();
            if (impl == nullptr) return;
            impl->Enqueue(
                LeaseTable::Told{session->id, LeaseMachine::MaybeFreed{}});
          });
  }
}

std::shared_ptr<Lease::Session> LockClient::Impl::Find(Lease::Session::Id id) {
  const absl::MutexLock lock(&sessions_mu_);
  const auto found = sessions_.find(id);
  TRIVET_INVARIANT(found != sessions_.end(), "forgotten only when finished");
  return found->second;
}

std::vector<std::shared_ptr<Lease::Session>> LockClient::Impl::AllSessions() {
  std::vector<std::shared_ptr<Lease::Session>> all;
  const absl::MutexLock lock(&sessions_mu_);
  all.reserve(sessions_.size());
  for (const auto& [id, session] : sessions_) all.push_back(session);
  return all;
}

// L4: giving up also releases, as far as that takes no waiting. Past the table,
// which takes no more events: a release that a dying Lease has just asked for
// may still have been in the queue, and that of what was lost may not have been
// sent.
void LockClient::Impl::Shutdown() {
  Close();
  for (const auto& session : AllSessions()) {
    session->Orphan();
    backend_->Release(session->key, executor()->Now() + request_timeout_,
                      [session](const absl::StatusOr<bool>&) {});
  }
}

// --- LockClient --------------------------------------------------------------

absl::StatusOr<std::unique_ptr<LockClient>> LockClient::Create(
    Executor* executor, LockBackend* backend, std::string owner,
    LockClientOptions options) {
  TRIVET_INVARIANT(executor != nullptr && backend != nullptr,
                   "REQUIRES: an executor and a backend");
  absl::Status valid = options.lease.Validate();
  const LockBackendTraits traits = backend->Traits();
  valid.Update(CheckTtl(options.lease.ttl, traits));
  if (owner.empty() || owner.size() > kOwnerMax) {
    valid.Update(absl::InvalidArgumentError(
        "owner has " + std::to_string(owner.size()) +
        " bytes, must have 1 to " + std::to_string(kOwnerMax)));
  }
  if (!valid.ok()) return valid;
  if (traits.fence < options.require_fence) {
    return absl::FailedPreconditionError(
        "LockClientOptions.require_fence is \"" +
        std::string(ToString(options.require_fence)) +
        "\", but the backend's fence is \"" +
        std::string(ToString(traits.fence)) + "\"");
  }
  // Not from make_shared: timers hold weak pointers, which would pin it.
  return std::unique_ptr<LockClient>(new LockClient(std::shared_ptr<Impl>(
      new Impl(executor, backend, std::move(owner), options))));
}

LockClient::LockClient(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

LockClient::~LockClient() {
  if (impl_->Forked()) {
    // L8: another thread of the parent may have been inside when the process
    // was forked. Nothing in there can be trusted to be whole, so it stays.
    // NOLINTNEXTLINE(bugprone-unhandled-exception-at-new): or it ends so.
    new std::shared_ptr<Impl>(std::move(impl_));
    return;
  }
  impl_->Shutdown();
}

void LockClient::Waiting::Cancel() {
  if (const auto session = session_.lock()) session->Cancel();
}

LockClient::Waiting LockClient::LockAsync(std::string_view lock,
                                          absl::Duration timeout,
                                          LockDone done) {
  absl::Status valid = impl_->CheckName(lock);
  if (timeout < absl::ZeroDuration()) {
    valid.Update(absl::InvalidArgumentError("timeout is " +
                                            absl::FormatDuration(timeout) +
                                            ", must not be negative"));
  }
  if (!impl_->IsOpen()) valid = absl::CancelledError("the client is going");
  if (impl_->Forked()) valid = Forbidden();
  if (!valid.ok()) {
    impl_->Refuse(std::move(valid), std::move(done));
    return Waiting();
  }
  LeaseMachine::Started started{MonotonicTime::InfiniteFuture(),
                                /*wait=*/false};
  if (timeout > absl::ZeroDuration()) {
    started = {impl_->executor()->Now() + timeout, /*wait=*/true};
  }
  return Waiting(impl_->Open(lock, started, std::move(done)));
}

absl::StatusOr<Lease> LockClient::Lock(std::string_view lock,
                                       absl::Duration timeout) {
  return internal::BlockOn<absl::StatusOr<Lease>>(
      impl_->executor(),
      [&](LockDone done) { LockAsync(lock, timeout, std::move(done)); });
}

void LockClient::TryLockAsync(std::string_view lock, TryLockDone done) {
  LockAsync(lock, absl::ZeroDuration(),
            [done = std::move(done)](absl::StatusOr<Lease> lease) mutable {
              if (lease.ok()) {
                return std::move(done)(std::optional<Lease>(*std::move(lease)));
              }
              if (absl::IsDeadlineExceeded(lease.status())) {
                return std::move(done)(std::optional<Lease>());
              }
              std::move(done)(lease.status());
            });
}

absl::StatusOr<std::optional<Lease>> LockClient::TryLock(
    std::string_view lock) {
  return internal::BlockOn<absl::StatusOr<std::optional<Lease>>>(
      impl_->executor(),
      [&](TryLockDone done) { TryLockAsync(lock, std::move(done)); });
}

}  // namespace v0_1
}  // namespace trivet
