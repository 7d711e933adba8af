// SPDX-License-Identifier: Apache-2.0
//
// What one order asks of the nodes: take money from an account and units from a
// stock. The stock's row also earns the money, so that no cent disappears.
//
//   account row   customer/c-0417   left: cents   left   -= cents
//   stock row     sku/s-003         left: units   left   -= units
//                                                 earned += cents
//
// Every node that keeps a copy of either row gets the same work and does the
// rows that name it. The work says which nodes it was sent to, row by row: a
// node that knows otherwise refuses, and the order is routed again.

#ifndef SHOP_WORK_H_
#define SHOP_WORK_H_

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bytes.h"
#include "orders.h"

namespace shop {

inline std::string AccountKey(const Order& order) {
  return "customer/" + order.customer;
}
inline std::string StockKey(const Order& order) { return "sku/" + order.sku; }
inline bool IsAccount(std::string_view row) {
  return row.substr(0, 9) == "customer/";
}

// A row and the nodes that keep it.
struct Place {
  std::string row;
  std::vector<std::string> nodes;

  bool Names(std::string_view node) const {
    return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
  }
  friend bool operator==(const Place& a, const Place& b) {
    return a.row == b.row && a.nodes == b.nodes;
  }
};

struct Work {
  std::string order;
  int64_t cents = 0;
  int64_t units = 0;
  Place account;
  Place stock;
};

// Why a node votes no. The first three settle an order for good, because what
// is left never grows and what was applied stays applied. Any other reason
// means: try again.
inline constexpr char kNoMoneyReason[] = "insufficient funds";
inline constexpr char kNoStockReason[] = "out of stock";
inline constexpr char kAppliedReason[] = "already applied";

inline void PutPlace(const Place& place, std::string* out) {
  PutString(place.row, out);
  PutInt(static_cast<int64_t>(place.nodes.size()), out);
  for (const std::string& node : place.nodes) PutString(node, out);
}

inline Place TakePlace(Reader* in) {
  Place place;
  place.row = in->String();
  for (size_t left = in->Count(); left > 0; --left)
    place.nodes.push_back(in->String());
  return place;
}

inline std::string Encode(const Work& work) {
  std::string out;
  PutString(work.order, &out);
  PutInt(work.cents, &out);
  PutInt(work.units, &out);
  PutPlace(work.account, &out);
  PutPlace(work.stock, &out);
  return out;
}

inline absl::StatusOr<Work> DecodeWork(std::string_view bytes) {
  Reader in(bytes);
  Work work;
  work.order = in.String();
  work.cents = in.Int();
  work.units = in.Int();
  work.account = TakePlace(&in);
  work.stock = TakePlace(&in);
  if (!in.AtEnd()) return absl::DataLossError("this is not an order's work");
  return work;
}

}  // namespace shop

#endif  // SHOP_WORK_H_
