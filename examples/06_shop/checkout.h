// SPDX-License-Identifier: Apache-2.0
//
// The customers: keep a number of orders under way until every one has its
// verdict. An order that gets none (the coordinator died, its row was moving,
// the rest was reserved) waits a little and is placed again; the nodes know an
// order by its id, so it is never applied twice.
//
// Thread safety: thread-safe.

#ifndef SHOP_CHECKOUT_H_
#define SHOP_CHECKOUT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "front.h"
#include "orders.h"
#include "trivet/host/executor.h"

namespace shop {

class Checkout {
 public:
  struct Tally {
    size_t decided = 0;  // Of all runs.
    size_t sold = 0;
    size_t no_money = 0;
    size_t no_stock = 0;
    uint64_t retries = 0;  // Of this run.
  };
  using OnDecided = std::function<void(const Tally& tally)>;

  // Orders that have a verdict already are not placed. Does not own `clock` and
  // `orders`. `on_decided` is called one at a time.
  Checkout(const trivet::Executor* clock, const std::vector<Order>* orders,
           const absl::flat_hash_map<std::string, Verdict>& verdicts,
           size_t in_flight, OnDecided on_decided);
  ~Checkout();

  // Begins to place orders with whoever sits on `chair`.
  void Open(Chair* chair);

  // Places nothing more.
  void Close();

  // No reply comes any more for what is under way: places it again.
  void PlaceAgain();

  // Only the first `limit` orders may be placed. Starts at 0, never falls.
  void Allow(size_t limit);

  Tally tally() const;
  // Waits until `decided` orders have a verdict, or everything below the limit,
  // or for the timeout. Whether the first is so.
  bool AwaitDecided(size_t decided, absl::Duration timeout) const;
  bool IsIdle() const;  // Everything that may be placed is decided.

  // Some order that is under way; nullptr: none is.
  const Order* Sample(uint64_t random) const;

  // From the first placing to the durable verdict; of this run.
  std::vector<double> SecondsOfOrders() const;

 private:
  struct State {
    enum Kind : char { kNew, kUnderWay, kWaiting, kDecided } kind = kNew;
    uint32_t attempts = 0;
    trivet::MonotonicTime placed;  // The first time.
  };

  void Work();
  std::optional<size_t> Next() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Wait(size_t index) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void OnReply(size_t index, uint32_t attempt, std::optional<Verdict> verdict);
  void Count(Verdict verdict) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool Idle() const ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return under_way_.empty() && waiting_.empty() && next_ >= limit_;
  }

  const trivet::Executor* const clock_;
  const std::vector<Order>& orders_;
  const size_t in_flight_;
  const OnDecided on_decided_;
  Chair* chair_ = nullptr;

  mutable absl::Mutex mu_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  size_t limit_ ABSL_GUARDED_BY(mu_) = 0;
  size_t next_ ABSL_GUARDED_BY(mu_) = 0;  // The first never placed.
  std::vector<State> states_ ABSL_GUARDED_BY(mu_);
  std::vector<size_t> under_way_ ABSL_GUARDED_BY(mu_);
  std::multimap<trivet::MonotonicTime, size_t> waiting_ ABSL_GUARDED_BY(mu_);
  Tally tally_ ABSL_GUARDED_BY(mu_);
  std::vector<double> seconds_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

}  // namespace shop

#endif  // SHOP_CHECKOUT_H_
