// SPDX-License-Identifier: Apache-2.0

#include "src/cli/ring_command.h"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "trivet/ring/hash_ring.h"
#include "trivet/ring/placement.h"
#include "trivet/ring/ring_diff.h"

namespace trivet {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

class RingCommandTest : public ::testing::Test {
 protected:
  RingCommandTest() {
    command_.members_file = File("members", "a 1 east\nb 2 west\nc\n");
  }

  // ctest runs tests at the same time, so each has files of its own.
  static std::string File(const std::string& name, const std::string& text) {
    const std::string path =
        ::testing::TempDir() + "ring_command_test_" +
        ::testing::UnitTest::GetInstance()->current_test_info()->name() + "_" +
        name;
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }

  std::string Run() {
    std::ostringstream out;
    const absl::Status status = cli::RunRingCommand(command_, out);
    EXPECT_TRUE(status.ok()) << status;
    return out.str();
  }

  Json RunJson() {
    command_.format = cli::RingCommand::kJson;
    const std::string text = Run();
    return Json::parse(text, nullptr, /*allow_exceptions=*/false);
  }

  std::string Error() {
    std::ostringstream out;
    return std::string(cli::RunRingCommand(command_, out).message());
  }

  void AskForD() {
    command_.added = {"d 4"};
    command_.reweighed = {"b 3"};
    command_.removed = {"a"};
  }

  static HashRing Before() { return *Members().Build(); }
  static HashRing AfterD() {
    return *Members().Remove("a").Add("d", 4).Set({"b", 3, "west"}).Build();
  }
  static HashRing::Builder Members() {
    return HashRing::Builder().Add("a", 1, "east").Add("b", 2, "west").Add("c");
  }

  cli::RingCommand command_;
};

TEST_F(RingCommandTest, ShowsTheBalanceOfEachNodeAndOfTheRing) {
  const HashRing ring = Before();
  const std::string text = Run();
  const double a = ring.Shares()[0];
  EXPECT_THAT(text, HasSubstr(absl::StrFormat("a              1  %7.3f%%  %8.3f"
                                              "  east\n",
                                              100 * a, 4 * a)));
  EXPECT_THAT(text, HasSubstr("3 nodes, 640 points, max/mean "));
  EXPECT_THAT(text, HasSubstr(absl::StrFormat("%016x", ring.Fingerprint())));
  EXPECT_THAT(text, Not(HasSubstr("after the change")));
}

TEST_F(RingCommandTest, JsonHasTheExactNumbers) {
  const HashRing ring = Before();
  const Json json = RunJson()["ring"];
  EXPECT_EQ(json["placement"], "trivet");
  EXPECT_EQ(json["vnodes_per_weight"], 160);
  EXPECT_EQ(json["points"], 640);
  EXPECT_EQ(json["fingerprint"], absl::StrFormat("%016x", ring.Fingerprint()));
  ASSERT_EQ(json["nodes"].size(), 3U);
  double max = 0;
  double min = 9;
  for (size_t i = 0; i < 3; ++i) {
    const Json& node = json["nodes"][i];
    EXPECT_EQ(node["id"], ring.nodes()[i].id);
    EXPECT_EQ(node["weight"], ring.nodes()[i].weight);
    EXPECT_EQ(node["zone"], ring.nodes()[i].zone);
    EXPECT_EQ(node["share"].get<double>(), ring.Shares()[i]);
    const double of_fair = ring.Shares()[i] * 4 / ring.nodes()[i].weight;
    EXPECT_DOUBLE_EQ(node["of_fair"].get<double>(), of_fair);
    max = std::max(max, of_fair);
    min = std::min(min, of_fair);
  }
  EXPECT_DOUBLE_EQ(json["max_over_mean"].get<double>(), max);
  EXPECT_DOUBLE_EQ(json["min_over_mean"].get<double>(), min);
  EXPECT_FALSE(RunJson().contains("moves"));
}

TEST_F(RingCommandTest, MovesAreThoseOfDiffArcByArcAndSummedByPair) {
  for (const uint32_t replicas : {1U, 2U}) {
    AskForD();
    command_.replicas = replicas;
    command_.arcs = true;
    const auto transfers = Diff(Before(), AfterD(), replicas);
    const Json json = RunJson();
    const Json& moves = json["moves"];
    EXPECT_EQ(json["after"]["fingerprint"],
              absl::StrFormat("%016x", AfterD().Fingerprint()));
    EXPECT_EQ(moves["replicas"], replicas);
    EXPECT_EQ(moves["arcs"], transfers.size());
    ASSERT_EQ(moves["transfers"].size(), transfers.size());
    double sum = 0;
    std::map<std::string, std::pair<double, int>> pairs;
    for (size_t i = 0; i < transfers.size(); ++i) {
      const RangeTransfer& t = transfers[i];
      EXPECT_EQ(moves["transfers"][i],
                (Json{{"after", absl::StrFormat("%016x", t.range.after)},
                      {"through", absl::StrFormat("%016x", t.range.through)},
                      {"from", t.from},
                      {"to", t.to}}));
      const double share =
          static_cast<double>(t.range.through - t.range.after) * 0x1p-64;
      sum += share;
      pairs[t.from + t.to].first += share;
      pairs[t.from + t.to].second += 1;
    }
    EXPECT_NEAR(moves["share"].get<double>(), sum, 1e-12);
    ASSERT_EQ(moves["pairs"].size(), pairs.size());
    for (const Json& pair : moves["pairs"]) {
      const auto& [share, arcs] = pairs[pair["from"].get<std::string>() +
                                        pair["to"].get<std::string>()];
      EXPECT_NEAR(pair["share"].get<double>(), share, 1e-12);
      EXPECT_EQ(pair["arcs"], arcs);
    }
  }
}

TEST_F(RingCommandTest, TheTableShowsPairsAndArcsOfAChange) {
  AskForD();
  std::string text = Run();
  const auto transfers = Diff(Before(), AfterD());
  EXPECT_THAT(text, HasSubstr("after the change:\n"));
  EXPECT_THAT(text, HasSubstr(absl::StrCat("% of the keys, in ",
                                           transfers.size(), " arcs")));
  EXPECT_THAT(text, HasSubstr("a     -> d "));
  const std::string arc = absl::StrFormat(
      "%016x  %016x  %s -> %s\n", transfers[3].range.after,
      transfers[3].range.through, transfers[3].from, transfers[3].to);
  EXPECT_THAT(text, Not(HasSubstr(arc)));
  command_.arcs = true;
  EXPECT_THAT(Run(), HasSubstr(arc));
  command_.replicas = 2;
  EXPECT_THAT(Run(), HasSubstr("copies per key"));
}

TEST_F(RingCommandTest, TheWholeCircleMovesWhenTheOnlyNodeIsReplaced) {
  command_.members_file = File("one", "a\n");
  command_.numbers = {{&HashRingOptions::vnodes_per_weight, 1}};
  command_.added = {"b"};
  command_.removed = {"a"};
  EXPECT_THAT(Run(), HasSubstr("moves 100.000% of the keys, in 1 arcs"));
}

TEST_F(RingCommandTest, ANodeMayLeaveAndComeBackChanged) {
  command_.removed = {"b"};
  command_.added = {"b 1 north"};
  command_.reweighed = {"b 5"};
  const Json json = RunJson();
  EXPECT_EQ(json["after"]["nodes"][1]["weight"], 5);
  EXPECT_EQ(json["after"]["nodes"][1]["zone"], "north");
  command_.removed.clear();
  command_.added.clear();
  command_.reweighed = {"b 3"};
  EXPECT_EQ(RunJson()["after"]["nodes"][1]["zone"], "west");
}

TEST_F(RingCommandTest, TheCommandLineGoesBeforeTheFile) {
  command_.members_file =
      File("json", R"({"vnodes_per_weight": 7, "nodes": [{"id": "a"}]})");
  EXPECT_EQ(RunJson()["ring"]["points"], 7);
  command_.numbers = {{&HashRingOptions::vnodes_per_weight, 9}};
  EXPECT_EQ(RunJson()["ring"]["points"], 9);
}

TEST_F(RingCommandTest, TheSecretIsAllBytesOfItsFileAndNeverShown) {
  HashRingOptions options;
  options.secret = std::string("s\0crecy\n", 8);
  command_.secret_file = File("secret", options.secret);
  const auto ring = HashRing::Builder(options)
                        .Add("a", 1, "east")
                        .Add("b", 2, "west")
                        .Add("c")
                        .Build();
  EXPECT_THAT(Run(),
              AllOf(HasSubstr(absl::StrFormat("%016x", ring->Fingerprint())),
                    Not(HasSubstr("crecy"))));
  command_.secret_file = File("secret", "");
  EXPECT_THAT(Error(), HasSubstr("the secret is empty"));
  command_.secret_file = File("secret", std::string(4097, 'q'));
  EXPECT_EQ(Error(), "secret has 4097 bytes; the limit is 4096");
}

TEST_F(RingCommandTest, KeysAreAnsweredAloneAndInTheirOrder) {
  command_.keys = {"user:1", "two words"};
  command_.keys_file = File("keys", "k\r\n\n \xFF\nlast");
  const HashRing ring = Before();
  const auto owner = [&](const char* key) {
    return ring.Lookup(key).id + "\n";
  };
  EXPECT_EQ(Run(), "user:1 -> " + owner("user:1") + "\"two words\" -> " +
                       owner("two words") + "k -> " + owner("k") + "\"\" -> " +
                       owner("") + "\" \\xff\" -> " + owner(" \xFF") +
                       "last -> " + owner("last"));
}

TEST_F(RingCommandTest, KeysShowTheirListsBeforeAndAfterAChange) {
  AskForD();
  command_.replicas = 99;
  command_.keys = {"user:1"};
  std::string line = "user:1 ->";
  Json before;
  Json after;
  const HashRing was = Before();
  const HashRing is = AfterD();
  for (const RingNode& node : was.Walk("user:1")) {
    line += " " + node.id;
    before.push_back(node.id);
  }
  line += " =>";
  for (const RingNode& node : is.Walk("user:1")) {
    line += " " + node.id;
    after.push_back(node.id);
  }
  EXPECT_EQ(Run(), line + "\n");
  const Json json = RunJson();
  EXPECT_EQ(
      json["keys"],
      (Json::array(
          {{{"key", "user:1"}, {"nodes", before}, {"nodes_after", after}}})));
  EXPECT_EQ(json["fingerprint_after"],
            absl::StrFormat("%016x", is.Fingerprint()));
}

TEST_F(RingCommandTest, ZonesSpreadTheNodesOfAKey) {
  command_.members_file = File("zoned", "a 1 x\nb 1 x\nc 1 x\nd 1 x\ne 1 y\n");
  command_.replicas = 2;
  command_.zones = true;
  for (int i = 0; i < 50; ++i) command_.keys.push_back(absl::StrCat("k", i));
  std::istringstream lines(Run());
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count)
    EXPECT_THAT(line, HasSubstr(" e"));
  EXPECT_EQ(count, 50);
}

TEST_F(RingCommandTest, BytesThatAreNotUtf8AreHexInJson) {
  command_.members_file = File("latin", "a\xFF\n");
  command_.keys = {"\xFE", "\x01\""};
  const Json json = RunJson();
  EXPECT_EQ(json["keys"][0]["key"], (Json{{"hex", "fe"}}));
  EXPECT_EQ(json["keys"][1]["key"], "\x01\"");
  EXPECT_EQ(json["keys"][0]["nodes"][0], (Json{{"hex", "61ff"}}));
  command_.keys.clear();
  EXPECT_EQ(RunJson()["ring"]["nodes"][0]["id"], (Json{{"hex", "61ff"}}));
}

TEST_F(RingCommandTest, WhatIsWrongIsNamed) {
  command_.removed = {"nobody"};
  EXPECT_EQ(Error(),
            "the change: node \"nobody\" is removed, but is not a member");
  command_.removed = {"a", "b", "c"};
  EXPECT_THAT(Error(), HasSubstr("the change: nodes: there are 0"));
  command_.removed.clear();
  command_.added = {"d 0"};
  EXPECT_THAT(Error(), HasSubstr("--add: weight \"0\" of node \"d\""));
  command_.added = {"a"};
  EXPECT_THAT(Error(), HasSubstr("node \"a\" is added, but is a member"));
  command_.added.clear();
  command_.reweighed = {"b"};
  EXPECT_THAT(Error(), HasSubstr("--reweight: a new weight is 'id weight'"));
  command_.reweighed.clear();
  command_.replicas = 0;
  EXPECT_EQ(Error(), "--replicas is 0; it must be at least 1");
  command_.replicas = 1;
  command_.placement = "maglev";
  EXPECT_EQ(Error(), "there is no placement \"maglev\"");
  command_.placement = "trivet";
  EXPECT_EQ(Error(), "");
  command_.members_file = File("bad", "a x\n");
  EXPECT_THAT(Error(), HasSubstr(command_.members_file + ": line 1, column 1"));
  command_.members_file += ".absent";
  EXPECT_EQ(Error(), command_.members_file + ": No such file or directory");
  command_.members_file = ::testing::TempDir();
  EXPECT_EQ(Error(), command_.members_file + ": Is a directory");
}

TEST_F(RingCommandTest, InputsHaveLimits) {
  command_.keys_file = File("keys", "k\n" + std::string(1 << 20, 'x') + "\n");
  EXPECT_EQ(Error(), "");
  command_.keys_file =
      File("keys", "k\n" + std::string((1 << 20) + 1, 'x') + "\n");
  const std::string error =
      command_.keys_file + ": line 2 is too long; the limit is 1048576 bytes";
  EXPECT_EQ(Error(), error);
  command_.keys_file = File("keys", "k\n" + std::string(2 << 20, 'x'));
  EXPECT_EQ(Error(), error);
  command_.keys_file.clear();
  command_.members_file = "/dev/zero";
  EXPECT_EQ(Error(), "/dev/zero: it is too long; the limit is 268435456 bytes");
}

}  // namespace
}  // namespace trivet
