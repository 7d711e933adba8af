// SPDX-License-Identifier: Apache-2.0
//
// TxnTable: a coordinator's transactions, by number.
//
// Those of the machine's own epoch stand in a window of consecutive sequence
// numbers and are found without hashing. Recovered ones, and those that have
// been left behind by the window, stand in a map.
//
// Thread safety: thread-compatible.

#ifndef TRIVET_SRC_TXN_TXN_TABLE_H_
#define TRIVET_SRC_TXN_TXN_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>

#include "absl/container/btree_map.h"
#include "trivet/config.h"
#include "trivet/host/log_store.h"
#include "trivet/txn/transaction.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

template <typename Txn>
class TxnTable {
 public:
  // `window_max`: how far apart the oldest and the newest transaction in the
  // window may be, so that one that takes for ever does not make it grow.
  TxnTable(Epoch epoch, size_t window_max)
      : epoch_(epoch), window_max_(window_max) {}

  // The number that Begin() takes next.
  TxnNumber Next() const { return {epoch_, first_ + window_.size()}; }

  // Adds a transaction under the next number.
  Txn* Begin() {
    window_.push_back(std::make_unique<Txn>());
    Txn* const added = window_.back().get();
    while (window_.size() > window_max_) {
      if (window_.front() != nullptr) {
        others_.emplace(TxnNumber{epoch_, first_}, std::move(window_.front()));
      }
      DropFirst();
    }
    return added;
  }

  // Adds one of an earlier epoch.
  Txn* Recover(TxnNumber number) {
    std::unique_ptr<Txn>& added = others_[number];
    added = std::make_unique<Txn>();
    return added.get();
  }

  // nullptr: not there.
  Txn* Find(TxnNumber number) const {
    if (number.epoch == epoch_ && number.sequence >= first_) {
      const uint64_t at = number.sequence - first_;
      return at < window_.size() ? window_[at].get() : nullptr;
    }
    const auto it = others_.find(number);
    return it == others_.end() ? nullptr : it->second.get();
  }

  void Erase(TxnNumber number) {
    if (number.epoch == epoch_ && number.sequence >= first_) {
      window_[number.sequence - first_].reset();
      while (!window_.empty() && window_.front() == nullptr) DropFirst();
    } else {
      others_.erase(number);
    }
  }

  // Calls visit(TxnNumber, Txn&) for each, in the order of their numbers.
  // `visit` must not add or erase.
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (const auto& [number, txn] : others_) visit(number, *txn);
    for (size_t at = 0; at < window_.size(); ++at) {
      if (window_[at] == nullptr) continue;
      visit(TxnNumber{epoch_, first_ + at}, *window_[at]);
    }
  }

 private:
  void DropFirst() {
    window_.pop_front();
    ++first_;
  }

  const Epoch epoch_;
  const size_t window_max_;
  uint64_t first_ = 1;  // The sequence number of window_[0].
  std::deque<std::unique_ptr<Txn>> window_;
  absl::btree_map<TxnNumber, std::unique_ptr<Txn>> others_;
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_TXN_TXN_TABLE_H_
