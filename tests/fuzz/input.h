// SPDX-License-Identifier: Apache-2.0
//
// Input: what a fuzzer gives, taken from the front, byte by byte. A target
// reads all its choices from it, so that a small change of the bytes is a small
// change of what is done.
//
// Thread safety: thread-compatible.

#ifndef TRIVET_TESTS_FUZZ_INPUT_H_
#define TRIVET_TESTS_FUZZ_INPUT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

namespace trivet {

class Input {
 public:
  Input(const uint8_t* data, size_t size) : data_(data), end_(data + size) {}

  bool IsEmpty() const { return data_ == end_; }
  size_t size() const { return static_cast<size_t>(end_ - data_); }

  // Zeros once the bytes have come to their end.
  uint8_t Byte() { return IsEmpty() ? 0 : *data_++; }
  size_t Below(size_t limit) { return Byte() % limit; }
  bool OneIn(size_t n) { return Byte() % n == n - 1; }  // Not at the end.

  // So many of them, or all that are left.
  std::string Text(size_t size_max) {
    const auto size = std::min(size_max, static_cast<size_t>(end_ - data_));
    std::string text(data_, data_ + size);
    data_ += size;
    return text;
  }
  std::string Rest() { return Text(SIZE_MAX); }

 private:
  const uint8_t* data_;
  const uint8_t* end_;
};

}  // namespace trivet

#endif  // TRIVET_TESTS_FUZZ_INPUT_H_
