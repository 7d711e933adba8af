// SPDX-License-Identifier: Apache-2.0
//
// What a Coordinator or a Participant has sent, written and thrown away since
// it was opened. trivet logs nothing; a host that wants to know asks for these.
//
// Thread safety: a value.

#ifndef TRIVET_TXN_TXN_COUNTERS_H_
#define TRIVET_TXN_TXN_COUNTERS_H_

#include <cstdint>

#include "trivet/config.h"

namespace trivet {
inline namespace v0_1 {

struct TxnCounters {
  // Several messages for one peer share an envelope.
  uint64_t envelopes_sent = 0;
  uint64_t messages_sent = 0;
  uint64_t envelopes_received = 0;
  uint64_t messages_received = 0;  // Those taken; not what was dropped below.

  // Several records share an append, which is forced if one of them has to be.
  uint64_t appends = 0;
  uint64_t records_forced = 0;
  uint64_t records_lazy = 0;

  // Envelopes dropped because they are not for this role, and messages dropped
  // because their sender or their coordinator is not who it must be: a wrong
  // route, a stranger, or a coordinator whose log was replaced.
  uint64_t misaddressed = 0;

  // Envelopes of which a part was dropped: bytes that are not trivet's, that
  // were damaged on the way, or that a newer trivet sent.
  uint64_t malformed = 0;

  // Messages, and ids that a Resource listed, dropped because of a name that is
  // empty or longer than 512 bytes, or one too many: more than 65,536 different
  // ones since Open.
  uint64_t bad_names = 0;
};

}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_TXN_TXN_COUNTERS_H_
