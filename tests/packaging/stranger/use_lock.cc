// SPDX-License-Identifier: Apache-2.0
#include "trivet/lock/fencing_token.h"
#include "trivet/lock/lock_client.h"

int main() {
  trivet::FencingGate gate;
  trivet::LockClientOptions options;
  options.require_fence = trivet::FenceStrength::kMonotonic;
  return gate.Admit({1, 2}).ok() && !gate.Admit({1, 1}).ok() &&
                 trivet::ToString(trivet::FencingToken{1, 2}) == "1.2"
             ? 0
             : 1;
}
