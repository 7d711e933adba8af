// SPDX-License-Identifier: Apache-2.0
//
// PendingCalls: the calls of a lock backend that wait for an answer. They are
// kept here, not in what is under way, so that the backend can answer them all
// before it goes; each gets one answer, whatever else comes.

#ifndef TRIVET_SRC_TESTING_PENDING_CALLS_H_
#define TRIVET_SRC_TESTING_PENDING_CALLS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "trivet/config.h"
#include "trivet/lock/lock_backend.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

// What a call works on for as long as anybody does: the caller's key may go.
template <typename T>
struct LockRequest {
  LeaseKey key;
  std::optional<absl::StatusOr<T>> result;  // Set before it is answered OK.
};

class PendingCalls {
 public:
  using Finish = absl::AnyInvocable<void(absl::Status) &&>;

  uint64_t Add(Finish finish) {
    calls_.emplace(next_, std::move(finish));
    return next_++;
  }

  // `done` gets the request's result, or the error.
  template <typename T>
  uint64_t Add(const std::shared_ptr<LockRequest<T>>& request,
               LockBackend::Done<T> done) {
    return Add([request, done = std::move(done)](absl::Status status) mutable {
      if (status.ok()) {
        std::move(done)(*std::move(request->result));
      } else {
        std::move(done)(std::move(status));
      }
    });
  }

  void Answer(uint64_t call, absl::Status status) {
    auto found = calls_.extract(call);
    if (!found.empty()) std::move(found.mapped())(std::move(status));
  }

  void AnswerAll(const absl::Status& status) {
    while (!calls_.empty()) Answer(calls_.begin()->first, status);
  }

 private:
  std::map<uint64_t, Finish> calls_;
  uint64_t next_ = 0;
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_TESTING_PENDING_CALLS_H_
