// SPDX-License-Identifier: Apache-2.0

#include "src/cli/text.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace trivet {
namespace {

TEST(TextTest, PlainWordsAreShownAsTheyAre) {
  for (const char* word : {"cache-1", "[::1]:80", "h\xC3\xA9llo",
                           "\xE6\x97\xA5", "\xF0\x9F\x90\xA2", "-", "a#b"}) {
    EXPECT_EQ(cli::Shown(word), word);
  }
}

TEST(TextTest, WhatWouldSteerATerminalOrMisleadIsEscaped) {
  EXPECT_EQ(cli::Shown(""), "\"\"");
  EXPECT_EQ(cli::Shown("two words"), "\"two words\"");
  EXPECT_EQ(cli::Shown("\"\\"), "\"\\\"\\\\\"");
  EXPECT_EQ(cli::Shown("\x1b[2J\r\n"), "\"\\x1b[2J\\x0d\\x0a\"");
  EXPECT_EQ(cli::Shown(std::string("\0", 1)), "\"\\x00\"");
  EXPECT_EQ(cli::Shown("\x7f"), "\"\\x7f\"");
  EXPECT_EQ(cli::Shown("\xC2\x9B"), "\"\\xc2\\x9b\"");           // C1 control.
  EXPECT_EQ(cli::Shown("\xE2\x80\xAE"), "\"\\xe2\\x80\\xae\"");  // Override.
}

TEST(TextTest, WhatIsNotUtf8IsToldFromWhatIs) {
  for (const char* good : {"", "a", "\xC2\x80", "\xE0\xA0\x80", "\xED\x9F\xBF",
                           "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_TRUE(cli::IsUtf8(good)) << good;
  }
  for (const char* bad :
       {"\x80", "\xC2", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xE2\x82",
        "\xED\xA0\x80", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80", "\xFF", "a\xC2z"}) {
    EXPECT_FALSE(cli::IsUtf8(bad));
    EXPECT_EQ(cli::Shown(bad).find("\\x") == std::string::npos, false);
  }
}

TEST(TextTest, ErrorsQuoteTheBeginningOnly) {
  EXPECT_EQ(cli::Brief("a"), "\"a\"");
  EXPECT_EQ(cli::Brief(std::string(64, 'a')),
            "\"" + std::string(64, 'a') + "\"");
  EXPECT_EQ(cli::Brief(std::string(65, 'a')),
            "\"" + std::string(64, 'a') + "\"...");
}

TEST(TextTest, FittedKeepsBothEnds) {
  EXPECT_EQ(cli::Fitted("0123456789", 10), "0123456789");
  EXPECT_EQ(cli::Fitted("0123456789a", 10), "01234...9a");
  const std::string accents =
      "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9"
      "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9";
  EXPECT_EQ(cli::Width(accents), 12U);
  EXPECT_TRUE(cli::IsUtf8(cli::Fitted(accents, 9)));
  EXPECT_EQ(cli::Width(cli::Fitted(accents, 9)), 9U);
}

TEST(TextTest, XmlHasNoMarkupFromNames) {
  EXPECT_EQ(cli::XmlText("<a&b>\"'"), "&lt;a&amp;b&gt;&quot;'");
}

}  // namespace
}  // namespace trivet
