// SPDX-License-Identifier: Apache-2.0
//
// What is told survives a loss of power: of every file no more is left than
// what had been synced.

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "tests/adapters/sqlite/sqlite_fixture.h"
#include "tests/support/real_time.h"
#include "tests/support/temp_dir.h"
#include "trivet/adapters/sqlite/sqlite_lock_backend.h"
#include "trivet/adapters/sqlite/sqlite_versioned_store.h"
#include "trivet/lock/lock_backend.h"

namespace trivet {
namespace {

// SQLite's own way to files, which also remembers what each of them held when
// it was synced. SQLite calls functions without an object: there is one.
class SyncRecorder {
 public:
  SyncRecorder() {
    recorder = this;
    system_ = sqlite3_vfs_find(nullptr);
    vfs_ = *system_;
    vfs_.zName = "sync_recorder";
    vfs_.xOpen = Open;
    vfs_.xDelete = Delete;
    EXPECT_EQ(sqlite3_vfs_register(&vfs_, /*makeDflt=*/1), SQLITE_OK);
  }
  ~SyncRecorder() {
    sqlite3_vfs_unregister(&vfs_);
    sqlite3_vfs_register(system_, /*makeDflt=*/1);
    recorder = nullptr;
  }
  SyncRecorder(const SyncRecorder&) = delete;
  SyncRecorder& operator=(const SyncRecorder&) = delete;

  int syncs() {
    int syncs = 0;
    state_.Update([&] { syncs = syncs_; });
    return syncs;
  }

  // Puts what was synced into `folder`.
  void LosePower(const TempDir& folder) {
    state_.Update([&] {
      for (const auto& [path, bytes] : synced_) {
        const auto name = std::filesystem::path(path).filename().string();
        std::ofstream(folder.Sub(name), std::ios::binary) << bytes;
      }
    });
  }

 private:
  static int Open(sqlite3_vfs*, sqlite3_filename name, sqlite3_file* file,
                  int flags, int* out_flags) {
    const int code = recorder->system_->xOpen(recorder->system_, name, file,
                                              flags, out_flags);
    if (code != SQLITE_OK || name == nullptr) return code;
    recorder->state_.Update([&] {
      recorder->paths_[file] = name;
      recorder->system_sync_ = file->pMethods->xSync;
      sqlite3_io_methods& methods = recorder->methods_[file->pMethods];
      methods = *file->pMethods;
      methods.xSync = Sync;
      file->pMethods = &methods;
    });
    return code;
  }

  static int Delete(sqlite3_vfs*, const char* name, int sync_directory) {
    recorder->state_.Update([&] { recorder->synced_.erase(name); });
    return recorder->system_->xDelete(recorder->system_, name, sync_directory);
  }

  static int Sync(sqlite3_file* file, int flags) {
    recorder->state_.Update([&] {
      const std::string& path = recorder->paths_[file];
      std::ifstream now(path, std::ios::binary);
      recorder->synced_[path] = std::string(std::istreambuf_iterator<char>(now),
                                            std::istreambuf_iterator<char>());
      ++recorder->syncs_;
    });
    return recorder->system_sync_(file, flags);
  }

  static SyncRecorder* recorder;

  sqlite3_vfs* system_;
  sqlite3_vfs vfs_;
  // By those that they stand for: files are of several kinds.
  std::map<const sqlite3_io_methods*, sqlite3_io_methods> methods_;
  int (*system_sync_)(sqlite3_file*, int) = nullptr;
  SharedState state_;
  std::map<sqlite3_file*, std::string> paths_;
  std::map<std::string, std::string> synced_;
  int syncs_ = 0;
};

SyncRecorder* SyncRecorder::recorder = nullptr;

constexpr absl::Duration kTtl = absl::Seconds(10);

TEST(SqlitePowerLoss, ATokenThatWasGivenOutIsNeverGivenOutAgain) {
  SyncRecorder disk;
  TempDir before;
  TempDir after;
  Machine machine;
  const LeaseKey a = {"job", "lease a", ""};
  const auto backend = OpenOn(machine, before.Sub("locks.db"), "boot 1");
  for (uint64_t i = 1; i <= 3; ++i) {
    EXPECT_EQ(TokenOf(Acquire(backend.get(), a, kTtl)), i);
    EXPECT_EQ(TokenOf(Renew(backend.get(), a, kTtl)), i);
    if (i < 3) {
      EXPECT_TRUE(*Release(backend.get(), a));
    }
  }
  disk.LosePower(after);
  const auto restarted = OpenOn(machine, after.Sub("locks.db"), "boot 2");
  const LeaseKey b = {"job", "lease b", ""};
  EXPECT_EQ(TokenOf(Acquire(restarted.get(), b, kTtl)), 0U);
  machine.AdvanceBy(kTtl);
  EXPECT_EQ(TokenOf(Acquire(restarted.get(), b, kTtl)), 4U);
}

TEST(SqlitePowerLoss, OnlyGrantsWaitForTheDisk) {
  SyncRecorder disk;
  TempDir folder;
  Machine machine;
  const LeaseKey a = {"job", "lease a", ""};
  const auto backend = OpenOn(machine, folder.Sub("locks.db"));
  const int before = disk.syncs();
  EXPECT_EQ(TokenOf(Acquire(backend.get(), a, kTtl)), 1U);
  const int granted = disk.syncs();
  EXPECT_GT(granted, before);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(TokenOf(Renew(backend.get(), a, kTtl)), 1U);
  }
  EXPECT_TRUE(*Release(backend.get(), a));
  EXPECT_EQ(disk.syncs(), granted);
}

TEST(SqlitePowerLoss, WhatARegisterWasToldToHoldItHolds) {
  SyncRecorder disk;
  TempDir before;
  TempDir after;
  const auto store = *SqliteVersionedStore::Open(before.Sub("registers.db"));
  Awaiter<absl::StatusOr<uint64_t>> written;
  store->CompareAndSet("x", 0, "value", written.Done());
  ASSERT_EQ(*written.Wait(), 1U);
  disk.LosePower(after);
  const auto restarted = *SqliteVersionedStore::Open(after.Sub("registers.db"));
  Awaiter<absl::StatusOr<VersionedValue>> read;
  restarted->Get("x", read.Done());
  EXPECT_EQ(read.Wait()->value, "value");
}

}  // namespace
}  // namespace trivet
