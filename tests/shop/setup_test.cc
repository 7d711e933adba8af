// SPDX-License-Identifier: Apache-2.0
//
// Options, and which directories the shop refuses.

#include "setup.h"

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/temp_dir.h"
#include "trivet/adapters/thread/thread_executor.h"

namespace shop {
namespace {

using testing::HasSubstr;

absl::StatusOr<Options> Parse(std::vector<std::string> args) {
  args.insert(args.begin(), "shop");
  std::vector<char*> argv;
  for (std::string& arg : args) argv.push_back(arg.data());
  return ParseOptions(static_cast<int>(argv.size()), argv.data());
}

std::string Complaint(const absl::Status& status) {
  EXPECT_FALSE(status.ok());
  return std::string(status.message());
}

TEST(Options, AreRead) {
  const auto options = Parse(
      {"--orders", "f", "--data", "d", "--in-flight", "7", "--seed", "9"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->orders, "f");
  EXPECT_EQ(options->in_flight, 7);
  EXPECT_EQ(options->seed, 9);
  EXPECT_FALSE(options->audit);
}

TEST(Options, ErrorsNameTheOption) {
  EXPECT_EQ(Complaint(Parse({"--data", "d"}).status()),
            "--orders FILE is missing");
  EXPECT_EQ(Complaint(Parse({"--orders", "f"}).status()),
            "--data DIR is missing");
  EXPECT_EQ(Complaint(Parse({"--orders"}).status()), "--orders needs a value");
  EXPECT_EQ(Complaint(Parse({"--colour", "red"}).status()),
            "no option --colour");
  EXPECT_EQ(Complaint(Parse({"--in-flight", "0"}).status()),
            "--in-flight is '0', must be a number from 1 to 4096");
  EXPECT_THAT(Complaint(Parse({"--opening-stock", "many"}).status()),
              HasSubstr("--opening-stock is 'many'"));
}

class DataTest : public testing::Test {
 protected:
  DataTest() {
    options_.orders = "f";
    options_.data = dir_.Sub("data");
  }
  absl::Status Open(const std::string& orders = "a,c,s,1,5\n") {
    return OpenData(executor_.get(), options_, ParseOrders(orders)).status();
  }

  trivet::TempDir dir_;
  std::unique_ptr<trivet::ThreadExecutor> executor_ =
      trivet::ThreadExecutor::Create().value();
  Options options_;
};

TEST_F(DataTest, IsFilledOnceAndOpenedAgain) {
  EXPECT_TRUE(Open().ok());
  EXPECT_TRUE(Open().ok());
}

TEST_F(DataTest, BelongsToOneOrdersFileAndOneSetOfBalances) {
  ASSERT_TRUE(Open().ok());
  EXPECT_THAT(Complaint(Open("a,c,s,1,6\n")), HasSubstr("was made for"));
  options_.opening_balance = 1;
  EXPECT_THAT(Complaint(Open()), HasSubstr("opening balance 300000"));
}

TEST_F(DataTest, IsNotTakenFromSomebodyElse) {
  for (const char* name : {"thesis.txt", "node-notes", "node-", "audits"}) {
    std::filesystem::create_directory(options_.data);
    std::ofstream(options_.data + "/" + name) << "years of work";
    EXPECT_THAT(Complaint(Open()), HasSubstr(name));
    EXPECT_TRUE(std::filesystem::exists(options_.data + "/" + name));
    std::filesystem::remove_all(options_.data);
  }
}

TEST_F(DataTest, BelongsToOneProcessAtATime) {
  const auto first = OpenData(executor_.get(), options_, ParseOrders(""));
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_TRUE(absl::IsFailedPrecondition(Open("")));
}

TEST_F(DataTest, MustBeADirectory) {
  std::ofstream(options_.data) << "a file";
  EXPECT_THAT(Complaint(Open()), HasSubstr("cannot create " + options_.data));
}

TEST_F(DataTest, IsBegunAnewIfItWasNeverFinished) {
  std::filesystem::create_directories(options_.data + "/node-1/log");
  std::filesystem::create_directories(options_.data + "/node-9");
  std::filesystem::create_directories(options_.data + "/outcomes");
  ASSERT_TRUE(
      trivet::FileVersionedStore::Create(RegistersDir(options_.data)).ok());
  ASSERT_TRUE(Open().ok());
  EXPECT_FALSE(std::filesystem::exists(options_.data + "/node-9"));
  EXPECT_TRUE(Open().ok());
}

TEST_F(DataTest, IsNotBegunAnewWhenItsRegistersAreGone) {
  ASSERT_TRUE(Open().ok());
  std::filesystem::remove_all(RegistersDir(options_.data));
  EXPECT_TRUE(absl::IsDataLoss(Open()));
}

TEST_F(DataTest, OpeningBalancesMustNotOverflow) {
  options_.opening_balance = INT64_MAX;
  EXPECT_THAT(Complaint(Open()), HasSubstr("--opening-balance"));
  EXPECT_FALSE(std::filesystem::exists(options_.data));
}

}  // namespace
}  // namespace shop
