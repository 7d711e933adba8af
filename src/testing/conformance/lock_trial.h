// SPDX-License-Identifier: Apache-2.0
//
// LockTrial: what the promises of LockBackendSuite share.

#ifndef TRIVET_SRC_TESTING_CONFORMANCE_LOCK_TRIAL_H_
#define TRIVET_SRC_TESTING_CONFORMANCE_LOCK_TRIAL_H_

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "src/testing/conformance/trial.h"
#include "trivet/config.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/lock/lock_backend.h"
#include "trivet/testing/conformance/lock_backend_suite.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

// The calls of a backend's clients, as if they were blocking. It is a Trial for
// what every call must do.
//
// In real time the machine may stop for a while at any moment, and a lease may
// run out meanwhile. So it measures whether everything took about as long as it
// should: if not, what came of it tells nothing.
class LockTrial : public Trial {
 public:
  using Grant = absl::StatusOr<std::optional<LeaseGrant>>;

  // A request that was made. The callback shares it, with the key, which must
  // live until then.
  template <typename T>
  struct Request {
    LeaseKey key;
    std::optional<absl::StatusOr<T>> answer;
    int answers = 0;
  };

  explicit LockTrial(testing::LockBackendSubject* subject)
      : Trial(subject->pace()),
        subject_(subject),
        ttl_(Allowed(subject->ttl())),
        checked_at_(subject->Now()) {}

  // As near to `ttl` as the backend can go.
  absl::Duration Allowed(absl::Duration ttl) const {
    const LockBackendTraits traits = subject_->backend()->Traits();
    return std::clamp(ttl, traits.ttl_min,
                      std::max(traits.ttl_min, traits.ttl_max));
  }

  template <typename T>
  using Pending = std::shared_ptr<Request<T>>;

  Pending<std::optional<LeaseGrant>> StartAcquire(const std::string& lock,
                                                  const std::string& id,
                                                  absl::Duration ttl) {
    auto request = New<std::optional<LeaseGrant>>(lock, id);
    CheckPace(absl::ZeroDuration());
    sent_at_ = subject_->Now();
    backend().Acquire(request->key, Allowed(ttl), Deadline(), Answer(request));
    return request;
  }
  Pending<std::optional<LeaseGrant>> StartRenew(const std::string& lock,
                                                const std::string& id,
                                                absl::Duration ttl) {
    auto request = New<std::optional<LeaseGrant>>(lock, id);
    CheckPace(absl::ZeroDuration());
    sent_at_ = subject_->Now();
    backend().Renew(request->key, Allowed(ttl), Deadline(), Answer(request));
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
    CheckPace(absl::ZeroDuration());
    return answer;
  }

  void Pass(absl::Duration span) {
    pace().Pass(span);
    CheckPace(span);
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

  // Whether the lock is granted before `end`: asks again and again until then.
  bool GetsBefore(const std::string& lock, const std::string& id,
                  MonotonicTime end) {
    while (ok() && subject_->Now() < end) {
      const Grant grant = Acquire(lock, id);
      if (grant.ok() && grant->has_value()) return subject_->Now() < end;
      Pass(ttl_ / 100);
    }
    return false;
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
      Pass(ttl_ / 100);
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
    Pass(ttl_ / 20);
    return told;
  }

  int Told(const std::shared_ptr<int>& hints) const {
    int told = 0;
    pace().Update([&] { told = *hints; });
    return told;
  }

  LockBackend& backend() { return *subject_->backend(); }
  testing::LockBackendSubject& subject() { return *subject_; }
  absl::Duration ttl() const { return ttl_; }

  // Long enough for any backend to notice that a silent holder is gone.
  absl::Duration Long() const { return 5 * ttl_; }
  // Until when a lease surely lives that was asked for last: it counts from
  // when that reached the backend, whose clock may be a little faster.
  MonotonicTime LivesUntil() const { return sent_at_ + ttl_ - ttl_ / 50; }

  // How much longer than it should something has taken, if that was too long
  // for a lease.
  std::optional<absl::Duration> Delay() const {
    if (pace().is_virtual() || delay_ <= ttl_ / 10) return std::nullopt;
    return delay_;
  }

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
  // Called after what should have taken `span`.
  void CheckPace(absl::Duration span) {
    const MonotonicTime now = subject_->Now();
    delay_ = std::max(delay_, now - checked_at_ - span);
    checked_at_ = now;
  }
  MonotonicTime Deadline() const { return subject_->Now() + absl::Minutes(1); }

  testing::LockBackendSubject* const subject_;
  const absl::Duration ttl_;
  MonotonicTime sent_at_;     // The latest request for a grant.
  MonotonicTime checked_at_;  // How long things take,
  absl::Duration delay_;      // and by how much the slowest was too slow.
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_TESTING_CONFORMANCE_LOCK_TRIAL_H_
