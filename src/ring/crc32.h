// SPDX-License-Identifier: Apache-2.0
//
// CRC-32 (IEEE 802.3 polynomial 0x04C11DB7, reflected; RFC 1952, section 8),
// which nginx places by. For files see src/internal/crc32c.h.

#ifndef TRIVET_SRC_RING_CRC32_H_
#define TRIVET_SRC_RING_CRC32_H_

#include <cstdint>
#include <string_view>

#include "trivet/config.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

// Extends `crc`, the checksum of some bytes, by `bytes`. The checksum of no
// bytes is 0, so Crc32(bytes) is that of `bytes` alone.
TRIVET_EXPORT uint32_t ExtendCrc32(uint32_t crc, std::string_view bytes);

inline uint32_t Crc32(std::string_view bytes) { return ExtendCrc32(0, bytes); }

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_RING_CRC32_H_
