// SPDX-License-Identifier: Apache-2.0

#include "src/adapters/sqlite/tables.h"

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "src/adapters/sqlite/database.h"
#include "src/internal/strings.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

absl::Status MakeTable(Database* database, std::string_view name,
                       std::string_view columns, int64_t format) {
  absl::Status made =
      database
          ->Run(
              "CREATE TABLE IF NOT EXISTS trivet_format (name BLOB PRIMARY "
              "KEY, format INTEGER NOT NULL) WITHOUT ROWID")
          .status();
  if (!made.ok()) return made;
  auto row =
      database->Run("SELECT format FROM trivet_format WHERE name = ?1", {name});
  if (!row.ok()) return row.status();
  if (row->found()) {
    const int64_t found = row->Int(0);
    if (found == format) return absl::OkStatus();
    return absl::UnimplementedError(
        absl::StrCat("the database's table ", Sv(name), " has format ", found,
                     "; this trivet knows format ", format));
  }
  made = database
             ->Run(absl::StrCat("CREATE TABLE ", Sv(name), " (", Sv(columns),
                                ") WITHOUT ROWID"))
             .status();
  if (!made.ok()) return made;
  return database
      ->Run("INSERT INTO trivet_format VALUES (?1, ?2)", {name, format})
      .status();
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
