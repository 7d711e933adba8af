// SPDX-License-Identifier: Apache-2.0

#include "trivet/adapters/sqlite/sqlite_fence.h"

#include <sqlite3.h>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "src/adapters/sqlite/database.h"
#include "trivet/lock/fencing_token.h"

namespace trivet {
inline namespace v0_1 {
namespace {

using internal::SqlRow;
using internal::SqlStatement;
using internal::SqlValue;

absl::StatusOr<SqlRow> Run(sqlite3* db, std::string_view sql,
                           std::initializer_list<SqlValue> values) {
  absl::StatusOr<SqlStatement> statement = SqlStatement::Prepare(db, sql);
  if (!statement.ok()) return statement.status();
  return statement->Run(values);
}

}  // namespace

absl::Status AdmitInSqlite(sqlite3* db, std::string_view resource,
                           FencingToken token) {
  if (sqlite3_get_autocommit(db) != 0) {
    return absl::FailedPreconditionError(
        "AdmitInSqlite: no transaction is open, so nothing would tie the token "
        "to what is written");
  }
  if (token.value > INT64_MAX) {
    return absl::InvalidArgumentError(
        absl::StrCat("AdmitInSqlite: the token is ", token.value,
                     "; SQLite's integers end at ", INT64_MAX));
  }
  absl::Status made =
      Run(db,
          "CREATE TABLE IF NOT EXISTS trivet_fence (resource BLOB PRIMARY KEY, "
          "generation INTEGER NOT NULL, token INTEGER NOT NULL) WITHOUT ROWID",
          {})
          .status();
  if (!made.ok()) return made;
  auto row =
      Run(db, "SELECT generation, token FROM trivet_fence WHERE resource = ?1",
          {resource});
  if (!row.ok()) return row.status();
  std::optional<FencingToken> highest;
  if (row->found()) {
    highest = FencingToken{static_cast<uint64_t>(row->Int(0)),
                           static_cast<uint64_t>(row->Int(1))};
    if (row->damaged()) {
      return absl::DataLossError("AdmitInSqlite: trivet_fence holds no number");
    }
  }
  absl::Status checked = CheckFence(highest, token);
  if (!checked.ok()) return checked;
  return Run(db, "REPLACE INTO trivet_fence VALUES (?1, ?2, ?3)",
             {resource, static_cast<int64_t>(token.generation),
              static_cast<int64_t>(token.value)})
      .status();
}

}  // namespace v0_1
}  // namespace trivet
