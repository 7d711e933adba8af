// SPDX-License-Identifier: Apache-2.0
//
// CRC-32C (Castagnoli polynomial 0x1EDC6F41, reflected; RFC 3720, appendix
// B.4), by the processor's own instruction where there is one.

#ifndef TRIVET_SRC_INTERNAL_CRC32C_H_
#define TRIVET_SRC_INTERNAL_CRC32C_H_

#include <cstdint>
#include <string_view>

#include "trivet/config.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

// Extends `crc`, the checksum of some bytes, by `bytes`. The checksum of no
// bytes is 0, so Crc32c(bytes) is that of `bytes` alone.
TRIVET_EXPORT uint32_t ExtendCrc32c(uint32_t crc, std::string_view bytes);

inline uint32_t Crc32c(std::string_view bytes) {
  return ExtendCrc32c(0, bytes);
}

// The same by tables alone, for the tests that hold the two together.
TRIVET_EXPORT uint32_t ExtendCrc32cPortable(uint32_t crc,
                                            std::string_view bytes);

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_INTERNAL_CRC32C_H_
