// SPDX-License-Identifier: Apache-2.0

#include "src/lock/cas_register.h"

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "src/internal/bytes.h"
#include "src/internal/crc32c.h"

namespace trivet {
namespace {

using internal::ByteWriter;
using internal::CasRegister;
using internal::CasRegisterKey;
using internal::Crc32c;
using internal::DecodeCasRegister;
using internal::EncodeCasRegister;
using internal::kLeaseIdMax;
using internal::kOwnerMax;

CasRegister Sample() {
  return {"lease-id", std::string("own\0er", 6), absl::Seconds(15), 8, 300};
}

TEST(CasRegister, ComesBack) {
  const auto decoded = DecodeCasRegister({EncodeCasRegister(Sample()), 9});
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->lease_id, Sample().lease_id);
  EXPECT_EQ(decoded->owner, Sample().owner);
  EXPECT_EQ(decoded->ttl, Sample().ttl);
  EXPECT_EQ(decoded->token, 8);
  EXPECT_EQ(decoded->beat, 300);
  EXPECT_FALSE(decoded->IsFree());
}

TEST(CasRegister, TheBytesOfFormat1StayAsTheyAre) {
  EXPECT_EQ(EncodeCasRegister({"ab", "c", absl::Nanoseconds(300), 5, 1}),
            std::string("TRVL\x01\x02"
                        "ab\x01"
                        "c\xAC\x02\x05\x01"
                        "\xE2\xFE\x13\x8D",
                        18));
}

TEST(CasRegister, IsFreeIfNeverWrittenOrReleased) {
  EXPECT_TRUE(DecodeCasRegister({"", 0})->IsFree());
  EXPECT_TRUE(DecodeCasRegister({EncodeCasRegister({}), 4})->IsFree());
}

TEST(CasRegister, AForeignValueIsNobodysLease) {
  for (const char* const foreign : {"", "x", "TRV", "{\"holder\": 1}"}) {
    const auto decoded = DecodeCasRegister({foreign, 3});
    EXPECT_TRUE(absl::IsDataLoss(decoded.status())) << foreign;
  }
}

TEST(CasRegister, EveryTruncationIsSeen) {
  const std::string bytes = EncodeCasRegister(Sample());
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(DecodeCasRegister({bytes.substr(0, size), 3}).ok()) << size;
  }
  EXPECT_FALSE(DecodeCasRegister({bytes + "x", 3}).ok());
}

TEST(CasRegister, EveryFlippedBitIsSeen) {
  const std::string bytes = EncodeCasRegister(Sample());
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(DecodeCasRegister({damaged, 3}).ok()) << bit;
  }
}

// Nobody wrote these by chance: the checksum is right.
TEST(CasRegister, WhatNoLeaseLooksLikeIsRefused) {
  struct Case {
    const char* what;
    size_t id_size;
    size_t owner_size;
    uint64_t nanos;
    const char* rest;
    bool is_good;
  };
  const Case cases[] = {
      {"the largest", kLeaseIdMax, kOwnerMax, INT64_MAX, "\x05\x01", true},
      {"a long id", kLeaseIdMax + 1, 1, 1, "\x05\x01", false},
      {"a long owner", 1, kOwnerMax + 1, 1, "\x05\x01", false},
      {"a long ttl", 1, 1, uint64_t{INT64_MAX} + 1, "\x05\x01", false},
      {"no beat", 1, 1, 1, "\x05", false},
      {"more than a beat", 1, 1, 1, "\x05\x01x", false},
  };
  for (const Case& c : cases) {
    std::string bytes;
    ByteWriter writer(&bytes);
    writer.Raw("TRVL\x01");
    writer.Bytes(std::string(c.id_size, 'i'));
    writer.Bytes(std::string(c.owner_size, 'o'));
    writer.Varint(c.nanos);
    writer.Raw(c.rest);
    writer.U32(Crc32c(bytes));
    const auto decoded = DecodeCasRegister({bytes, 3});
    EXPECT_EQ(decoded.ok(), c.is_good) << c.what;
    EXPECT_EQ(absl::IsDataLoss(decoded.status()), !c.is_good) << c.what;
  }
}

TEST(CasRegister, ANewerFormatIsRefusedAsSuch) {
  std::string bytes = EncodeCasRegister(Sample());
  bytes[4] = 2;
  EXPECT_TRUE(absl::IsUnimplemented(DecodeCasRegister({bytes, 3}).status()));
}

TEST(CasRegisterKey, NoTwoNamesShareAKey) {
  std::set<std::string> keys;
  size_t names = 0;
  for (int a = 0; a < 256; ++a) {
    keys.insert(CasRegisterKey(std::string(1, static_cast<char>(a))));
    ++names;
    for (int b = 0; b < 256; ++b) {
      keys.insert(CasRegisterKey(
          std::string{static_cast<char>(a), static_cast<char>(b)}));
      ++names;
    }
  }
  keys.insert(CasRegisterKey("%41"));
  EXPECT_EQ(keys.size(), names + 1);
}

TEST(CasRegisterKey, IsPlainText) {
  EXPECT_EQ(CasRegisterKey("jobs/a b"), "trivet/lock/jobs%2Fa%20b");
  EXPECT_EQ(CasRegisterKey("Jobs_1-2.3"), "trivet/lock/Jobs_1-2.3");
  // Both ends of what is plain, and what is next to them.
  EXPECT_EQ(CasRegisterKey("/09:@AZ[`az{"),
            "trivet/lock/%2F09%3A%40AZ%5B%60az%7B");
}

}  // namespace
}  // namespace trivet
