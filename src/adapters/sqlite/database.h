// SPDX-License-Identifier: Apache-2.0
//
// Database: a connection to SQLite, with owners and error texts. Every error
// names the file.
//
//   absl::StatusOr<SqlRow> row =
//       database->Run("SELECT token FROM lease WHERE lock = ?1", {name});
//   if (row.ok() && row->found()) return row->Int(0);
//
// Thread safety: thread-compatible.

#ifndef TRIVET_SRC_ADAPTERS_SQLITE_DATABASE_H_
#define TRIVET_SRC_ADAPTERS_SQLITE_DATABASE_H_

#include <sqlite3.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "src/adapters/sqlite/fork_guard.h"
#include "trivet/config.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

// What SQLite calls `code`, and `what` with its words for it, as a Status.
absl::Status SqliteError(std::string_view what, int code,
                         const char* explanation);

// NULL, INTEGER or BLOB.
using SqlValue = std::variant<std::monostate, int64_t, std::string_view>;

// The first row that a statement came to. What is no integer, or no blob but a
// text, is damage, which damaged() tells after all columns were asked for.
class SqlRow {
 public:
  bool found() const { return !columns_.empty(); }

  // REQUIRES: found().
  bool IsNull(size_t column) const;
  int64_t Int(size_t column);
  std::string Bytes(size_t column);
  bool damaged() const { return damaged_; }

 private:
  friend class SqlStatement;
  std::vector<std::variant<std::monostate, int64_t, std::string>> columns_;
  bool damaged_ = false;
};

// One statement of a connection that somebody else owns.
class SqlStatement {
 public:
  static absl::StatusOr<SqlStatement> Prepare(sqlite3* connection,
                                              std::string_view sql);

  // Runs to the end.
  absl::StatusOr<SqlRow> Run(std::initializer_list<SqlValue> values);

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const {
      sqlite3_finalize(statement);
    }
  };
  explicit SqlStatement(sqlite3_stmt* statement) : statement_(statement) {}
  int Bind(std::initializer_list<SqlValue> values);
  SqlRow ReadRow();

  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Database {
 public:
  // Asked while another connection keeps this one from writing, with how often
  // it was asked: false gives up.
  using Patience = std::function<bool(int times)>;

  // Makes the file if there is none. It is in WAL mode.
  static absl::StatusOr<std::unique_ptr<Database>> Open(const std::string& path,
                                                        Patience patience);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // The statement is kept, prepared, for the next time.
  absl::StatusOr<SqlRow> Run(std::string_view sql,
                             std::initializer_list<SqlValue> values = {});

  // Begins to write. `durable`: what is committed is on disk by then.
  // kDataLoss: another file, or none, is at the path now.
  absl::Status Begin(bool durable);
  absl::Status Commit();
  void Rollback();

  // What SQLite itself failed with first since it began to write.
  const absl::Status& error() const { return error_; }

 private:
  Database(std::string path, Patience patience);
  absl::Status Named(const absl::Status& status) const;
  absl::Status UseWal();
  absl::Status CheckPlace();

  const std::string path_;
  const Patience patience_;
  ForkGuard guard_;
  sqlite3* connection_ = nullptr;
  std::optional<bool> durable_;  // As it is set.
  absl::Status error_;
  std::map<std::string, SqlStatement, std::less<>> statements_;
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_ADAPTERS_SQLITE_DATABASE_H_
