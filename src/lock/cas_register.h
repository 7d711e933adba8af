// SPDX-License-Identifier: Apache-2.0
//
// CasRegister: what CasLockBackend keeps in a register, and its bytes.
//
//   "TRVL" | u8 format = 1 | bytes lease_id | bytes owner | varint ttl, ns |
//   varint token | varint beat | u32 CRC-32C of all before
//
// (numbers and bytes as in src/internal/bytes.h). A free lock has an empty
// lease_id. A register that was never written is free as well.

#ifndef TRIVET_SRC_LOCK_CAS_REGISTER_H_
#define TRIVET_SRC_LOCK_CAS_REGISTER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "trivet/config.h"
#include "trivet/host/versioned_store.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

inline constexpr size_t kLockNameMax = 512;
inline constexpr size_t kLeaseIdMax = 512;
inline constexpr size_t kOwnerMax = 512;

struct CasRegister {
  bool IsFree() const { return lease_id.empty(); }

  std::string lease_id;
  std::string owner;
  absl::Duration ttl;
  uint64_t token = 0;
  uint64_t beat = 0;  // Rises with each renewal.
};

TRIVET_EXPORT std::string EncodeCasRegister(const CasRegister& lease);

// kDataLoss: not what a trivet wrote. kUnimplemented: a newer one wrote it.
TRIVET_EXPORT absl::StatusOr<CasRegister> DecodeCasRegister(
    const VersionedValue& content);

// Where a lock's register stands: the name with a prefix, with every byte but
// letters, digits, '_', '-' and '.' as %XX, so that no two names share a key
// and any store can carry it.
TRIVET_EXPORT std::string CasRegisterKey(std::string_view lock);

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_LOCK_CAS_REGISTER_H_
