// SPDX-License-Identifier: Apache-2.0
//
// Ids, zones and keys are any bytes. This shows them where only text may stand:
// on a terminal, which must not be steered, in JSON and in XML.
//
//   cache-1        Shown: cache-1         Brief: "cache-1"
//   two words      Shown: "two words"     Brief: "two words"
//   \n, \xFF       Shown: "\x0a\xff"      Brief: "\x0a\xff"

#ifndef TRIVET_SRC_CLI_TEXT_H_
#define TRIVET_SRC_CLI_TEXT_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace trivet {
inline namespace v0_1 {
namespace cli {

// One word: as it is if it is a plain word, else in double quotes, with
// escapes. Different bytes are shown differently.
std::string Shown(std::string_view bytes);

// Always quoted, and short however long it is: for errors.
std::string Brief(std::string_view bytes);

// As many columns as a terminal gives to `shown`, nearly: its characters.
size_t Width(std::string_view shown);

// `shown` in at most `width` characters, "..." in place of what is too much:
// ids often differ at their ends. REQUIRES: width is 6 or more.
std::string Fitted(std::string_view shown, size_t width);

// For the text and the attributes of XML. REQUIRES: came from the above, since
// XML has no way to say a control character.
std::string XmlText(std::string_view shown);

// JSON has no other strings.
bool IsUtf8(std::string_view bytes);

}  // namespace cli
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_CLI_TEXT_H_
