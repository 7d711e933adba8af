// SPDX-License-Identifier: Apache-2.0
//
// The orders file: CSV, one order a line.
//
//   order_id,customer,sku,quantity,unit_price_cents
//   o-00001,c-0417,s-003,2,1999
//
// A field may be quoted ("" is a quote inside). One record is one line: a quote
// that is still open at the end of the line makes that line malformed, not the
// rest of the file. A bad line is reported with its number; the rest goes on.
// Lines may end in CRLF, and the file may begin with a byte order mark.

#ifndef SHOP_ORDERS_H_
#define SHOP_ORDERS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace shop {

struct Order {
  std::string id;
  std::string customer;
  std::string sku;
  int64_t quantity = 0;
  int64_t cents = 0;  // quantity x unit price; known not to overflow.
};

struct BadLine {
  size_t number = 0;
  std::string reason;
};

struct OrdersFile {
  std::vector<Order> orders;       // In the order of the file, ids distinct.
  std::vector<BadLine> malformed;  // Reported and skipped.
  std::vector<BadLine> duplicates;
  uint64_t digest = 0;  // Of every byte: is it the same file as last time?
};

// One line without its line end. kInvalidArgument says what is wrong with it.
absl::StatusOr<Order> ParseOrder(std::string_view line);

OrdersFile ParseOrders(std::string_view text);
absl::StatusOr<OrdersFile> ReadOrders(const std::string& path);

}  // namespace shop

#endif  // SHOP_ORDERS_H_
