// SPDX-License-Identifier: Apache-2.0

#include "trivet/testing/sim_lock_backend.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "src/testing/pending_calls.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/lock/lock_backend.h"
#include "trivet/testing/sim_host.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {

SimLockBackend::SimLockBackend(SimHost* host, std::string service,
                               LockBackend* backend)
    : host_(host),
      service_(std::move(service)),
      backend_(backend),
      pending_(std::make_shared<internal::PendingCalls>()) {}

SimLockBackend::~SimLockBackend() {
  pending_->AnswerAll(absl::UnavailableError("the lock backend is gone"));
}

LockBackendTraits SimLockBackend::Traits() const { return backend_->Traits(); }

// `ask` takes the key, which must live as long as the real backend works on it,
// and a callback for the result.
template <typename T, typename Ask>
void SimLockBackend::Call(const LeaseKey& key, Done<T> done, Ask ask) {
  const auto request = std::make_shared<internal::LockRequest<T>>(
      internal::LockRequest<T>{key, std::nullopt});
  const uint64_t call = pending_->Add(request, std::move(done));
  host_->Call(
      service_,
      [request, ask](SimHost::Reply reply) mutable {
        ask(request->key, [request, reply = std::move(reply)](
                              absl::StatusOr<T> result) mutable {
          request->result = std::move(result);
          std::move(reply)();
        });
      },
      [weak = std::weak_ptr<internal::PendingCalls>(pending_),
       call](absl::Status status) {
        if (const auto pending = weak.lock()) {
          pending->Answer(call, std::move(status));
        }
      });
}

// The server has its own clock: the caller's deadline means nothing to it.
void SimLockBackend::Acquire(const LeaseKey& key, absl::Duration ttl,
                             MonotonicTime,
                             Done<std::optional<LeaseGrant>> done) {
  Call<std::optional<LeaseGrant>>(
      key, std::move(done),
      [backend = backend_, ttl](const LeaseKey& k,
                                Done<std::optional<LeaseGrant>> answer) {
        backend->Acquire(k, ttl, MonotonicTime::InfiniteFuture(),
                         std::move(answer));
      });
}

void SimLockBackend::Renew(const LeaseKey& key, absl::Duration ttl,
                           MonotonicTime,
                           Done<std::optional<LeaseGrant>> done) {
  Call<std::optional<LeaseGrant>>(
      key, std::move(done),
      [backend = backend_, ttl](const LeaseKey& k,
                                Done<std::optional<LeaseGrant>> answer) {
        backend->Renew(k, ttl, MonotonicTime::InfiniteFuture(),
                       std::move(answer));
      });
}

void SimLockBackend::Release(const LeaseKey& key, MonotonicTime,
                             Done<bool> done) {
  Call<bool>(key, std::move(done),
             [backend = backend_](const LeaseKey& k, Done<bool> answer) {
               backend->Release(k, MonotonicTime::InfiniteFuture(),
                                std::move(answer));
             });
}

// A hint that is lost is lost; one that waits for long is no failure.
void SimLockBackend::AwaitRelease(const LeaseKey& key,
                                  absl::AnyInvocable<void() &&> done) {
  const uint64_t call = pending_->Add(
      [done = std::move(done)](const absl::Status& status) mutable {
        if (status.ok()) std::move(done)();
      });
  host_->Call(
      service_,
      [backend = backend_,
       kept = std::make_shared<LeaseKey>(key)](SimHost::Reply reply) {
        backend->AwaitRelease(
            *kept,
            [kept, reply = std::move(reply)]() mutable { std::move(reply)(); });
      },
      [weak = std::weak_ptr<internal::PendingCalls>(pending_),
       call](absl::Status status) {
        if (const auto pending = weak.lock()) {
          pending->Answer(call, std::move(status));
        }
      },
      absl::InfiniteDuration());
}

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet
