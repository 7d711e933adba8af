// SPDX-License-Identifier: Apache-2.0
//
// Makes the file stores over other system calls than the real ones: for tests.

#ifndef TRIVET_SRC_ADAPTERS_FILE_FILE_LOG_FACTORY_H_
#define TRIVET_SRC_ADAPTERS_FILE_FILE_LOG_FACTORY_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "src/adapters/file/file_ops.h"
#include "trivet/adapters/file/file_log_store.h"
#include "trivet/adapters/file/file_versioned_store.h"
#include "trivet/config.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

class LogFiles;

// As the functions of FileLogStore. Does not own `ops`, which must outlive what
// is made.
class TRIVET_EXPORT FileLogFactory {
 public:
  static absl::StatusOr<std::unique_ptr<FileLogStore>> Create(
      FileOps* ops, std::string directory, const FileLogOptions& options);
  static absl::StatusOr<std::unique_ptr<FileLogStore>> Open(
      FileOps* ops, std::string directory, const FileLogOptions& options);

 private:
  static absl::StatusOr<std::unique_ptr<FileLogStore>> Start(
      std::unique_ptr<LogFiles> files, const FileLogOptions& options);
};

// As the functions of FileVersionedStore.
class TRIVET_EXPORT FileVersionedFactory {
 public:
  static absl::StatusOr<std::unique_ptr<FileVersionedStore>> Create(
      FileOps* ops, std::string directory);
  static absl::StatusOr<std::unique_ptr<FileVersionedStore>> Open(
      FileOps* ops, std::string directory);

 private:
  static absl::StatusOr<std::unique_ptr<FileVersionedStore>> Start(
      std::unique_ptr<FileLogStore> log);
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_ADAPTERS_FILE_FILE_LOG_FACTORY_H_
