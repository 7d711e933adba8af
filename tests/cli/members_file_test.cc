// SPDX-License-Identifier: Apache-2.0

#include "src/cli/members_file.h"

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "trivet/ring/placement.h"

namespace trivet {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string ErrorOf(const std::string& text) {
  const absl::StatusOr<cli::MembersFile> file = cli::ParseMembers(text);
  return file.ok() ? "it was accepted" : std::string(file.status().message());
}

struct Bad {
  std::string text;
  std::string error;
};

void ExpectErrors(const std::vector<Bad>& table) {
  for (const Bad& bad : table) EXPECT_EQ(ErrorOf(bad.text), bad.error);
}

const RingNode kA = {"a", 1, ""};
const RingNode kB = {"b", 2, "east"};

TEST(MembersFileTest, ReadsLinesWithCommentsAndAnyBlanks) {
  const auto file = cli::ParseMembers(
      "# all of them\n\n  a\r\n\tb\t2  east # big\n[::1]:80#1 007 #x");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_THAT(file->nodes, ElementsAre(kA, kB, RingNode{"[::1]:80#1", 7, ""}));
}

TEST(MembersFileTest, ReadsAListOrAnObjectOfJson) {
  const std::string list =
      R"([{"id": "a"}, {"zone": "east", "weight": 2, "id": "b"}])";
  auto file = cli::ParseMembers(" \r\n\t" + list + "\n");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_THAT(file->nodes, ElementsAre(kA, kB));
  EXPECT_EQ(file->options.vnodes_per_weight, 160U);

  file = cli::ParseMembers(R"({"vnodes_per_weight": 7, "nodes": )" + list +
                           R"(, "placement": "trivet"})");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_THAT(file->nodes, ElementsAre(kA, kB));
  EXPECT_EQ(file->options.vnodes_per_weight, 7U);
}

TEST(MembersFileTest, JsonCanSayEveryIdThatIsUtf8) {
  const auto file = cli::ParseMembers(R"([{"id": "\u0000 \u00e9\n"}])");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->nodes[0].id, std::string("\0 \xC3\xA9\n", 5));
}

TEST(MembersFileTest, BadLinesAreRefusedWithTheirPlace) {
  const std::string long_word(256, 'x');
  const std::string weight = " is not a whole number from 1 to 4294967295";
  ExpectErrors({
      {"", "there are no members in it"},
      {"\n # nobody\n", "there are no members in it"},
      {"\xEF\xBB\xBF"
       "a\n",
       "line 1, column 1: a byte order mark; save the file without one"},
      {"a\nb 0", "line 2, column 1: weight \"0\" of node \"b\"" + weight},
      {"a\n b -1", "line 2, column 2: weight \"-1\" of node \"b\"" + weight},
      {"b +1", "line 1, column 1: weight \"+1\" of node \"b\"" + weight},
      {"b 1.5", "line 1, column 1: weight \"1.5\" of node \"b\"" + weight},
      {"b 4294967296",
       "line 1, column 1: weight \"4294967296\" of node \"b\"" + weight},
      {"b two", "line 1, column 1: weight \"two\" of node \"b\"" + weight},
      {"a 1 east west",
       "line 1, column 1: a member is 'id [weight [zone]]', but \"a 1 east "
       "west\" has 4 words"},
      {"a\nb\n\n a 2",
       "line 4, column 2: node \"a\" is there already, at line 1, column 1"},
      {long_word, "line 1, column 1: id \"" + std::string(64, 'x') +
                      "\"... has 256 bytes; it must have 1 to 255"},
      {"a 1 " + long_word, "line 1, column 1: zone \"" + std::string(64, 'x') +
                               "\"... of node \"a\" has 256 bytes; the limit "
                               "is 255"},
      {std::string("a\nb\0c", 5),
       "line 2, column 2: control character \"\\x00\"; an id that has one can "
       "stand in JSON"},
      {"a\rb\n",
       "line 1, column 2: control character \"\\x0d\"; an id that has one can "
       "stand in JSON"},
      {"\x7f"
       "ELF",
       "line 1, column 1: control character \"\\x7f\"; an id that has one can "
       "stand in JSON"},
  });
}

TEST(MembersFileTest, BadJsonIsRefusedWithItsPlaceFieldAndValue) {
  const std::string number = "; it must be a whole number from 1 to 4294967295";
  ExpectErrors({
      {"[]", "there are no members in it"},
      {"{}", "line 1, column 2: the object has no field \"nodes\""},
      {R"([{"id":"a"},3])",
       "line 1, column 14: node 2 is 3; it must be an object"},
      {R"([["a"]])",
       "line 1, column 2: node 1 is a list; it must be an object"},
      {R"([{"weight":1}])", "line 1, column 13: node 1 has no field \"id\""},
      {R"([{"id":"a","weight":0}])",
       "line 1, column 22: node 1: weight is 0" + number},
      {R"([{"id":"a","weight":-1}])",
       "line 1, column 23: node 1: weight is -1" + number},
      {R"([{"id":"a","weight":1.0}])",
       "line 1, column 24: node 1: weight is 1.0" + number},
      {R"([{"id":"a","weight":4294967296}])",
       "line 1, column 31: node 1: weight is 4294967296" + number},
      {R"([{"id":"a","weight":18446744073709551617}])",
       "line 1, column 41: node 1: weight is 18446744073709551617" + number},
      {R"([{"id":"a","weight":"2"}])",
       "line 1, column 23: node 1: weight is \"2\"" + number},
      {R"([{"id":"a","weight":null}])",
       "line 1, column 24: node 1: weight is null" + number},
      {R"([{"id":"a","weight":[1]}])",
       "line 1, column 21: node 1: weight is a list" + number},
      {"[{\"id\":\"a\"},\n {\"id\":7}]",
       "line 2, column 9: node 2: id is 7; it must be a string"},
      {R"([{"id":"a","zone":{}}])",
       "line 1, column 19: node 1: zone is an object; it must be a string"},
      {R"([{"id":""}])",
       "line 1, column 2: id \"\" has 0 bytes; it must have 1 to 255"},
      {R"([{"id":"a","wieght":2}])",
       "line 1, column 19: node 1 has the unknown field \"wieght\"; the fields "
       "are \"id\", \"weight\", \"zone\""},
      {R"({"secret":"x"})",
       "line 1, column 9: the object has the unknown field \"secret\"; the "
       "fields are \"nodes\", \"placement\", \"vnodes_per_weight\", "
       "\"ring_size_min\", \"ring_size_max\""},
      {R"([{"id":"a","id":"b"}])",
       "line 1, column 15: node 1 has the field \"id\" twice"},
      {R"({"nodes":[{"id":"a"}],"nodes":[{"id":"b"}]})",
       "line 1, column 29: the object has the field \"nodes\" twice"},
      {R"({"nodes":"a"})",
       "line 1, column 12: the object: nodes is \"a\"; it must be a list"},
      {R"({"nodes":[],"placement":"maglev"})",
       "line 1, column 32: the object: placement is \"maglev\"; it must be one "
       "of \"trivet\", \"envoy\", \"ketama\", \"ketama_weighted\", "
       "\"nginx\""},
      {R"({"vnodes_per_weight":0})",
       "line 1, column 23: the object: vnodes_per_weight is 0" + number},
      {"[{\"id\":\"a\"},\n{\"id\":\"a\"}]",
       "line 2, column 1: node \"a\" is there already, at line 1, column 2"},
      {std::string("[{\"id\":\"a\"}]\0[", 14),
       "line 1, column 13: control character \"\\x00\""},
  });
}

TEST(MembersFileTest, WhatIsNotJsonIsRefusedWithThePlaceAndTheReason) {
  const std::string rule =
      "not JSON, as which a file is read that begins with '[' or '{': ";
  const std::vector<Bad> table = {
      {"[", "line 1, column 1: " + rule},
      {"[::1]:80\n", "line 1, column 2: " + rule},
      {"[{\"id\":\n'a'}]", "line 2, column 1: " + rule},
      {"[{\"id\":\"a\"}]\n]", "line 2, column 1: " + rule},
      {"[{\"id\":\"a\"},]", "line 1, column 13: " + rule},
      {"[{\"id\":\"\xFF\"}]", "line 1, column 9: " + rule},
      {"[{\"id\":\"\\ud800\"}]", "line 1, column 15: " + rule},
      {"[{\"id\":\"a\",\"weight\":1e999}]", "line 1, column 26: " + rule},
      {"[// a\n]", "line 1, column 2: " + rule},
  };
  for (const Bad& bad : table) {
    EXPECT_THAT(ErrorOf(bad.text), HasSubstr(bad.error));
    EXPECT_LT(ErrorOf(bad.text).size(), 250U) << ErrorOf(bad.text);
    EXPECT_GT(ErrorOf(bad.text).size(), bad.error.size() + 10);
  }
}

TEST(MembersFileTest, HugeAndHostileTextsEndInAnError) {
  const std::string deep(1000000, '[');
  EXPECT_THAT(ErrorOf(deep), HasSubstr("node 1 is a list"));
  EXPECT_THAT(ErrorOf("[{\"id\":" + deep), HasSubstr("id is a list"));
  EXPECT_LT(ErrorOf(std::string(1000000, 'x')).size(), 200U);
  EXPECT_LT(ErrorOf("a " + std::string(1000000, 'x')).size(), 200U);
  EXPECT_LT(ErrorOf("[" + std::string(1000000, 'x')).size(), 200U);
  EXPECT_LT(
      ErrorOf("[{\"id\":\"a\",\"weight\":1." + std::string(1000000, '1') + "}]")
          .size(),
      200U);
}

// Whatever the bytes are, they are members or an error with a place.
TEST(MembersFileTest, AnyTruncationOrChangedByteOfAFileIsReadOrRefused) {
  for (const std::string& text :
       {std::string("# c\na 1 east\r\nb 2\n"),
        std::string(R"({"nodes": [{"id": "a\u00e9", "weight": 12}]})")}) {
    for (size_t at = 0; at < text.size(); ++at) {
      for (int byte = -1; byte < 256; ++byte) {
        std::string changed = text.substr(0, at);
        if (byte >= 0) changed += static_cast<char>(byte) + text.substr(at + 1);
        const auto file = cli::ParseMembers(changed);
        if (file.ok()) {
          EXPECT_FALSE(file->nodes.empty());
        } else if (file.status().message() != "there are no members in it") {
          EXPECT_EQ(file.status().message().substr(0, 5), "line ");
        }
      }
    }
  }
}

TEST(MembersFileTest, ANewWeightIsAnIdAndAWeight) {
  EXPECT_EQ(cli::ParseWeight("b 3")->weight, 3U);
  for (const char* text : {"b", "b 3 east", ""}) {
    EXPECT_THAT(std::string(cli::ParseWeight(text).status().message()),
                HasSubstr("a new weight is 'id weight', but \"" +
                          std::string(text) + "\""));
  }
}

}  // namespace
}  // namespace trivet
