// SPDX-License-Identifier: Apache-2.0
//
// Whole runs of the shop, seen from outside: what it prints and how it exits.

#include <sys/resource.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "directory.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "orders.h"
#include "setup.h"
#include "tests/shop/shop_process.h"
#include "tests/support/temp_dir.h"
#include "trivet/adapters/thread/thread_executor.h"

namespace shop {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

class ShopRun : public testing::Test {
 protected:
  ShopProcess::Result Run(std::vector<std::string> more = {}) {
    std::vector<std::string> args = {"--orders", file_,        "--data",
                                     data_,      "--lease-ms", "1000"};
    args.insert(args.end(), more.begin(), more.end());
    return ShopProcess::Run(args);
  }

  trivet::TempDir dir_;
  const std::string file_ = dir_.Sub("orders.csv");
  const std::string data_ = dir_.Sub("data");
};

TEST_F(ShopRun, SurvivesEveryFaultAndPassesItsAudit) {
  WriteOrders(file_, 1500);
  const auto run =
      Run({"--opening-balance", "120000", "--opening-stock", "150"});
  EXPECT_EQ(run.code, 0) << run.output;
  EXPECT_EQ(run.last_line, "audit: passed");
  EXPECT_THAT(
      run.output,
      AllOf(HasSubstr("5 of 5 faults"),
            HasSubstr("its last decision is durable, nobody was told"),
            HasSubstr("node-6 joined: "), HasSubstr("lost; rebuilding"),
            HasSubstr("log:      ABORTED"),
            HasSubstr("outcomes: FAILED_PRECONDITION"),
            HasSubstr("as Diff says, none else"), HasSubstr("0 halves seen")));
  EXPECT_THAT(run.output, HasSubstr("line 1002 is refused as a duplicate"));
  EXPECT_THAT(run.output, ContainsRegex("ok +every order decided +1499 orders: "
                                        "[1-9][0-9]* sold, "
                                        "[1-9][0-9]* without funds, "
                                        "[1-9][0-9]* without stock"));
  // The shares, before and after each change and at the end.
  EXPECT_THAT(run.output, ContainsRegex("before  node-1 +#+ [0-9.]+ %"));
  EXPECT_THAT(run.output, ContainsRegex("after   node-6 +#+ [0-9.]+ %"));
  EXPECT_THAT(run.output, ContainsRegex("shares +node-1 +#+ [0-9.]+ %"));
  EXPECT_THAT(run.output, ContainsRegex("orders +1499 in .* a second"));
  EXPECT_THAT(run.output, ContainsRegex("p50 [0-9.]+ ms, p99 [0-9.]+ ms"));
}

TEST_F(ShopRun, TellsOfEveryBadLineAndGoesOn) {
  std::ofstream(file_) << "order_id,customer,sku,quantity,unit_price_cents\r\n"
                          "a,c,s,1,100\r\n"
                          "b,c,\"s,1,100\r\n"
                          "c,c,s,9223372036854775807,2\r\n"
                          "\xff,c,s,-1,100\r\n"
                          "a,c,s,2,100\r\n"
                          "d,\"c\",s,1,100";
  const auto run = Run();
  EXPECT_EQ(run.code, 0) << run.output;
  EXPECT_THAT(
      run.output,
      AllOf(HasSubstr("line 3 is malformed: a quote is not closed"),
            HasSubstr("line 4 is malformed: the amount 9223372036854775807 x "
                      "2 does not fit into 64 bits"),
            HasSubstr("line 5 is malformed: quantity is -1; at least 1"),
            HasSubstr("line 6 is refused as a duplicate: order_id a was used "
                      "before, on line 2"),
            HasSubstr("2 orders: 2 sold")));
}

TEST_F(ShopRun, ContinuesAFinishedDirectoryWithItsAudit) {
  WriteOrders(file_, 20);
  ASSERT_EQ(Run().code, 0);
  const auto again = Run();
  EXPECT_EQ(again.code, 0) << again.output;
  EXPECT_THAT(again.output,
              AllOf(HasSubstr("20 of 20 orders are decided"),
                    Not(HasSubstr("destroyed:")), HasSubstr("audit: passed")));
  EXPECT_EQ(Run({"--audit"}).last_line, "audit: passed");
}

// As when a machine was so slow that a node was given up that only restarted.
TEST_F(ShopRun, ANodeLostOutOfTurnKeepsNothingElseFromHappening) {
  WriteOrders(file_, 60);
  {
    const auto executor = trivet::ThreadExecutor::Create().value();
    Options options;
    options.data = data_;
    const auto registers =
        OpenData(executor.get(), options, ReadOrders(file_).value()).value();
    const auto directory = Directory::Open(registers.get()).value();
    ASSERT_TRUE(directory->Begin(Change::kLost, "node-2").ok());
  }
  std::filesystem::remove_all(data_ + "/node-2");
  const auto run = Run();
  EXPECT_EQ(run.code, 0) << run.output;
  EXPECT_THAT(run.output,
              AllOf(HasSubstr("5 of 5 faults"), HasSubstr("node-2 rebuilt: "),
                    HasSubstr("node-6 joined: ")));
}

TEST_F(ShopRun, FaultsHappenEvenWhenNothingIsSold) {
  WriteOrders(file_, 20);
  const auto run = Run({"--opening-balance", "0"});
  EXPECT_EQ(run.code, 0) << run.output;
  EXPECT_THAT(run.output,
              AllOf(HasSubstr("20 orders: 0 sold, 20 without funds"),
                    HasSubstr("5 of 5 faults")));
}

TEST_F(ShopRun, AFileWithoutOrdersIsNoDisaster) {
  WriteOrders(file_, 0);
  EXPECT_EQ(Run().last_line, "audit: passed");
}

TEST_F(ShopRun, ADirectoryBelongsToOneProcessAtATime) {
  WriteOrders(file_, 20);
  ShopProcess first(
      {"--orders", file_, "--data", data_, "--lease-ms", "60000"});
  std::optional<std::string> line;
  do {
    line = first.ReadLine();
    ASSERT_TRUE(line.has_value());
  } while (line->find("front-") == std::string::npos);
  const auto second = Run();
  EXPECT_EQ(second.code, 2);
  EXPECT_THAT(second.output, HasSubstr("in use by another"));
  const auto audit = Run({"--audit"});
  EXPECT_EQ(audit.code, 1);
  EXPECT_THAT(audit.output, HasSubstr("in use by another"));
}

TEST_F(ShopRun, AFullDiskIsToldAndSurvived) {
  WriteOrders(file_, 20);
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
  rlimit tight = limit;
  tight.rlim_cur = 500'000;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &tight), 0);
  const auto full = Run();
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  EXPECT_EQ(full.code, 3);
  EXPECT_THAT(full.output, HasSubstr("File too large"));
  EXPECT_EQ(Run().last_line, "audit: passed");
}

TEST_F(ShopRun, WrongArgumentsAreTold) {
  WriteOrders(file_, 2);
  ASSERT_EQ(Run().code, 0);
  const auto other = Run({"--opening-stock", "7"});
  EXPECT_EQ(other.code, 2);
  EXPECT_THAT(other.output, HasSubstr("was made for"));
  const auto unknown = Run({"--colour"});
  EXPECT_EQ(unknown.code, 2);
  EXPECT_THAT(unknown.output, HasSubstr("no option --colour"));
}

}  // namespace
}  // namespace shop
