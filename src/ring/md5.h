// SPDX-License-Identifier: Apache-2.0
//
// MD5 (RFC 1321), which the ketama placements take their points from. Nothing
// here is kept secret by it, and nothing else should ever be.

#ifndef TRIVET_SRC_RING_MD5_H_
#define TRIVET_SRC_RING_MD5_H_

#include <array>
#include <cstdint>
#include <string_view>

#include "trivet/config.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

// The digest as four words; its bytes are theirs, each word's lowest first.
TRIVET_EXPORT std::array<uint32_t, 4> Md5(std::string_view bytes);

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_RING_MD5_H_
