// SPDX-License-Identifier: Apache-2.0

#include "src/internal/bytes.h"

#include <cstdint>
#include <string>
#include <string_view>

#include "gtest/gtest.h"

namespace trivet {
namespace internal {
namespace {

using std::string_literals::operator""s;

std::string Varint(uint64_t value) {
  std::string bytes;
  ByteWriter(&bytes).Varint(value);
  return bytes;
}

TEST(Bytes, FixedNumbersAreLittleEndian) {
  std::string bytes;
  ByteWriter writer(&bytes);
  writer.U8(0x01);
  writer.U16(0x0203);
  writer.U32(0x04050607);
  writer.U64(0x08090A0B0C0D0E0F);
  EXPECT_EQ(bytes,
            "\x01\x03\x02\x07\x06\x05\x04\x0F\x0E\x0D\x0C\x0B\x0A\x09\x08"s);

  ByteReader reader(bytes);
  EXPECT_EQ(reader.U8(), 0x01);
  EXPECT_EQ(reader.U16(), 0x0203);
  EXPECT_EQ(reader.U32(), 0x04050607U);
  EXPECT_EQ(reader.U64(), 0x08090A0B0C0D0E0FU);
  EXPECT_TRUE(reader.Finished());
}

TEST(Bytes, HighBitsSurvive) {
  std::string bytes;
  ByteWriter writer(&bytes);
  writer.U8(0xFF);
  writer.U16(0xFEDC);
  writer.U32(0xFEDCBA98);
  writer.U64(UINT64_MAX - 1);
  ByteReader reader(bytes);
  EXPECT_EQ(reader.U8(), 0xFF);
  EXPECT_EQ(reader.U16(), 0xFEDC);
  EXPECT_EQ(reader.U32(), 0xFEDCBA98);
  EXPECT_EQ(reader.U64(), UINT64_MAX - 1);
  EXPECT_TRUE(reader.Finished());
}

TEST(Bytes, VarintsHaveTheBytesOfLeb128) {
  EXPECT_EQ(Varint(0), "\0"s);
  EXPECT_EQ(Varint(0x7F), "\x7F");
  EXPECT_EQ(Varint(0x80), "\x80\x01");
  EXPECT_EQ(Varint(624485), "\xE5\x8E\x26");
  EXPECT_EQ(Varint(UINT64_MAX), "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01");
  EXPECT_EQ(Varint(UINT64_MAX).size(), kVarintSizeMax);
}

TEST(Bytes, EveryVarintReadsBack) {
  for (unsigned bit = 0; bit < 64; ++bit) {
    for (uint64_t off = 0; off < 3; ++off) {
      const uint64_t value = (uint64_t{1} << bit) - 1 + off;
      const std::string bytes = Varint(value);
      ByteReader reader(bytes);
      EXPECT_EQ(reader.Varint(), value);
      EXPECT_TRUE(reader.Finished()) << value;
    }
  }
}

TEST(Bytes, AVarintHasOneEncoding) {
  for (const std::string& bad :
       {"\x80\0"s, "\xFF\x80\0"s,                         // Padded.
        "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02"s,      // 65 bits.
        "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"s,  // 11 bytes.
        "\x80"s, "\xFF\xFF"s, ""s}) {                     // Cut short.
    ByteReader reader(bad);
    EXPECT_EQ(reader.Varint(), 0U);
    EXPECT_FALSE(reader.ok()) << testing::PrintToString(bad);
  }
}

TEST(Bytes, LengthPrefixedBytesReadBack) {
  std::string bytes;
  ByteWriter writer(&bytes);
  writer.Bytes("");
  writer.Bytes("a\0b"s);
  writer.Bytes(std::string(300, 'x'));
  ByteReader reader(bytes);
  EXPECT_EQ(reader.Bytes(0), "");
  EXPECT_EQ(reader.Bytes(3), "a\0b"s);
  EXPECT_EQ(reader.Bytes(300), std::string(300, 'x'));
  EXPECT_TRUE(reader.Finished());
}

TEST(Bytes, MoreThanTheMaximumFailsEvenIfPresent) {
  std::string bytes;
  ByteWriter(&bytes).Bytes("four");
  ByteReader reader(bytes);
  EXPECT_EQ(reader.Bytes(3), "");
  EXPECT_FALSE(reader.ok());
}

TEST(Bytes, AHugeLengthFailsWithoutAllocating) {
  const std::string bytes = Varint(UINT64_MAX) + "abc";
  ByteReader reader(bytes);
  EXPECT_EQ(reader.Bytes(SIZE_MAX), "");
  EXPECT_FALSE(reader.ok());
}

TEST(Bytes, FailureIsSticky) {
  ByteReader reader("\x01\x02\x03");
  EXPECT_EQ(reader.U8(), 1);
  EXPECT_EQ(reader.U32(), 0U);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.U8(), 0) << "bytes that are there are not read any more";
  EXPECT_EQ(reader.Varint(), 0U);
  EXPECT_EQ(reader.Bytes(10), "");
  EXPECT_EQ(reader.Raw(1), "");
  EXPECT_EQ(reader.remaining(), 0U);
  EXPECT_FALSE(reader.Finished());
}

TEST(Bytes, LeftoversAreNotFinished) {
  ByteReader reader("ab");
  EXPECT_EQ(reader.Raw(1), "a");
  EXPECT_TRUE(reader.ok());
  EXPECT_FALSE(reader.Finished());
  EXPECT_EQ(reader.remaining(), 1U);
  EXPECT_EQ(reader.Raw(1), "b");
  EXPECT_TRUE(reader.Finished());
}

TEST(Bytes, EveryTruncationFails) {
  std::string bytes;
  ByteWriter writer(&bytes);
  writer.U16(7);
  writer.Bytes("name");
  writer.Varint(70000);
  for (size_t size = 0; size <= bytes.size(); ++size) {
    ByteReader reader(std::string_view(bytes).substr(0, size));
    reader.U16();
    reader.Bytes(100);
    reader.Varint();
    EXPECT_EQ(reader.Finished(), size == bytes.size()) << size;
  }
}

}  // namespace
}  // namespace internal
}  // namespace trivet
