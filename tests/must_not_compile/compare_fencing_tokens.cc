// SPDX-License-Identifier: Apache-2.0
// must not compile: no match for .operator<|invalid operands
//
// Tokens of two generations have no order; CheckFence decides.

#include "trivet/lock/fencing_token.h"

bool Use(trivet::FencingToken a, trivet::FencingToken b) {
#ifdef TRIVET_CONTROL
  return trivet::CheckFence(a, b).ok();
#else
  return a < b;
#endif
}
