// SPDX-License-Identifier: Apache-2.0
//
// What a node does to its rows, without any log or thread.

#include "book.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shop {
namespace {

using testing::IsEmpty;
using testing::SizeIs;
using trivet::TxnId;

constexpr char kAccount[] = "customer/c";
constexpr char kStock[] = "sku/s";

TxnId Id(uint64_t sequence) { return {"shop#0", {1, sequence}}; }

Work Order(const std::string& id, int64_t cents, int64_t units) {
  return {id, cents, units, {kAccount, {"a", "b"}}, {kStock, {"a", "c"}}};
}

// A node with 100 cents and 10 units.
Book Node(const std::string& name) {
  Book book(name);
  Row account;
  account.left = 100;
  book.Put({kAccount, account});
  Row stock;
  stock.left = 10;
  book.Put({kStock, stock});
  return book;
}

TEST(Book, CommitPaysAndTakesStock) {
  Book book = Node("a");
  book.Reserve(Id(1), Order("o", 30, 2));
  EXPECT_EQ(book.Find(kAccount)->left, 100);
  EXPECT_EQ(book.StandingOf(kAccount, "o"), Standing::kReserved);
  book.Commit(Id(1));
  EXPECT_EQ(book.Find(kAccount)->left, 70);
  EXPECT_EQ(book.Find(kStock)->left, 8);
  EXPECT_EQ(book.Find(kStock)->earned, 30);
  EXPECT_EQ(book.StandingOf(kAccount, "o"), Standing::kApplied);
  EXPECT_EQ(book.StandingOf(kStock, "o"), Standing::kApplied);
}

TEST(Book, DoesOnlyTheRowsThatNameIt) {
  Book book = Node("b");
  book.Reserve(Id(1), Order("o", 30, 2));
  book.Commit(Id(1));
  EXPECT_EQ(book.Find(kAccount)->left, 70);
  EXPECT_EQ(book.Find(kStock)->left, 10);
}

TEST(Book, AbortGivesBackWhatWasReserved) {
  Book book = Node("a");
  book.Reserve(Id(1), Order("o", 100, 1));
  EXPECT_EQ(book.Refusal(Order("p", 1, 1)), "the rest is reserved");
  book.Abort(Id(1));
  EXPECT_EQ(book.Refusal(Order("p", 100, 1)), "");
  EXPECT_EQ(book.StandingOf(kAccount, "o"), Standing::kNothing);
}

TEST(Book, ManyOrdersAreUnderWayOnOneHotRow) {
  Book book = Node("a");
  for (uint64_t i = 0; i < 10; ++i) {
    const Work work = Order(absl::StrCat("o", i), 10, 1);
    ASSERT_EQ(book.Refusal(work), "") << i;
    book.Reserve(Id(i), work);
  }
  EXPECT_EQ(book.Refusal(Order("p", 1, 1)), "the rest is reserved");
}

TEST(Book, RefusesForGoodOnlyWhatCanNeverBeFilled) {
  Book book = Node("a");
  EXPECT_EQ(book.Refusal(Order("o", 101, 1)), kNoMoneyReason);
  EXPECT_EQ(book.Refusal(Order("o", 1, 11)), kNoStockReason);
  book.Reserve(Id(1), Order("o", 60, 1));
  EXPECT_EQ(book.Refusal(Order("p", 60, 1)), "the rest is reserved");
  book.Commit(Id(1));
  EXPECT_EQ(book.Refusal(Order("p", 60, 1)), kNoMoneyReason);
}

TEST(Book, AnOrderIsAppliedOnce) {
  Book book = Node("a");
  book.Reserve(Id(1), Order("o", 30, 2));
  EXPECT_EQ(book.Refusal(Order("o", 30, 2)), "under way already");
  book.Commit(Id(1));
  EXPECT_EQ(book.Refusal(Order("o", 30, 2)), kAppliedReason);
  EXPECT_EQ(book.Commit(Id(1)), "");
  EXPECT_EQ(book.Find(kAccount)->left, 70);
}

TEST(Book, WhatWasAppliedIsKnownEvenWhenNothingIsLeft) {
  Book book = Node("a");
  book.Reserve(Id(1), Order("o", 100, 10));
  book.Commit(Id(1));
  EXPECT_EQ(book.Refusal(Order("o", 100, 10)), kAppliedReason);
}

TEST(Book, RefusesARowItDoesNotHave) {
  const Book empty("a");
  EXPECT_EQ(empty.Refusal(Order("o", 1, 1)), "no row customer/c");
}

TEST(Book, ReplayMakesTheSameBook) {
  Book book("a");
  std::vector<std::string> records = book.Put({kAccount, Row{100, 0, {}}});
  records.push_back(book.Put({kStock, Row{10, 0, {}}}).front());
  records.push_back(book.Reserve(Id(1), Order("o", 30, 2)));
  records.push_back(book.Reserve(Id(2), Order("p", 20, 1)));
  records.push_back(book.Reserve(Id(3), Order("q", 10, 1)));
  records.push_back(book.Commit(Id(1)));
  records.push_back(book.Abort(Id(2)));

  for (const std::vector<std::string>& log : {records, book.Snapshot()}) {
    Book again("a");
    for (const std::string& record : log)
      ASSERT_TRUE(again.Replay(record).ok());
    EXPECT_EQ(again.Find(kAccount)->left, 70);
    EXPECT_EQ(again.Find(kStock)->earned, 30);
    EXPECT_TRUE(again.IsReserved(Id(3)));
    EXPECT_FALSE(again.IsReserved(Id(2)));
    EXPECT_EQ(again.Refusal(Order("r", 61, 1)), "the rest is reserved");
    EXPECT_EQ(again.Refusal(Order("o", 1, 1)), kAppliedReason);
  }
}

TEST(Book, ALongRowIsReadBackWholeOrNotAtAll) {
  Row row;
  row.left = 1;
  for (int i = 0; i < 10000; ++i) row.orders.insert(absl::StrCat("o-", i));
  const std::vector<std::string> records = Book("a").Put({kStock, row});
  EXPECT_THAT(records, SizeIs(3));
  Book again("a");
  for (size_t i = 0; i < records.size(); ++i) {
    EXPECT_EQ(again.Find(kStock), nullptr) << "after " << i << " records";
    ASSERT_TRUE(again.Replay(records[i]).ok());
  }
  ASSERT_NE(again.Find(kStock), nullptr);
  EXPECT_EQ(again.Find(kStock)->orders, row.orders);
}

TEST(Book, ReplayRefusesEveryCutRecord) {
  Book book = Node("a");
  std::vector<std::string> records = book.Snapshot();
  records.push_back(book.Reserve(Id(1), Order("o", 30, 2)));
  for (const std::string& record : records)
    for (size_t size = 0; size < record.size(); ++size)
      EXPECT_FALSE(Book("a").Replay(record.substr(0, size)).ok()) << size;
}

TEST(Book, DropForgetsARow) {
  Book book = Node("a");
  const std::string record = book.Drop(kStock);
  EXPECT_EQ(book.Find(kStock), nullptr);
  Book again = Node("a");
  ASSERT_TRUE(again.Replay(record).ok());
  EXPECT_EQ(again.Find(kStock), nullptr);
}

TEST(Book, ReservedRowsAreNotQuiet) {
  Book book = Node("a");
  const auto is_stock = [](const std::string& row) { return row == kStock; };
  EXPECT_FALSE(book.AnyReserved(is_stock));
  book.Reserve(Id(1), Order("o", 30, 2));
  EXPECT_TRUE(book.AnyReserved(is_stock));
  book.Abort(Id(1));
  EXPECT_FALSE(book.AnyReserved(is_stock));
  EXPECT_THAT(book.Reserved(), IsEmpty());
}

}  // namespace
}  // namespace shop
