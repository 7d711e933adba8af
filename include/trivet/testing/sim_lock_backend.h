// SPDX-License-Identifier: Apache-2.0
//
// SimLockBackend: a lock service as a simulated host sees it, over its network.
//
//   SimHost& server = sim.AddHost("locks");
//   MemoryLockBackend leases(server.executor());   // on the server's clock
//   // and in a process on another host:
//   SimLockBackend backend(&host, "locks", &leases);
//   auto client = LockClient::Create(host.executor(), &backend, ...);
//
// Requests and replies are late or lost; a lost reply leaves done what was
// asked for. Any LockBackend can stand behind it.
//
// Thread safety: none, as in every Simulation.

#ifndef TRIVET_TESTING_SIM_LOCK_BACKEND_H_
#define TRIVET_TESTING_SIM_LOCK_BACKEND_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "trivet/config.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/lock/lock_backend.h"
#include "trivet/testing/sim_host.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {
class PendingCalls;
}  // namespace internal

namespace testing {

class TRIVET_EXPORT SimLockBackend : public LockBackend {
 public:
  // Asks `backend` on the host `service`. Does not own `host` and `backend`,
  // which must outlive every event of the simulation that concerns them.
  SimLockBackend(SimHost* host, std::string service, LockBackend* backend);

  // What is not answered yet is answered here: kUnavailable.
  ~SimLockBackend() override;

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
  const std::string service_;
  LockBackend* const backend_;
  const std::shared_ptr<internal::PendingCalls> pending_;
};

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_TESTING_SIM_LOCK_BACKEND_H_
