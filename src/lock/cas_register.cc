// SPDX-License-Identifier: Apache-2.0

#include "src/lock/cas_register.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "src/internal/bytes.h"
#include "src/internal/crc32c.h"
#include "trivet/host/versioned_store.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {
namespace {

constexpr std::string_view kMagic = "TRVL";
constexpr uint8_t kFormat = 1;
constexpr size_t kChecksumSize = 4;

bool IsPlain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

absl::Status NotOurs(const char* what) {
  return absl::DataLossError("the lock's register holds " + std::string(what) +
                             "; it is left as it is");
}

}  // namespace

std::string EncodeCasRegister(const CasRegister& lease) {
  std::string bytes;
  ByteWriter writer(&bytes);
  writer.Raw(kMagic);
  writer.U8(kFormat);
  writer.Bytes(lease.lease_id);
  writer.Bytes(lease.owner);
  writer.Varint(static_cast<uint64_t>(absl::ToInt64Nanoseconds(lease.ttl)));
  writer.Varint(lease.token);
  writer.Varint(lease.beat);
  writer.U32(Crc32c(bytes));
  return bytes;
}

absl::StatusOr<CasRegister> DecodeCasRegister(const VersionedValue& content) {
  if (content.version == 0) return CasRegister();
  const std::string_view bytes = content.value;
  ByteReader head(bytes);
  if (head.Raw(kMagic.size()) != kMagic) return NotOurs("no trivet lease");
  const uint8_t format = head.U8();
  if (head.ok() && format > kFormat) {
    return absl::UnimplementedError(
        "the lock's register has format " + std::to_string(format) +
        ", written by a newer trivet; this one reads up to " +
        std::to_string(kFormat));
  }
  if (format != kFormat || head.remaining() < kChecksumSize) {
    return NotOurs("a damaged lease");
  }
  const size_t body_size = bytes.size() - kChecksumSize;
  ByteReader tail(bytes.substr(body_size));
  if (tail.U32() != Crc32c(bytes.substr(0, body_size))) {
    return NotOurs("a damaged lease");
  }
  ByteReader body(
      bytes.substr(kMagic.size() + 1, body_size - kMagic.size() - 1));
  CasRegister lease;
  lease.lease_id = std::string(body.Bytes(kLeaseIdMax));
  lease.owner = std::string(body.Bytes(kOwnerMax));
  const uint64_t nanos = body.Varint();
  if (nanos > INT64_MAX) body.Fail();
  lease.ttl = absl::Nanoseconds(static_cast<int64_t>(nanos));
  lease.token = body.Varint();
  lease.beat = body.Varint();
  if (!body.Finished()) return NotOurs("a malformed lease");
  return lease;
}

std::string CasRegisterKey(std::string_view lock) {
  std::string key = "trivet/lock/";
  for (const char c : lock) {
    if (IsPlain(c)) {
      key.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    key.push_back('%');
    key.push_back("0123456789ABCDEF"[byte >> 4]);
    key.push_back("0123456789ABCDEF"[byte & 15]);
  }
  return key;
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
