// SPDX-License-Identifier: Apache-2.0

#include "src/internal/crc32c.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace trivet {
inline namespace v0_1 {
namespace internal {
namespace {

constexpr uint32_t kPolynomial = 0x82F63B78;  // Reflected.

// tables[k][b]: the checksum state after byte b and k zero bytes.
constexpr std::array<std::array<uint32_t, 256>, 8> MakeTables() {
  std::array<std::array<uint32_t, 256>, 8> tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t state = byte;
    for (int bit = 0; bit < 8; ++bit) {
      state = (state >> 1) ^ ((state & 1) != 0 ? kPolynomial : 0);
    }
    tables[0][byte] = state;
  }
  for (size_t k = 1; k < 8; ++k) {
    for (size_t byte = 0; byte < 256; ++byte) {
      const uint32_t before = tables[k - 1][byte];
      tables[k][byte] = (before >> 8) ^ tables[0][before & 0xFF];
    }
  }
  return tables;
}

constexpr auto kTables = MakeTables();

uint64_t LoadLittleEndian64(const char* from) {
  uint64_t value = 0;
  for (int i = 0; i < 8; ++i) {
    value |= static_cast<uint64_t>(static_cast<unsigned char>(from[i]))
             << (8 * i);
  }
  return value;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) uint32_t ExtendBySse42(
    uint32_t crc, std::string_view bytes) {
  uint64_t state = ~crc;
  const char* at = bytes.data();
  size_t left = bytes.size();
  for (; left >= 8; at += 8, left -= 8) {
    uint64_t word;
    std::memcpy(&word, at, sizeof(word));
    state = _mm_crc32_u64(state, word);
  }
  uint32_t narrow = static_cast<uint32_t>(state);
  for (; left > 0; ++at, --left) {
    narrow = _mm_crc32_u8(narrow, static_cast<unsigned char>(*at));
  }
  return ~narrow;
}
#endif

}  // namespace

// Slicing by eight (Kounavis and Berry, 2005).
uint32_t ExtendCrc32cPortable(uint32_t crc, std::string_view bytes) {
  uint32_t state = ~crc;
  const char* at = bytes.data();
  size_t left = bytes.size();
  for (; left >= 8; at += 8, left -= 8) {
    const uint64_t word = LoadLittleEndian64(at) ^ state;
    state = 0;
    for (size_t i = 0; i < 8; ++i) {
      state ^= kTables[7 - i][(word >> (8 * i)) & 0xFF];
    }
  }
  for (; left > 0; ++at, --left) {
    state = (state >> 8) ^
            kTables[0][(state ^ static_cast<unsigned char>(*at)) & 0xFF];
  }
  return ~state;
}

uint32_t ExtendCrc32c(uint32_t crc, std::string_view bytes) {
#if defined(__x86_64__)
  static const bool has_sse42 = __builtin_cpu_supports("sse4.2") != 0;
  if (has_sse42) return ExtendBySse42(crc, bytes);
#endif
  return ExtendCrc32cPortable(crc, bytes);
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
