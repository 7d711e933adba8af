// SPDX-License-Identifier: Apache-2.0
//
// GrantChecker: a lock backend's promises, watched where it grants.
//
//   MemoryLockBackend leases(server.executor());
//   GrantChecker checked(server.executor(), &leases, &violations);
//   SimLockBackend backend(&host, "locks", &checked);    // in each process
//
//   Exclusive   No lease begins while another is live on the backend's clock.
//   Fenced      Each new lease has a larger token than every earlier one, as
//               far as the backend's Traits() promise it.
//   Idempotent  A lease that is granted again, or renewed, keeps its token.
//   Owned       Renewals are granted to the latest holder alone, and only while
//               it has not released.
//   NotBefore   A live lease is not refused a renewal.
//   Available   A free lock is not refused while nobody else is in line.
//
// Everything must come to the backend through the one checker.
//
// Thread safety: thread-compatible.

#ifndef TRIVET_TESTING_GRANT_CHECKER_H_
#define TRIVET_TESTING_GRANT_CHECKER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "trivet/config.h"
#include "trivet/host/executor.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/lock/fencing_token.h"
#include "trivet/lock/lock_backend.h"
#include "trivet/testing/violations.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {

class TRIVET_EXPORT GrantChecker : public LockBackend {
 public:
  // Does not own its arguments. `executor` has the backend's clock.
  GrantChecker(Executor* executor, LockBackend* backend,
               Violations* violations);
  ~GrantChecker() override;

  // Ends a live lease before its time, as a store that lost it does; with
  // `again`, a late request then takes the lock anew for the same lease_id.
  // False: nobody holds the lock. The holder goes on believing in its lease,
  // which excludes nobody any more: EndedEarly says of which token.
  bool EndEarly(std::string_view lock, bool again = false);
  bool EndedEarly(std::string_view lock, FencingToken token) const;

  // The same for all that `owner` holds, as a store that lost its session does.
  bool EndSession(std::string_view owner);

  // Gives a live lease `ttl` from now on, as a store may that was restarted.
  bool RestoreTtl(std::string_view lock, absl::Duration ttl);

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
  struct Lock {
    std::optional<LeaseKey> holder;  // The latest, unless it has released.
    // It lives at least until `until`, perhaps until `until_latest`: who asks
    // for what it holds may be given more time, or not.
    MonotonicTime until;
    MonotonicTime until_latest;
    FencingToken token;                    // The latest.
    std::map<uint64_t, uint64_t> highest;  // Of each generation.
    std::vector<FencingToken> ended_early;
    // Who was refused, and how long its place in line is kept.
    std::map<std::string, MonotonicTime> places;
  };
  void OnAcquired(const LeaseKey& key, absl::Duration ttl,
                  const std::optional<LeaseGrant>& grant);
  void OnRefused(const LeaseKey& key, absl::Duration ttl, Lock* lock);
  bool Rises(FencingToken token, const Lock& lock) const;
  void OnRenewed(const LeaseKey& key, const std::optional<LeaseGrant>& grant);
  void Report(std::string_view property, const LeaseKey& key,
              std::string_view what);

  // A callback may come when this is gone; then nobody watches any more.
  const std::shared_ptr<GrantChecker*> self_;
  Executor* const executor_;
  LockBackend* const backend_;
  Violations* const violations_;
  std::map<std::string, Lock, std::less<>> locks_;
};

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_TESTING_GRANT_CHECKER_H_
