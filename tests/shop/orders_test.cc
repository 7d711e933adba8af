// SPDX-License-Identifier: Apache-2.0
//
// The shop's reading of CSV: what is an order, and what is said of a line that
// is none.

#include "orders.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shop {
namespace {

using testing::ElementsAre;
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

TEST(ParseOrders, DigestTellsFilesApart) {
  EXPECT_EQ(ParseOrders("a,c,s,1,5\n").digest,
            ParseOrders("a,c,s,1,5\n").digest);
  EXPECT_NE(ParseOrders("a,c,s,1,5\n").digest,
            ParseOrders("a,c,s,1,6\n").digest);
}

}  // namespace
}  // namespace shop
