// SPDX-License-Identifier: Apache-2.0

#include <cstdio>

#include "trivet/adapters/sqlite/sqlite_fence.h"
#include "trivet/adapters/sqlite/sqlite_lock_backend.h"
#include "trivet/adapters/sqlite/sqlite_versioned_store.h"

int main() {
  // Nowhere: that it is refused shows that it is all there.
  const bool refused =
      !trivet::SqliteLockBackend::Open("").ok() &&
      !trivet::SqliteVersionedStore::Open("no/such/folder/registers.db").ok();
  std::puts(refused ? "refused" : "taken");
  absl::Status (*volatile admit)(sqlite3*, std::string_view,
                                 trivet::FencingToken) = trivet::AdmitInSqlite;
  return refused && admit != nullptr ? 0 : 1;
}
