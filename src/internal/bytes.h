// SPDX-License-Identifier: Apache-2.0
//
// ByteWriter and ByteReader: the one way in which trivet turns values into
// bytes that outlive the process or leave it.
//
//   std::string bytes;
//   ByteWriter writer(&bytes);
//   writer.U32(7);
//   writer.Bytes("name");
//
//   ByteReader reader(bytes);
//   const uint32_t number = reader.U32();
//   const std::string_view name = reader.Bytes(kNameSizeMax);
//   if (!reader.Finished()) return absl::DataLossError("...");
//
// Fixed numbers are little-endian. A varint is LEB128 in its shortest form, the
// only one that is read, so a value has one encoding. Bytes are a varint length
// and that many bytes.
//
// Thread safety: thread-compatible.

#ifndef TRIVET_SRC_INTERNAL_BYTES_H_
#define TRIVET_SRC_INTERNAL_BYTES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "trivet/config.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

inline constexpr size_t kVarintSizeMax = 10;

// Appends to a string, which it does not own.
class ByteWriter {
 public:
  explicit ByteWriter(std::string* out) : out_(out) {}

  void U8(uint8_t value) { Fixed(value); }
  void U16(uint16_t value) { Fixed(value); }
  void U32(uint32_t value) { Fixed(value); }
  void U64(uint64_t value) { Fixed(value); }

  void Varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) {
      out_->push_back(static_cast<char>((value & 0x7F) | 0x80));
    }
    out_->push_back(static_cast<char>(value));
  }

  void Bytes(std::string_view bytes) {
    Varint(bytes.size());
    Raw(bytes);
  }

  // The bytes alone; the reader has to know how many they are.
  void Raw(std::string_view bytes) { out_->append(bytes); }

 private:
  template <typename T>
  void Fixed(T value) {
    for (size_t i = 0; i < sizeof(T); ++i) {
      const auto byte = static_cast<uint64_t>(value) >> (8 * i);
      out_->push_back(static_cast<char>(byte & 0xFF));
    }
  }

  std::string* out_;
};

// Reads from bytes that it does not own. The first thing that is not there, or
// not well formed, fails the reader for good: it then returns zeros and empty
// views, so one look at ok() or Finished() at the end is enough. Nothing is
// ever allocated.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  uint8_t U8() { return Fixed<uint8_t>(); }
  uint16_t U16() { return Fixed<uint16_t>(); }
  uint32_t U32() { return Fixed<uint32_t>(); }
  uint64_t U64() { return Fixed<uint64_t>(); }

  uint64_t Varint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const uint64_t byte = U8();
      value |= (byte & 0x7F) << shift;
      if (byte < 0x80) {
        const bool padded = byte == 0 && shift > 0;
        const bool too_large = shift == 63 && byte > 1;
        if (padded || too_large) Fail();
        return ok_ ? value : 0;
      }
    }
    Fail();
    return 0;
  }

  // Fails on more than `size_max` bytes, before looking at any of them.
  std::string_view Bytes(size_t size_max) {
    const uint64_t size = Varint();
    if (size > size_max) Fail();
    return Raw(ok_ ? static_cast<size_t>(size) : 0);
  }

  std::string_view Raw(size_t size) {
    if (size > rest_.size()) Fail();
    if (!ok_) return {};
    const std::string_view bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return bytes;
  }

  bool ok() const { return ok_; }

  // Whether all went well and nothing is left over.
  bool Finished() const { return ok_ && rest_.empty(); }

  size_t remaining() const { return rest_.size(); }

  // Fails the reader, for a caller who finds a value out of range.
  void Fail() {
    ok_ = false;
    rest_ = {};
  }

 private:
  template <typename T>
  T Fixed() {
    const std::string_view bytes = Raw(sizeof(T));
    uint64_t value = 0;
    for (size_t i = 0; i < bytes.size(); ++i) {
      value |= static_cast<uint64_t>(static_cast<unsigned char>(bytes[i]))
               << (8 * i);
    }
    return static_cast<T>(value);
  }

  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_INTERNAL_BYTES_H_
