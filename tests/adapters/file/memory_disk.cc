// SPDX-License-Identifier: Apache-2.0

#include "tests/adapters/file/memory_disk.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"

namespace trivet {
namespace {

constexpr size_t kSector = 512;

void Put(std::string* file, uint64_t offset, std::string_view bytes) {
  if (bytes.empty()) return;
  if (file->size() < offset + bytes.size()) {
    file->resize(offset + bytes.size());
  }
  file->replace(offset, bytes.size(), bytes);
}

// How likely a thing that was not synced survives this power loss.
double Chance(std::mt19937_64* random) {
  constexpr double kChances[] = {0, 0.1, 0.5, 0.9, 1};
  return kChances[(*random)() % 5];
}

bool Happens(double chance, std::mt19937_64* random) {
  return std::uniform_real_distribution<>(0, 1)(*random) < chance;
}

// Some of the sectors of `write`, some of them torn.
void PutSome(std::string* file, const MemoryDisk::State::Write& write,
             double chance, double torn, std::mt19937_64* random) {
  for (size_t done = 0; done < write.bytes.size();) {
    const uint64_t at = write.offset + done;
    const size_t size =
        std::min<size_t>(kSector - at % kSector, write.bytes.size() - done);
    if (Happens(chance, random)) {
      const size_t kept =
          Happens(torn, random) ? (*random)() % (size + 1) : size;
      Put(file, at, std::string_view(write.bytes).substr(done, kept));
    }
    done += size;
  }
}

}  // namespace

MemoryDisk::State MemoryDisk::PowerLoss(const State& state, uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto chance = [&] {
    return seed == 0 ? 0.0 : seed == 1 ? 1.0 : Chance(&random);
  };
  State after;
  for (const auto& [path, directory] : state.directories) {
    State::Directory& kept = after.directories[path];
    kept.names = directory.durable;
    const double of_names = chance();
    for (const std::vector<State::Renaming>& change : directory.unsynced) {
      if (!Happens(of_names, &random)) continue;
      for (const State::Renaming& renaming : change) {
        if (renaming.file < 0) {
          kept.names.erase(renaming.name);
        } else {
          kept.names[renaming.name] = renaming.file;
        }
      }
    }
    kept.durable = kept.names;
  }
  for (const State::File& file : state.files) {
    State::File& kept = after.files.emplace_back();
    kept.bytes = file.durable;
    const double of_writes = chance();
    const double torn = seed <= 1 ? 0.0 : Chance(&random);
    for (const State::Write& write : file.unsynced) {
      PutSome(&kept.bytes, write, of_writes, torn, &random);
    }
    kept.durable = kept.bytes;
  }
  return after;
}

MemoryDisk::State MemoryDisk::state() const {
  absl::MutexLock lock(&mu_);
  return state_;
}

void MemoryDisk::SetState(State state) {
  absl::MutexLock lock(&mu_);
  state_ = std::move(state);
}

void MemoryDisk::FailCall(uint64_t n, int error) {
  absl::MutexLock lock(&mu_);
  fail_at_ = calls_ + n;
  fail_with_ = error;
}

void MemoryDisk::ShortenCall(uint64_t n) {
  absl::MutexLock lock(&mu_);
  shorten_at_ = calls_ + n;
}

uint64_t MemoryDisk::calls() const {
  absl::MutexLock lock(&mu_);
  return calls_;
}

size_t MemoryDisk::open_descriptors() const {
  absl::MutexLock lock(&mu_);
  return open_.size();
}

void MemoryDisk::OnChange(std::function<void(const State&)> watch) {
  absl::MutexLock lock(&mu_);
  watch_ = std::move(watch);
}

void MemoryDisk::HoldSyncs(bool hold) {
  absl::MutexLock lock(&mu_);
  hold_syncs_ = hold;
}

uint64_t MemoryDisk::data_syncs() const {
  absl::MutexLock lock(&mu_);
  return data_syncs_;
}

std::string MemoryDisk::Contents(const std::string& directory,
                                 const std::string& name) const {
  absl::MutexLock lock(&mu_);
  const int file = state_.directories.at(directory).names.at(name);
  return state_.files.at(static_cast<size_t>(file)).bytes;
}

void MemoryDisk::SetContents(const std::string& directory,
                             const std::string& name, std::string bytes) {
  absl::MutexLock lock(&mu_);
  State::Directory& in = state_.directories[directory];
  const auto [at, is_new] =
      in.names.emplace(name, static_cast<int>(state_.files.size()));
  if (is_new) {
    in.durable[name] = at->second;
    state_.files.emplace_back();
  }
  State::File& file = state_.files[static_cast<size_t>(at->second)];
  file.durable = bytes;
  file.bytes = std::move(bytes);
  file.unsynced.clear();
}

uint64_t MemoryDisk::Proven(const std::string& directory,
                            const std::string& name) const {
  absl::MutexLock lock(&mu_);
  const int file = state_.directories.at(directory).names.at(name);
  return state_.files.at(static_cast<size_t>(file)).proven;
}

std::vector<std::string> MemoryDisk::Names(const std::string& directory) const {
  absl::MutexLock lock(&mu_);
  std::vector<std::string> names;
  for (const auto& [name, file] : state_.directories.at(directory).names) {
    names.push_back(name);
  }
  return names;
}

int MemoryDisk::Enter(bool changes) {
  if (changes && watch_) watch_(state_);
  return ++calls_ == fail_at_ ? -fail_with_ : 0;
}

int MemoryDisk::Open(Descriptor descriptor) {
  open_[next_descriptor_] = std::move(descriptor);
  return next_descriptor_++;
}

MemoryDisk::State::Directory& MemoryDisk::DirectoryOf(int descriptor) {
  return state_.directories.at(open_.at(descriptor).directory);
}

MemoryDisk::State::File& MemoryDisk::FileOf(int descriptor) {
  return state_.files.at(static_cast<size_t>(open_.at(descriptor).file));
}

int MemoryDisk::NewFile(int directory, const std::string& name) {
  const int file = static_cast<int>(state_.files.size());
  state_.files.emplace_back();
  State::Directory& in = DirectoryOf(directory);
  in.names[name] = file;
  in.unsynced.push_back({{name, file}});
  return file;
}

int MemoryDisk::OpenDirectory(const std::string& path) {
  absl::MutexLock lock(&mu_);
  if (const int error = Enter(false)) return error;
  if (path != "." && state_.directories.count(path) == 0) return -ENOENT;
  return Open({path, -1});
}

// Made durable at once: the model knows no parents.
int MemoryDisk::MakeDirectory(const std::string& path) {
  absl::MutexLock lock(&mu_);
  if (const int error = Enter(true)) return error;
  return state_.directories.try_emplace(path).second ? 0 : -EEXIST;
}

int MemoryDisk::List(int directory, std::vector<std::string>* names) {
  absl::MutexLock lock(&mu_);
  if (const int error = Enter(false)) return error;
  for (const auto& [name, file] : DirectoryOf(directory).names) {
    names->push_back(name);
  }
  return 0;
}

int MemoryDisk::Rename(int directory, const std::string& from,
                       const std::string& to) {
  absl::MutexLock lock(&mu_);
  if (const int error = Enter(true)) return error;
  State::Directory& in = DirectoryOf(directory);
  const auto found = in.names.find(from);
  if (found == in.names.end()) return -ENOENT;
  const int file = found->second;
  in.names.erase(found);
  in.names[to] = file;
  in.unsynced.push_back({{from, -1}, {to, file}});
  return 0;
}

int MemoryDisk::Unlink(int directory, const std::string& name) {
  absl::MutexLock lock(&mu_);
  if (const int error = Enter(true)) return error;
  State::Directory& in = DirectoryOf(directory);
  if (in.names.erase(name) == 0) return -ENOENT;
  in.unsynced.push_back({{name, -1}});
  return 0;
}

int MemoryDisk::OpenToRead(int directory, const std::string& name) {
  absl::MutexLock lock(&mu_);
  if (const int error = Enter(false)) return error;
  const State::Directory& in = DirectoryOf(directory);
  const auto found = in.names.find(name);
  return found == in.names.end() ? -ENOENT : Open({"", found->second});
}

int MemoryDisk::CreateNew(int directory, const std::string& name) {
  absl::MutexLock lock(&mu_);
  if (const int error = Enter(true)) return error;
  if (DirectoryOf(directory).names.count(name) > 0) return -EEXIST;
  return Open({"", NewFile(directory, name)});
}

int64_t MemoryDisk::Size(int file) {
  absl::MutexLock lock(&mu_);
  if (const int error = Enter(false)) return error;
  return static_cast<int64_t>(FileOf(file).bytes.size());
}

int64_t MemoryDisk::Read(int file, char* to, size_t size, uint64_t offset) {
  absl::MutexLock lock(&mu_);
  if (const int error = Enter(false)) return error;
  const std::string& bytes = FileOf(file).bytes;
  if (offset >= bytes.size()) return 0;
  if (calls_ == shorten_at_) size = (size + 1) / 2;
  return static_cast<int64_t>(bytes.copy(to, size, offset));
}

int64_t MemoryDisk::Write(int file, const char* from, size_t size,
                          uint64_t offset) {
  absl::MutexLock lock(&mu_);
  const int error = Enter(true);
  if (error != 0) size /= 2;
  if (calls_ == shorten_at_) size = (size + 1) / 2;
  const std::string bytes(from, size);
  State::File& to = FileOf(file);
  Put(&to.bytes, offset, bytes);
  to.unsynced.push_back({offset, bytes});
  return error != 0 ? error : static_cast<int64_t>(size);
}

int MemoryDisk::SyncData(int file) {
  absl::MutexLock lock(&mu_);
  ++data_syncs_;
  while (hold_syncs_)
    mu_.Await(absl::Condition(
        +[](bool* hold) { return !*hold; }, &hold_syncs_));
  const int error = Enter(true);
  State::File& synced = FileOf(file);
  if (error == 0) {
    uint64_t begin = UINT64_MAX;
    for (const State::Write& write : synced.unsynced) {
      Put(&synced.durable, write.offset, write.bytes);
      begin = std::min(begin, write.offset);
    }
    if (begin != UINT64_MAX) synced.proven = begin;
  }
  synced.unsynced.clear();
  return error;
}

int MemoryDisk::Sync(int file) {
  if ([&] {
        absl::MutexLock lock(&mu_);
        return open_.at(file).directory.empty();
      }()) {
    return SyncData(file);
  }
  absl::MutexLock lock(&mu_);
  if (const int error = Enter(true)) return error;
  if (open_.at(file).directory == ".") return 0;
  State::Directory& synced = DirectoryOf(file);
  synced.durable = synced.names;
  synced.unsynced.clear();
  return 0;
}

int MemoryDisk::Close(int file) {
  absl::MutexLock lock(&mu_);
  const auto found = open_.find(file);
  if (found == open_.end()) return -EBADF;
  const auto locked = locks_.find(found->second.file);
  if (locked != locks_.end() && locked->second == file) locks_.erase(locked);
  open_.erase(found);
  return 0;
}

int MemoryDisk::OpenLocked(int directory, const std::string& name,
                           bool create) {
  absl::MutexLock lock(&mu_);
  if (const int error = Enter(create)) return error;
  const State::Directory& in = DirectoryOf(directory);
  const auto found = in.names.find(name);
  if (found == in.names.end() && !create) return -ENOENT;
  const int file =
      found != in.names.end() ? found->second : NewFile(directory, name);
  if (locks_.count(file) > 0) return -EWOULDBLOCK;
  const int descriptor = Open({"", file});
  locks_[file] = descriptor;
  return descriptor;
}

}  // namespace trivet
