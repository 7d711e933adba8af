// SPDX-License-Identifier: Apache-2.0

#include "src/ring/crc32.h"

#include <array>
#include <cstdint>
#include <string_view>

namespace trivet {
inline namespace v0_1 {
namespace internal {
namespace {

// The state after each byte alone.
constexpr std::array<uint32_t, 256> MakeTable() {
  constexpr uint32_t kPolynomial = 0xEDB88320;  // Reflected.
  std::array<uint32_t, 256> table{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t state = byte;
    for (int bit = 0; bit < 8; ++bit)
      state = (state >> 1) ^ ((state & 1) != 0 ? kPolynomial : 0);
    table[byte] = state;
  }
  return table;
}

constexpr auto kTable = MakeTable();

}  // namespace

uint32_t ExtendCrc32(uint32_t crc, std::string_view bytes) {
  uint32_t state = ~crc;
  for (const char byte : bytes)
    state = (state >> 8) ^ kTable[(state ^ static_cast<uint8_t>(byte)) & 0xFF];
  return ~state;
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
