// SPDX-License-Identifier: Apache-2.0
//
// Messages and records as people read them, on one line:
//
//   PrepareRequest id=bank-1#9f3c/1.7 horizon=1.5 work="credit 40"
//   VoteReply id=bank-1#9f3c/1.7 no reason="account closed"
//   CommitDecided id=bank-1#9f3c/1.7 yes-voters=shard-a,shard-b
//
// The scripts in tests/txn/scripts, the simulator's traces and the tool
// `trivet` all use it.
//
// Thread safety: functions of their arguments.

#ifndef TRIVET_SRC_TXN_DESCRIBE_H_
#define TRIVET_SRC_TXN_DESCRIBE_H_

#include <string>

#include "src/txn/peer_table.h"
#include "trivet/config.h"
#include "trivet/txn/transaction.h"
#include "trivet/txn/txn_message.h"
#include "trivet/txn/txn_record.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

TRIVET_EXPORT std::string Describe(Decision decision);
TRIVET_EXPORT std::string Describe(TxnNumber number);
TRIVET_EXPORT std::string Describe(const Vote& vote);
TRIVET_EXPORT std::string Describe(const TxnKey& txn, const PeerTable& peers);
TRIVET_EXPORT std::string Describe(const TxnMessage& message,
                                   const PeerTable& peers);
TRIVET_EXPORT std::string Describe(const TxnRecord& record,
                                   const PeerTable& peers);

// `text` in double quotes, with anything odd escaped as in C.
TRIVET_EXPORT std::string Literal(const std::string& text);

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_TXN_DESCRIBE_H_
