// SPDX-License-Identifier: Apache-2.0
//
// FileVersionedStore: a VersionedStore in a directory of the local disk.
//
//   absl::StatusOr<std::unique_ptr<FileVersionedStore>> store =
//       FileVersionedStore::Open("/var/lib/shop/locks");
//   CasLockBackend backend(&executor, store->get());
//
// For leases among the threads and roles of one process that must outlive it,
// for single-machine deployments and for tests. One process at a time: a second
// one is refused, so it cannot arbitrate between processes.
//
// All registers are kept in memory and every write goes to a file log (see
// file_log_store.h for files, permissions and damage), which is rewritten when
// most of it is out of date. Operations take effect in the order issued; an
// answer is given only when all that it reveals is durable.
//
// Errors, apart from kAborted of CompareAndSet: kInvalidArgument (key or value
// too large; nothing is written), and once the disk has failed its error for
// every operation, for good: open the store anew.
//
// Thread safety: thread-safe. Callbacks run on a thread of the store's own, or
// inside the call, with no lock held; they must not block and must not destroy
// the store.

#ifndef TRIVET_ADAPTERS_FILE_FILE_VERSIONED_STORE_H_
#define TRIVET_ADAPTERS_FILE_FILE_VERSIONED_STORE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "trivet/config.h"
#include "trivet/host/versioned_store.h"

namespace trivet {
inline namespace v0_1 {

namespace internal {
class FileVersionedFactory;
}  // namespace internal

class TRIVET_EXPORT FileVersionedStore : public VersionedStore {
 public:
  static constexpr size_t kKeySizeMax = size_t{4} << 10;
  static constexpr size_t kValueSizeMax = size_t{256} << 10;

  // Makes an empty store in `directory`; errors as FileLogStore::Create.
  // Versions start anew: never do this in place of a store that was lost while
  // one of its fencing tokens may still be in use.
  static absl::StatusOr<std::unique_ptr<FileVersionedStore>> Create(
      std::string directory);

  // Opens the store in `directory`. Errors as FileLogStore::Open, and those of
  // reading it; kDataLoss also for a log that holds something else.
  static absl::StatusOr<std::unique_ptr<FileVersionedStore>> Open(
      std::string directory);

  // Finishes the operations that wait.
  // REQUIRES: not called by one of its own callbacks.
  ~FileVersionedStore() override;

  void Get(std::string key, Done<VersionedValue> done) override;
  void CompareAndSet(std::string key, uint64_t expected_version,
                     std::string value, Done<uint64_t> done) override;

 private:
  friend class internal::FileVersionedFactory;
  class Impl;
  explicit FileVersionedStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_ADAPTERS_FILE_FILE_VERSIONED_STORE_H_
