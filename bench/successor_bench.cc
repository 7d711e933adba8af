// SPDX-License-Identifier: Apache-2.0
//
// What is asked of a ring beyond the owner, for hot keys, beside one lookup.
//
//   lookup            the owner, which the others are compared with
//   preference_list   three nodes
//   prefer_zones      three nodes of three zones
//   first_where       the first node that is healthy; every tenth is not
//   bounded_load      one unit placed by BoundedLoad, and finished
//   bounded_by_name   the same with loads in a map by node id
//
// The counter `allocations` is per call.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "bench/memory.h"
#include "bench/peers.h"
#include "bench/workload.h"
#include "benchmark/benchmark.h"
#include "trivet/ring/bounded_load.h"
#include "trivet/ring/hash_ring.h"
#include "trivet/ring/placement.h"

namespace trivet {
namespace bench {
namespace {

// Calls `call(key)` for one key after the other.
template <typename Call>
void ForHotKeys(benchmark::State& state, Call call) {
  HotKeys keys;
  for (size_t i = 0; i < kHot; ++i) call(keys.Next());
  const Memory before = MemoryOfThisThread();
  for (auto _ : state) call(keys.Next());
  const Memory used = MemoryOfThisThread() - before;
  state.counters["allocations"] =
      benchmark::Counter(static_cast<double>(used.allocations),
                         benchmark::Counter::kAvgIterations);
}

const HashRing& RingOf(const benchmark::State& state) {
  return Prepare<Trivet>(SizeOf(state)).ring.ring;
}

void Lookup(benchmark::State& state) {
  const HashRing& ring = RingOf(state);
  ForHotKeys(state, [&](std::string_view key) { Use(&ring.Lookup(key)); });
}

void PreferenceList(benchmark::State& state) {
  const HashRing& ring = RingOf(state);
  std::array<const RingNode*, 3> nodes;
  ForHotKeys(state, [&](std::string_view key) {
    benchmark::DoNotOptimize(ring.PreferenceList(key, absl::MakeSpan(nodes)));
  });
}

void PreferZones(benchmark::State& state) {
  const HashRing& ring = RingOf(state);
  std::array<const RingNode*, 3> nodes;
  ForHotKeys(state, [&](std::string_view key) {
    benchmark::DoNotOptimize(ring.PreferZones(key, absl::MakeSpan(nodes)));
  });
}

void FirstWhere(benchmark::State& state) {
  const HashRing& ring = RingOf(state);
  const RingNode* const first = ring.nodes().data();
  std::vector<char> healthy(ring.nodes().size());
  for (size_t i = 0; i < healthy.size(); ++i) healthy[i] = i % 10 == 0 ? 0 : 1;
  ForHotKeys(state, [&](std::string_view key) {
    Use(ring.FirstWhere(key, [&](const RingNode& node) {
      return healthy[static_cast<size_t>(&node - first)] != 0;
    }));
  });
}

// One unit at a time: its owner has room for it.
void Bounded(benchmark::State& state) {
  BoundedLoad load = BoundedLoad::Create(RingOf(state), 0.25).value();
  ForHotKeys(state, [&](std::string_view key) {
    BoundedLoad::Unit unit = load.Assign(key);
    benchmark::DoNotOptimize(unit);
    load.Finish(std::move(unit));
  });
}

// As one would write it, with the same ring, for nodes of equal weight.
class BoundedByNameLoad {
 public:
  explicit BoundedByNameLoad(const HashRing& ring) : ring_(ring) {
    for (const RingNode& node : ring_.nodes()) loads_[node.id] = 0;
  }

  const std::string& Assign(std::string_view key) {
    ++total_;
    const double capacity =
        1.25 * static_cast<double>(total_) / static_cast<double>(loads_.size());
    const RingNode* const node =
        ring_.FirstWhere(key, [&](const RingNode& candidate) {
          return static_cast<double>(loads_[candidate.id]) < capacity;
        });
    ++loads_[node->id];
    return node->id;
  }
  void Finish(const std::string& id) {
    --total_;
    --loads_[id];
  }

 private:
  HashRing ring_;
  std::unordered_map<std::string, uint64_t> loads_;
  uint64_t total_ = 0;
};

void BoundedByName(benchmark::State& state) {
  BoundedByNameLoad load(RingOf(state));
  ForHotKeys(state,
             [&](std::string_view key) { load.Finish(load.Assign(key)); });
}

void Sizes(benchmark::internal::Benchmark* row) {
  row->ArgNames({"nodes", "vnodes"})
      ->ArgsProduct({{10, 100, 1000, 10000}, {160}})
      ->Args({1000, 1000});
}

BENCHMARK(Lookup)->Name("lookup")->Apply(Sizes);
BENCHMARK(PreferenceList)->Name("preference_list")->Apply(Sizes);
BENCHMARK(PreferZones)->Name("prefer_zones")->Apply(Sizes);
BENCHMARK(FirstWhere)->Name("first_where")->Apply(Sizes);
BENCHMARK(Bounded)->Name("bounded_load")->Apply(Sizes);
BENCHMARK(BoundedByName)->Name("bounded_by_name")->Apply(Sizes);

}  // namespace
}  // namespace bench
}  // namespace trivet
