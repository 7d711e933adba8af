// SPDX-License-Identifier: Apache-2.0

#include "trivet/lock/lock_backend.h"

#include "absl/functional/any_invocable.h"

namespace trivet {
inline namespace v0_1 {

void LockBackend::AwaitRelease(const LeaseKey&, absl::AnyInvocable<void() &&>) {
}

}  // namespace v0_1
}  // namespace trivet
