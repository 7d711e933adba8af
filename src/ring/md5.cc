// SPDX-License-Identifier: Apache-2.0

#include "src/ring/md5.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace trivet {
inline namespace v0_1 {
namespace internal {
namespace {

using State = std::array<uint32_t, 4>;

constexpr size_t kBlockSize = 64;

// floor(2^32 x |sin(i + 1)|), i = 0 .. 63.
constexpr std::array<uint32_t, 64> kSines = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a,
    0xa8304613, 0xfd469501, 0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be,
    0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821, 0xf61e2562, 0xc040b340,
    0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8,
    0x676f02d9, 0x8d2a4c8a, 0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c,
    0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70, 0x289b7ec6, 0xeaa127fa,
    0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92,
    0xffeff47d, 0x85845dd1, 0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1,
    0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};

uint32_t LoadLittleEndian(const char* from) {
  uint32_t word = 0;
  for (size_t i = 0; i < 4; ++i)
    word |= uint32_t{static_cast<unsigned char>(from[i])} << (8 * i);
  return word;
}

uint32_t RotateLeft(uint32_t word, int bits) {
  return (word << bits) | (word >> (32 - bits));
}

// One of the four rounds: sixteen steps of one function, each with another word
// of the block.
template <typename Function>
void Round(size_t round, const std::array<uint32_t, 16>& words,
           const std::array<int, 4>& rotations, size_t first, size_t stride,
           Function f, State* state) {
  auto [a, b, c, d] = *state;
  for (size_t i = 0; i < 16; ++i) {
    const uint32_t sum = a + f(b, c, d) + words[(first + stride * i) % 16] +
                         kSines[16 * round + i];
    a = d;
    d = c;
    c = b;
    b += RotateLeft(sum, rotations[i % 4]);
  }
  *state = {a, b, c, d};
}

void AddBlock(const char* block, State* state) {
  std::array<uint32_t, 16> words;
  for (size_t i = 0; i < words.size(); ++i)
    words[i] = LoadLittleEndian(block + 4 * i);

  using Word = uint32_t;
  const State before = *state;
  Round(
      0, words, {7, 12, 17, 22}, 0, 1,
      [](Word b, Word c, Word d) { return (b & c) | (~b & d); }, state);
  Round(
      1, words, {5, 9, 14, 20}, 1, 5,
      [](Word b, Word c, Word d) { return (b & d) | (c & ~d); }, state);
  Round(
      2, words, {4, 11, 16, 23}, 5, 3,
      [](Word b, Word c, Word d) { return b ^ c ^ d; }, state);
  Round(
      3, words, {6, 10, 15, 21}, 0, 7,
      [](Word b, Word c, Word d) { return c ^ (b | ~d); }, state);
  for (size_t i = 0; i < before.size(); ++i) (*state)[i] += before[i];
}

}  // namespace

std::array<uint32_t, 4> Md5(std::string_view bytes) {
  State state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
  const char* at = bytes.data();
  size_t left = bytes.size();
  for (; left >= kBlockSize; at += kBlockSize, left -= kBlockSize)
    AddBlock(at, &state);

  // What is left, a bit, zeros, and at the end of a block the size in bits.
  constexpr size_t kLengthSize = 8;
  std::array<char, 2 * kBlockSize> tail{};
  std::copy_n(at, left, tail.begin());
  tail[left] = static_cast<char>(0x80);
  const size_t end =
      left + 1 + kLengthSize <= kBlockSize ? kBlockSize : 2 * kBlockSize;
  const uint64_t bits = uint64_t{bytes.size()} * 8;
  for (size_t i = 0; i < kLengthSize; ++i)
    tail[end - kLengthSize + i] = static_cast<char>(bits >> (8 * i));
  for (size_t block = 0; block < end; block += kBlockSize)
    AddBlock(&tail[block], &state);
  return state;
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
