// SPDX-License-Identifier: Apache-2.0
// must not compile: deleted
//
// The node would die with the ring.

#include "trivet/ring/hash_ring.h"

trivet::HashRing Membership();

void Use() {
#ifdef TRIVET_CONTROL
  const trivet::HashRing ring = Membership();
  const trivet::RingNode& node = ring.Lookup("key");
#else
  const trivet::RingNode& node = Membership().Lookup("key");
#endif
  static_cast<void>(node);
}
