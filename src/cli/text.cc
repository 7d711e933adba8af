// SPDX-License-Identifier: Apache-2.0

#include "src/cli/text.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "src/internal/strings.h"

namespace trivet {
inline namespace v0_1 {
namespace cli {
namespace {

struct Character {
  char32_t code = 0;
  size_t size = 0;  // In bytes; 0: these bytes are not UTF-8.
};

// The first character of `bytes`, of which there is one at least.
Character FirstOf(std::string_view bytes) {
  const auto byte = [&](size_t i) {
    return static_cast<unsigned char>(bytes[i]);
  };
  if (byte(0) < 0x80) return {byte(0), 1};
  const size_t size = byte(0) < 0xC2   ? 0
                      : byte(0) < 0xE0 ? 2
                      : byte(0) < 0xF0 ? 3
                      : byte(0) < 0xF5 ? 4
                                       : 0;
  if (size == 0 || bytes.size() < size) return {};
  char32_t code = byte(0) & (0x7FU >> size);
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3FU);
  }
  const bool too_long =
      (size == 3 && code < 0x800) || (size == 4 && code < 0x10000);
  const bool surrogate = code >= 0xD800 && code < 0xE000;
  if (too_long || surrogate || code > 0x10FFFF) return {};
  return {code, size};
}

// Neither a control character nor one that hides, reorders or ends a line.
bool IsVisible(char32_t code) {
  const std::pair<char32_t, char32_t> invisible[] = {
      {0x00, 0x20},     {0x7F, 0xA0},      {0xAD, 0xAD},     {0x61C, 0x61C},
      {0x200B, 0x200F}, {0x2028, 0x202E},  {0x2060, 0x206F}, {0xFEFF, 0xFEFF},
      {0xFFF9, 0xFFFF}, {0xE0000, 0xE0FFF}};
  for (const auto& [first, last] : invisible)
    if (first <= code && code <= last) return false;
  return true;
}

// `bytes` as it may stand between quotes. Sets *plain to whether it could stand
// without them.
std::string Escaped(std::string_view bytes, bool* plain) {
  std::string text;
  *plain = !bytes.empty();
  while (!bytes.empty()) {
    const Character c = FirstOf(bytes);
    const size_t size = c.size == 0 ? 1 : c.size;
    const std::string_view part = bytes.substr(0, size);
    const bool marked = c.code == '"' || c.code == '\\';
    const bool visible = c.size > 0 && IsVisible(c.code);
    if (marked) text += '\\';
    if (visible || c.code == ' ') {
      text += part;
    } else {
      for (const char byte : part)
        absl::StrAppend(
            &text, "\\x",
            absl::Hex(static_cast<unsigned char>(byte), absl::kZeroPad2));
    }
    *plain = *plain && visible && !marked;
    bytes.remove_prefix(size);
  }
  return text;
}

}  // namespace

std::string Shown(std::string_view bytes) {
  bool plain = false;
  const std::string text = Escaped(bytes, &plain);
  return plain ? text : absl::StrCat("\"", text, "\"");
}

std::string Brief(std::string_view bytes) {
  constexpr size_t kBytesMax = 64;
  bool plain = false;
  const std::string text = Escaped(bytes.substr(0, kBytesMax), &plain);
  return absl::StrCat("\"", text, bytes.size() > kBytesMax ? "\"..." : "\"");
}

size_t Width(std::string_view shown) {
  size_t width = 0;
  for (const char byte : shown)
    width += (static_cast<unsigned char>(byte) & 0xC0U) != 0x80;
  return width;
}

std::string Fitted(std::string_view shown, size_t width) {
  if (Width(shown) <= width) return std::string(shown);
  const size_t tail_width = (width - 3) / 3;
  std::string_view head = shown;
  while (Width(head) + 3 + tail_width > width) head.remove_suffix(1);
  while (!IsUtf8(head)) head.remove_suffix(1);
  std::string_view tail = shown;
  while (Width(tail) > tail_width || !IsUtf8(tail)) tail.remove_prefix(1);
  return absl::StrCat(internal::Sv(head), "...", internal::Sv(tail));
}

std::string XmlText(std::string_view shown) {
  return absl::StrReplaceAll(
      internal::Sv(shown),
      {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

bool IsUtf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const size_t size = FirstOf(bytes).size;
    if (size == 0) return false;
    bytes.remove_prefix(size);
  }
  return true;
}

}  // namespace cli
}  // namespace v0_1
}  // namespace trivet
