// SPDX-License-Identifier: Apache-2.0
//
// SqliteLockBackend: leases for the processes of one machine, in a file and
// without a server.
//
//   absl::StatusOr<std::unique_ptr<SqliteLockBackend>> backend =
//       SqliteLockBackend::Open("/var/lib/shop/locks.db");
//   LockClient client(&executor, backend->get(), "host-7");
//
//   process A --+
//               +--> locks.db: a row for each lock (holder, token, end)
//   process B --+
//
// A lease ends by the machine's clock since it started, which no one can set
// and which counts while the machine is suspended. Each row names the clock it
// was written by: this start of this machine, and its time namespace. Where
// that is another, because the machine was started anew or the file is shared
// between containers with clocks of their own, no times are compared: the lock
// is taken over after its row was seen unchanged for the whole ttl in it.
//
// A grant is on disk before it is told, and a lock's row is never deleted, so
// tokens rise through crashes and losses of power: kMonotonic. They begin anew
// in a new file: do not delete the file while one of its tokens may be in use.
//
// The file is a SQLite database in WAL mode. It must be on a disk of this
// machine, not on a network file system, where WAL does not work, and have one
// name only: no hard links, and containers share its folder, never the file
// alone. Other tables may be in it. Whoever may write the file may take any
// lease in it.
//
// Waiting is by polling, in no order. All that was asked meanwhile is written
// in one transaction.
//
// Errors: kInvalidArgument (a name or a ttl is out of bounds), kUnavailable
// (another process wrote for longer than busy_timeout; the disk did not
// answer), kResourceExhausted (the disk is full), kPermissionDenied (the file
// may not be written), kDataLoss (it is damaged, or was moved or deleted while
// it was open: open it anew), kFailedPrecondition (in a forked child).
//
// A database that is open must not be opened in a forked child, by nobody and
// not by SQLite alone either, which would there take its parent's locks for its
// own and destroy the file. Open refuses that, for any file, as far as trivet's
// own connections are concerned. Start the child by exec, or fork first.
//
// Thread safety: thread-safe. Callbacks run on a thread of the backend's own,
// or inside the call, with no lock held; they must not block and must not
// destroy the backend.

#ifndef TRIVET_ADAPTERS_SQLITE_SQLITE_LOCK_BACKEND_H_
#define TRIVET_ADAPTERS_SQLITE_SQLITE_LOCK_BACKEND_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "trivet/adapters/sqlite/sqlite_options.h"
#include "trivet/config.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/lock/lock_backend.h"

namespace trivet {
inline namespace v0_1 {

namespace internal {
class SqliteFactory;
}  // namespace internal

class TRIVET_EXPORT SqliteLockBackend : public LockBackend {
 public:
  // Opens the database at `path`, or makes it; its folder must be there.
  // kInvalidArgument: the path is empty or names a database in memory, or an
  // option is out of bounds. kUnimplemented: a newer trivet has written it.
  // Others as above.
  static absl::StatusOr<std::unique_ptr<SqliteLockBackend>> Open(
      const std::string& path, SqliteOptions options = {});

  // Does what was asked for, but waits for no other process: such an operation
  // is answered with kUnavailable.
  // REQUIRES: not called by one of its own callbacks.
  ~SqliteLockBackend() override;

  LockBackendTraits Traits() const override;
  void Acquire(const LeaseKey& key, absl::Duration ttl, MonotonicTime deadline,
               Done<std::optional<LeaseGrant>> done) override;
  void Renew(const LeaseKey& key, absl::Duration ttl, MonotonicTime deadline,
             Done<std::optional<LeaseGrant>> done) override;
  void Release(const LeaseKey& key, MonotonicTime deadline,
               Done<bool> done) override;

 private:
  friend class internal::SqliteFactory;
  class Impl;
  explicit SqliteLockBackend(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_ADAPTERS_SQLITE_SQLITE_LOCK_BACKEND_H_
