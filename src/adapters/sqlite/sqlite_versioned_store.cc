// SPDX-License-Identifier: Apache-2.0

#include "trivet/adapters/sqlite/sqlite_versioned_store.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "src/adapters/sqlite/database.h"
#include "src/adapters/sqlite/tables.h"
#include "src/adapters/sqlite/worker.h"
#include "trivet/adapters/sqlite/sqlite_options.h"
#include "trivet/host/versioned_store.h"

namespace trivet {
inline namespace v0_1 {
namespace {

using internal::Database;
using internal::MakeTable;
using internal::SqliteWorker;

absl::Status CheckSize(const char* what, size_t size, size_t size_max) {
  if (size <= size_max) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("SqliteVersionedStore: a ", what, " of ", size,
                   " bytes; the limit is ", size_max));
}

absl::StatusOr<VersionedValue> Read(Database* database,
                                    const std::string& key) {
  auto row = database->Run(
      "SELECT version, value FROM trivet_register WHERE key = ?1", {key});
  if (!row.ok()) return row.status();
  if (!row->found()) return VersionedValue();
  VersionedValue value;
  value.version = static_cast<uint64_t>(row->Int(0));
  value.value = row->Bytes(1);
  if (row->damaged() || value.version == 0 || value.version > INT64_MAX) {
    return absl::DataLossError("trivet_register holds what is no register");
  }
  return value;
}

absl::StatusOr<uint64_t> Write(Database* database, const std::string& key,
                               uint64_t expected_version,
                               const std::string& value) {
  const absl::StatusOr<VersionedValue> held = Read(database, key);
  if (!held.ok()) return held.status();
  if (held->version != expected_version) {
    return absl::AbortedError(absl::StrCat("version ", expected_version,
                                           " is expected, the register is at ",
                                           held->version));
  }
  if (held->version == INT64_MAX) {
    return absl::OutOfRangeError("the register has had its last version");
  }
  const uint64_t version = held->version + 1;
  absl::Status written =
      database
          ->Run("REPLACE INTO trivet_register VALUES (?1, ?2, ?3)",
                {key, static_cast<int64_t>(version), value})
          .status();
  if (!written.ok()) return written;
  return version;
}

}  // namespace

class SqliteVersionedStore::Impl {
 public:
  explicit Impl(SqliteWorker::Owner worker) : worker_(std::move(worker)) {}

  SqliteWorker* worker() { return worker_.get(); }

 private:
  const SqliteWorker::Owner worker_;
};

absl::StatusOr<std::unique_ptr<SqliteVersionedStore>>
SqliteVersionedStore::Open(const std::string& path, SqliteOptions options) {
  auto worker = SqliteWorker::Open(path, options, [](Database* database) {
    return MakeTable(database, "trivet_register",
                     "key BLOB PRIMARY KEY, version INTEGER NOT NULL, "
                     "value BLOB NOT NULL",
                     /*format=*/1);
  });
  if (!worker.ok()) return worker.status();
  return std::unique_ptr<SqliteVersionedStore>(
      new SqliteVersionedStore(std::make_unique<Impl>(*std::move(worker))));
}

SqliteVersionedStore::SqliteVersionedStore(std::unique_ptr<Impl> impl)
    : impl_(std::move(impl)) {}

SqliteVersionedStore::~SqliteVersionedStore() = default;

void SqliteVersionedStore::Get(std::string key, Done<VersionedValue> done) {
  absl::Status checked = CheckSize("key", key.size(), kKeySizeMax);
  if (!checked.ok()) return std::move(done)(std::move(checked));
  impl_->worker()->Add<VersionedValue>(
      /*durable=*/false,
      [key = std::move(key)](Database* database) {
        return Read(database, key);
      },
      std::move(done));
}

void SqliteVersionedStore::CompareAndSet(std::string key,
                                         uint64_t expected_version,
                                         std::string value,
                                         Done<uint64_t> done) {
  absl::Status checked = CheckSize("key", key.size(), kKeySizeMax);
  if (checked.ok()) {
    checked = CheckSize("value", value.size(), kValueSizeMax);
  }
  if (!checked.ok()) return std::move(done)(std::move(checked));
  impl_->worker()->Add<uint64_t>(
      /*durable=*/true,
      [key = std::move(key), expected_version,
       value = std::move(value)](Database* database) {
        return Write(database, key, expected_version, value);
      },
      std::move(done));
}

}  // namespace v0_1
}  // namespace trivet
