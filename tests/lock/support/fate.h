// SPDX-License-Identifier: Apache-2.0
//
// What becomes of one call to a store or a backend.

#ifndef TRIVET_TESTS_LOCK_SUPPORT_FATE_H_
#define TRIVET_TESTS_LOCK_SUPPORT_FATE_H_

namespace trivet {

enum class Fate {
  kAnswer,       // Done, and answered inside the call.
  kLoseReply,    // Done, and answered with an error.
  kLoseRequest,  // Not done, and answered with an error.
  kHoldReply,    // Done; answered by DeliverHeld().
  kHoldRequest,  // Done and answered by DeliverHeld().
};

}  // namespace trivet

#endif  // TRIVET_TESTS_LOCK_SUPPORT_FATE_H_
