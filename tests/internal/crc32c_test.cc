// SPDX-License-Identifier: Apache-2.0

#include "src/internal/crc32c.h"

#include <cstdint>
#include <random>
#include <string>
#include <string_view>

#include "gtest/gtest.h"

namespace trivet {
namespace internal {
namespace {

// RFC 3720, appendix B.4.
TEST(Crc32c, AgreesWithTheVectorsOfRfc3720) {
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8A9136AAU);
  EXPECT_EQ(Crc32c(std::string(32, '\xFF')), 0x62A8AB43U);

  std::string ascending;
  for (int i = 0; i < 32; ++i) ascending.push_back(static_cast<char>(i));
  EXPECT_EQ(Crc32c(ascending), 0x46DD794EU);
  EXPECT_EQ(Crc32c(std::string(ascending.rbegin(), ascending.rend())),
            0x113FDB5CU);

  // An iSCSI SCSI Read (10) command PDU.
  std::string pdu(48, '\0');
  pdu[0] = 0x01;
  pdu[1] = static_cast<char>(0xC0);
  pdu[16] = 0x14;
  pdu[22] = 0x04;
  pdu[27] = 0x14;
  pdu[31] = 0x18;
  pdu[32] = 0x28;
  pdu[40] = 0x02;
  EXPECT_EQ(Crc32c(pdu), 0xD9963A56U);
}

TEST(Crc32c, AgreesWithTheCheckValueOfItsCatalogues) {
  EXPECT_EQ(Crc32c("123456789"), 0xE3069283U);
  EXPECT_EQ(Crc32c(""), 0U);
}

TEST(Crc32c, ExtendingIsTheChecksumOfTheWhole) {
  const std::string_view text = "the quick brown fox jumps over the lazy dog";
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    const uint32_t first = Crc32c(text.substr(0, cut));
    EXPECT_EQ(ExtendCrc32c(first, text.substr(cut)), Crc32c(text)) << cut;
  }
}

TEST(Crc32c, TheProcessorsInstructionAgreesWithTheTables) {
  std::mt19937_64 random(1);
  std::string bytes(300, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  for (size_t from = 0; from < 16; ++from) {
    for (size_t size = 0; from + size <= bytes.size(); ++size) {
      const std::string_view part = std::string_view(bytes).substr(from, size);
      const auto seed = static_cast<uint32_t>(random());
      ASSERT_EQ(ExtendCrc32c(seed, part), ExtendCrc32cPortable(seed, part))
          << from << " " << size;
    }
  }
}

TEST(Crc32c, EverySingleBitFlipIsSeen) {
  std::string bytes = "trivet keeps what it was told";
  const uint32_t whole = Crc32c(bytes);
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_NE(Crc32c(bytes), whole) << bit;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
  }
}

}  // namespace
}  // namespace internal
}  // namespace trivet
