// SPDX-License-Identifier: Apache-2.0
//
// What a transaction machine is told, and what it asks of the world.
//
// Effects are independent. Nothing here says "send this after that is durable":
// a machine holds a message back until the Appended event for the record it
// depends on, and only then emits it. Whoever performs them has one rule:
//
//   Perform the effects of a step in any order, or lose them in a crash. Log
//   writes keep their ticket order, also from step to step.
//
// It may Step many events, collect their effects in one TxnEffects, and make
// one append and one envelope per peer of them: that is group commit. The whole
// loop of a host that has no threads is in examples/04_own_event_loop.
//
// Thread safety: values.

#ifndef TRIVET_TXN_TXN_EFFECTS_H_
#define TRIVET_TXN_TXN_EFFECTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "trivet/config.h"
#include "trivet/host/log_store.h"
#include "trivet/txn/transaction.h"
#include "trivet/txn/txn_message.h"
#include "trivet/txn/txn_record.h"

namespace trivet {
inline namespace v0_1 {

// Who a machine is.
struct RoleIdentity {
  // A participant's address; a coordinator's address, '#', and the id of its
  // log: that of the LogIdentity in the log, or a new one if the log is empty.
  std::string name;
  PeerId self{};    // The same, interned.
  Epoch epoch = 0;  // What LogStore::Claim returned.
};

// A record read back at recovery.
struct LoggedRecord {
  LogIndex index = 0;
  TxnRecord record;
};

// --- Events both roles know -------------------------------------------------

// A message arrived. A machine believes `from`: it must be the sender that the
// transport vouches for. A participant hears a coordinator by its full name.
struct Received {
  PeerId from{};
  TxnMessage message;
};

// The append that carried `ticket` completed: the record stands at `index`.
// kAborted: fenced, and not written. Other errors: unknown. One for every
// LogWrite, in ticket order; what comes out of order is ignored.
struct Appended {
  uint64_t ticket = 0;
  absl::StatusOr<LogIndex> index;
};

struct Ticked {};

// --- Effects both roles have ------------------------------------------------

// A record to append. Of the writes of one TxnEffects a driver makes one
// append, forced if any of them is. Success of a lazy one says nothing of
// durability.
struct LogWrite {
  uint64_t ticket = 0;  // Rising, from step to step.
  Durability durability = Durability::kForced;
  TxnRecord record;
};

struct Outgoing {
  PeerId to{};
  TxnMessage message;
};

struct TRIVET_EXPORT TxnEffects {
  std::vector<LogWrite> writes;
  std::vector<Outgoing> messages;

  // Records before this index are not needed any more; 0: nothing new.
  LogIndex trim_before = 0;

  // Why the machine stopped, for good. What stands beside it here may still be
  // performed or lost; answers to callers are given. It writes and sends
  // nothing more: claim the log again and build a new machine.
  std::optional<absl::Status> stopped;

  void Clear();  // Keeps the memory.
};

}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_TXN_TXN_EFFECTS_H_
