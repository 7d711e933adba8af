// SPDX-License-Identifier: Apache-2.0

#include "trivet/testing/faulty_lock_backend.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "src/testing/own_faults.h"
#include "src/testing/pending_calls.h"
#include "trivet/host/executor.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/lock/lock_backend.h"
#include "trivet/testing/fault_options.h"
#include "trivet/testing/sim_host.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {

FaultyLockBackend::FaultyLockBackend(SimHost* host, std::string name,
                                     LockBackend* backend)
    : host_(host),
      executor_(host->executor()),
      name_(std::move(name)),
      backend_(backend),
      pending_(std::make_shared<internal::PendingCalls>()) {}

FaultyLockBackend::~FaultyLockBackend() {
  pending_->AnswerAll(absl::UnavailableError("the lock backend is gone"));
}

LockBackendTraits FaultyLockBackend::Traits() const {
  return backend_->Traits();
}

// There, unless the request is lost; back, unless the reply is. `ask` takes the
// key, which lives as long as it is used, and a callback for the result.
template <typename T, typename Ask>
void FaultyLockBackend::Call(const LeaseKey& key, Done<T> done, Ask ask) {
  const auto request = std::make_shared<internal::LockRequest<T>>(
      internal::LockRequest<T>{key, std::nullopt});
  const uint64_t call = pending_->Add(request, std::move(done));
  if (!host_->PassCrashPoint()) return;  // It is answered at the end.
  const FaultOptions& faults = host_->faults();
  const auto answer_after = [executor = executor_, pending = pending_, call](
                                absl::Duration span,
                                const absl::Status& status) {
    executor->PostAt(executor->Now() + span, [pending, call, status] {
      pending->Answer(call, status);
    });
  };
  answer_after(faults.call_timeout,
               absl::UnavailableError("no answer from the lock backend"));
  // All are asked of every call: a fault that is muted moves no other.
  const bool request_lost =
      host_->Strikes("backend request loss", faults.request_loss, name_);
  const absl::Duration there =
      internal::DrawDelay(host_, "backend request delay", name_);
  const absl::Duration back =
      internal::DrawDelay(host_, "backend reply delay", name_);
  const bool reply_lost =
      host_->Strikes("backend reply loss", faults.reply_loss, name_);
  if (request_lost) return;
  executor_->PostAt(executor_->Now() + there,
                    [request, ask, answer_after, back, reply_lost]() mutable {
                      ask(request->key, [request, answer_after, back,
                                         reply_lost](absl::StatusOr<T> result) {
                        if (reply_lost) return;
                        request->result = std::move(result);
                        answer_after(back, absl::OkStatus());
                      });
                    });
}

void FaultyLockBackend::Acquire(const LeaseKey& key, absl::Duration ttl,
                                MonotonicTime deadline,
                                Done<std::optional<LeaseGrant>> done) {
  Call<std::optional<LeaseGrant>>(
      key, std::move(done),
      [backend = backend_, ttl, deadline](
          const LeaseKey& k, Done<std::optional<LeaseGrant>> answer) {
        backend->Acquire(k, ttl, deadline, std::move(answer));
      });
}

void FaultyLockBackend::Renew(const LeaseKey& key, absl::Duration ttl,
                              MonotonicTime deadline,
                              Done<std::optional<LeaseGrant>> done) {
  Call<std::optional<LeaseGrant>>(
      key, std::move(done),
      [backend = backend_, ttl, deadline](
          const LeaseKey& k, Done<std::optional<LeaseGrant>> answer) {
        backend->Renew(k, ttl, deadline, std::move(answer));
      });
}

void FaultyLockBackend::Release(const LeaseKey& key, MonotonicTime deadline,
                                Done<bool> done) {
  Call<bool>(
      key, std::move(done),
      [backend = backend_, deadline](const LeaseKey& k, Done<bool> answer) {
        backend->Release(k, deadline, std::move(answer));
      });
}

// A hint: it may be late, and it may be lost.
void FaultyLockBackend::AwaitRelease(const LeaseKey& key,
                                     absl::AnyInvocable<void() &&> done) {
  if (!host_->PassCrashPoint()) return;
  const absl::Duration late =
      internal::DrawDelay(host_, "backend hint delay", name_);
  if (host_->Strikes("backend hint loss", host_->faults().request_loss,
                     name_)) {
    return;
  }
  // A Release may be lost here, and the caller's key go, while it still waits.
  const auto kept = std::make_shared<LeaseKey>(key);
  backend_->AwaitRelease(*kept, [kept, executor = executor_, late,
                                 done = std::move(done)]() mutable {
    executor->PostAt(executor->Now() + late, std::move(done));
  });
}

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet
