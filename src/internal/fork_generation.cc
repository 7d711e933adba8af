// SPDX-License-Identifier: Apache-2.0

#include "src/internal/fork_generation.h"

#include <pthread.h>

#include <atomic>
#include <cstdint>

#include "src/internal/invariant.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {
namespace {

std::atomic<uint64_t> generation{0};

void CountChild() { generation.fetch_add(1, std::memory_order_relaxed); }

}  // namespace

uint64_t ForkGeneration() {
  static const int error = pthread_atfork(nullptr, nullptr, &CountChild);
  TRIVET_INVARIANT(error == 0, "pthread_atfork(3) finds room");
  return generation.load(std::memory_order_relaxed);
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
