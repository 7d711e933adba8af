// SPDX-License-Identifier: Apache-2.0

#include "src/ring/token.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace trivet {
inline namespace v0_1 {
namespace internal {
namespace {

void StoreLittleEndian(uint64_t word, char* at) {
  for (int shift = 0; shift < 64; shift += 8)
    *at++ = static_cast<char>(word >> shift);
}

}  // namespace

// XXH3 takes a key of at least 136 bytes that look random, so a secret of any
// length is stretched first: each word of the key is the hash of the secret
// under another seed. (xxHash's own XXH3_generateSecret would do the same, but
// is not part of its stable format.)
TokenHash::TokenHash(std::string_view secret) : keyed_(!secret.empty()) {
  if (!keyed_) return;
  for (size_t at = 0; at < key_.size(); at += 8)
    StoreLittleEndian(
        XXH3_64bits_withSeed(secret.data(), secret.size(), at / 8), &key_[at]);
}

NodePoints TokenHash::OfNode(std::string_view id) const {
  const XXH128_hash_t hash =
      keyed_ ? XXH3_128bits_withSecret(id.data(), id.size(), key_.data(),
                                       key_.size())
             : XXH3_128bits(id.data(), id.size());
  return {hash.high64, hash.low64 | 1};
}

uint64_t TokenHash::OfWords(const std::array<uint64_t, 5>& words) const {
  char bytes[5 * 8];
  for (size_t i = 0; i < words.size(); ++i)
    StoreLittleEndian(words[i], &bytes[i * 8]);
  return OfKey({bytes, sizeof(bytes)});
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
