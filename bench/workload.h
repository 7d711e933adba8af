// SPDX-License-Identifier: Apache-2.0
//
// What every row is measured on: sizes, nodes, points, tokens and keys. All of
// it is the same for every row and in every run.
//
//   hot     65,536 tokens or keys that come round again and again: what they
//           touch, at most 4 MiB of lines, stays near
//   fresh   tokens or keys that never come again: each lookup touches some line
//           of the whole ring, so what is larger than a cache comes from the
//           next one, and from memory at last

#ifndef TRIVET_BENCH_WORKLOAD_H_
#define TRIVET_BENCH_WORKLOAD_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <string_view>
#include <vector>

#include "bench/memory.h"
#include "benchmark/benchmark.h"
#include "trivet/ring/hash_ring.h"
#include "trivet/ring/placement.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace trivet {
namespace bench {

struct Size {
  int64_t nodes;
  int64_t vnodes;  // Points of each node.

  size_t points() const { return static_cast<size_t>(nodes * vnodes); }
  friend bool operator<(const Size& a, const Size& b) {
    return a.nodes != b.nodes ? a.nodes < b.nodes : a.vnodes < b.vnodes;
  }
};

inline Size SizeOf(const benchmark::State& state) {
  return {state.range(0), state.range(1)};
}

// {10, 100, 1000, 10000} nodes x {40, 160, 1000} points each.
void AllSizes(benchmark::internal::Benchmark* row);

// "node-0" and so on, weight 1, three zones; and a ring of them.
std::vector<RingNode> Members(int64_t nodes);
HashRing RingOf(const Size& size);

struct Point {
  Token token;
  uint32_t owner;
};

// As many uniform points as a ring of this size has, node by node: what a
// search costs depends on nothing else.
std::vector<Point> RandomPoints(const Size& size);

// A bijection whose output looks random (the finaliser of SplitMix64).
constexpr uint64_t Mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

// The hash that the ring has too, here inlined into whoever uses it.
inline Token HashOf(std::string_view key) {
  return XXH3_64bits(key.data(), key.size());
}

// --- Tokens and keys ---------------------------------------------------------

constexpr size_t kHot = 1 << 16;
using Key = std::array<char, 16>;

// Their length, which the compiler must not know: keys differ in it elsewhere,
// and a hash of so many bytes would be another program.
extern size_t key_size;

inline std::string_view View(const Key& key) { return {key.data(), key_size}; }

// Makes the compiler have `owner`, a number or a pointer, in a register. For
// benchmark::DoNotOptimize it is enough to know where it could be read.
template <typename Owner>
void Use(const Owner& owner) {
  asm volatile("" : : "r"(owner) : "memory");
}
template <typename Pointee>
void Use(const std::shared_ptr<Pointee>& owner) {
  Use(owner.get());
}

const std::vector<Token>& HotTokenList();
const std::vector<Key>& HotKeyList();

// Where fresh keys are written, one after the other.
Key* FreshKey();

// The first of a number of tokens that no stream has given out before.
uint64_t FreshBeginning();

struct HotTokens {
  Token Next() { return tokens[i++ % kHot]; }
  const Token* tokens = HotTokenList().data();
  size_t i = 0;
};

struct FreshTokens {
  Token Next() { return Mix(i++); }
  uint64_t i = FreshBeginning();
};

struct HotKeys {
  std::string_view Next() { return View(keys[i++ % kHot]); }
  const Key* keys = HotKeyList().data();
  size_t i = 0;
};

struct FreshKeys {
  std::string_view Next() {
    std::memcpy(key->data(), &i, sizeof(i));
    ++i;
    benchmark::ClobberMemory();  // Who hashes reads it as from anywhere else.
    return View(*key);
  }
  Key* key = FreshKey();
  uint64_t i = FreshBeginning();
};

// --- Rings -------------------------------------------------------------------

template <typename Ring>
struct Prepared {
  explicit Prepared(const Size& size) : ring(size) {}
  Ring ring;
  Memory memory;
};

// A Ring of this size, made once and then kept for every row of the process.
template <typename Ring>
Prepared<Ring>& Prepare(const Size& size) {
  static std::map<Size, std::unique_ptr<Prepared<Ring>>> all;
  std::unique_ptr<Prepared<Ring>>& made = all[size];
  if (made == nullptr) {
    const Memory before = MemoryOfThisThread();
    made = std::make_unique<Prepared<Ring>>(size);
    made->memory = MemoryOfThisThread() - before;
  }
  return *made;
}

}  // namespace bench
}  // namespace trivet

#endif  // TRIVET_BENCH_WORKLOAD_H_
