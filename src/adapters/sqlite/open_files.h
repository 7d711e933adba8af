// SPDX-License-Identifier: Apache-2.0
//
// OpenFile: that a database file is open in this process, so that no forked
// child opens it as well.
//
// SQLite remembers for a whole process which locks it has on a file. A forked
// child inherits what is remembered and not the locks: connections that it
// opens to a file that was open at the fork write into it without any, and
// destroy what others write.
//
// Thread safety: thread-safe, also in a forked child.

#ifndef TRIVET_SRC_ADAPTERS_SQLITE_OPEN_FILES_H_
#define TRIVET_SRC_ADAPTERS_SQLITE_OPEN_FILES_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "trivet/config.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

class OpenFile {
 public:
  // kFailedPrecondition: the file at `path` was open when this process was
  // forked.
  static absl::Status Check(const std::string& path);

  // REQUIRES: it is open now. Forgets it when it is destroyed.
  explicit OpenFile(const std::string& path);
  ~OpenFile();
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

 private:
  struct Entry;
  static Entry* NewEntry();
  Entry* entry_;
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_ADAPTERS_SQLITE_OPEN_FILES_H_
