// SPDX-License-Identifier: Apache-2.0
//
// LiveRecords: which records of a role's log are still needed, when the needed
// ones have to be written again, and what the log may trim.
//
//        trim_before                                    last appended
//             v                                               v
//   . . . . . L d d L d d d d d d d d d d d d d d L d d d L d d | i i
//   trimmed     retained: L live, d dead                        | in flight
//
// A live record holds everything after it in the log. When the oldest one has
// fallen far behind the end, all live ones are written again, in one forced
// append; once that is durable the old copies are dead. Until then, and while
// records are in flight, nothing that they may replace is let go.
//
// `Note` is what its machine wants to be reminded of when a record was
// appended.
//
// Thread safety: thread-compatible.

#ifndef TRIVET_SRC_TXN_LIVE_RECORDS_H_
#define TRIVET_SRC_TXN_LIVE_RECORDS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "src/internal/mutant.h"
#include "src/txn/log_lag.h"
#include "trivet/config.h"
#include "trivet/host/log_store.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

template <typename Note>
class LiveRecords {
 public:
  // A record that Claim visited and that is still needed. Its ticket goes to
  // `*ticket`, where a machine keeps those it will have to retire.
  struct Found {
    LogIndex index;
    uint64_t* ticket;
  };

  // Adopts what replay found, in any order; `last` is the log's last index.
  void Adopt(std::vector<Found> found, LogIndex last) {
    std::sort(found.begin(), found.end(),
              [](const Found& a, const Found& b) { return a.index < b.index; });
    for (const Found& record : found) {
      *record.ticket = Issue(Note{});
      entries_.back().index = record.index;
    }
    unappended_ = next_;
    last_index_ = last;
  }

  // A ticket for a record that is about to be written. Tickets rise from 1.
  uint64_t Issue(Note note) {
    entries_.push_back(Entry{0, true, std::move(note)});
    ++live_;
    return next_++;
  }

  // The record is not needed any more. Forgets the ticket; 0 is none.
  void Retire(uint64_t* ticket) {
    const uint64_t retired = std::exchange(*ticket, 0);
    if (retired >= first_) Kill(retired);
    DropDead();
  }

  // Takes note that the record stands at `index`, and returns what was to be
  // remembered of it. nullopt: not the ticket whose turn it is.
  std::optional<Note> TakeAppended(uint64_t ticket, LogIndex index) {
    if (ticket != unappended_ || ticket >= next_) return std::nullopt;
    Entry& entry = entries_[ticket - first_];
    entry.index = index;
    last_index_ = std::max(last_index_, index);
    std::optional<Note> note = std::move(entry.note);
    ++unappended_;
    if (ticket == copies_last_) EndCompaction();
    DropDead();
    return note;
  }

  // Nothing before this index is needed.
  LogIndex TrimBefore() const {
    const bool oldest_is_in_flight = entries_.empty() || first_ == unappended_;
    if (oldest_is_in_flight || TRIVET_MUTANT(trim_leaves_hole)) {
      return last_index_ + 1;
    }
    return entries_.front().index;
  }

  // The oldest live record is further behind than `lag_` says, and than
  // kFactor times as many records as are live. `rides`: the copies would go
  // with what is forced anyway. They cost no sync then, so they may come
  // sooner.
  bool CompactionIsDue(bool rides) const {
    if (TRIVET_MUTANT(logs_never_compacted)) return false;
    return copies_last_ == 0 && first_ < unappended_ &&
           last_index_ - entries_.front().index >
               std::max(rides ? lag_.min_riding : lag_.min,
                        LogLag::kFactor * live_);
  }

  // Between these two the machine issues a copy of every live record, also of
  // those in flight, and keeps the copies' tickets instead. At least one: whose
  // the log is.
  void BeginCopies() { copies_first_ = next_; }
  void EndCopies() {
    copies_last_ = next_ - 1;
    if (TRIVET_MUTANT(copies_trusted_in_flight)) EndCompaction();
  }

  size_t live() const { return live_; }

 private:
  struct Entry {
    LogIndex index;  // 0: in flight.
    bool live;
    Note note;
  };

  void Kill(uint64_t ticket) {
    Entry& entry = entries_[ticket - first_];
    if (std::exchange(entry.live, false)) --live_;
  }

  // The copies are durable, so what was issued before them is dead.
  void EndCompaction() {
    for (uint64_t t = first_; t < copies_first_; ++t) Kill(t);
    copies_last_ = 0;
  }

  void DropDead() {
    while (first_ < unappended_ && !entries_.front().live) {
      entries_.pop_front();
      ++first_;
    }
  }

  const LogLag lag_ = LogLag::Current();
  std::deque<Entry> entries_;  // Of the tickets from first_ up to next_.
  uint64_t first_ = 1;
  uint64_t unappended_ = 1;  // Those before it have an index.
  uint64_t next_ = 1;
  uint64_t live_ = 0;
  uint64_t copies_first_ = 0;
  uint64_t copies_last_ = 0;  // 0: no compaction is in flight.
  LogIndex last_index_ = 0;
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_TXN_LIVE_RECORDS_H_
