// SPDX-License-Identifier: Apache-2.0
// must not compile: deleted
//
// The walk would look at a ring that is gone.

#include "trivet/ring/hash_ring.h"

trivet::HashRing Membership();

void Use() {
#ifdef TRIVET_CONTROL
  const trivet::HashRing ring = Membership();
  for (const trivet::RingNode& node : ring.Walk("key")) {
#else
  for (const trivet::RingNode& node : Membership().Walk("key")) {
#endif
    static_cast<void>(node);
  }
}
