// SPDX-License-Identifier: Apache-2.0
//
// The vocabulary of two-phase commit, shared by both roles.
//
//   TxnId id = outcome.id;                 // "bank-1#9f3c/3.17"
//   if (outcome.decision == Decision::kCommit) Ship(id.ToString());
//
// Thread safety: values.

#ifndef TRIVET_TXN_TRANSACTION_H_
#define TRIVET_TXN_TRANSACTION_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "trivet/config.h"

namespace trivet {
inline namespace v0_1 {

// Counts the transactions of one coordinator. `epoch` is what LogStore::Claim
// returned and `sequence` counts the transactions since, so a number is never
// used twice, not even for a transaction that left no trace in the log.
struct TxnNumber {
  uint64_t epoch = 0;
  uint64_t sequence = 0;

  friend bool operator==(TxnNumber a, TxnNumber b) {
    return a.epoch == b.epoch && a.sequence == b.sequence;
  }
  friend bool operator!=(TxnNumber a, TxnNumber b) { return !(a == b); }
  friend bool operator<(TxnNumber a, TxnNumber b) {
    return a.epoch != b.epoch ? a.epoch < b.epoch : a.sequence < b.sequence;
  }
  friend bool operator>(TxnNumber a, TxnNumber b) { return b < a; }
  friend bool operator<=(TxnNumber a, TxnNumber b) { return !(b < a); }
  friend bool operator>=(TxnNumber a, TxnNumber b) { return !(a < b); }
  template <typename H>
  friend H AbslHashValue(H h, TxnNumber n) {
    return H::combine(std::move(h), n.epoch, n.sequence);
  }
};

// Names one transaction in the world.
struct TRIVET_EXPORT TxnId {
  std::string coordinator;  // The coordinator's name, '#', its log's own id.
  TxnNumber number;

  // "bank-1#9f3c/3.17", and back. Everything before the last '/' is the
  // coordinator. kInvalidArgument: not of that form.
  std::string ToString() const;
  static absl::StatusOr<TxnId> Parse(std::string_view text);

  friend bool operator==(const TxnId& a, const TxnId& b) {
    return a.number == b.number && a.coordinator == b.coordinator;
  }
  friend bool operator!=(const TxnId& a, const TxnId& b) { return !(a == b); }
  friend bool operator<(const TxnId& a, const TxnId& b) {
    const int names = a.coordinator.compare(b.coordinator);
    return names != 0 ? names < 0 : a.number < b.number;
  }
  template <typename H>
  friend H AbslHashValue(H h, const TxnId& id) {
    return H::combine(std::move(h), id.coordinator, id.number);
  }
};

// One participant's share of a transaction. `work` is opaque to trivet, at most
// max_work_bytes long, and must fit into one envelope of the transport.
struct Branch {
  std::string participant;
  std::string work;
};

struct Vote {
  enum Kind {
    kYes,       // Prepared: will commit or abort on demand, even after a crash.
    kNo,        // Will not commit. The transaction aborts.
    kReadOnly,  // Nothing to decide here; leaves the protocol now.
  };
  static constexpr size_t kReasonBytesMax = 256;  // Longer ones are cut.

  Kind kind = kNo;
  std::string reason;  // Of a no, for people.

  Vote() = default;
  Vote(Kind k, std::string why = {}) : kind(k), reason(std::move(why)) {}
};

enum class Decision { kCommit, kAbort };

// How a transaction ended, for whoever began it. Commit if and only if every
// participant voted yes or read-only.
struct Outcome {
  TxnId id;
  std::optional<Decision> decision;  // nullopt: the log failed under it; ask
                                     // OutcomeOf(id) once it is open again.
  std::string reason;                // Why it aborted, from a vote or from us.
};

}  // namespace v0_1
}  // namespace trivet

template <>
struct std::hash<trivet::TxnId> {
  std::size_t operator()(const trivet::TxnId& id) const {
    const std::hash<uint64_t> number;
    return std::hash<std::string>()(id.coordinator) ^
           number(id.number.epoch * 0x9E3779B97F4A7C15 + id.number.sequence);
  }
};

#endif  // TRIVET_TXN_TRANSACTION_H_
