// SPDX-License-Identifier: Apache-2.0
//
// A fuzz target as a test: TARGET CORPUS-FOLDER COUNT. Gives it every file of
// the folder, and COUNT inputs made of the seeds 1 .. COUNT.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

#include "tests/fuzz/fuzz_target.h"

namespace {

using Bytes = std::vector<uint8_t>;

Bytes FromSeed(uint64_t seed) {
  std::mt19937_64 random(seed);
  Bytes bytes(random() % 400);
  std::generate(bytes.begin(), bytes.end(),
                [&random] { return static_cast<uint8_t>(random()); });
  return bytes;
}

Bytes FromFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s CORPUS-FOLDER COUNT\n", argv[0]);
    return 2;
  }
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1]))
    files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const std::filesystem::path& path : files) {
    const Bytes bytes = FromFile(path);
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  }
  const unsigned long long count = std::strtoull(argv[2], nullptr, 10);
  for (uint64_t seed = 1; seed <= count; ++seed) {
    const Bytes bytes = FromSeed(seed);
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  }
  std::printf("%zu files and %llu inputs from seeds\n", files.size(), count);
  return files.empty() ? 1 : 0;
}
