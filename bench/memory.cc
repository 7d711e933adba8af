// SPDX-License-Identifier: Apache-2.0

#include "bench/memory.h"

#include <malloc.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace {

thread_local trivet::bench::Memory memory;

int64_t SizeOf(void* block) {
  return static_cast<int64_t>(malloc_usable_size(block) + sizeof(size_t));
}

void* Allocated(void* block) {
  if (block == nullptr) std::abort();
  ++memory.allocations;
  memory.bytes += SizeOf(block);
  return block;
}

void Free(void* block) {
  if (block == nullptr) return;
  memory.bytes -= SizeOf(block);
  std::free(block);
}

void FreeLines(void* block) {
  if (block != nullptr) memory.line_bytes -= SizeOf(block);
  Free(block);
}

}  // namespace

void* operator new(size_t size) { return Allocated(std::malloc(size)); }
void* operator new[](size_t size) { return Allocated(std::malloc(size)); }
void* operator new(size_t size, std::align_val_t alignment) {
  const auto unit = static_cast<size_t>(alignment);
  void* const block =
      Allocated(std::aligned_alloc(unit, (size + unit - 1) / unit * unit));
  memory.line_bytes += SizeOf(block);
  return block;
}
void operator delete(void* block) noexcept { Free(block); }
void operator delete[](void* block) noexcept { Free(block); }
void operator delete(void* block, size_t) noexcept { Free(block); }
void operator delete[](void* block, size_t) noexcept { Free(block); }
void operator delete(void* block, std::align_val_t) noexcept {
  FreeLines(block);
}
void operator delete(void* block, size_t, std::align_val_t) noexcept {
  FreeLines(block);
}

namespace trivet {
namespace bench {

Memory MemoryOfThisThread() { return memory; }

}  // namespace bench
}  // namespace trivet
