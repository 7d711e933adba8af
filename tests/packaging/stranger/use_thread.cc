// SPDX-License-Identifier: Apache-2.0
#include "trivet/adapters/thread/thread_executor.h"

int main() {
  const auto executor = trivet::ThreadExecutor::Create();
  return executor.ok() && (*executor)->MayBlock() ? 0 : 1;
}
