// SPDX-License-Identifier: Apache-2.0
//
// The host's store of versioned registers: one compare-and-set away from a
// lock. Only CasLockBackend uses it.

#ifndef TRIVET_HOST_VERSIONED_STORE_H_
#define TRIVET_HOST_VERSIONED_STORE_H_

#include <cstdint>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "trivet/config.h"

namespace trivet {
inline namespace v0_1 {

// A register's content. Version 0 means "never written", with an empty value.
struct VersionedValue {
  std::string value;
  uint64_t version = 0;
};

// Contract: each key is a linearizable register, and its version strictly
// increases with every successful write, for ever: there is no delete, so a
// version is never seen twice. CasLockBackend uses it as the fencing token.
class TRIVET_EXPORT VersionedStore {
 public:
  template <typename T>
  using Done = absl::AnyInvocable<void(absl::StatusOr<T>) &&>;

  virtual ~VersionedStore() = default;

  virtual void Get(std::string key, Done<VersionedValue> done) = 0;

  // Writes `value` if the register is still at `expected_version`, and reports
  // the new version. kAborted: the version had moved on. Any other error leaves
  // it unknown whether the write happened.
  virtual void CompareAndSet(std::string key, uint64_t expected_version,
                             std::string value, Done<uint64_t> done) = 0;
};

}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_HOST_VERSIONED_STORE_H_
