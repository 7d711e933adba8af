// SPDX-License-Identifier: Apache-2.0

#include "src/adapters/sqlite/database.h"

#include <sqlite3.h>

#include <climits>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "src/internal/quoted.h"
#include "src/internal/strings.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {
namespace {

absl::StatusCode CodeOf(int code) {
  switch (code & 0xff) {
    case SQLITE_FULL:
      return absl::StatusCode::kResourceExhausted;
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
      return absl::StatusCode::kPermissionDenied;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_IOERR:
    case SQLITE_PROTOCOL:
    case SQLITE_NOMEM:
    case SQLITE_INTERRUPT:
    case SQLITE_CANTOPEN:
      return absl::StatusCode::kUnavailable;
    default:  // Damage, or tables that are not as trivet made them.
      return absl::StatusCode::kDataLoss;
  }
}

absl::Status ErrorOf(sqlite3* connection, std::string_view what) {
  return SqliteError(what, sqlite3_extended_errcode(connection),
                     sqlite3_errmsg(connection));
}

}  // namespace

absl::Status SqliteError(std::string_view what, int code,
                         const char* explanation) {
  return absl::Status(CodeOf(code), absl::StrCat(Sv(what), ": ", explanation,
                                                 " (SQLite's ", code, ")"));
}

// --- SqlRow ------------------------------------------------------------------

bool SqlRow::IsNull(size_t column) const {
  return std::holds_alternative<std::monostate>(columns_[column]);
}

int64_t SqlRow::Int(size_t column) {
  const auto* const number = std::get_if<int64_t>(&columns_[column]);
  damaged_ = damaged_ || number == nullptr;
  return number != nullptr ? *number : 0;
}

std::string SqlRow::Bytes(size_t column) {
  auto* const bytes = std::get_if<std::string>(&columns_[column]);
  damaged_ = damaged_ || bytes == nullptr;
  return bytes != nullptr ? std::move(*bytes) : std::string();
}

// --- SqlStatement ------------------------------------------------------------

absl::StatusOr<SqlStatement> SqlStatement::Prepare(sqlite3* connection,
                                                   std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code =
      sqlite3_prepare_v3(connection, sql.data(), static_cast<int>(sql.size()),
                         SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return ErrorOf(connection, "cannot prepare");
  return SqlStatement(statement);
}

// Blobs are bound where they are: Run has ended before they go.
int SqlStatement::Bind(std::initializer_list<SqlValue> values) {
  int index = 0;
  for (const SqlValue& value : values) {
    ++index;
    int code = SQLITE_OK;
    if (const auto* const number = std::get_if<int64_t>(&value)) {
      code = sqlite3_bind_int64(statement_.get(), index, *number);
    } else if (const auto* const bytes =
                   std::get_if<std::string_view>(&value)) {
      // An empty view may have no address, which would be NULL.
      code = sqlite3_bind_blob64(statement_.get(), index,
                                 bytes->empty() ? "" : bytes->data(),
                                 bytes->size(), SQLITE_STATIC);
    } else {
      code = sqlite3_bind_null(statement_.get(), index);
    }
    if (code != SQLITE_OK) return code;
  }
  return SQLITE_OK;
}

SqlRow SqlStatement::ReadRow() {
  SqlRow row;
  const int columns = sqlite3_column_count(statement_.get());
  for (int i = 0; i < columns; ++i) {
    auto& column = row.columns_.emplace_back();
    switch (sqlite3_column_type(statement_.get(), i)) {
      case SQLITE_INTEGER:
        column = int64_t{sqlite3_column_int64(statement_.get(), i)};
        break;
      case SQLITE_BLOB: {
        // In this order: the size is that of what was asked for last.
        const void* const bytes = sqlite3_column_blob(statement_.get(), i);
        const int size = sqlite3_column_bytes(statement_.get(), i);
        column = size == 0 ? std::string()
                           : std::string(static_cast<const char*>(bytes),
                                         static_cast<size_t>(size));
        break;
      }
      default:
        break;
    }
  }
  return row;
}

absl::StatusOr<SqlRow> SqlStatement::Run(
    std::initializer_list<SqlValue> values) {
  SqlRow first;
  int code = Bind(values);
  while (code == SQLITE_OK || code == SQLITE_ROW) {
    code = sqlite3_step(statement_.get());
    if (code == SQLITE_ROW && !first.found()) first = ReadRow();
  }
  absl::Status status;
  if (code != SQLITE_DONE) {
    sqlite3* const connection = sqlite3_db_handle(statement_.get());
    status = ErrorOf(connection, "cannot run a statement");
  }
  sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());
  if (!status.ok()) return status;
  return first;
}

// --- Database ----------------------------------------------------------------

Database::Database(std::string path, Patience patience)
    : path_(std::move(path)), patience_(std::move(patience)) {}

absl::StatusOr<std::unique_ptr<Database>> Database::Open(
    const std::string& path, Patience patience) {
  std::unique_ptr<Database> database(new Database(path, std::move(patience)));
  const absl::Status entered = database->guard_.Enter();
  if (!entered.ok()) return database->Named(entered);
  const int code = sqlite3_open_v2(
      path.c_str(), &database->connection_,
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
          SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE,
      nullptr);
  if (code != SQLITE_OK) {
    return database->Named(
        SqliteError("cannot open it", code, sqlite3_errstr(code)));
  }
  sqlite3_busy_handler(
      database->connection_,
      [](void* self, int times) {
        return static_cast<Database*>(self)->patience_(times) ? 1 : 0;
      },
      database.get());
  const absl::Status wal = database->UseWal();
  if (!wal.ok()) return database->Named(wal);
  return database;
}

// Whoever makes a file at the same time keeps this one out, and for that SQLite
// does not ask how patient we are.
absl::Status Database::UseWal() {
  std::string mode;
  const auto read = [](void* to, int, char** values, char**) {
    *static_cast<std::string*>(to) = values[0];
    return 0;
  };
  int code = SQLITE_OK;
  int times = 0;
  do {
    code = sqlite3_exec(connection_, "PRAGMA journal_mode = WAL", read, &mode,
                        nullptr);
  } while ((code & 0xff) == SQLITE_BUSY && patience_(times++));
  if (code != SQLITE_OK) return ErrorOf(connection_, "cannot use WAL mode");
  if (mode == "wal") return absl::OkStatus();
  return absl::InvalidArgumentError(
      "it cannot be in WAL mode: it must be a file on a disk of this machine");
}

Database::~Database() {
  if (connection_ == nullptr) return;
  statements_.clear();
  sqlite3_close(connection_);
}

absl::Status Database::Named(const absl::Status& status) const {
  return absl::Status(
      status.code(),
      absl::StrCat("database ", Quoted(path_), ": ",
                   Sv(std::string_view(status.message().data(),
                                       status.message().size()))));
}

absl::StatusOr<SqlRow> Database::Run(std::string_view sql,
                                     std::initializer_list<SqlValue> values) {
  auto found = statements_.find(sql);
  if (found == statements_.end()) {
    absl::StatusOr<SqlStatement> statement =
        SqlStatement::Prepare(connection_, sql);
    if (!statement.ok()) return Named(statement.status());
    found = statements_.emplace(sql, *std::move(statement)).first;
  }
  absl::StatusOr<SqlRow> row = found->second.Run(values);
  if (row.ok()) return row;
  absl::Status status = Named(row.status());
  if (error_.ok()) error_ = status;
  return status;
}

// In WAL mode a commit with synchronous = NORMAL is there for every process at
// once, and survives their deaths; with FULL also a loss of power, together
// with all that was committed before it.
absl::Status Database::Begin(bool durable) {
  Rollback();  // What could not be ended before.
  if (durable_ != durable) {
    durable_.reset();
    // Not by Run: it takes effect when it is prepared, each time anew.
    const int code = sqlite3_exec(
        connection_,
        durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL",
        nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) {
      return Named(ErrorOf(connection_, "cannot set what is synced"));
    }
    durable_ = durable;
  }
  error_ = absl::OkStatus();
  absl::Status status = Run("BEGIN IMMEDIATE").status();
  if (!status.ok()) return status;
  status = CheckPlace();
  if (!status.ok()) Rollback();
  return status;
}

absl::Status Database::Commit() { return Run("COMMIT").status(); }

void Database::Rollback() {
  if (sqlite3_get_autocommit(connection_) != 0) return;  // It did it itself.
  Run("ROLLBACK").IgnoreError();
}

absl::Status Database::CheckPlace() {
  int moved = 0;
  const int code = sqlite3_file_control(connection_, nullptr,
                                        SQLITE_FCNTL_HAS_MOVED, &moved);
  if (code != SQLITE_OK) {
    return Named(SqliteError("cannot see whether it was moved", code,
                             sqlite3_errstr(code)));
  }
  if (moved == 0) return absl::OkStatus();
  return Named(absl::DataLossError(
      "it was moved or deleted while it was open; whoever opens it now has "
      "another one"));
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
