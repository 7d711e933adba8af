// SPDX-License-Identifier: Apache-2.0

#include "tests/fuzz/allocations.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace {

thread_local uint64_t allocated = 0;

void* Allocate(size_t size) {
  allocated += size;
  void* const block = std::malloc(size > 0 ? size : 1);
  if (block == nullptr) std::abort();
  return block;
}

}  // namespace

void* operator new(size_t size) { return Allocate(size); }
void* operator new[](size_t size) { return Allocate(size); }
// Or a sanitizer's own would be paired with the deletes below.
void* operator new(size_t size, const std::nothrow_t&) noexcept {
  return Allocate(size);
}
void* operator new[](size_t size, const std::nothrow_t&) noexcept {
  return Allocate(size);
}
void operator delete(void* block) noexcept { std::free(block); }
void operator delete[](void* block) noexcept { std::free(block); }
void operator delete(void* block, size_t) noexcept { std::free(block); }
void operator delete[](void* block, size_t) noexcept { std::free(block); }

namespace trivet {

Allocations::Allocations() : before_(allocated) {}
uint64_t Allocations::Bytes() const { return allocated - before_; }

}  // namespace trivet
