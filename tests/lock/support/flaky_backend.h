// SPDX-License-Identifier: Apache-2.0
//
// FlakyBackend: a LockBackend in front of another, on which every call meets
// the fate that the test has chosen. Keeps a list of the calls.
//
// Thread safety: thread-compatible.

#ifndef TRIVET_TESTS_LOCK_SUPPORT_FLAKY_BACKEND_H_
#define TRIVET_TESTS_LOCK_SUPPORT_FLAKY_BACKEND_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tests/lock/support/fate.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/lock/lock_backend.h"

namespace trivet {

class FlakyBackend final : public LockBackend {
 public:
  enum class Op { kAcquire, kRenew, kRelease, kAwait };
  struct Call {
    Op op;
    LeaseKey key;
    MonotonicTime deadline;
  };

  explicit FlakyBackend(LockBackend* behind)
      : traits(behind->Traits()), behind_(behind) {}

  // Decides every call but hints; without it, all are answered.
  std::function<Fate(Op)> fate;

  // What is answered to a call whose request or reply is lost.
  absl::Status lost = absl::UnavailableError("lost on the way");

  LockBackendTraits traits;
  bool hints = true;  // False: they are lost.
  std::vector<Call> calls;

  size_t Count(Op op) const {
    size_t count = 0;
    for (const Call& call : calls) count += call.op == op ? 1 : 0;
    return count;
  }

  LockBackendTraits Traits() const override { return traits; }

  void Acquire(const LeaseKey& key, absl::Duration ttl, MonotonicTime deadline,
               Done<std::optional<LeaseGrant>> done) override {
    Meet<std::optional<LeaseGrant>>(
        {Op::kAcquire, key, deadline},
        [this, key, ttl, deadline](auto reply) {
          behind_->Acquire(key, ttl, deadline, std::move(reply));
        },
        std::move(done));
  }
  void Renew(const LeaseKey& key, absl::Duration ttl, MonotonicTime deadline,
             Done<std::optional<LeaseGrant>> done) override {
    Meet<std::optional<LeaseGrant>>(
        {Op::kRenew, key, deadline},
        [this, key, ttl, deadline](auto reply) {
          behind_->Renew(key, ttl, deadline, std::move(reply));
        },
        std::move(done));
  }
  void Release(const LeaseKey& key, MonotonicTime deadline,
               Done<bool> done) override {
    Meet<bool>(
        {Op::kRelease, key, deadline},
        [this, key, deadline](auto reply) {
          behind_->Release(key, deadline, std::move(reply));
        },
        std::move(done));
  }
  void AwaitRelease(const LeaseKey& key,
                    absl::AnyInvocable<void() &&> done) override {
    calls.push_back({Op::kAwait, key, MonotonicTime::InfiniteFuture()});
    if (hints) behind_->AwaitRelease(key, std::move(done));
  }

  // Lets the one held longest go on.
  void DeliverHeld() {
    auto next = std::move(held_.front());
    held_.pop_front();
    std::move(next)();
  }
  size_t held() const { return held_.size(); }

  // Destroys what is held, uncalled; that may make new calls.
  void DropHeld() { std::exchange(held_, {}).clear(); }

 private:
  // `act` passes the call on. Where a reply is lost or held, the backend behind
  // must answer inside the call.
  template <typename T, typename Act>
  void Meet(Call call, Act act, Done<T> done) {
    const Op op = call.op;
    calls.push_back(std::move(call));
    const Fate met = fate == nullptr ? Fate::kAnswer : fate(op);
    if (met == Fate::kAnswer) return act(std::move(done));
    std::optional<absl::StatusOr<T>> reply;
    if (met != Fate::kLoseRequest && met != Fate::kHoldRequest) {
      act([&](absl::StatusOr<T> answer) { reply = std::move(answer); });
    }
    switch (met) {
      case Fate::kAnswer:  // See above.
      case Fate::kLoseReply:
      case Fate::kLoseRequest:
        return std::move(done)(lost);
      case Fate::kHoldReply:
        held_.push_back(
            [reply = *std::move(reply), done = std::move(done)]() mutable {
              std::move(done)(std::move(reply));
            });
        return;
      case Fate::kHoldRequest:
        held_.push_back(
            [act = std::move(act), done = std::move(done)]() mutable {
              act(std::move(done));
            });
        return;
    }
  }

  LockBackend* const behind_;
  std::deque<absl::AnyInvocable<void() &&>> held_;
};

}  // namespace trivet

#endif  // TRIVET_TESTS_LOCK_SUPPORT_FLAKY_BACKEND_H_
