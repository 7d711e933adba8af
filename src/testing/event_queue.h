// SPDX-License-Identifier: Apache-2.0
//
// EventQueue: what is still to happen in a simulation, by (time, sequence).

#ifndef TRIVET_SRC_TESTING_EVENT_QUEUE_H_
#define TRIVET_SRC_TESTING_EVENT_QUEUE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "trivet/config.h"
#include "trivet/host/executor.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

class Node;
class Process;

// Without a node: the world's own, a wire or a device at work. With a node and
// no process: for whatever process runs there when it is due.
struct SimEvent {
  Node* node = nullptr;
  Process* process = nullptr;
  Executor::Task task;
  bool is_timer = false;  // Set by the program: a suspended host counts on.
};

class EventQueue {
 public:
  void Push(int64_t at, SimEvent event) {
    size_t slot = events_.size();
    if (free_.empty()) {
      events_.push_back(std::move(event));
    } else {
      slot = free_.back();
      free_.pop_back();
      events_[slot] = std::move(event);
    }
    heap_.push_back({at, next_sequence_++, slot});
    std::push_heap(heap_.begin(), heap_.end(), Later);
  }

  bool empty() const { return heap_.empty(); }
  int64_t next_time() const { return heap_.front().at; }

  // REQUIRES: !empty(). An event whose process ended has no task any more.
  SimEvent Pop() {
    std::pop_heap(heap_.begin(), heap_.end(), Later);
    const size_t slot = heap_.back().slot;
    heap_.pop_back();
    free_.push_back(slot);
    return std::exchange(events_[slot], SimEvent());
  }

  // Destroys everything, also what that pushes.
  void Clear() {
    while (!empty()) Pop();
  }

  // Takes out the tasks that only `process` could run, in no promised order.
  std::vector<Executor::Task> TakeTasksOf(const Process* process) {
    std::vector<Executor::Task> tasks;
    for (SimEvent& event : events_) {
      if (event.process != process || event.task == nullptr) continue;
      tasks.push_back(std::exchange(event.task, nullptr));
    }
    return tasks;
  }

 private:
  struct Entry {
    int64_t at;
    uint64_t sequence;
    size_t slot;
  };
  static bool Later(const Entry& a, const Entry& b) {
    return a.at != b.at ? a.at > b.at : a.sequence > b.sequence;
  }

  std::vector<Entry> heap_;
  std::vector<SimEvent> events_;  // By slot.
  std::vector<size_t> free_;
  uint64_t next_sequence_ = 0;
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_TESTING_EVENT_QUEUE_H_
