// SPDX-License-Identifier: Apache-2.0

#include "src/adapters/file/file_ops.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <string>
#include <vector>

namespace trivet {
inline namespace v0_1 {
namespace internal {
namespace {

// O_NONBLOCK: so that a pipe under a segment's name cannot hang the open.
constexpr int kFlagsAlways = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;

// The descriptors that hold a lock. A forked child inherits them together with
// their locks, and would keep those after its parent has died: so it closes
// them. (exec closes them anyway.)
class LockedFiles {
 public:
  LockedFiles() {
    pthread_atfork([] { Get().mu_.lock(); }, [] { Get().mu_.unlock(); },
                   [] {
                     for (const int file : Get().files_) close(file);
                     Get().files_.clear();
                     Get().mu_.unlock();
                   });
  }

  static LockedFiles& Get() {
    static auto* const locked = new LockedFiles;
    return *locked;
  }

  // Opens and locks in one go: a fork in between would go unnoticed.
  int Open(int directory, const char* name, int flags) {
    const std::lock_guard<std::mutex> lock(mu_);
    const int file = openat(directory, name, flags, 0600);
    if (file < 0) return -errno;
    if (flock(file, LOCK_EX | LOCK_NB) != 0) {
      const int error = errno;
      close(file);
      return -error;
    }
    files_.push_back(file);
    return file;
  }

  // Also of a file without a lock. In one go too: between the two, a fork would
  // leave the lock with the child.
  int Close(int file) {
    const std::lock_guard<std::mutex> lock(mu_);
    files_.erase(std::remove(files_.begin(), files_.end(), file), files_.end());
    return close(file) == 0 ? 0 : -errno;
  }

 private:
  std::mutex mu_;
  std::vector<int> files_;
};

template <typename Call>
auto Retry(Call call) -> decltype(call()) {
  while (true) {
    const auto result = call();
    if (result >= 0) return result;
    if (errno != EINTR) return -errno;
  }
}

class PosixFileOps : public FileOps {
 public:
  int OpenDirectory(const std::string& path) override {
    return Retry(
        [&] { return open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  }

  int MakeDirectory(const std::string& path) override {
    return Retry([&] { return mkdir(path.c_str(), 0700); });
  }

  int List(int directory, std::vector<std::string>* names) override {
    const int own = Retry([&] {
      return openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    });
    if (own < 0) return own;
    DIR* const stream = fdopendir(own);
    if (stream == nullptr) {
      const int error = errno;
      close(own);
      return -error;
    }
    errno = 0;
    // NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is this call's own.
    while (const dirent* const entry = readdir(stream)) {
      names->emplace_back(entry->d_name);
    }
    const int error = errno;
    closedir(stream);
    return -error;
  }

  int Rename(int directory, const std::string& from,
             const std::string& to) override {
    return Retry([&] {
      // NOLINTNEXTLINE(misc-include-cleaner): it stands in stdio.h.
      return renameat(directory, from.c_str(), directory, to.c_str());
    });
  }

  int Unlink(int directory, const std::string& name) override {
    return Retry([&] { return unlinkat(directory, name.c_str(), 0); });
  }

  int OpenToRead(int directory, const std::string& name) override {
    return Retry([&] {
      return openat(directory, name.c_str(), O_RDONLY | kFlagsAlways);
    });
  }

  int CreateNew(int directory, const std::string& name) override {
    return Retry([&] {
      return openat(directory, name.c_str(),
                    O_RDWR | O_CREAT | O_EXCL | kFlagsAlways, 0600);
    });
  }

  int64_t Size(int file) override {
    struct stat found;
    if (fstat(file, &found) != 0) return -errno;
    return S_ISREG(found.st_mode) ? found.st_size : -ENODEV;
  }

  int64_t Read(int file, char* to, size_t size, uint64_t offset) override {
    return Retry(
        [&] { return pread(file, to, size, static_cast<off_t>(offset)); });
  }

  int64_t Write(int file, const char* from, size_t size,
                uint64_t offset) override {
    return Retry(
        [&] { return pwrite(file, from, size, static_cast<off_t>(offset)); });
  }

  // Not retried, whatever the reason: after a failed sync the kernel counts
  // the pages as clean, and the next sync would report success.
  int SyncData(int file) override { return fdatasync(file) == 0 ? 0 : -errno; }
  int Sync(int file) override { return fsync(file) == 0 ? 0 : -errno; }

  int Close(int file) override { return LockedFiles::Get().Close(file); }

  int OpenLocked(int directory, const std::string& name, bool create) override {
    return LockedFiles::Get().Open(
        directory, name.c_str(),
        O_RDWR | (create ? O_CREAT : 0) | kFlagsAlways);
  }
};

}  // namespace

FileOps* FileOps::Posix() {
  static auto* const ops = new PosixFileOps;
  return ops;
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
