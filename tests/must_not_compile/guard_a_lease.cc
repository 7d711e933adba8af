// SPDX-License-Identifier: Apache-2.0
// must not compile: no (member named|matching)|has no member named .?(un)?lock
//
// A Lease is no mutex: it can be lost while it is held.

#include <mutex>
#include <utility>

#include "trivet/lock/lock_client.h"

void Use(trivet::Lease& lease) {
#ifdef TRIVET_CONTROL
  const trivet::Lease held = std::move(lease);
#else
  const std::lock_guard<trivet::Lease> held(lease);
#endif
  static_cast<void>(held);
}
