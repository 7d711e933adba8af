// SPDX-License-Identifier: Apache-2.0
//
// The shop's reading of CSV: what is an order, and what is said of a line that
// is none.

#include "orders.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "setup.h"
#include "work.h"

namespace shop {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::Field;
using testing::HasSubstr;
using testing::SizeIs;

std::string Complaint(const std::string& line) {
  const absl::StatusOr<Order> order = ParseOrder(line);
  EXPECT_FALSE(order.ok()) << line;
  return std::string(order.status().message());
}

TEST(ParseOrder, ReadsFiveFields) {
  const absl::StatusOr<Order> order = ParseOrder("o-1,c-7,s-3,2,1999");
  ASSERT_TRUE(order.ok()) << order.status();
  EXPECT_EQ(order->id, "o-1");
  EXPECT_EQ(order->customer, "c-7");
  EXPECT_EQ(order->sku, "s-3");
  EXPECT_EQ(order->quantity, 2);
  EXPECT_EQ(order->cents, 3998);
}

TEST(ParseOrder, UnquotesFields) {
  const absl::StatusOr<Order> order =
      ParseOrder(R"("o ""1""","Smith, J.",s,"1",5)");
  ASSERT_TRUE(order.ok()) << order.status();
  EXPECT_EQ(order->id, "o \"1\"");
  EXPECT_EQ(order->customer, "Smith, J.");
}

TEST(ParseOrder, SaysWhatIsWrong) {
  EXPECT_EQ(Complaint(""), "the line is empty");
  EXPECT_EQ(Complaint("o,c,s,1"), "4 fields instead of 5");
  EXPECT_EQ(Complaint("o,c,s,1,2,"), "6 fields instead of 5");
  EXPECT_EQ(Complaint("o,\"c,s,1,2"), "a quote is not closed on this line");
  EXPECT_EQ(Complaint("o,\"c\"x,s,1,2"), "something follows a closing quote");
  EXPECT_EQ(Complaint("o,c\"x,s,1,2"),
            "a quote inside a field that is not quoted");
  EXPECT_EQ(Complaint(",c,s,1,2"), "order_id is empty");
  EXPECT_THAT(Complaint(std::string(65, 'o') + ",c,s,1,2"),
              HasSubstr("65 bytes; at most 64"));
  EXPECT_EQ(Complaint("o,c\tx,s,1,2"), "customer holds a control character");
  EXPECT_EQ(Complaint("o,c,s,two,2"), "quantity is not a whole number");
  EXPECT_EQ(Complaint("o,c,s,1.5,2"), "quantity is not a whole number");
  EXPECT_EQ(Complaint("o,c,s, 1,2"), "quantity is not a whole number");
  EXPECT_EQ(Complaint("o,c,s,,2"), "quantity is not a whole number");
  EXPECT_EQ(Complaint("o,c,s,0,2"), "quantity is 0; at least 1");
  EXPECT_EQ(Complaint("o,c,s,1,-2"), "unit_price_cents is -2; at least 0");
  EXPECT_THAT(Complaint("o,c,s,1," + std::string(5000, '1')),
              HasSubstr("at most 4096"));
}

TEST(ParseOrder, RefusesWhatOverflows) {
  EXPECT_EQ(Complaint("o,c,s,9223372036854775808,1"),
            "quantity does not fit into 64 bits");
  EXPECT_THAT(Complaint("o,c,s,4611686018427387904,2"),
              HasSubstr("does not fit into 64 bits"));
  EXPECT_TRUE(ParseOrder("o,c,s,9223372036854775807,1").ok());
}

TEST(ParseOrders, GoesOnAfterABadLine) {
  const OrdersFile file = ParseOrders(
      "order_id,customer,sku,quantity,unit_price_cents\r\n"
      "a,c,s,1,5\r\n"
      "b,\"c,s,1,5\n"
      "c,c,s,1,5\n"
      "\n"
      "d,c,s,1,5");  // The last line may lack its end.
  EXPECT_THAT(file.orders,
              ElementsAre(Field(&Order::id, "a"), Field(&Order::id, "c"),
                          Field(&Order::id, "d")));
  EXPECT_THAT(file.malformed, ElementsAre(Field(&BadLine::number, 3),
                                          Field(&BadLine::number, 5)));
}

TEST(ParseOrders, RefusesTheSecondOfTwoEqualIds) {
  const OrdersFile file = ParseOrders("a,c,s,1,5\nb,c,s,1,5\na,c,s,9,9\n");
  EXPECT_THAT(file.orders, SizeIs(2));
  EXPECT_EQ(file.orders[0].quantity, 1);
  ASSERT_THAT(file.duplicates, SizeIs(1));
  EXPECT_EQ(file.duplicates[0].number, 3u);
  EXPECT_THAT(file.duplicates[0].reason, HasSubstr("on line 1"));
}

TEST(ParseOrders, TakesOnlyTheFirstLineForAHeader) {
  const std::string header = "order_id,customer,sku,quantity,unit_price_cents";
  EXPECT_THAT(ParseOrders(header).malformed, SizeIs(0));
  EXPECT_THAT(ParseOrders("a,c,s,1,5\n" + header).malformed, SizeIs(1));
}

TEST(ParseOrders, LooksOverAByteOrderMark) {
  const std::string bom = "\xEF\xBB\xBF";
  EXPECT_THAT(ParseOrders(bom + "a,c,s,1,5\n").orders,
              ElementsAre(Field(&Order::id, "a")));
  const OrdersFile file = ParseOrders(
      bom + "order_id,customer,sku,quantity,unit_price_cents\na,c,s,1,5\n");
  EXPECT_THAT(file.orders, SizeIs(1));
  EXPECT_THAT(file.malformed, SizeIs(0));
}

TEST(ReadOrders, SaysWhyAFileCannotBeRead) {
  EXPECT_EQ(ReadOrders("/no/such/file").status().message(),
            "cannot open /no/such/file: No such file or directory");
  EXPECT_EQ(ReadOrders("/").status().message(),
            "cannot read /: Is a directory");
}

// The file that is shipped.
class ShippedOrders : public testing::Test {
 protected:
  static std::vector<std::string> Lines(const std::vector<BadLine>& bad) {
    std::vector<std::string> lines;
    for (const BadLine& line : bad)
      lines.push_back(absl::StrCat(line.number, ": ", line.reason));
    return lines;
  }
  const OrdersFile file_ = ReadOrders(SHOP_ORDERS).value();
};

TEST_F(ShippedOrders, AreOfTwoThousandCustomersOverThreeHundredSkus) {
  std::map<std::string, int> customers;
  std::map<std::string, int> skus;
  for (const Order& order : file_.orders) {
    ++customers[order.customer];
    ++skus[order.sku];
  }
  EXPECT_THAT(file_.orders, SizeIs(20000));
  EXPECT_THAT(customers, SizeIs(2000));
  EXPECT_THAT(skus, SizeIs(300));
  EXPECT_GT(customers["c-0001"], 50 * customers["c-2000"]);
  EXPECT_GT(skus["s-001"], 50 * skus["s-300"]);
}

TEST_F(ShippedOrders, ShowEveryKindOfBadLine) {
  EXPECT_THAT(
      Lines(file_.malformed),
      ElementsAreArray(
          {"3003: quantity is not a whole number",
           "7004: a quote is not closed on this line",
           "13006: 3 fields instead of 5",
           "17007: the amount 4611686018427387904 x 4 does not fit into 64 "
           "bits"}));
  EXPECT_THAT(Lines(file_.duplicates),
              ElementsAreArray(
                  {"1002: order_id o-00999 was used before, on line 1000",
                   "11005: order_id o-00001 was used before, on line 2",
                   "19008: order_id o-18999 was used before, on line 19006"}));
}

// Taken one after the other. Under load a few change places, no more.
TEST_F(ShippedOrders, MeetBothKindsOfRefusalWithTheDefaultOptions) {
  const Options options;
  std::map<std::string, int64_t> taken;
  int sold = 0;
  int no_money = 0;
  int no_stock = 0;
  for (const Order& order : file_.orders) {
    int64_t& spent = taken[AccountKey(order)];
    int64_t& gone = taken[StockKey(order)];
    if (spent + order.cents > options.opening_balance) {
      ++no_money;
    } else if (gone + order.quantity > options.opening_stock) {
      ++no_stock;
    } else {
      ++sold;
      spent += order.cents;
      gone += order.quantity;
    }
  }
  EXPECT_GT(no_money, 100);
  EXPECT_GT(no_stock, 100);
  EXPECT_GT(sold, 10000);
}

TEST(ParseOrders, DigestTellsFilesApart) {
  EXPECT_EQ(ParseOrders("a,c,s,1,5\n").digest,
            ParseOrders("a,c,s,1,5\n").digest);
  EXPECT_NE(ParseOrders("a,c,s,1,5\n").digest,
            ParseOrders("a,c,s,1,6\n").digest);
}

}  // namespace
}  // namespace shop
