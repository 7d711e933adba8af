// SPDX-License-Identifier: Apache-2.0
#include "trivet/ring/hash_ring.h"

int main() {
  const auto ring = trivet::HashRing::Builder().Add("a").Add("b", 2).Build();
  return ring.ok() && !ring->Lookup("user:42").id.empty() ? 0 : 1;
}
