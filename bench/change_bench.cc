// SPDX-License-Identifier: Apache-2.0
//
// What a ring costs to make, and to change by one node.
//
//   build_trivet, build_map, build_sort    a ring, from scratch: ours from its
//                                          members, theirs from given points
//   add, remove                            one node more, one less, as a new
//                                          snapshot of a SharedRing

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bench/peers.h"
#include "bench/workload.h"
#include "benchmark/benchmark.h"
#include "trivet/ring/hash_ring.h"
#include "trivet/ring/placement.h"
#include "trivet/ring/shared_ring.h"

namespace trivet {
namespace bench {
namespace {

void BuildTrivet(benchmark::State& state) {
  const std::vector<RingNode> members = Members(SizeOf(state).nodes);
  HashRingOptions options;
  options.vnodes_per_weight = static_cast<uint32_t>(SizeOf(state).vnodes);
  for (auto _ : state) {
    HashRing::Builder builder(options);
    for (const RingNode& member : members) builder.Add(member);
    benchmark::DoNotOptimize(builder.Build().value());
  }
}

void BuildMap(benchmark::State& state) {
  const std::vector<Point> points = RandomPoints(SizeOf(state));
  for (auto _ : state) {
    std::map<Token, uint32_t> map;
    for (const Point& point : points) map.emplace(point.token, point.owner);
    benchmark::DoNotOptimize(map.size());
    state.PauseTiming();  // Freeing is not building.
    map.clear();
    state.ResumeTiming();
  }
}

void BuildSort(benchmark::State& state) {
  const std::vector<Point> points = RandomPoints(SizeOf(state));
  for (auto _ : state) {
    std::vector<Point> sorted;
    // As it is written where nobody knows how many there will be.
    for (const Point& point : points) sorted.push_back(point);
    std::sort(sorted.begin(), sorted.end(), ByToken);
    benchmark::DoNotOptimize(sorted.data());
  }
}

// A ring that anybody may change, and a new node each time.
class Changing {
 public:
  explicit Changing(const Size& size) : shared_(RingOf(size)) {}

  void Add() {
    id_ = "new-" + std::to_string(++count_ % 64);
    Must(shared_.Update([this](const HashRing& ring) {
      return HashRing::Builder(ring).Add(id_).Build();
    }));
  }
  void Remove() {
    Must(shared_.Update([this](const HashRing& ring) {
      return HashRing::Builder(ring).Remove(id_).Build();
    }));
  }

 private:
  static void Must(const absl::Status& status) {
    if (!status.ok()) std::abort();
  }

  SharedRing shared_;
  uint64_t count_ = 0;
  std::string id_;
};

void Add(benchmark::State& state) {
  Changing changing(SizeOf(state));
  for (auto _ : state) {
    changing.Add();
    state.PauseTiming();
    changing.Remove();
    state.ResumeTiming();
  }
}

void Remove(benchmark::State& state) {
  Changing changing(SizeOf(state));
  for (auto _ : state) {
    state.PauseTiming();
    changing.Add();
    state.ResumeTiming();
    changing.Remove();
  }
}

// Ten million points are left out: a std::map takes seconds for them.
void Sizes(benchmark::internal::Benchmark* row) {
  row->ArgNames({"nodes", "vnodes"})
      ->ArgsProduct({{10, 100, 1000}, {40, 160, 1000}})
      ->ArgsProduct({{10000}, {40, 160}});
}

BENCHMARK(BuildTrivet)->Name("build_trivet")->Apply(Sizes);
BENCHMARK(BuildMap)->Name("build_map")->Apply(Sizes);
BENCHMARK(BuildSort)->Name("build_sort")->Apply(Sizes);
BENCHMARK(Add)->Name("add")->Apply(Sizes);
BENCHMARK(Remove)->Name("remove")->Apply(Sizes);

}  // namespace
}  // namespace bench
}  // namespace trivet
