// SPDX-License-Identifier: Apache-2.0
//
// What each role must remember across a crash.
//
//   coordinator   LogIdentity    forced, the first of a new log, kept for ever
//                 CommitDecided  forced, before any DecisionNotice(kCommit)
//                 Ended          lazy, after the last DecisionAck, once the
//                                caller was told
//                 Forgotten      lazy, the host let an untold commit go
//   participant   LogOwner       lazy, the first of a new log, kept for ever
//                 Prepared       forced, before VoteReply(kYes)
//                 Resolved       of a commit forced, before DecisionAck;
//                                of an abort lazy, once the host undid its work
//                 Applied        lazy, once the host carried out a commit or an
//                                operator's decision
//                 HorizonPassed  forced, before what it lets go is trimmed;
//                                rides in the next forced append
//                 Heuristic      forced, before an operator's decision is
//                                applied
//                 Forgotten      lazy, the operator let a heuristic go
//
// Aborts are never logged by the coordinator: no record means abort. The epoch
// itself is made durable by LogStore::Claim.
//
// A record may stand in a log twice, and the beginning of a log may be missing:
// live records are appended again before what stands before them is trimmed.
//
// Bytes, in src/txn/codec.h, are versioned and stable
// (tests/golden/txn_record_v1); names are written in full.
//
// Thread safety: values.

#ifndef TRIVET_TXN_TXN_RECORD_H_
#define TRIVET_TXN_TXN_RECORD_H_

#include <string>
#include <variant>
#include <vector>

#include "trivet/config.h"
#include "trivet/txn/transaction.h"
#include "trivet/txn/txn_message.h"

namespace trivet {
inline namespace v0_1 {

// The log's own name: 32 hexadecimal digits, drawn when the log was new, so
// that a lost or recreated log cannot reuse a transaction's name.
struct LogIdentity {
  std::string id;
};
struct CommitDecided {
  TxnKey txn;
  std::vector<PeerId> yes_voters;
};
struct Ended {
  TxnKey txn;
};
struct Forgotten {
  TxnKey txn;
};
struct Prepared {
  TxnKey txn;
  std::string work;
};
struct Resolved {  // What the coordinator said.
  TxnKey txn;
  Decision decision = Decision::kAbort;
};
struct Applied {
  TxnKey txn;
};
struct HorizonPassed {
  PeerId coordinator{};
  TxnNumber horizon;
};
struct Heuristic {  // What an operator said.
  TxnKey txn;
  Decision decision = Decision::kAbort;
};

// Whose log it is, so that nobody goes on with another participant's. Lazy is
// enough: nothing that follows it can be durable without it.
struct LogOwner {
  std::string participant;
};

using TxnRecord =
    std::variant<LogIdentity, CommitDecided, Ended, Forgotten, Prepared,
                 Resolved, Applied, HorizonPassed, Heuristic, LogOwner>;

}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_TXN_TXN_RECORD_H_
