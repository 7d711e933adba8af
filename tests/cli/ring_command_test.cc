// SPDX-License-Identifier: Apache-2.0

#include "src/cli/ring_command.h"

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "src/cli/members_file.h"
#include "trivet/ring/hash_ring.h"
#include "trivet/ring/placement.h"

namespace trivet {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

absl::StatusOr<std::vector<RingNode>> Read(const std::string& text) {
  std::istringstream in(text);
  return cli::ReadMembers(in);
}

std::string Message(const absl::Status& status) {
  return std::string(status.message());
}

class RingCommandTest : public ::testing::Test {
 protected:
  RingCommandTest() {
    command_.members_file = ::testing::TempDir() + "ring_command_test_members";
    std::ofstream file(command_.members_file);
    file << "a 1 east\nb 2 west\nc\n";
  }

  absl::Status Run() { return cli::RunRingCommand(command_, out_); }

  cli::RingCommand command_;
  std::ostringstream out_;
};

TEST(MembersFileTest, ReadsIdsWeightsZonesAndComments) {
  const auto members = Read("# all of them\n\na\n b\t2 \r\nc 3 east # big\n");
  ASSERT_TRUE(members.ok()) << members.status();
  ASSERT_EQ(members->size(), 3U);
  EXPECT_EQ((*members)[0].id, "a");
  EXPECT_EQ((*members)[0].weight, 1U);
  EXPECT_EQ((*members)[1].weight, 2U);
  EXPECT_EQ((*members)[2].weight, 3U);
  EXPECT_EQ((*members)[2].zone, "east");
}

TEST(MembersFileTest, NamesTheLineAndTheWordOfABadMember) {
  for (const char* weight : {"0", "-1", "1.5", "4294967296", "x"}) {
    const auto members = Read(std::string("a\nb ") + weight + "\n");
    ASSERT_FALSE(members.ok()) << weight;
    EXPECT_THAT(Message(members.status()), HasSubstr("line 2: weight '"));
    EXPECT_THAT(Message(members.status()), HasSubstr(weight));
  }
  EXPECT_THAT(Message(Read("a 1 east west\n").status()),
              HasSubstr("line 1: a member is 'id [weight [zone]]', but "
                        "'a 1 east west' has 4 words"));
}

TEST_F(RingCommandTest, ShowsTheShareOfEachNodeAndTheFingerprint) {
  ASSERT_TRUE(Run().ok());
  const auto ring = HashRing::Builder()
                        .Add("a", 1, "east")
                        .Add("b", 2, "west")
                        .Add("c")
                        .Build();
  ASSERT_TRUE(ring.ok());
  std::ostringstream fingerprint;
  fingerprint << std::hex << ring->Fingerprint();
  EXPECT_THAT(out_.str(), HasSubstr("3 nodes, 640 points"));
  EXPECT_THAT(out_.str(), HasSubstr(fingerprint.str()));
  EXPECT_THAT(out_.str(), HasSubstr("west"));
  EXPECT_THAT(out_.str(), Not(HasSubstr("after the change")));
}

TEST_F(RingCommandTest, ShowsWhatAChangeMovesAndWhoOwnsAKeyThen) {
  command_.added = {"d 4"};
  command_.reweighed = {"b 3"};
  command_.removed = {"a"};
  command_.keys = {"user:1"};
  ASSERT_TRUE(Run().ok());
  const auto after =
      HashRing::Builder().Add("b", 3, "west").Add("c").Add("d", 4).Build();
  ASSERT_TRUE(after.ok());
  EXPECT_THAT(out_.str(), HasSubstr("after the change:"));
  EXPECT_THAT(out_.str(), HasSubstr("user:1 -> " + after->Lookup("user:1").id));
  std::ostringstream fingerprint;
  fingerprint << std::hex << after->Fingerprint();
  EXPECT_THAT(out_.str(), HasSubstr(fingerprint.str()));
}

TEST_F(RingCommandTest, TheWholeCircleMovesWhenTheOnlyNodeIsReplaced) {
  std::ofstream(command_.members_file) << "a\n";
  command_.options.vnodes_per_weight = 1;
  command_.added = {"b"};
  command_.removed = {"a"};
  ASSERT_TRUE(Run().ok());
  EXPECT_THAT(out_.str(), HasSubstr("moves 100.000% of the keys"));
}

TEST_F(RingCommandTest, ANewWeightIsAnIdAndAWeightAndKeepsTheZone) {
  for (const char* text : {"b", "b 3 east", ""}) {
    command_.reweighed = {text};
    EXPECT_THAT(Message(Run()), HasSubstr("a new weight is 'id weight', but '" +
                                          std::string(text) + "'"));
  }
  out_.str("");
  command_.reweighed = {"b 3"};
  ASSERT_TRUE(Run().ok());
  EXPECT_THAT(out_.str().substr(out_.str().find("after the change")),
              HasSubstr("west"));
}

TEST_F(RingCommandTest, ABadFileOrChangeIsNamed) {
  command_.removed = {"nobody"};
  EXPECT_THAT(Message(Run()), HasSubstr("nobody"));
  command_.removed.clear();
  command_.added = {"d 0"};
  EXPECT_THAT(Message(Run()), HasSubstr("weight '0' of node 'd'"));
  command_.added.clear();
  std::ofstream(command_.members_file) << "a x\n";
  EXPECT_THAT(Message(Run()), HasSubstr(command_.members_file + ": line 1"));
  command_.members_file += ".absent";
  EXPECT_THAT(Message(Run()), HasSubstr(command_.members_file));
}

}  // namespace
}  // namespace trivet
