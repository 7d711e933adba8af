// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/file_disk.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "src/adapters/file/file_ops.h"
#include "src/adapters/file/log_files.h"
#include "src/adapters/file/log_writer.h"
#include "tests/adapters/file/memory_disk.h"
#include "trivet/host/log_store.h"
#include "trivet/testing/fault_options.h"
#include "trivet/testing/sim_host.h"

namespace trivet {
namespace sim {
namespace {

using internal::LogFiles;
using internal::LogWriter;
using testing::FaultOptions;
using testing::SimHost;
using State = MemoryDisk::State;

constexpr char kDirectory[] = "log";
constexpr uint64_t kSegmentSize = 4096;
constexpr size_t kRecordSizeMax = kSegmentSize - 256;  // As FileLogStore's.
constexpr uint64_t kSector = 512;
constexpr uint64_t kReadsOfAClaim = 8;

absl::Status Crashed() {
  return absl::UnavailableError("the process has crashed");
}

void Put(std::string* bytes, uint64_t offset, std::string_view more) {
  if (bytes->size() < offset + more.size()) bytes->resize(offset + more.size());
  bytes->replace(offset, more.size(), more);
}

}  // namespace

// The system calls of one process.
class FileDisk::Calls : public internal::FileOps {
 public:
  explicit Calls(FileDisk* disk) : of_(disk), disk_(&disk->disk_) {}

  void Die() { dead_ = true; }
  bool dead() const { return dead_; }
  void FailRead(uint64_t n) { read_fails_in_ = n; }

  int OpenDirectory(const std::string& path) override {
    return dead_ ? -EIO : disk_->OpenDirectory(path);
  }
  int MakeDirectory(const std::string& path) override {
    return Goes() ? disk_->MakeDirectory(path) : -EIO;
  }
  int List(int directory, std::vector<std::string>* names) override {
    return dead_ ? -EIO : disk_->List(directory, names);
  }
  int Rename(int directory, const std::string& from,
             const std::string& to) override {
    return Goes() ? disk_->Rename(directory, from, to) : -EIO;
  }
  int Unlink(int directory, const std::string& name) override {
    return Goes() ? disk_->Unlink(directory, name) : -EIO;
  }
  int OpenToRead(int directory, const std::string& name) override {
    return dead_ ? -EIO : disk_->OpenToRead(directory, name);
  }
  int CreateNew(int directory, const std::string& name) override {
    return Goes() ? disk_->CreateNew(directory, name) : -EIO;
  }
  int64_t Size(int file) override { return dead_ ? -EIO : disk_->Size(file); }
  int64_t Read(int file, char* to, size_t size, uint64_t offset) override {
    if (dead_ || (read_fails_in_ > 0 && --read_fails_in_ == 0)) return -EIO;
    return disk_->Read(file, to, size, offset);
  }
  int64_t Write(int file, const char* from, size_t size,
                uint64_t offset) override {
    if (!Goes()) return -EIO;
    FailIf("disk full", of_->host_->faults().disk_full, ENOSPC);
    return disk_->Write(file, from, size, offset);
  }
  int SyncData(int file) override {
    if (!Goes()) return -EIO;
    FailIf("sync error", of_->host_->faults().sync_error, EIO);
    return disk_->SyncData(file);
  }
  int Sync(int file) override {
    if (!Goes()) return -EIO;
    FailIf("sync error", of_->host_->faults().sync_error, EIO);
    return disk_->Sync(file);
  }
  int Close(int file) override { return disk_->Close(file); }
  int OpenLocked(int directory, const std::string& name, bool create) override {
    return Goes() ? disk_->OpenLocked(directory, name, create) : -EIO;
  }

 private:
  // Whether a call that changes the disk is reached alive.
  bool Goes() { return !dead_ && of_->host_->PassCrashPoint() && !dead_; }

  void FailIf(std::string_view kind, double probability, int error) {
    if (of_->host_->Strikes(kind, probability, of_->name_)) {
      disk_->FailCall(1, error);
    }
  }

  FileDisk* const of_;
  MemoryDisk* const disk_;
  bool dead_ = false;
  uint64_t read_fails_in_ = 0;  // 0: none does.
};

// As FileLogStore, with events in place of its writer thread. Both have the
// same LogWriter.
class FileDisk::Port : public LogStore {
 public:
  explicit Port(FileDisk* disk) : of_(disk), host_(disk->host_), calls_(disk) {}

  void Die() {
    calls_.Die();
    std::deque<Operation> dropped;
    dropped.swap(queue_);
  }

  absl::StatusOr<Epoch> Claim(Epoch wanted, Visitor visit) override {
    absl::StatusOr<Epoch> claimed = DoClaim(wanted, visit);
    if (calls_.dead()) return Crashed();
    if (claimed.ok()) of_->may_be_damaged_ = false;
    if (absl::IsDataLoss(claimed.status()) && of_->may_be_damaged_) {
      host_->Lose();
    }
    return claimed;
  }

  void Append(Epoch epoch, std::vector<std::string> records,
              Durability durability, AppendDone done) override {
    if (calls_.dead()) return;
    if (log_ == nullptr) {
      return host_->executor()->Post([done = std::move(done)]() mutable {
        std::move(done)(absl::AbortedError("no epoch is claimed"));
      });
    }
    queue_.push_back({epoch, std::move(records), durability, std::move(done)});
    Wake();
    host_->PassCrashPoint(/*in_append=*/true);
  }

  void Trim(Epoch epoch, LogIndex first_needed) override {
    if (calls_.dead() || log_ == nullptr || epoch != log_->epoch() ||
        host_->Strikes("trim ignored", host_->faults().trim_ignored,
                       of_->name_)) {
      return;
    }
    first_needed_ = std::max(first_needed_, first_needed);
    Wake();
  }

 private:
  struct Operation {
    Epoch epoch;
    std::vector<std::string> records;
    Durability durability;
    AppendDone done;
  };
  struct Batch {
    std::vector<AppendDone> dones;
    LogWriter::Batch written;
  };

  absl::Status Open() {
    if (log_ != nullptr) return absl::OkStatus();
    auto files = LogFiles::Open(&calls_, kDirectory, kSegmentSize);
    if (absl::IsNotFound(files.status()) && !of_->exists_) {
      files = LogFiles::Create(&calls_, kDirectory, kSegmentSize);
      of_->exists_ = files.ok();
    }
    if (!files.ok()) return files.status();
    log_ = std::make_unique<LogWriter>(*std::move(files), kRecordSizeMax);
    return absl::OkStatus();
  }

  absl::StatusOr<Epoch> DoClaim(Epoch wanted, Visitor visit) {
    if (calls_.dead()) return Crashed();
    calls_.FailRead(
        host_->Strikes("read error", host_->faults().read_error, of_->name_)
            ? 1 + of_->UpTo(kReadsOfAClaim, "read error")
            : 0);
    absl::Status opened = Open();
    if (!opened.ok()) return opened;
    const absl::StatusOr<LogFiles::Retained> retained = log_->Claim(wanted);
    if (!retained.ok()) return retained.status();
    of_->exists_ = true;  // A crash may have interrupted its creation.
    absl::Status visited = retained->Visit(visit);
    calls_.FailRead(0);
    if (!visited.ok()) return visited;
    return retained->segment.epoch;
  }

  void Wake() {
    if (std::exchange(busy_, true)) return;
    host_->executor()->Post([this] { Work(); });
  }

  // All that is waiting: one write, then time passes for one sync.
  void Work() {
    if (calls_.dead()) return;
    Batch batch;
    std::deque<Operation> appends;
    appends.swap(queue_);  // The process may die in the middle of it.
    for (Operation& append : appends) {
      log_->Take(append.epoch, append.records, append.durability,
                 &batch.written);
      batch.dones.push_back(std::move(append.done));
    }
    if (!batch.written.forced) return Finish(std::move(batch));
    log_->Flush(&batch.written);
    const FaultOptions& faults = host_->faults();
    const bool slow = host_->Strikes("slow sync", faults.slow_sync, of_->name_);
    const absl::Duration most = slow ? faults.slow_sync_max : faults.sync_max;
    const absl::Duration wait = absl::Nanoseconds(of_->UpTo(
        static_cast<uint64_t>(absl::ToInt64Nanoseconds(most)), "sync time"));
    host_->executor()->PostAt(host_->executor()->Now() + wait,
                              [this, batch = std::move(batch)]() mutable {
                                Finish(std::move(batch));
                              });
  }

  void Finish(Batch batch) {
    log_->Finish(&batch.written);
    for (size_t i = 0; i < batch.dones.size(); ++i) {
      if (calls_.dead()) return;
      std::move(batch.dones[i])(std::move(batch.written.results[i]));
    }
    if (calls_.dead()) return;
    log_->Trim(log_->epoch(), std::exchange(first_needed_, 0));
    if (calls_.dead()) return;
    busy_ = false;
    if (!queue_.empty()) Wake();
  }

  FileDisk* const of_;
  SimHost* const host_;
  Calls calls_;
  std::unique_ptr<LogWriter> log_;
  std::deque<Operation> queue_;
  LogIndex first_needed_ = 0;
  bool busy_ = false;
};

FileDisk::FileDisk(SimHost* host, std::string name,
                   std::function<bool()> may_rot)
    : host_(host), name_(std::move(name)), may_rot_(std::move(may_rot)) {}

FileDisk::~FileDisk() = default;

LogStore* FileDisk::NewPort() {
  port_ = nullptr;  // Closes the files, and with them the lock.
  if (exists_ && may_rot_() &&
      host_->Strikes("bit rot", host_->faults().bit_rot, name_)) {
    Rot();
  }
  port_ = std::make_unique<Port>(this);
  return port_.get();
}

void FileDisk::Stop(bool power_loss) {
  if (port_ != nullptr) port_->Die();
  if (power_loss) LosePower();
}

void FileDisk::LosePower() {
  State state = disk_.state();
  for (auto& [path, directory] : state.directories) {
    directory = Survivors(directory);
  }
  for (State::File& file : state.files) file = Survivors(file);
  disk_.SetState(std::move(state));
}

// Names are kept as far as they were changed and synced, and any prefix of what
// came after it; without the changes that are lost though later ones are not.
State::Directory FileDisk::Survivors(const State::Directory& directory) {
  State::Directory after;
  after.names = directory.durable;
  const uint64_t kept = UpTo(directory.unsynced.size(), "names kept");
  for (uint64_t i = 0; i < kept; ++i) {
    if (host_->Strikes("name loss", host_->faults().name_loss, name_)) continue;
    for (const State::Renaming& renaming : directory.unsynced[i]) {
      if (renaming.file < 0) {
        after.names.erase(renaming.name);
      } else {
        after.names[renaming.name] = renaming.file;
      }
    }
  }
  after.durable = after.names;
  return after;
}

State::File FileDisk::Survivors(const State::File& file) {
  if (file.unsynced.empty()) return file;
  State::File after = file;
  after.unsynced.clear();
  after.bytes = file.durable;
  const uint64_t kept = UpTo(file.unsynced.size(), "writes kept");
  for (uint64_t i = 0; i < kept; ++i) {
    const State::Write& write = file.unsynced[i];
    for (uint64_t done = 0; done < write.bytes.size();) {
      const uint64_t at = write.offset + done;
      const std::string_view part =
          std::string_view(write.bytes).substr(done, kSector - at % kSector);
      done += part.size();
      if (host_->Strikes("sector loss", host_->faults().sector_loss, name_)) {
        continue;
      }
      const bool torn =
          host_->Strikes("torn write", host_->faults().torn_write, name_);
      Put(&after.bytes, at,
          part.substr(0, torn ? UpTo(part.size(), "torn") : part.size()));
    }
  }
  after.durable = after.bytes;
  return after;
}

// One bit of what a later sync has proved to be durable: the log tells of no
// other that it was.
void FileDisk::Rot() {
  const std::vector<std::string> names = disk_.Names(kDirectory);
  const std::string& name = names[UpTo(names.size() - 1, "rotten file")];
  const uint64_t proven = disk_.Proven(kDirectory, name);
  if (proven == 0) return;
  std::string bytes = disk_.Contents(kDirectory, name);
  const uint64_t bit = UpTo(proven * 8 - 1, "rotten bit");
  bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
  disk_.SetContents(kDirectory, name, std::move(bytes));
  has_rotted_ = may_be_damaged_ = true;
}

uint64_t FileDisk::UpTo(uint64_t most, std::string_view what) {
  return host_->Draw(what, name_) % (most + 1);
}

}  // namespace sim
}  // namespace trivet
