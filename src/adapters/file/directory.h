// SPDX-License-Identifier: Apache-2.0
//
// File and Directory: FileOps with owners and error texts. Every error names
// what was tried and the path.
//
// Thread safety: as FileOps.

#ifndef TRIVET_SRC_ADAPTERS_FILE_DIRECTORY_H_
#define TRIVET_SRC_ADAPTERS_FILE_DIRECTORY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "src/adapters/file/file_ops.h"
#include "trivet/config.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

// An open file, closed by its destructor.
class File {
 public:
  File(FileOps* ops, int file, std::string path);
  ~File();
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  absl::StatusOr<uint64_t> Size() const;

  // Fills `to`; an end of file before that is kDataLoss.
  absl::Status Read(uint64_t offset, size_t size, std::string* to) const;
  absl::Status Write(uint64_t offset, std::string_view bytes);
  absl::Status WriteZeros(uint64_t offset, uint64_t end);

  absl::Status SyncData();
  absl::Status Sync();

  const std::string& path() const { return path_; }

 private:
  friend class Directory;  // Renames it.
  FileOps* const ops_;
  const int file_;
  std::string path_;
};

// An open directory, and the lock on it.
class Directory {
 public:
  // kNotFound: there is none.
  static absl::StatusOr<std::unique_ptr<Directory>> Open(FileOps* ops,
                                                         std::string path);

  // The same; makes it, durably, if only its last component is missing.
  static absl::StatusOr<std::unique_ptr<Directory>> OpenOrMake(
      FileOps* ops, std::string path);

  ~Directory();
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;

  // Makes this object the one user of the directory, until it is destroyed.
  // kFailedPrecondition: there is another. kNotFound: no lock file, and not to
  // be created.
  absl::Status Lock(bool create);

  absl::StatusOr<std::vector<std::string>> List() const;
  absl::StatusOr<std::shared_ptr<File>> OpenToRead(
      const std::string& name) const;
  absl::StatusOr<std::shared_ptr<File>> CreateNew(const std::string& name);
  // Renames `file`, whose name is `from`.
  absl::Status Rename(File* file, const std::string& from,
                      const std::string& to);
  absl::Status Remove(const std::string& name);  // OK if it is not there.
  absl::Status Sync();

  const std::string& path() const { return path_; }

 private:
  Directory(FileOps* ops, int directory, std::string path);
  std::string PathOf(const std::string& name) const;

  FileOps* const ops_;
  const int directory_;
  const std::string path_;
  int lock_ = -1;
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_ADAPTERS_FILE_DIRECTORY_H_
