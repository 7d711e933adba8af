// SPDX-License-Identifier: Apache-2.0
//
// How even the shares of a ring are, and what memory that takes: counters, and
// no times worth a look.
//
//   max_over_mean     the largest share of equal nodes over the mean, averaged
//                     over rings that differ in their secret
//   bytes_per_vnode   without the members, their ids and zones
//   hot_per_vnode     of these, what is aligned to cache lines: all that nearly
//                     every lookup reads

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/memory.h"
#include "bench/peers.h"
#include "bench/workload.h"
#include "benchmark/benchmark.h"
#include "trivet/ring/hash_ring.h"
#include "trivet/ring/placement.h"

namespace trivet {
namespace bench {
namespace {

double MaxOverMean(const std::vector<double>& shares) {
  return *std::max_element(shares.begin(), shares.end()) *
         static_cast<double>(shares.size());
}

// The smaller the rings, the more of them it takes for a steady mean.
int64_t RingsOf(int64_t nodes) {
  return std::clamp<int64_t>(20000 / nodes, 2, 32);
}

HashRing RingOf(const std::vector<RingNode>& members,
                const HashRingOptions& options) {
  HashRing::Builder builder(options);
  for (const RingNode& member : members) builder.Add(member);
  return builder.Build().value();
}

void Balance(benchmark::State& state) {
  const Size size = SizeOf(state);
  const int64_t rings = RingsOf(size.nodes);
  HashRingOptions options;
  options.vnodes_per_weight = static_cast<uint32_t>(size.vnodes);
  const std::vector<RingNode> members = Members(size.nodes);
  const Memory empty = MemoryOfThisThread();
  const std::vector<RingNode> copy = members;
  benchmark::DoNotOptimize(copy.data());
  const Memory of_members = MemoryOfThisThread() - empty;
  double sum = 0;
  Memory of_ring;
  for (auto _ : state) {
    for (int64_t i = 0; i < rings; ++i) {
      options.secret = std::to_string(i);
      const Memory before = MemoryOfThisThread();
      const HashRing ring = RingOf(members, options);
      of_ring = MemoryOfThisThread() - before;
      sum += MaxOverMean(ring.Shares());
    }
  }
  const auto per_vnode = [&](int64_t bytes) {
    return static_cast<double>(bytes) / static_cast<double>(size.points());
  };
  state.counters["max_over_mean"] = sum / static_cast<double>(rings);
  state.counters["bytes_per_vnode"] =
      per_vnode(of_ring.bytes - of_members.bytes);
  state.counters["hot_per_vnode"] = per_vnode(of_ring.line_bytes);
}

void BalanceOfMaglev(benchmark::State& state) {
  const Size size = SizeOf(state);
  std::vector<double> shares(static_cast<size_t>(size.nodes));
  for (auto _ : state) {
    for (const uint32_t owner : Maglev(size).owners) {
      shares[owner] += 1.0 / static_cast<double>(Maglev::kSlots);
    }
  }
  state.counters["max_over_mean"] = MaxOverMean(shares);
}

BENCHMARK(Balance)
    ->Name("trivet")
    ->ArgNames({"nodes", "vnodes"})
    ->ArgsProduct({{10, 100, 1000, 10000},
                   {10, 20, 40, 80, 160, 320, 640, 1000}})
    ->Iterations(1);
BENCHMARK(BalanceOfMaglev)
    ->Name("maglev")
    ->ArgNames({"nodes", "vnodes"})
    ->ArgsProduct({{10, 100, 1000, 10000}, {1}})
    ->Iterations(1);

}  // namespace
}  // namespace bench
}  // namespace trivet
