// SPDX-License-Identifier: Apache-2.0
//
// MachineLog: the log below one transaction machine, which a fuzzer drives. It
// takes the writes that the machine issues, completes them in order, well or
// badly, and keeps of them what a crash may leave.
//
// Thread safety: thread-compatible.

#ifndef TRIVET_TESTS_FUZZ_MACHINE_LOG_H_
#define TRIVET_TESTS_FUZZ_MACHINE_LOG_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/input.h"
#include "trivet/host/log_store.h"
#include "trivet/txn/txn_effects.h"
#include "trivet/txn/txn_record.h"

namespace trivet {

class MachineLog {
 public:
  // What a step wants written, in the order of its tickets, and trimmed.
  void Take(const TxnEffects& effects) {
    for (const LogWrite& write : effects.writes) {
      FUZZ_CHECK(write.ticket > last_ticket_);
      last_ticket_ = write.ticket;
      in_flight_.push_back(write);
    }
    if (effects.trim_before == 0) return;
    FUZZ_CHECK(effects.trim_before > trimmed_);
    FUZZ_CHECK(effects.trim_before <= next_);
    trimmed_ = effects.trim_before;
    while (!records_.empty() && records_.front().index < trimmed_) {
      records_.pop_front();
      synced_ -= std::min<size_t>(synced_, 1);
    }
  }

  bool has_in_flight() const { return !in_flight_.empty(); }
  const TxnRecord& oldest_in_flight() const {
    return in_flight_.front().record;
  }

  // Completes the oldest: written, fenced, or nobody knows.
  Appended Complete(Input* input) {
    const LogWrite write = std::move(in_flight_.front());
    in_flight_.pop_front();
    if (error_.ok() && input->OneIn(64)) error_ = absl::AbortedError("fenced");
    if (error_.ok() && input->OneIn(64)) {
      error_ = absl::InternalError("disk");
      if (input->OneIn(2)) records_.push_back({next_++, write.record});
    }
    if (!error_.ok()) return {write.ticket, error_};
    if (input->OneIn(32)) next_ += 1500;  // So much was written meanwhile.
    records_.push_back({next_, write.record});
    if (write.durability == Durability::kForced) synced_ = records_.size();
    return {write.ticket, next_++};
  }

  // The process dies, perhaps with the machine's power. What is left is
  // durable.
  void Crash(Input* input) {
    for (; error_.ok() && !in_flight_.empty() && input->OneIn(2);
         in_flight_.pop_front()) {
      records_.push_back({next_++, in_flight_.front().record});
    }
    in_flight_.clear();
    while (records_.size() > synced_ && input->OneIn(2)) {
      next_ = records_.back().index;
      records_.pop_back();
    }
    synced_ = records_.size();
    error_ = absl::OkStatus();
    last_ticket_ = 0;
    trimmed_ = 0;
  }

  std::vector<LoggedRecord> records() const {
    return {records_.begin(), records_.end()};
  }

  // The last record of this kind that `matches`, if there is one.
  template <typename Record, typename Matches>
  bool Has(Matches matches) const {
    return std::any_of(
        records_.begin(), records_.end(), [&](const LoggedRecord& logged) {
          const auto* record = std::get_if<Record>(&logged.record);
          return record != nullptr && matches(*record);
        });
  }

 private:
  std::deque<LoggedRecord> records_;
  size_t synced_ = 0;  // So many of them survive a loss of power.
  std::deque<LogWrite> in_flight_;
  LogIndex next_ = 1;
  LogIndex trimmed_ = 0;
  uint64_t last_ticket_ = 0;
  absl::Status error_;  // Since when nothing is taken any more.
};

}  // namespace trivet

#endif  // TRIVET_TESTS_FUZZ_MACHINE_LOG_H_
