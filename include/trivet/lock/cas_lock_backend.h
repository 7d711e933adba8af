// SPDX-License-Identifier: Apache-2.0
//
// CasLockBackend: leases on any store with compare-and-set and no clock.
//
//   holder     CAS(v7 -> lease A, ttl 15 s, token 8)   CAS(beat) ... silence
//   contender        reads v9    reads v9    reads v9
//                    |<------- ttl --------->| CAS(v9 -> lease B, token 10)
//
// The register for a lock holds the lease id, its ttl and a beat. A contender
// takes over only after it has itself watched the register stay unchanged for
// the whole ttl that stands in it, counted from the *reply* of the first read
// that showed this version, so no clock is ever compared with another. The
// fencing token is the version that the grant replaced, plus one: it stands in
// the value, and renewals keep it.
//
// A register that holds anything but a trivet lease is never overwritten:
// kDataLoss, or kUnimplemented if a newer trivet wrote it. Polls: it does not
// notify, and is not fair. A contender that looks at a lock less than once in a
// while still takes over: observations are kept between attempts, of the 16,384
// locks looked at last.
//
// Destruction calls what is unfinished back with kUnavailable; what that asks
// for again too, inside the call.
//
// Thread safety: thread-safe.

#ifndef TRIVET_LOCK_CAS_LOCK_BACKEND_H_
#define TRIVET_LOCK_CAS_LOCK_BACKEND_H_

#include <memory>
#include <optional>

#include "absl/time/time.h"
#include "trivet/config.h"
#include "trivet/host/executor.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/host/versioned_store.h"
#include "trivet/lock/lock_backend.h"

namespace trivet {
inline namespace v0_1 {

class TRIVET_EXPORT CasLockBackend : public LockBackend {
 public:
  // Does not own its arguments; both must outlive it.
  CasLockBackend(Executor* executor, VersionedStore* store);
  ~CasLockBackend() override;

  LockBackendTraits Traits() const override;
  void Acquire(const LeaseKey& key, absl::Duration ttl, MonotonicTime deadline,
               Done<std::optional<LeaseGrant>> done) override;
  void Renew(const LeaseKey& key, absl::Duration ttl, MonotonicTime deadline,
             Done<std::optional<LeaseGrant>> done) override;
  void Release(const LeaseKey& key, MonotonicTime deadline,
               Done<bool> done) override;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_LOCK_CAS_LOCK_BACKEND_H_
