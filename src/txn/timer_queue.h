// SPDX-License-Identifier: Apache-2.0
//
// TimerQueue: when is which transaction due next?
//
// Nothing is ever cancelled. Whoever arms a timer remembers its time; an entry
// that is not what its owner remembers is stale, and is dropped when it comes
// to the top.
//
// Thread safety: thread-compatible.

#ifndef TRIVET_SRC_TXN_TIMER_QUEUE_H_
#define TRIVET_SRC_TXN_TIMER_QUEUE_H_

#include <queue>
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

  void Arm(MonotonicTime when, const Key& key) {
    if (when != MonotonicTime::InfiniteFuture()) timers_.push({when, key});
  }

  // The earliest timer that `is_current`, a predicate of Timer. InfiniteFuture:
  // there is none.
  template <typename IsCurrent>
  MonotonicTime Earliest(IsCurrent is_current) {
    while (!timers_.empty() && !is_current(timers_.top())) timers_.pop();
    return timers_.empty() ? MonotonicTime::InfiniteFuture()
                           : timers_.top().when;
  }

  // Takes out the earliest timer that is current and due at `now`. False: none.
  template <typename IsCurrent>
  bool PopDue(MonotonicTime now, IsCurrent is_current, Key* key) {
    if (Earliest(is_current) > now || timers_.empty()) return false;
    *key = timers_.top().key;
    timers_.pop();
    return true;
  }

 private:
  struct Later {  // Equal times in the order of keys: runs repeat exactly.
    bool operator()(const Timer& a, const Timer& b) const {
      return a.when != b.when ? b.when < a.when : b.key < a.key;
    }
  };
  std::priority_queue<Timer, std::vector<Timer>, Later> timers_;
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_TXN_TIMER_QUEUE_H_
