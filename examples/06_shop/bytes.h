// SPDX-License-Identifier: Apache-2.0
//
// Strings and numbers as bytes, for what the shop writes into its logs and
// sends as work. A Reader never reads past the end: after the first mistake
// ok() is false for good, and everything it returns is empty.

#ifndef SHOP_BYTES_H_
#define SHOP_BYTES_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace shop {

inline void PutInt(int64_t value, std::string* out) {
  for (int shift = 0; shift < 64; shift += 8)
    out->push_back(static_cast<char>(static_cast<uint64_t>(value) >> shift));
}

inline void PutString(std::string_view value, std::string* out) {
  PutInt(static_cast<int64_t>(value.size()), out);
  out->append(value.data(), value.size());
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  int64_t Int() {
    uint64_t value = 0;
    const std::string_view bytes = Take(8);
    for (size_t i = 0; i < bytes.size(); ++i)
      value |= static_cast<uint64_t>(static_cast<unsigned char>(bytes[i]))
               << (8 * i);
    return static_cast<int64_t>(value);
  }

  std::string String() {
    const int64_t size = Int();
    if (size < 0 || static_cast<uint64_t>(size) > rest_.size()) ok_ = false;
    return ok_ ? std::string(Take(static_cast<size_t>(size))) : std::string();
  }

  // How many items follow, each of at least one byte.
  size_t Count() {
    const int64_t count = Int();
    if (count < 0 || static_cast<uint64_t>(count) > rest_.size()) ok_ = false;
    return ok_ ? static_cast<size_t>(count) : 0;
  }

  bool ok() const { return ok_; }
  bool AtEnd() const { return ok_ && rest_.empty(); }

 private:
  std::string_view Take(size_t size) {
    if (!ok_ || size > rest_.size()) {
      ok_ = false;
      return {};
    }
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace shop

#endif  // SHOP_BYTES_H_
