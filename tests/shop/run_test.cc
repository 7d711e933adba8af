// SPDX-License-Identifier: Apache-2.0
//
// Whole runs of the shop, seen from outside: what it prints and how it exits.

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/shop/shop_process.h"
#include "tests/support/temp_dir.h"

namespace shop {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class ShopRun : public testing::Test {
 protected:
  ShopProcess::Result Run(std::vector<std::string> more = {}) {
    std::vector<std::string> args = {"--orders", file_,        "--data",
                                     data_,      "--lease-ms", "500"};
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
  // Both kinds of refusal.
  EXPECT_THAT(run.output, Not(HasSubstr(" 0 without funds, 0 without stock\n"
                                        "  ok     atomicity")));
  EXPECT_THAT(run.output, HasSubstr("line 1002 is refused as a duplicate"));
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
