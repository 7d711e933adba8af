// SPDX-License-Identifier: Apache-2.0
//
// A lock's register, which another program may have written: any bytes, or any
// body with a checksum that is right. What is taken for a lease is one that
// trivet writes, byte for byte.

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "src/internal/bytes.h"
#include "src/internal/crc32c.h"
#include "src/lock/cas_register.h"
#include "tests/fuzz/allocations.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/input.h"
#include "trivet/host/versioned_store.h"

namespace trivet {
namespace {

std::string Checked(const std::string& body) {
  std::string bytes = "TRVL" + body;
  internal::ByteWriter(&bytes).U32(internal::Crc32c(bytes));
  return bytes;
}

void Run(const std::string& bytes) {
  const VersionedValue content{bytes, 1};
  const Allocations allocations;
  const absl::StatusOr<internal::CasRegister> lease =
      internal::DecodeCasRegister(content);
  FUZZ_CHECK(allocations.Bytes() <= AllocationLimit(bytes.size()));
  if (!lease.ok()) {
    FUZZ_CHECK(absl::IsDataLoss(lease.status()) ||
               absl::IsUnimplemented(lease.status()));
    return;
  }
  FUZZ_CHECK(internal::EncodeCasRegister(*lease) == bytes);
  FUZZ_CHECK(lease->lease_id.size() <= internal::kLeaseIdMax);
  FUZZ_CHECK(lease->owner.size() <= internal::kOwnerMax);
  FUZZ_CHECK(lease->ttl >= absl::ZeroDuration());
}

}  // namespace
}  // namespace trivet

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  trivet::Input input(data, size);
  const bool checked = input.OneIn(2);
  trivet::Run(checked ? trivet::Checked(input.Rest()) : input.Rest());
  return 0;
}
