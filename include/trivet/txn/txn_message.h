// SPDX-License-Identifier: Apache-2.0
//
// The messages of presumed-abort two-phase commit, and their bytes.
//
//   coordinator                          participant
//        | -- PrepareRequest(work) ----------> |
//        | <----------------------- VoteReply -|
//        | -- DecisionNotice ----------------> |
//        | <--------------------- DecisionAck -|   (commit only)
//        | <----------------- DecisionInquiry -|   (participant in doubt)
//        | <----------------- HorizonRequest - |   (nothing heard for long)
//        | -- HorizonNotice -----------------> |
//
// Anything may be lost, doubled, late or out of order: every row of the
// protocol (src/txn/DESIGN.md) is safe against that.
//
// A payload is a sequence of versioned frames, so that a driver can put all it
// has for one peer into one envelope. The codec, which knows names, is
// src/txn/codec.h. Bytes are stable (tests/golden/txn_message_v1).
//
// Thread safety: values.

#ifndef TRIVET_TXN_TXN_MESSAGE_H_
#define TRIVET_TXN_TXN_MESSAGE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <variant>

#include "trivet/config.h"
#include "trivet/txn/transaction.h"

namespace trivet {
inline namespace v0_1 {

// A role's name, interned by whoever drives the machine: names go on the wire
// and to disk, PeerIds never leave the process. A coordinator's name is the
// full one, with its log's id; a participant's is its address.
enum class PeerId : uint32_t {};

// A transaction as a machine knows it.
struct TxnKey {
  PeerId coordinator{};
  TxnNumber number;

  friend bool operator==(const TxnKey& a, const TxnKey& b) {
    return a.number == b.number && a.coordinator == b.coordinator;
  }
  friend bool operator!=(const TxnKey& a, const TxnKey& b) { return !(a == b); }
  friend bool operator<(const TxnKey& a, const TxnKey& b) {
    return a.coordinator != b.coordinator ? a.coordinator < b.coordinator
                                          : a.number < b.number;
  }
  template <typename H>
  friend H AbslHashValue(H h, const TxnKey& key) {
    return H::combine(std::move(h), key.coordinator, key.number);
  }
};

// To a participant: get ready to go either way, then vote. `horizon`: the
// coordinator needs nothing more of this participant about any smaller number.
// A participant refuses what is below it, so a late duplicate of finished work
// cannot be mistaken for new work.
struct PrepareRequest {
  TxnKey txn;
  TxnNumber horizon;
  std::string work;
};

// The answer. Only the first vote of a participant counts.
struct VoteReply {
  TxnKey txn;
  Vote vote;
};

// What was decided. Commits are repeated until acknowledged; an abort is said
// once, and again to whoever asks.
struct DecisionNotice {
  TxnKey txn;
  Decision decision = Decision::kAbort;
};

// Of a commit: it will survive a restart of the participant.
struct DecisionAck {
  TxnKey txn;
};

// From a participant that voted yes and heard no decision.
struct DecisionInquiry {
  TxnKey txn;
};

// From a participant that remembers finished transactions and has heard no
// horizon that lets it forget them.
struct HorizonRequest {
  PeerId coordinator{};
};
struct HorizonNotice {
  PeerId coordinator{};
  TxnNumber horizon;
};

using TxnMessage =
    std::variant<PrepareRequest, VoteReply, DecisionNotice, DecisionAck,
                 DecisionInquiry, HorizonRequest, HorizonNotice>;

}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_TXN_TXN_MESSAGE_H_
