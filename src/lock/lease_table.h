// SPDX-License-Identifier: Apache-2.0
//
// LeaseTable: the lease machines of one client as a single machine, so that a
// client needs one pump and one chain of timers however many leases it has.
//
//   Told{7, Renewed} --> sessions[7].Step() --> asks, changes of session 7
//   Ticked           --> every session whose wake-up has come
//
// A session appears with Opened and vanishes, told in `forgotten`, when its
// machine has finished. What is told to a session that is gone is dropped.
//
// Thread safety: thread-compatible.

#ifndef TRIVET_SRC_LOCK_LEASE_TABLE_H_
#define TRIVET_SRC_LOCK_LEASE_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "trivet/config.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/lock/fencing_token.h"
#include "trivet/lock/lease_machine.h"
#include "trivet/lock/lease_options.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

class TRIVET_EXPORT LeaseTable {
 public:
  using SessionId = uint64_t;

  // --- What can happen -----------------------------------------------------
  struct Opened {  // REQUIRES: `session` was never used before.
    SessionId session;
    uint64_t jitter_seed;
    LeaseMachine::Started started;
  };
  struct Told {
    SessionId session;
    LeaseMachine::Event event;
  };
  struct Ticked {};
  using Event = std::variant<Opened, Told, Ticked>;

  // --- What the table wants done --------------------------------------------
  struct Ask {
    SessionId session;
    LeaseMachine::Request request;
  };
  // How a session stands after a step that changed its state or validity.
  struct Change {
    SessionId session;
    LeaseState state;
    FencingToken token;
    MonotonicTime valid_until;
    absl::Status why;  // As in LeaseMachine::Effects.
  };
  struct Effects {
    std::vector<Change> changes;
    std::vector<Ask> asks;
    std::vector<SessionId> forgotten;

    void Clear();
  };

  // REQUIRES: options.Validate().ok().
  explicit LeaseTable(const LeaseOptions& options) : options_(options) {}

  void Step(MonotonicTime now, Event&& event, Effects* effects);
  MonotonicTime NextWakeup() const;

  size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    Entry(SessionId s, const LeaseOptions& options, uint64_t jitter_seed)
        : session(s), machine(options, jitter_seed) {}

    SessionId session;
    LeaseMachine machine;
    MonotonicTime wakeup = MonotonicTime::InfiniteFuture();
    size_t place = 0;  // In wakeups_.
  };

  void StepEntry(MonotonicTime now, Entry* entry, LeaseMachine::Event&& event,
                 Effects* effects);
  void Forget(Entry* entry);

  // wakeups_ is a binary heap of all entries, the earliest first; each entry
  // knows its place, so that it moves when its wake-up does and nothing stale
  // is left behind.
  static bool Before(const Entry* a, const Entry* b);
  void Put(size_t place, Entry* entry);
  void Settle(Entry* entry);

  LeaseOptions options_;
  absl::flat_hash_map<SessionId, std::unique_ptr<Entry>> entries_;
  std::vector<Entry*> wakeups_;
  LeaseMachine::Effects scratch_;
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_LOCK_LEASE_TABLE_H_
