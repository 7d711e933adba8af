// SPDX-License-Identifier: Apache-2.0
//
// Spares: where the memory of a retired ring waits for the next one.
//
//   ring 7 --Builder(ring 7)--> ring 8 --Builder(ring 8)--> ring 9
//        `---------------------------------memory of 7------^
//
// Rings that were built one from the other share one Spares, which is closed,
// and keeps nothing, unless a SharedRing holds it open. It keeps one ring at
// most.
//
// Thread safety: thread-safe, and lock-free: the last reader of a ring is who
// brings it here.

#ifndef TRIVET_SRC_RING_SPARES_H_
#define TRIVET_SRC_RING_SPARES_H_

#include <atomic>
#include <memory>

#include "trivet/ring/hash_ring.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

template <typename Rep>
class Spares {
 public:
  Spares() = default;
  Spares(const Spares&) = delete;
  Spares& operator=(const Spares&) = delete;
  ~Spares() { Take(); }

  // By each SharedRing that holds one of the rings.
  void Open() { open_.fetch_add(1); }
  void Close() {
    if (open_.fetch_sub(1) == 1) Take();
  }

  void Put(std::unique_ptr<Rep> ring) {
    if (open_.load() == 0) return;
    const std::unique_ptr<Rep> other(ring_.exchange(ring.release()));
    if (open_.load() == 0) Take();  // Close has come between.
  }

  // Null if there is none.
  std::unique_ptr<Rep> Take() {
    return std::unique_ptr<Rep>(ring_.exchange(nullptr));
  }

 private:
  std::atomic<int> open_{0};
  std::atomic<Rep*> ring_{nullptr};
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_RING_SPARES_H_
