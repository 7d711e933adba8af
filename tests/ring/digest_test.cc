// SPDX-License-Identifier: Apache-2.0
//
// MD5 and CRC-32 against their RFCs, and against Python's of every size of
// message up to three blocks.

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "src/ring/crc32.h"
#include "src/ring/md5.h"

namespace trivet {
namespace {

std::string Md5Hex(std::string_view bytes) {
  std::string hex;
  for (const uint32_t word : internal::Md5(bytes))
    for (int shift = 0; shift < 32; shift += 8)
      absl::StrAppend(&hex, absl::Hex((word >> shift) & 0xff, absl::kZeroPad2));
  return hex;
}

TEST(RingDigest, Md5IsThatOfRfc1321) {
  EXPECT_EQ(Md5Hex(""), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(Md5Hex("a"), "0cc175b9c0f1b6a831c399e269772661");
  EXPECT_EQ(Md5Hex("abc"), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(Md5Hex("message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
  EXPECT_EQ(Md5Hex("abcdefghijklmnopqrstuvwxyz"),
            "c3fcd3d76192e4007dfb496cca67e13b");
  EXPECT_EQ(Md5Hex("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                   "0123456789"),
            "d174ab98d277d9f5a5611c2c9f419d9f");
  EXPECT_EQ(Md5Hex("1234567890123456789012345678901234567890"
                   "1234567890123456789012345678901234567890"),
            "57edf4a22be3c955ac49da2e2107b67a");
}

// The check value of the CRC catalogues; RFC 1952 gives the code.
TEST(RingDigest, Crc32IsThatOfRfc1952) {
  EXPECT_EQ(internal::Crc32(""), 0u);
  EXPECT_EQ(internal::Crc32("123456789"), 0xcbf43926u);
}

TEST(RingDigest, EverySizeOfMessageIsDigestedAsPythonDoes) {
  std::ifstream file("tests/golden/digest_lengths.tsv", std::ios::binary);
  std::string line;
  size_t sizes = 0;
  while (std::getline(file, line)) {
    if (line[0] == '#') continue;
    size_t size;
    std::string md5;
    std::string crc;
    std::istringstream(line) >> size >> md5 >> crc;
    ASSERT_EQ(size, sizes++);
    std::string message;
    for (size_t i = 0; i < size; ++i)
      message.push_back(static_cast<char>(131 * i + size));
    EXPECT_EQ(Md5Hex(message), md5) << size;
    EXPECT_EQ(
        absl::StrCat(absl::Hex(internal::Crc32(message), absl::kZeroPad8)), crc)
        << size;
  }
  EXPECT_EQ(sizes, 201u);
}

TEST(RingDigest, Crc32IsTheSameInParts) {
  const std::string_view whole("127.0.0.1\00011211", 15);
  for (size_t cut = 0; cut <= whole.size(); ++cut)
    EXPECT_EQ(internal::ExtendCrc32(internal::Crc32(whole.substr(0, cut)),
                                    whole.substr(cut)),
              internal::Crc32(whole))
        << cut;
}

}  // namespace
}  // namespace trivet
