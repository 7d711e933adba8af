// SPDX-License-Identifier: Apache-2.0
// must not compile: deleted
//
// The list would be full of nodes that are gone.

#include <vector>

#include "absl/types/span.h"
#include "trivet/ring/hash_ring.h"

trivet::HashRing Membership();

void Use() {
  std::vector<const trivet::RingNode*> replicas(3);
#ifdef TRIVET_CONTROL
  const trivet::HashRing ring = Membership();
  ring.PreferenceList("key", absl::MakeSpan(replicas));
#else
  Membership().PreferenceList("key", absl::MakeSpan(replicas));
#endif
}
