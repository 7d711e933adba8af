// SPDX-License-Identifier: Apache-2.0
//
// SqliteVersionedStore: a VersionedStore for the processes of one machine, in a
// file and without a server.
//
//   absl::StatusOr<std::unique_ptr<SqliteVersionedStore>> store =
//       SqliteVersionedStore::Open("/var/lib/shop/registers.db");
//   CasLockBackend backend(&executor, store->get());
//
// For locks alone take SqliteLockBackend, which knows the machine's clock and
// so takes over at once what has run out. What was written is on disk before it
// is told. File, errors and threads as sqlite_lock_backend.h says.

#ifndef TRIVET_ADAPTERS_SQLITE_SQLITE_VERSIONED_STORE_H_
#define TRIVET_ADAPTERS_SQLITE_SQLITE_VERSIONED_STORE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "trivet/adapters/sqlite/sqlite_options.h"
#include "trivet/config.h"
#include "trivet/host/versioned_store.h"

namespace trivet {
inline namespace v0_1 {

class TRIVET_EXPORT SqliteVersionedStore : public VersionedStore {
 public:
  // In bytes. More is kInvalidArgument, and nothing is written.
  static constexpr size_t kKeySizeMax = size_t{4} << 10;
  static constexpr size_t kValueSizeMax = size_t{256} << 10;

  // As SqliteLockBackend::Open.
  static absl::StatusOr<std::unique_ptr<SqliteVersionedStore>> Open(
      const std::string& path, SqliteOptions options = {});

  // As ~SqliteLockBackend.
  ~SqliteVersionedStore() override;

  void Get(std::string key, Done<VersionedValue> done) override;
  void CompareAndSet(std::string key, uint64_t expected_version,
                     std::string value, Done<uint64_t> done) override;

 private:
  class Impl;
  explicit SqliteVersionedStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_ADAPTERS_SQLITE_SQLITE_VERSIONED_STORE_H_
