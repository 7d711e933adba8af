// SPDX-License-Identifier: Apache-2.0
//
// MemoryDisk: FileOps over memory that knows what is durable.
//
//   MemoryDisk disk;
//   auto log = FileLogFactory::Create(&disk, "log", {});
//   ...
//   MemoryDisk after(disk.PowerLoss(seed));       // One legal crash state.
//   auto again = FileLogFactory::Open(&after, "log", {});
//
// Writes go to a page cache; a sync makes those of one file durable, and a sync
// of the directory makes its names durable. A power loss keeps, of what was not
// synced, any of the sectors written, torn or whole, and any of the names that
// came and went. After a failed sync the pages count as clean: no later sync
// writes them, and a power loss takes them.
//
// Thread safety: thread-safe.

#ifndef TRIVET_TESTS_ADAPTERS_FILE_MEMORY_DISK_H_
#define TRIVET_TESTS_ADAPTERS_FILE_MEMORY_DISK_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "src/adapters/file/file_ops.h"

namespace trivet {

class MemoryDisk : public internal::FileOps {
 public:
  // Everything on the disk and in its page cache. Copying it is a process
  // crash: nothing is lost, nothing becomes durable.
  struct State {
    struct Write {
      uint64_t offset;
      std::string bytes;
    };
    struct File {
      std::string bytes;    // As read.
      std::string durable;  // After a power loss, at least.
      std::vector<Write> unsynced;
      // What was durable before the latest sync brought more: everything that
      // a log can say of it has been synced too.
      uint64_t proven = 0;
    };
    struct Renaming {  // `name` becomes `file`, or goes if that is -1.
      std::string name;
      int file;
    };
    struct Directory {
      std::map<std::string, int> names;
      std::map<std::string, int> durable;
      std::vector<std::vector<Renaming>> unsynced;  // Each whole or not at all.
    };
    std::map<std::string, Directory> directories;
    std::vector<File> files;
  };

  MemoryDisk() = default;
  explicit MemoryDisk(State state) : state_(std::move(state)) {}

  State state() const;
  void SetState(State state);

  // What a power loss at this moment may leave; another seed, another state.
  // Seed 0 loses all that was not synced, seed 1 nothing.
  static State PowerLoss(const State& state, uint64_t seed);

  // The n-th call from now (from 1) fails with `error` without effect, except
  // that a write writes half, and a sync leaves its pages clean.
  void FailCall(uint64_t n, int error);

  // The n-th call from now, if it reads or writes, does only half of it, and
  // says so.
  void ShortenCall(uint64_t n);

  // Calls made so far.
  uint64_t calls() const;

  // Descriptors that nobody has closed yet.
  size_t open_descriptors() const;

  // Called with the state before every call that changes something.
  void OnChange(std::function<void(const State&)> watch);

  // Syncs of data wait while held; how many wait or have run.
  void HoldSyncs(bool hold);
  uint64_t data_syncs() const;

  // Contents of a file, for tests that damage it. Written through to the
  // durable bytes. The size may change.
  std::string Contents(const std::string& directory,
                       const std::string& name) const;
  void SetContents(const std::string& directory, const std::string& name,
                   std::string bytes);
  uint64_t Proven(const std::string& directory, const std::string& name) const;
  std::vector<std::string> Names(const std::string& directory) const;

  int OpenDirectory(const std::string& path) override;
  int MakeDirectory(const std::string& path) override;
  int List(int directory, std::vector<std::string>* names) override;
  int Rename(int directory, const std::string& from,
             const std::string& to) override;
  int Unlink(int directory, const std::string& name) override;
  int OpenToRead(int directory, const std::string& name) override;
  int CreateNew(int directory, const std::string& name) override;
  int64_t Size(int file) override;
  int64_t Read(int file, char* to, size_t size, uint64_t offset) override;
  int64_t Write(int file, const char* from, size_t size,
                uint64_t offset) override;
  int SyncData(int file) override;
  int Sync(int file) override;
  int Close(int file) override;
  int OpenLocked(int directory, const std::string& name, bool create) override;

 private:
  struct Descriptor {
    std::string directory;  // Of a directory; else empty.
    int file = -1;
  };

  // Counts a call. Not 0: the error it has to fail with, negative.
  int Enter(bool changes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  int Open(Descriptor descriptor) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  State::Directory& DirectoryOf(int descriptor)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  State::File& FileOf(int descriptor) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  int NewFile(int directory, const std::string& name)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  mutable absl::Mutex mu_;
  State state_ ABSL_GUARDED_BY(mu_);
  std::map<int, Descriptor> open_ ABSL_GUARDED_BY(mu_);
  int next_descriptor_ ABSL_GUARDED_BY(mu_) = 1000;
  std::map<int, int> locks_ ABSL_GUARDED_BY(mu_);  // File to descriptor.
  std::function<void(const State&)> watch_ ABSL_GUARDED_BY(mu_);
  uint64_t calls_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t fail_at_ ABSL_GUARDED_BY(mu_) = 0;
  int fail_with_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t shorten_at_ ABSL_GUARDED_BY(mu_) = 0;
  bool hold_syncs_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t data_syncs_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace trivet

#endif  // TRIVET_TESTS_ADAPTERS_FILE_MEMORY_DISK_H_
