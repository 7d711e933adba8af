// SPDX-License-Identifier: Apache-2.0

#include "trivet/adapters/sqlite/sqlite_lock_backend.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "src/adapters/sqlite/database.h"
#include "src/adapters/sqlite/machine_clock.h"
#include "src/adapters/sqlite/sqlite_factory.h"
#include "src/adapters/sqlite/tables.h"
#include "src/adapters/sqlite/worker.h"
#include "trivet/adapters/sqlite/sqlite_options.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/lock/fencing_token.h"
#include "trivet/lock/lock_backend.h"

namespace trivet {
inline namespace v0_1 {
namespace {

using internal::Database;
using internal::MachineClock;
using internal::SqliteWorker;

constexpr size_t kBytesMax = 512;
constexpr absl::Duration kTtlMin = absl::Milliseconds(1);
constexpr absl::Duration kTtlMax = absl::Hours(24 * 365);

// Of locks whose rows another clock wrote, that somebody waits for.
constexpr size_t kSightingsMax = 16384;

absl::Status Check(const LeaseKey& key, absl::Duration ttl) {
  for (const auto& [name, bytes] :
       {std::pair("LeaseKey.lock", &key.lock),
        std::pair("LeaseKey.lease_id", &key.lease_id)}) {
    if (bytes->empty() || bytes->size() > kBytesMax) {
      return absl::InvalidArgumentError(absl::StrCat(
          name, " has ", bytes->size(), " bytes, must have 1 to ", kBytesMax));
    }
  }
  if (ttl < kTtlMin || ttl > kTtlMax) {
    return absl::InvalidArgumentError(absl::StrCat(
        "ttl is ", absl::FormatDuration(ttl), ", must be in ",
        absl::FormatDuration(kTtlMin), "..", absl::FormatDuration(kTtlMax)));
  }
  return absl::OkStatus();
}

int64_t ToInt(absl::Duration time) { return absl::ToInt64Nanoseconds(time); }

// A lock's row. Whoever writes it raises `version`: a row with an equal version
// has not been written since.
struct Row {
  int64_t token = 0;  // Of the last grant.
  int64_t version = 0;
  std::string lease_id;  // Empty: free.
  int64_t ttl = 0;       // In ns, as `until`, which is by the clock `clock`.
  int64_t until = 0;
  std::string clock;
};

absl::StatusOr<Row> Read(Database* database, const std::string& lock) {
  auto found = database->Run(
      "SELECT token, version, lease_id, ttl, until, clock FROM trivet_lease "
      "WHERE lock = ?1",
      {lock});
  if (!found.ok()) return found.status();
  Row row;
  if (!found->found()) return row;
  internal::SqlRow& columns = *found;
  row = {columns.Int(0), columns.Int(1), columns.Bytes(2),
         columns.Int(3), columns.Int(4), columns.Bytes(5)};
  if (columns.damaged() || row.token < 0 || row.version < 1 || row.ttl < 0 ||
      row.ttl > ToInt(kTtlMax)) {
    return absl::DataLossError("trivet_lease holds a row that is no lease");
  }
  if (row.token == INT64_MAX || row.version == INT64_MAX) {
    return absl::DataLossError("a lock in trivet_lease has had its last token");
  }
  return row;
}

absl::Status Write(Database* database, const LeaseKey& key, const Row& row) {
  return database
      ->Run("REPLACE INTO trivet_lease VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            {key.lock, row.token, row.version, row.lease_id, key.owner, row.ttl,
             row.until, row.clock})
      .status();
}

}  // namespace

// All but the questions happens on the worker's thread.
class SqliteLockBackend::Impl {
 public:
  explicit Impl(std::unique_ptr<MachineClock> clock)
      : clock_(std::move(clock)) {}

  absl::Status Open(const std::string& path, const SqliteOptions& options);

  using Grant = std::optional<LeaseGrant>;
  absl::StatusOr<Grant> Acquire(Database* database, const LeaseKey& key,
                                absl::Duration ttl);
  absl::StatusOr<Grant> Renew(Database* database, const LeaseKey& key,
                              absl::Duration ttl);
  absl::StatusOr<bool> Release(Database* database, const LeaseKey& key);

  SqliteWorker* worker() { return worker_.get(); }

 private:
  // A row of another clock, as it was first seen. Who writes one raises its
  // version, so what was seen of an older one says nothing any more.
  struct Sighting {
    int64_t version;
    absl::Duration since;
  };

  bool IsOfOurClock(const Row& row) const;
  bool IsHeldBy(const Row& row, const std::string& lease_id) const;
  bool HasEnded(const std::string& lock, const Row& row);
  absl::StatusOr<Grant> Extend(Database* database, const LeaseKey& key, Row row,
                               absl::Duration ttl);

  const std::unique_ptr<MachineClock> clock_;
  const std::string clock_name_ = clock_->name();
  std::map<std::string, Sighting> sightings_;
  SqliteWorker::Owner worker_;  // Destroyed first: it answers what waits.
};

absl::Status SqliteLockBackend::Impl::Open(const std::string& path,
                                           const SqliteOptions& options) {
  auto worker = SqliteWorker::Open(path, options, [](Database* database) {
    return internal::MakeTable(
        database, "trivet_lease",
        "lock BLOB PRIMARY KEY, token INTEGER NOT NULL, "
        "version INTEGER NOT NULL, lease_id BLOB NOT NULL, "
        "owner BLOB NOT NULL, ttl INTEGER NOT NULL, until INTEGER NOT NULL, "
        "clock BLOB NOT NULL",
        /*format=*/1);
  });
  if (!worker.ok()) return worker.status();
  worker_ = *std::move(worker);
  return absl::OkStatus();
}

// What our clock wrote ends within its ttl. Whatever says otherwise was written
// by another clock that had the same name.
bool SqliteLockBackend::Impl::IsOfOurClock(const Row& row) const {
  return row.clock == clock_name_ &&
         row.until <= ToInt(clock_->Now()) + row.ttl;
}

bool SqliteLockBackend::Impl::IsHeldBy(const Row& row,
                                       const std::string& lease_id) const {
  return row.lease_id == lease_id && IsOfOurClock(row) &&
         ToInt(clock_->Now()) < row.until;
}

// Whether nobody holds the lock. The ttl of a row of another clock counts from
// after the reading that first showed it: its holder's last request was there
// before that.
bool SqliteLockBackend::Impl::HasEnded(const std::string& lock,
                                       const Row& row) {
  const absl::Duration now = clock_->Now();
  if (row.lease_id.empty()) return true;
  if (IsOfOurClock(row)) return row.until <= ToInt(now);
  const auto seen = sightings_.find(lock);
  if (seen != sightings_.end() && seen->second.version == row.version) {
    return now - seen->second.since >= absl::Nanoseconds(row.ttl);
  }
  if (seen == sightings_.end() && sightings_.size() >= kSightingsMax) {
    // Has to be watched anew, if anybody still wants it.
    sightings_.erase(std::min_element(sightings_.begin(), sightings_.end(),
                                      [](const auto& a, const auto& b) {
                                        return a.second.since < b.second.since;
                                      }));
  }
  sightings_[lock] = {row.version, now};
  return false;
}

// Never shortens: what was promised is not taken back.
absl::StatusOr<SqliteLockBackend::Impl::Grant> SqliteLockBackend::Impl::Extend(
    Database* database, const LeaseKey& key, Row row, absl::Duration ttl) {
  const int64_t until = ToInt(clock_->Now() + ttl);
  ++row.version;
  row.ttl = std::max(row.ttl, ToInt(ttl));
  row.until = std::max(row.until, until);
  absl::Status written = Write(database, key, row);
  if (!written.ok()) return written;
  return LeaseGrant{{0, static_cast<uint64_t>(row.token)}, ttl};
}

absl::StatusOr<SqliteLockBackend::Impl::Grant> SqliteLockBackend::Impl::Acquire(
    Database* database, const LeaseKey& key, absl::Duration ttl) {
  absl::StatusOr<Row> row = Read(database, key.lock);
  if (!row.ok()) return row.status();
  if (!IsHeldBy(*row, key.lease_id)) {
    if (!HasEnded(key.lock, *row)) return std::nullopt;
    *row = {row->token + 1, row->version, key.lease_id, 0, 0, clock_name_};
  }
  return Extend(database, key, *std::move(row), ttl);
}

absl::StatusOr<SqliteLockBackend::Impl::Grant> SqliteLockBackend::Impl::Renew(
    Database* database, const LeaseKey& key, absl::Duration ttl) {
  absl::StatusOr<Row> row = Read(database, key.lock);
  if (!row.ok()) return row.status();
  if (!IsHeldBy(*row, key.lease_id)) return std::nullopt;
  return Extend(database, key, *std::move(row), ttl);
}

absl::StatusOr<bool> SqliteLockBackend::Impl::Release(Database* database,
                                                      const LeaseKey& key) {
  absl::StatusOr<Row> row = Read(database, key.lock);
  if (!row.ok()) return row.status();
  if (row->lease_id != key.lease_id) return true;
  absl::Status written =
      Write(database, key, {row->token, row->version + 1, "", 0, 0, ""});
  if (!written.ok()) return written;
  return true;
}

// --- SqliteLockBackend -------------------------------------------------------

absl::StatusOr<std::unique_ptr<SqliteLockBackend>>
internal::SqliteFactory::Open(const std::string& path,
                              const SqliteOptions& options,
                              std::unique_ptr<MachineClock> clock) {
  auto impl = std::make_unique<SqliteLockBackend::Impl>(std::move(clock));
  absl::Status opened = impl->Open(path, options);
  if (!opened.ok()) return opened;
  return std::unique_ptr<SqliteLockBackend>(
      new SqliteLockBackend(std::move(impl)));
}

absl::StatusOr<std::unique_ptr<SqliteLockBackend>> SqliteLockBackend::Open(
    const std::string& path, SqliteOptions options) {
  return internal::SqliteFactory::Open(path, options, MachineClock::New());
}

SqliteLockBackend::SqliteLockBackend(std::unique_ptr<Impl> impl)
    : impl_(std::move(impl)) {}

SqliteLockBackend::~SqliteLockBackend() = default;

LockBackendTraits SqliteLockBackend::Traits() const {
  LockBackendTraits traits;
  traits.fence = FenceStrength::kMonotonic;
  traits.ttl_min = kTtlMin;
  traits.ttl_max = kTtlMax;
  traits.lock_name_max = kBytesMax;
  return traits;
}

// A grant must be there after a loss of power: its token was given out. A
// renewal or a release that is lost then is the loss of a machine of which no
// process is left.
void SqliteLockBackend::Acquire(const LeaseKey& key, absl::Duration ttl,
                                MonotonicTime,
                                Done<std::optional<LeaseGrant>> done) {
  absl::Status sound = Check(key, ttl);
  if (!sound.ok()) return std::move(done)(std::move(sound));
  impl_->worker()->Add<std::optional<LeaseGrant>>(
      /*durable=*/true,
      [impl = impl_.get(), &key, ttl](Database* database) {
        return impl->Acquire(database, key, ttl);
      },
      std::move(done));
}

void SqliteLockBackend::Renew(const LeaseKey& key, absl::Duration ttl,
                              MonotonicTime,
                              Done<std::optional<LeaseGrant>> done) {
  absl::Status sound = Check(key, ttl);
  if (!sound.ok()) return std::move(done)(std::move(sound));
  impl_->worker()->Add<std::optional<LeaseGrant>>(
      /*durable=*/false,
      [impl = impl_.get(), &key, ttl](Database* database) {
        return impl->Renew(database, key, ttl);
      },
      std::move(done));
}

void SqliteLockBackend::Release(const LeaseKey& key, MonotonicTime,
                                Done<bool> done) {
  absl::Status sound = Check(key, kTtlMax);
  if (!sound.ok()) return std::move(done)(std::move(sound));
  impl_->worker()->Add<bool>(
      /*durable=*/false,
      [impl = impl_.get(), &key](Database* database) {
        return impl->Release(database, key);
      },
      std::move(done));
}

}  // namespace v0_1
}  // namespace trivet
