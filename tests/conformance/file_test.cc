// SPDX-License-Identifier: Apache-2.0
//
// The file stores conform: in real files, and on a disk in memory that loses
// its power.

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "src/adapters/file/file_log_factory.h"
#include "tests/adapters/file/memory_disk.h"
#include "tests/conformance/broken_by.h"
#include "tests/support/temp_dir.h"
#include "trivet/adapters/file/file_log_store.h"
#include "trivet/adapters/file/file_versioned_store.h"
#include "trivet/host/log_store.h"
#include "trivet/host/versioned_store.h"
#include "trivet/testing/conformance/gtest.h"
#include "trivet/testing/conformance/log_store_suite.h"
#include "trivet/testing/conformance/pace.h"
#include "trivet/testing/conformance/versioned_store_suite.h"

namespace trivet {
namespace {

using internal::FileLogFactory;
using internal::FileVersionedFactory;
using testing::LogStoreSubject;
using testing::LogStoreSuite;
using testing::Pace;
using testing::VersionedStoreSubject;

template <typename T>
std::unique_ptr<T> OrNull(absl::StatusOr<std::unique_ptr<T>> made) {
  EXPECT_TRUE(made.ok()) << made.status();
  return made.ok() ? *std::move(made) : nullptr;
}

// Segments so small that everything takes many of them.
FileLogOptions Small() {
  FileLogOptions options;
  options.segment_size = 16384;
  options.record_size_max = 12000;
  return options;
}

class FileLog : public LogStoreSubject {
 public:
  LogStore* log() override { return log_.get(); }
  Pace pace() const override { return pace_; }
  bool Stop(End how) override {
    if (how == End::kPowerLoss) return false;
    log_.reset();
    return true;
  }
  void Start() override {
    log_ = OrNull(FileLogStore::Open(directory_.Sub("log"), Small()));
  }

 private:
  const Pace pace_;
  TempDir directory_;
  std::unique_ptr<FileLogStore> log_ =
      OrNull(FileLogStore::Create(directory_.Sub("log"), Small()));
};

TRIVET_TEST_CONFORMANCE(FileLogStore, LogStoreSuite,
                        [] { return std::make_unique<FileLog>(); });

// Each loss of power leaves another of the states that it may leave; the first
// has nothing that was not synced.
class FileLogOnADisk final : public LogStoreSubject {
 public:
  LogStore* log() override { return log_.get(); }
  Pace pace() const override { return pace_; }
  bool Stop(End how) override {
    if (how == End::kPowerLoss) {
      left_ = std::make_unique<MemoryDisk>(
          MemoryDisk::PowerLoss(disk_->state(), seed_));
      seed_ = 3 * seed_ + 2;
    } else {
      log_.reset();
    }
    return true;
  }
  void Start() override {
    log_.reset();  // What it still does reaches the old disk only.
    if (left_ != nullptr) disk_ = std::move(left_);
    log_ = OrNull(FileLogFactory::Open(disk_.get(), "log", Small()));
  }
  bool FailNextAppend() override {
    disk_->FailCall(1, EIO);
    return true;
  }

 private:
  const Pace pace_;
  std::unique_ptr<MemoryDisk> disk_ = std::make_unique<MemoryDisk>();
  std::unique_ptr<MemoryDisk> left_;
  uint64_t seed_ = 0;
  std::unique_ptr<FileLogStore> log_ =
      OrNull(FileLogFactory::Create(disk_.get(), "log", Small()));
};

TRIVET_TEST_CONFORMANCE(FileLogStoreOnADisk, LogStoreSuite,
                        [] { return std::make_unique<FileLogOnADisk>(); });

// Answers every thread with what it has told one of them last.
class MixesThreadsUp final : public FileLog, public LogStore {
 public:
  LogStore* log() override { return this; }

  absl::StatusOr<Epoch> Claim(Epoch wanted, Visitor visit) override {
    return FileLog::log()->Claim(wanted, visit);
  }
  void Append(Epoch epoch, std::vector<std::string> records,
              Durability durability, AppendDone done) override {
    const bool lies = std::this_thread::get_id() != owner_;
    FileLog::log()->Append(
        epoch, std::move(records), durability,
        [lies, done = std::move(done)](absl::StatusOr<LogIndex> last) mutable {
          if (lies && last.ok()) last = 1;
          std::move(done)(std::move(last));
        });
  }
  void Trim(Epoch epoch, LogIndex first_needed) override {
    FileLog::log()->Trim(epoch, first_needed);
  }
  size_t RecordSizeMax() const override { return Small().record_size_max; }

 private:
  const std::thread::id owner_ = std::this_thread::get_id();
};

TEST(LyingLogs, WhoMixesThreadsUpIsCaught) {
  EXPECT_THAT(BrokenBy<LogStoreSuite>(
                  [] { return std::make_unique<MixesThreadsUp>(); }),
              ::testing::ElementsAre("AppendHoldsNoLockWhenItIsDone",
                                     "AppendMayBeCalledFromAnyThread"));
}

class FileStore final : public VersionedStoreSubject {
 public:
  VersionedStore* store() override { return store_.get(); }
  Pace pace() const override { return pace_; }
  bool Restart() override {
    store_.reset();
    store_ = OrNull(FileVersionedStore::Open(directory_.Sub("store")));
    return true;
  }

 private:
  const Pace pace_;
  TempDir directory_;
  std::unique_ptr<FileVersionedStore> store_ =
      OrNull(FileVersionedStore::Create(directory_.Sub("store")));
};

TRIVET_TEST_CONFORMANCE(FileVersionedStore, VersionedStoreSuite,
                        [] { return std::make_unique<FileStore>(); });

class FileStoreOnADisk final : public VersionedStoreSubject {
 public:
  VersionedStore* store() override { return store_.get(); }
  Pace pace() const override { return pace_; }
  bool Restart() override {
    auto left = std::make_unique<MemoryDisk>(
        MemoryDisk::PowerLoss(disk_->state(), seed_));
    seed_ = 3 * seed_ + 2;
    store_.reset();
    disk_ = std::move(left);
    store_ = OrNull(FileVersionedFactory::Open(disk_.get(), "store"));
    return true;
  }

 private:
  const Pace pace_;
  std::unique_ptr<MemoryDisk> disk_ = std::make_unique<MemoryDisk>();
  uint64_t seed_ = 0;
  std::unique_ptr<FileVersionedStore> store_ =
      OrNull(FileVersionedFactory::Create(disk_.get(), "store"));
};

TRIVET_TEST_CONFORMANCE(FileVersionedStoreOnADisk, VersionedStoreSuite,
                        [] { return std::make_unique<FileStoreOnADisk>(); });

}  // namespace
}  // namespace trivet
