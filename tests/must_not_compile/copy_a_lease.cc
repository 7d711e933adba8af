// SPDX-License-Identifier: Apache-2.0
// must not compile: deleted
//
// One acquisition has one holder.

#include <utility>

#include "trivet/lock/lock_client.h"

trivet::Lease Use(trivet::Lease& lease) {
#ifdef TRIVET_CONTROL
  return std::move(lease);
#else
  return lease;
#endif
}
