// SPDX-License-Identifier: Apache-2.0
//
// What decoding costs in memory: a few bytes must not make anybody allocate
// many, whatever sizes they claim.
//
//   const Allocations allocations;
//   Decode(bytes);
//   FUZZ_CHECK(allocations.Bytes() <= AllocationLimit(bytes.size()));
//
// Thread safety: an object counts for the thread that made it.

#ifndef TRIVET_TESTS_FUZZ_ALLOCATIONS_H_
#define TRIVET_TESTS_FUZZ_ALLOCATIONS_H_

#include <cstddef>
#include <cstdint>

namespace trivet {

class Allocations {
 public:
  Allocations();
  uint64_t Bytes() const;  // Allocated since, whether or not freed again.

 private:
  const uint64_t before_;
};

// Room for tables and for growing in steps, not for a size that was believed.
constexpr uint64_t AllocationLimit(size_t input_size) {
  return 4096 + 64 * static_cast<uint64_t>(input_size);
}

}  // namespace trivet

#endif  // TRIVET_TESTS_FUZZ_ALLOCATIONS_H_
