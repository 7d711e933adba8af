// SPDX-License-Identifier: Apache-2.0
//
// A log of a model: records in memory, of which the last ones may not be
// synced. It keeps the contract of LogStore, and is as nasty as that allows.

#ifndef TRIVET_TESTS_TXN_MODEL_LOG_H_
#define TRIVET_TESTS_TXN_MODEL_LOG_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "src/internal/backoff.h"
#include "trivet/host/log_store.h"
#include "trivet/txn/txn_effects.h"

namespace trivet {

// Draws for a model.
class Dice {
 public:
  explicit Dice(uint64_t seed) : random_(seed) {}
  size_t Below(size_t limit) { return random_.Next() % limit; }
  bool Chance(size_t percent) { return Below(100) < percent; }

 private:
  internal::SplitMix64 random_;
};

class ModelLog {
 public:
  // Takes the log over and makes what is there durable. `*epoch` gets the new
  // epoch.
  std::vector<LoggedRecord> Claim(Epoch* epoch) {
    *epoch = ++epoch_;
    poisoned_ = false;
    synced_ = records_.size();
    return {records_.begin(), records_.end()};
  }

  absl::Status Check(Epoch epoch) const {
    if (epoch != epoch_) return absl::AbortedError("fenced");
    if (poisoned_) return absl::InternalError("poisoned");
    return absl::OkStatus();
  }

  // One append of writes that passed Check(). Now and then its index is far
  // from the last one, so that a machine writes its live records again.
  LogIndex Append(const std::vector<LogWrite>& writes, size_t count,
                  Dice* dice) {
    if (dice->Chance(5)) next_ += 2000;
    const LogIndex first = next_;
    bool forced = false;
    for (size_t i = 0; i < count; ++i) {
      records_.push_back({next_++, writes[i].record});
      forced = forced || writes[i].durability == Durability::kForced;
    }
    if (forced && count == writes.size()) synced_ = records_.size();
    return first;
  }

  // A failed append: some of its records may be there, and nothing more is
  // taken until the log is claimed again.
  void Fail(const std::vector<LogWrite>& writes, Dice* dice) {
    poisoned_ = true;
    const size_t survive = dice->Below(writes.size() + 1);
    for (size_t i = 0; i < survive; ++i) {
      records_.push_back({next_++, writes[i].record});
    }
  }

  void Trim(Epoch epoch, LogIndex first_needed, Dice* dice) {
    if (epoch != epoch_) return;  // A hint from the past.
    while (!records_.empty() && records_.front().index < first_needed &&
           !dice->Chance(5)) {
      records_.pop_front();
      if (synced_ > 0) --synced_;
    }
  }

  void LosePower(Dice* dice) {
    while (records_.size() > synced_ && dice->Chance(70)) {
      next_ = records_.back().index;
      records_.pop_back();
    }
  }

 private:
  std::deque<LoggedRecord> records_;
  size_t synced_ = 0;
  LogIndex next_ = 1;
  Epoch epoch_ = 0;
  bool poisoned_ = false;
};

}  // namespace trivet

#endif  // TRIVET_TESTS_TXN_MODEL_LOG_H_
