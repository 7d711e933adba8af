// SPDX-License-Identifier: Apache-2.0
//
// The contract of lock_backend.h as a list of promises, each a function that
// tries one on a backend in virtual time and says how it was broken.
//
// Functions and not tests, so that liars can be shown to fail them.

#ifndef TRIVET_TESTS_LOCK_SUPPORT_LOCK_BACKEND_PROMISES_H_
#define TRIVET_TESTS_LOCK_SUPPORT_LOCK_BACKEND_PROMISES_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tests/support/manual_executor.h"
#include "trivet/host/versioned_store.h"
#include "trivet/lock/lock_backend.h"

namespace trivet {

// A backend and the calls of its clients, as if they were blocking.
class BackendWorld {
 public:
  // What `make` builds may keep pointers to the two before it.
  using Make = std::unique_ptr<LockBackend> (*)(Executor*, VersionedStore*);
  explicit BackendWorld(Make make);
  ~BackendWorld();

  using Grant = absl::StatusOr<std::optional<LeaseGrant>>;
  Grant Acquire(const std::string& lock, const std::string& id,
                absl::Duration ttl = kTtl);
  Grant Renew(const std::string& lock, const std::string& id,
              absl::Duration ttl = kTtl);
  absl::StatusOr<bool> Release(const std::string& lock, const std::string& id);

  // Whether the call answered with a grant.
  bool Gets(const std::string& lock, const std::string& id,
            absl::Duration ttl = kTtl);

  // Asks every 100 ms, at most for `limit`.
  std::optional<LeaseGrant> GetsWithin(const std::string& lock,
                                       const std::string& id,
                                       absl::Duration limit);

  // Asks for a hint; the result turns true when it was given.
  std::shared_ptr<bool> Await(const std::string& lock, const std::string& id);

  void AdvanceBy(absl::Duration span) { executor_.AdvanceBy(span); }
  LockBackend& backend() { return *backend_; }

  static constexpr absl::Duration kTtl = absl::Seconds(10);

 private:
  const LeaseKey& Key(const std::string& lock, const std::string& id);

  ManualExecutor executor_;
  std::unique_ptr<VersionedStore> store_;
  std::vector<std::unique_ptr<LeaseKey>> keys_;
  std::unique_ptr<LockBackend> backend_;
};

struct LockBackendPromise {
  const char* name;
  std::string (*broken)(BackendWorld& world);  // Empty: kept.
};

const std::vector<LockBackendPromise>& LockBackendPromises();

}  // namespace trivet

#endif  // TRIVET_TESTS_LOCK_SUPPORT_LOCK_BACKEND_PROMISES_H_
