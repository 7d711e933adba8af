// SPDX-License-Identifier: Apache-2.0
//
// AdmitInSqlite: the resource's side of fencing, for what is protected by a
// lock and kept in a SQLite database. FencingGate in SQL: the highest token
// stands in the database that it guards and changes in the same transaction.
//
//   BEGIN IMMEDIATE;                         -- your connection
//   AdmitInSqlite(db, "report", token)       -- refused: ROLLBACK
//   UPDATE report SET ...;
//   COMMIT;
//
// Any lock backend's tokens will do. Programs in other languages do the same by
// these statements; they are admitted if the second one changes a row. The CAST
// is needed: to SQLite a resource bound as text is another one than the same
// bytes bound as a blob:
//
//   CREATE TABLE IF NOT EXISTS trivet_fence (resource BLOB PRIMARY KEY,
//     generation INTEGER NOT NULL, token INTEGER NOT NULL) WITHOUT ROWID;
//   INSERT INTO trivet_fence
//     SELECT CAST(:resource AS BLOB), :generation, :token WHERE :token > 0
//     ON CONFLICT (resource) DO UPDATE SET token = excluded.token
//     WHERE generation = excluded.generation AND token <= excluded.token;
//
// Thread safety: that of the connection.

#ifndef TRIVET_ADAPTERS_SQLITE_SQLITE_FENCE_H_
#define TRIVET_ADAPTERS_SQLITE_SQLITE_FENCE_H_

#include <string_view>

#include "absl/status/status.h"
#include "trivet/config.h"
#include "trivet/lock/fencing_token.h"

struct sqlite3;  // SQLite's own name for a connection.

namespace trivet {
inline namespace v0_1 {

// Admits `token` to `resource`, any name, if the transaction that `db` has open
// is committed. Errors as CheckFence; kInvalidArgument also for a token above
// 2^63 - 1; kFailedPrecondition also where no transaction is open; and what
// SQLite says. After any error: roll back.
TRIVET_EXPORT absl::Status AdmitInSqlite(sqlite3* db, std::string_view resource,
                                         FencingToken token);

}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_ADAPTERS_SQLITE_SQLITE_FENCE_H_
