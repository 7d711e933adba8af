// SPDX-License-Identifier: Apache-2.0
//
// FaultyLockBackend: a LockBackend of your own that runs in the client's
// process, with a simulation's faults between the client and it:
//
//   MyLockBackend mine(...);
//   FaultyLockBackend backend(&host, "locks", &mine);
//   auto client = LockClient::Create(host.executor(), &backend, ...);
//
// Requests and replies are late or lost, as FaultOptions says of calls; a lost
// reply leaves done what was asked for, and after call_timeout the caller is
// told kUnavailable. Every call is a moment at which the process may crash. For
// a backend on a host of its own there is SimLockBackend.
//
// Thread safety: none, as in every Simulation.

#ifndef TRIVET_TESTING_FAULTY_LOCK_BACKEND_H_
#define TRIVET_TESTING_FAULTY_LOCK_BACKEND_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "trivet/config.h"
#include "trivet/host/executor.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/lock/lock_backend.h"
#include "trivet/testing/sim_host.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {
class PendingCalls;
}  // namespace internal

namespace testing {

class TRIVET_EXPORT FaultyLockBackend : public LockBackend {
 public:
  // Part of the process that runs on `host` now. Does not own its arguments;
  // `backend` must live as long as the process. `name` stands in the faults'
  // ids.
  FaultyLockBackend(SimHost* host, std::string name, LockBackend* backend);

  // What is not answered yet is answered here: kUnavailable.
  ~FaultyLockBackend() override;

  LockBackendTraits Traits() const override;
  void Acquire(const LeaseKey& key, absl::Duration ttl, MonotonicTime deadline,
               Done<std::optional<LeaseGrant>> done) override;
  void Renew(const LeaseKey& key, absl::Duration ttl, MonotonicTime deadline,
             Done<std::optional<LeaseGrant>> done) override;
  void Release(const LeaseKey& key, MonotonicTime deadline,
               Done<bool> done) override;
  void AwaitRelease(const LeaseKey& key,
                    absl::AnyInvocable<void() &&> done) override;

 private:
  template <typename T, typename Ask>
  void Call(const LeaseKey& key, Done<T> done, Ask ask);

  SimHost* const host_;
  Executor* const executor_;
  const std::string name_;
  LockBackend* const backend_;
  const std::shared_ptr<internal::PendingCalls> pending_;
};

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_TESTING_FAULTY_LOCK_BACKEND_H_
