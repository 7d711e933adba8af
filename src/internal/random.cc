// SPDX-License-Identifier: Apache-2.0

#include "src/internal/random.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "src/internal/invariant.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {
namespace {

thread_local std::vector<RandomSource*> sources;

void FillRandom(unsigned char* bytes, size_t size) {
  size_t filled = 0;
  while (!sources.empty() && filled < size) {
    const uint64_t drawn = sources.back()->Draw();
    const size_t part = std::min(size - filled, sizeof(drawn));
    std::memcpy(bytes + filled, &drawn, part);
    filled += part;
  }
  while (filled < size) {
    const ssize_t got = getrandom(bytes + filled, size - filled, 0);
    if (got < 0 && errno == EINTR) continue;
    TRIVET_INVARIANT(got > 0, "getrandom(2) gives bytes");
    filled += static_cast<size_t>(got);
  }
}

}  // namespace

std::string UniqueId() {
  std::array<unsigned char, 16> bytes;
  FillRandom(bytes.data(), bytes.size());
  std::string text;
  text.reserve(2 * bytes.size());
  for (const unsigned char byte : bytes) {
    text.push_back("0123456789abcdef"[byte >> 4]);
    text.push_back("0123456789abcdef"[byte & 15]);
  }
  return text;
}

uint64_t RandomSeed() {
  std::array<unsigned char, sizeof(uint64_t)> bytes;
  FillRandom(bytes.data(), bytes.size());
  uint64_t seed;
  std::memcpy(&seed, bytes.data(), sizeof(seed));
  return seed;
}

RandomSource::RandomSource() { sources.push_back(this); }

RandomSource::~RandomSource() {
  sources.erase(std::find(sources.begin(), sources.end(), this));
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
