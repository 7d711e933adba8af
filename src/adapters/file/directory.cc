// SPDX-License-Identifier: Apache-2.0

#include "src/adapters/file/directory.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "src/adapters/file/file_ops.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {
namespace {

constexpr char kLockName[] = "lock";

// Never kAborted, which means fenced.
absl::StatusCode CodeOf(int error) {
  switch (error) {
    case ENOENT:
      return absl::StatusCode::kNotFound;
    case EEXIST:
      return absl::StatusCode::kAlreadyExists;
    case EACCES:
    case EPERM:
    case EROFS:
    case ELOOP:   // A symbolic link, which is not followed.
    case ENODEV:  // Not a regular file, says FileOps::Size.
      return absl::StatusCode::kPermissionDenied;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EMFILE:
    case ENFILE:
      return absl::StatusCode::kResourceExhausted;
    default:
      return absl::StatusCode::kUnavailable;
  }
}

absl::Status ErrorOf(const char* tried, const std::string& path,
                     int64_t result) {
  const int error = static_cast<int>(-result);
  const std::string why = error == ENODEV
                              ? "not a regular file"
                              : std::generic_category().message(error);
  return absl::Status(CodeOf(error), std::string("cannot ") + tried + " '" +
                                         path + "': " + why);
}

absl::Status StatusOf(const char* tried, const std::string& path,
                      int64_t result) {
  return result < 0 ? ErrorOf(tried, path, result) : absl::OkStatus();
}

std::string WithoutSlashesAtEnd(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

std::string ParentOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

File::File(FileOps* ops, int file, std::string path)
    : ops_(ops), file_(file), path_(std::move(path)) {}

File::~File() { ops_->Close(file_); }

absl::StatusOr<uint64_t> File::Size() const {
  const int64_t size = ops_->Size(file_);
  if (size < 0) return ErrorOf("stat", path_, size);
  return static_cast<uint64_t>(size);
}

absl::Status File::Read(uint64_t offset, size_t size, std::string* to) const {
  to->resize(size);
  for (size_t done = 0; done < size;) {
    const int64_t got =
        ops_->Read(file_, to->data() + done, size - done, offset + done);
    if (got < 0) return ErrorOf("read", path_, got);
    if (got == 0) {
      return absl::DataLossError("'" + path_ + "' ends at offset " +
                                 std::to_string(offset + done));
    }
    done += static_cast<size_t>(got);
  }
  return absl::OkStatus();
}

absl::Status File::Write(uint64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    const int64_t got = ops_->Write(file_, bytes.data(), bytes.size(), offset);
    if (got <= 0) return ErrorOf("write", path_, got == 0 ? -EIO : got);
    bytes.remove_prefix(static_cast<size_t>(got));
    offset += static_cast<uint64_t>(got);
  }
  return absl::OkStatus();
}

absl::Status File::WriteZeros(uint64_t offset, uint64_t end) {
  static const auto* const zeros = new std::string(size_t{256} << 10, '\0');
  while (offset < end) {
    const uint64_t size = std::min<uint64_t>(zeros->size(), end - offset);
    absl::Status written = Write(offset, {zeros->data(), size});
    if (!written.ok()) return written;
    offset += size;
  }
  return absl::OkStatus();
}

absl::Status File::SyncData() {
  return StatusOf("sync", path_, ops_->SyncData(file_));
}

absl::Status File::Sync() { return StatusOf("sync", path_, ops_->Sync(file_)); }

Directory::Directory(FileOps* ops, int directory, std::string path)
    : ops_(ops), directory_(directory), path_(std::move(path)) {}

Directory::~Directory() {
  if (lock_ >= 0) ops_->Close(lock_);
  ops_->Close(directory_);
}

absl::StatusOr<std::unique_ptr<Directory>> Directory::Open(FileOps* ops,
                                                           std::string path) {
  path = WithoutSlashesAtEnd(std::move(path));
  const int directory = ops->OpenDirectory(path);
  if (directory < 0) return ErrorOf("open directory", path, directory);
  return std::unique_ptr<Directory>(
      new Directory(ops, directory, std::move(path)));
}

absl::StatusOr<std::unique_ptr<Directory>> Directory::OpenOrMake(
    FileOps* ops, std::string path) {
  path = WithoutSlashesAtEnd(std::move(path));
  const int made = ops->MakeDirectory(path);
  if (made < 0 && made != -EEXIST) {
    return ErrorOf("make directory", path, made);
  }
  // Also if it was there: who made it may have died before the sync.
  auto parent = Open(ops, ParentOf(path));
  if (!parent.ok()) return parent.status();
  absl::Status synced = (*parent)->Sync();
  if (!synced.ok()) return synced;
  return Open(ops, std::move(path));
}

std::string Directory::PathOf(const std::string& name) const {
  return path_ == "/" ? path_ + name : path_ + "/" + name;
}

absl::Status Directory::Lock(bool create) {
  const int lock = ops_->OpenLocked(directory_, kLockName, create);
  if (lock == -EWOULDBLOCK) {
    return absl::FailedPreconditionError(
        "'" + path_ + "' is in use by another object or process");
  }
  if (lock < 0) return ErrorOf("lock", PathOf(kLockName), lock);
  lock_ = lock;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> Directory::List() const {
  std::vector<std::string> names;
  absl::Status listed = StatusOf("list", path_, ops_->List(directory_, &names));
  if (!listed.ok()) return listed;
  return names;
}

absl::StatusOr<std::shared_ptr<File>> Directory::OpenToRead(
    const std::string& name) const {
  const int file = ops_->OpenToRead(directory_, name);
  if (file < 0) return ErrorOf("open", PathOf(name), file);
  return std::make_shared<File>(ops_, file, PathOf(name));
}

absl::StatusOr<std::shared_ptr<File>> Directory::CreateNew(
    const std::string& name) {
  const int file = ops_->CreateNew(directory_, name);
  if (file < 0) return ErrorOf("create", PathOf(name), file);
  return std::make_shared<File>(ops_, file, PathOf(name));
}

absl::Status Directory::Rename(File* file, const std::string& from,
                               const std::string& to) {
  const int renamed = ops_->Rename(directory_, from, to);
  if (renamed < 0) return ErrorOf("rename to", PathOf(to), renamed);
  file->path_ = PathOf(to);
  return absl::OkStatus();
}

absl::Status Directory::Remove(const std::string& name) {
  const int removed = ops_->Unlink(directory_, name);
  return removed == -ENOENT ? absl::OkStatus()
                            : StatusOf("remove", PathOf(name), removed);
}

absl::Status Directory::Sync() {
  return StatusOf("sync", path_, ops_->Sync(directory_));
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
