// SPDX-License-Identifier: Apache-2.0

#include "src/lock/lease_table.h"

#include <cstddef>
#include <memory>
#include <utility>
#include <variant>

#include "src/internal/invariant.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/lock/lease_machine.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {
namespace {

// Bounds how long one tick takes. What is left is overdue, so the next tick
// follows at once.
constexpr int kSessionsPerTick = 128;

}  // namespace

void LeaseTable::Effects::Clear() {
  changes.clear();
  asks.clear();
  forgotten.clear();
}

void LeaseTable::Step(MonotonicTime now, Event&& event, Effects* effects) {
  if (auto* const opened = std::get_if<Opened>(&event)) {
    auto owned =
        std::make_unique<Entry>(opened->session, options_, opened->jitter_seed);
    Entry* const entry = owned.get();
    const bool is_new =
        entries_.emplace(opened->session, std::move(owned)).second;
    TRIVET_INVARIANT(is_new, "REQUIRES: a new session");
    entry->place = wakeups_.size();
    wakeups_.push_back(entry);
    StepEntry(now, entry, opened->started, effects);
  } else if (auto* const told = std::get_if<Told>(&event)) {
    const auto found = entries_.find(told->session);
    if (found == entries_.end()) return;
    StepEntry(now, found->second.get(), std::move(told->event), effects);
  } else {
    for (int i = 0; i < kSessionsPerTick && NextWakeup() <= now; ++i) {
      StepEntry(now, wakeups_.front(), LeaseMachine::Ticked{}, effects);
    }
  }
}

MonotonicTime LeaseTable::NextWakeup() const {
  return wakeups_.empty() ? MonotonicTime::InfiniteFuture()
                          : wakeups_.front()->wakeup;
}

void LeaseTable::StepEntry(MonotonicTime now, Entry* entry,
                           LeaseMachine::Event&& event, Effects* effects) {
  LeaseMachine& machine = entry->machine;
  const LeaseState state_before = machine.state();
  const MonotonicTime valid_before = machine.valid_until();
  scratch_.Clear();
  machine.Step(now, std::move(event), &scratch_);
  for (const LeaseMachine::Request& request : scratch_.requests) {
    effects->asks.push_back({entry->session, request});
  }
  if (machine.state() != state_before ||
      machine.valid_until() != valid_before) {
    effects->changes.push_back({entry->session, machine.state(),
                                machine.fencing_token(), machine.valid_until(),
                                std::move(scratch_.why)});
  }
  if (machine.Finished()) {
    effects->forgotten.push_back(entry->session);
    return Forget(entry);
  }
  entry->wakeup = machine.NextWakeup();
  Settle(entry);
}

// --- The heap ----------------------------------------------------------------

// Ties go by session, so that equal histories take equal turns.
bool LeaseTable::Before(const Entry* a, const Entry* b) {
  return a->wakeup != b->wakeup ? a->wakeup < b->wakeup
                                : a->session < b->session;
}

void LeaseTable::Put(size_t place, Entry* entry) {
  wakeups_[place] = entry;
  entry->place = place;
}

// Moves `entry` from where it is to where its wake-up belongs.
void LeaseTable::Settle(Entry* entry) {
  size_t place = entry->place;
  while (place > 0) {
    Entry* const parent = wakeups_[(place - 1) / 2];
    if (!Before(entry, parent)) break;
    const size_t parent_place = parent->place;
    Put(place, parent);
    place = parent_place;
  }
  while (true) {
    size_t child = 2 * place + 1;
    if (child >= wakeups_.size()) break;
    if (child + 1 < wakeups_.size() &&
        Before(wakeups_[child + 1], wakeups_[child])) {
      ++child;
    }
    if (!Before(wakeups_[child], entry)) break;
    Put(place, wakeups_[child]);
    place = child;
  }
  Put(place, entry);
}

void LeaseTable::Forget(Entry* entry) {
  Entry* const last = wakeups_.back();
  wakeups_.pop_back();
  if (last != entry) {
    last->place = entry->place;
    Settle(last);
  }
  entries_.erase(entry->session);
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
