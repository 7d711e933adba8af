// SPDX-License-Identifier: Apache-2.0
//
// RedisLockBackend: leases in a Redis server, 7.0 or newer.
//
//   RedisOptions options;
//   options.host = "redis.internal";
//   absl::StatusOr<std::unique_ptr<RedisLockBackend>> backend =
//       RedisLockBackend::Open(options);
//   LockClient client(&executor, backend->get(), "host-7");
//
// Each operation is one script and one round trip; one connection carries all
// of them, and is made anew when it is lost.
//
// How far its tokens can be trusted: kMonotonicUnlessDataLost. They rise as
// long as Redis keeps its data, also over its restarts. A Redis that has lost
// all of it has another FencingToken.generation, which a gate does not compare
// with the one before. One that has lost the last moments only, as a fail-over
// or a restart from a snapshot may, can have granted a lock that is still held,
// with a larger token: what the holder writes is refused from then on.
//
// A lease ends by the wall clock of the server's machine: do not set it forward
// while leases are held. Redis must evict nothing (maxmemory-policy noeviction,
// its default): a lease that is evicted is free.
//
// Waiting is by polling, in no order. A Redis Cluster is refused
// (kUnimplemented): a lock's keys may be on several of its nodes.
//
// Errors: kInvalidArgument (a name or a ttl is out of bounds), kUnavailable (no
// server, or it did not answer, is loading or is a replica), kUnauthenticated
// and kPermissionDenied (it wants a password, or the user may not do this),
// kResourceExhausted (it is out of memory), kDataLoss (something else stands in
// a key of ours), kUnimplemented (a cluster), kFailedPrecondition (in a forked
// child).
//
// Thread safety: thread-safe. Callbacks run on a thread of the backend's own,
// or inside the call, with no lock held; they must not block and must not
// destroy the backend.

#ifndef TRIVET_ADAPTERS_REDIS_REDIS_LOCK_BACKEND_H_
#define TRIVET_ADAPTERS_REDIS_REDIS_LOCK_BACKEND_H_

#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "trivet/adapters/redis/redis_options.h"
#include "trivet/config.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/lock/lock_backend.h"

namespace trivet {
inline namespace v0_1 {

class TRIVET_EXPORT RedisLockBackend : public LockBackend {
 public:
  // Begins to connect and waits for nothing: whether there is a server is told
  // by what is asked of it. kInvalidArgument: an option is out of bounds.
  // kUnimplemented: TLS. kResourceExhausted: no thread, no descriptor.
  static absl::StatusOr<std::unique_ptr<RedisLockBackend>> Open(
      const RedisOptions& options = {});

  // Answers with kUnavailable what was not answered yet.
  // REQUIRES: not called by one of its own callbacks.
  ~RedisLockBackend() override;

  LockBackendTraits Traits() const override;
  void Acquire(const LeaseKey& key, absl::Duration ttl, MonotonicTime deadline,
               Done<std::optional<LeaseGrant>> done) override;
  void Renew(const LeaseKey& key, absl::Duration ttl, MonotonicTime deadline,
             Done<std::optional<LeaseGrant>> done) override;
  void Release(const LeaseKey& key, MonotonicTime deadline,
               Done<bool> done) override;

 private:
  class Impl;
  explicit RedisLockBackend(Impl* impl);
  Impl* const impl_;  // In a forked child it is its parent's, and left alone.
};

}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_ADAPTERS_REDIS_REDIS_LOCK_BACKEND_H_
