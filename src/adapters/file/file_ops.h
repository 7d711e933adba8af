// SPDX-License-Identifier: Apache-2.0
//
// FileOps: the system calls below the file log, one method each.
//
// The log makes no other. So a test can put a disk in their place that fails
// at the n-th call, that records what was synced and what was not, or that
// stands still.
//
// Thread safety: implementations must allow calls from any thread.

#ifndef TRIVET_SRC_ADAPTERS_FILE_FILE_OPS_H_
#define TRIVET_SRC_ADAPTERS_FILE_FILE_OPS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "trivet/config.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

// Every method returns what its system call does, or -errno. Directories and
// files are descriptors; names have no '/' in them.
class TRIVET_EXPORT FileOps {
 public:
  // The real ones. Never destroyed.
  static FileOps* Posix();

  virtual ~FileOps() = default;

  // Directories: by path, open for List, Sync and the calls that take one.
  virtual int OpenDirectory(const std::string& path) = 0;
  virtual int MakeDirectory(const std::string& path) = 0;  // Mode 0700.
  virtual int List(int directory, std::vector<std::string>* names) = 0;
  virtual int Rename(int directory, const std::string& from,
                     const std::string& to) = 0;
  virtual int Unlink(int directory, const std::string& name) = 0;

  // Files: regular ones only, never through a symbolic link, closed by exec.
  virtual int OpenToRead(int directory, const std::string& name) = 0;
  virtual int CreateNew(int directory, const std::string& name) = 0;  // 0600.
  virtual int64_t Size(int file) = 0;
  virtual int64_t Read(int file, char* to, size_t size, uint64_t offset) = 0;
  virtual int64_t Write(int file, const char* from, size_t size,
                        uint64_t offset) = 0;
  virtual int SyncData(int file) = 0;  // fdatasync
  virtual int Sync(int file) = 0;      // fsync; also of a directory
  virtual int Close(int file) = 0;

  // Opens the lock file `name`, made first if `create`, and takes its lock,
  // which ends with Close and does not pass to a forked child. -EWOULDBLOCK:
  // somebody else has it, in this process or another.
  virtual int OpenLocked(int directory, const std::string& name,
                         bool create) = 0;
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_ADAPTERS_FILE_FILE_OPS_H_
