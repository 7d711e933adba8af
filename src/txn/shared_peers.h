// SPDX-License-Identifier: Apache-2.0
//
// SharedPeers: the PeerTable of a driver, which takes envelopes on any thread
// while its runner writes records and messages.
//
// Thread safety: thread-safe.

#ifndef TRIVET_SRC_TXN_SHARED_PEERS_H_
#define TRIVET_SRC_TXN_SHARED_PEERS_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "src/txn/peer_table.h"
#include "trivet/config.h"
#include "trivet/txn/transaction.h"
#include "trivet/txn/txn_message.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

class SharedPeers {
 public:
  explicit SharedPeers(PeerTable table) : table_(std::move(table)) {}

  PeerId Intern(std::string_view name) {
    const absl::MutexLock lock(&mu_);
    return table_.Intern(name);
  }
  std::optional<PeerId> InternBounded(std::string_view name) {
    const absl::MutexLock lock(&mu_);
    return table_.InternBounded(name);
  }
  std::optional<PeerId> Find(std::string_view name) const {
    const absl::ReaderMutexLock lock(&mu_);
    return table_.Find(name);
  }
  TxnId IdOf(const TxnKey& txn) const {
    const absl::ReaderMutexLock lock(&mu_);
    return {table_.Name(txn.coordinator), txn.number};
  }

  // Has `use` look at the table, which stands still meanwhile.
  template <typename Use>
  auto Read(Use use) const {
    const absl::ReaderMutexLock lock(&mu_);
    return use(table_);
  }

 private:
  mutable absl::Mutex mu_;
  PeerTable table_ ABSL_GUARDED_BY(mu_);
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_TXN_SHARED_PEERS_H_
