// SPDX-License-Identifier: Apache-2.0
//
// TimerQueue: when is which transaction due next?
//
// Nothing is ever cancelled. Whoever arms a timer remembers its time; an entry
// that is not what its owner remembers is stale, and is dropped when it comes
// to the top, or when most are stale. So memory is bounded by what is current,
// not by what was armed.
//
// Thread safety: thread-compatible.

#ifndef TRIVET_SRC_TXN_TIMER_QUEUE_H_
#define TRIVET_SRC_TXN_TIMER_QUEUE_H_

#include <algorithm>
#include <cstddef>
#include <vector>

#include "trivet/config.h"
#include "trivet/host/monotonic_time.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

template <typename Key>
class TimerQueue {
 public:
  struct Timer {
    MonotonicTime when;
    Key key;
  };

  // `is_current` is a predicate of Timer. The owner remembers `when` already.
  template <typename IsCurrent>
  void Arm(MonotonicTime when, const Key& key, IsCurrent is_current) {
    if (when == MonotonicTime::InfiniteFuture()) return;
    timers_.push_back({when, key});
    std::push_heap(timers_.begin(), timers_.end(), Later());
    if (timers_.size() > size_max_) DropStale(is_current);
  }

  // The earliest timer that `is_current`. InfiniteFuture: there is none.
  template <typename IsCurrent>
  MonotonicTime Earliest(IsCurrent is_current) {
    while (!timers_.empty() && !is_current(timers_.front())) Pop();
    return timers_.empty() ? MonotonicTime::InfiniteFuture()
                           : timers_.front().when;
  }

  // Takes out the earliest timer that is current and due at `now`. False: none.
  template <typename IsCurrent>
  bool PopDue(MonotonicTime now, IsCurrent is_current, Key* key) {
    if (Earliest(is_current) > now || timers_.empty()) return false;
    *key = timers_.front().key;
    Pop();
    return true;
  }

  size_t size() const { return timers_.size(); }

 private:
  struct Later {  // Equal times in the order of keys: runs repeat exactly.
    bool operator()(const Timer& a, const Timer& b) const {
      return a.when != b.when ? b.when < a.when : b.key < a.key;
    }
  };

  void Pop() {
    std::pop_heap(timers_.begin(), timers_.end(), Later());
    timers_.pop_back();
  }

  // A scan of all, after at least as many were armed.
  template <typename IsCurrent>
  void DropStale(IsCurrent is_current) {
    const auto stale = [&](const Timer& timer) { return !is_current(timer); };
    timers_.erase(std::remove_if(timers_.begin(), timers_.end(), stale),
                  timers_.end());
    std::make_heap(timers_.begin(), timers_.end(), Later());
    size_max_ = std::max(kSizeMin, 2 * timers_.size());
  }

  static constexpr size_t kSizeMin = 64;
  std::vector<Timer> timers_;  // A heap, the earliest at the front.
  size_t size_max_ = kSizeMin;
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_TXN_TIMER_QUEUE_H_
