// SPDX-License-Identifier: Apache-2.0
//
// What a thread has taken from the heap: how often, and how much it holds.
//
//   const Memory before = MemoryOfThisThread();
//   const HashRing ring = ...;
//   const Memory used = MemoryOfThisThread() - before;
//
// Counted per thread, so that counting costs no atomic operation, which would
// slow down whoever allocates most: std::map.

#ifndef TRIVET_BENCH_MEMORY_H_
#define TRIVET_BENCH_MEMORY_H_

#include <cstdint>

namespace trivet {
namespace bench {

struct Memory {
  int64_t allocations = 0;
  int64_t bytes = 0;       // As the heap counts them, with its own header.
  int64_t line_bytes = 0;  // Of these, what was asked for by the cache line.

  friend Memory operator-(const Memory& a, const Memory& b) {
    return {a.allocations - b.allocations, a.bytes - b.bytes,
            a.line_bytes - b.line_bytes};
  }
};

Memory MemoryOfThisThread();

}  // namespace bench
}  // namespace trivet

#endif  // TRIVET_BENCH_MEMORY_H_
