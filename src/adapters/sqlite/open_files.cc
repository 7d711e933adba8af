// SPDX-License-Identifier: Apache-2.0

#include "src/adapters/sqlite/open_files.h"

#include <sys/stat.h>

#include <atomic>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "src/internal/fork_generation.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {
namespace {

enum class State { kFree, kTaken, kOpen };

}  // namespace

// Entries are reused and never freed, and reached without a mutex, which a
// forked child might find locked for ever.
struct OpenFile::Entry {
  static std::atomic<Entry*> first;

  std::atomic<State> state = State::kTaken;
  dev_t device = 0;
  ino_t inode = 0;
  uint64_t generation = 0;  // Of forks.
  Entry* next = nullptr;
};

std::atomic<OpenFile::Entry*> OpenFile::Entry::first = nullptr;

absl::Status OpenFile::Check(const std::string& path) {
  struct stat file {};
  if (stat(path.c_str(), &file) != 0) return absl::OkStatus();  // A new one.
  for (const Entry* entry = Entry::first; entry != nullptr;
       entry = entry->next) {
    if (entry->state == State::kOpen && entry->device == file.st_dev &&
        entry->inode == file.st_ino && entry->generation != ForkGeneration()) {
      return absl::FailedPreconditionError(
          "it was open when this process was forked, and SQLite would take the "
          "parent's locks for its own; start the child by exec, or fork before "
          "the file is opened");
    }
  }
  return absl::OkStatus();
}

OpenFile::Entry* OpenFile::NewEntry() {
  for (Entry* entry = Entry::first; entry != nullptr; entry = entry->next) {
    State free = State::kFree;
    if (entry->state.compare_exchange_strong(free, State::kTaken)) return entry;
  }
  auto* const entry = new Entry;
  entry->next = Entry::first;
  while (!Entry::first.compare_exchange_weak(entry->next, entry)) {
  }
  return entry;
}

OpenFile::OpenFile(const std::string& path) : entry_(NewEntry()) {
  struct stat file {};
  if (stat(path.c_str(), &file) == 0) {
    entry_->device = file.st_dev;
    entry_->inode = file.st_ino;
  }
  entry_->generation = ForkGeneration();
  entry_->state = State::kOpen;
}

OpenFile::~OpenFile() { entry_->state = State::kFree; }

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
