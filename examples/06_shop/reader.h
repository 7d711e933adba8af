// SPDX-License-Identifier: Apache-2.0
//
// A reader that looks all the time at orders under way, on every node that
// keeps one of their rows, to catch one half of an order: money taken and no
// stock, or one copy of a row ahead of the other.
//
// Nodes apply a decision one after the other, so a row that is still reserved
// for the order is not to be read yet: the reader waits for it, as it would for
// a lock. What it must never see is an order applied here and unknown there.
//
// Thread safety: thread-compatible; it works on a thread of its own.

#ifndef SHOP_READER_H_
#define SHOP_READER_H_

#include <cstdint>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "checkout.h"
#include "console.h"
#include "directory.h"
#include "node.h"
#include "outcomes.h"

namespace shop {

class OrderReader {
 public:
  OrderReader(Console* console, const Directory* directory, Cluster* cluster,
              const Checkout* checkout, Outcomes* outcomes, uint64_t seed);
  ~OrderReader();  // Stops, and notes its findings.

  // Looks once: whether all copies of both rows agree about the order.
  bool LooksWhole(const Order& order);

 private:
  struct Spot {  // One copy of one row.
    const Place* place;
    const std::string* node;
    Standing standing;
  };

  void Work();
  // What the copy says now; waits while it is reserved. Anything that moved or
  // went away meanwhile counts as kApplied: there is nothing to compare.
  Standing Settled(const Spot& spot, const Order& order);
  Shard::Sight LookAt(const Spot& spot, const Order& order);
  void Note();

  Console* const console_;
  const Directory* const directory_;
  Cluster* const cluster_;
  const Checkout* const checkout_;
  Outcomes* const outcomes_;
  uint64_t random_;
  int64_t looks_ = 0;  // Not yet noted.
  int64_t halves_ = 0;
  absl::Notification stop_;
  std::thread thread_;
};

}  // namespace shop

#endif  // SHOP_READER_H_
