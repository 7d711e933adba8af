// SPDX-License-Identifier: Apache-2.0
//
// The host's way of carrying bytes to another node.
//
// A Transport only sends. Receiving is a plain call in the other direction:
// when bytes arrive, the host calls Receive() on the object they are for. There
// is no handler to register, so there is no handler lifetime to get wrong.

#ifndef TRIVET_HOST_TRANSPORT_H_
#define TRIVET_HOST_TRANSPORT_H_

#include <string>

#include "trivet/config.h"

namespace trivet {
inline namespace v0_1 {

// Bytes from one role to another. A name is the address of a role, chosen by
// the host and opaque to trivet: route it to whoever plays the role now.
// Processes that stand by for one another share a name, and stale delivery is
// safe.
struct Envelope {
  std::string from;
  std::string to;
  std::string payload;
};

class TRIVET_EXPORT Transport {
 public:
  virtual ~Transport() = default;

  // Makes one attempt to carry `envelope` to its destination. Returns at once
  // and reports nothing: trivet treats the network as unreliable and retries on
  // its own schedule.
  //
  // An implementation MAY lose, delay, duplicate or reorder envelopes. It MUST
  // NOT alter a payload, invent one, or deliver one to the wrong node.
  //
  // Thread safety: callable from any thread.
  virtual void Send(Envelope envelope) = 0;
};

}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_HOST_TRANSPORT_H_
