// SPDX-License-Identifier: Apache-2.0
//
// What a lookup costs, beside the two ways that one would write by hand: a
// std::map of points, and a sorted vector with std::lower_bound. All search the
// same points for the same tokens, in one process; run with
//
//   ring_lookup_bench --benchmark_enable_random_interleaving=true
//       --benchmark_repetitions=9 --benchmark_report_aggregates_only=true
//
// so that the speed of the machine, which drifts, falls out of the ratios.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "benchmark/benchmark.h"
#include "trivet/ring/hash_ring.h"

namespace {

constexpr size_t kKeys = 1 << 16;

trivet::HashRing MakeRing(const benchmark::State& state) {
  trivet::HashRingOptions options;
  options.vnodes_per_weight = static_cast<uint32_t>(state.range(1));
  trivet::HashRing::Builder builder(options);
  for (int64_t i = 0; i < state.range(0); ++i) {
    builder.Add("node-" + std::to_string(i));
  }
  return builder.Build().value();
}

std::vector<trivet::Token> RandomTokens(size_t count) {
  std::mt19937_64 random(1);
  std::vector<trivet::Token> tokens(count);
  for (trivet::Token& token : tokens) token = random();
  return tokens;
}

// As many uniform points as the ring has: what a search costs depends on
// nothing else.
std::vector<std::pair<trivet::Token, uint32_t>> RandomPoints(
    const benchmark::State& state) {
  std::mt19937_64 random(2);
  std::vector<std::pair<trivet::Token, uint32_t>> points(
      static_cast<size_t>(state.range(0) * state.range(1)));
  for (size_t i = 0; i < points.size(); ++i) {
    points[i] = {random(), static_cast<uint32_t>(i % 1000)};
  }
  return points;
}

void BM_LookupToken(benchmark::State& state) {
  const trivet::HashRing ring = MakeRing(state);
  const std::vector<trivet::Token> tokens = RandomTokens(kKeys);
  size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(&ring.LookupToken(tokens[i++ % kKeys]));
  }
}

void BM_LookupKey(benchmark::State& state) {
  const trivet::HashRing ring = MakeRing(state);
  std::vector<std::string> keys;
  for (size_t i = 0; i < kKeys; ++i) keys.push_back("key:" + std::to_string(i));
  size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(&ring.Lookup(keys[i++ % kKeys]));
  }
}

void BM_LowerBound(benchmark::State& state) {
  auto points = RandomPoints(state);
  std::sort(points.begin(), points.end());
  const std::vector<trivet::Token> tokens = RandomTokens(kKeys);
  size_t i = 0;
  for (auto _ : state) {
    auto at = std::lower_bound(
        points.begin(), points.end(), tokens[i++ % kKeys],
        [](const auto& point, uint64_t token) { return point.first < token; });
    if (at == points.end()) at = points.begin();
    benchmark::DoNotOptimize(at->second);
  }
}

void BM_StdMap(benchmark::State& state) {
  const auto points = RandomPoints(state);
  const std::map<trivet::Token, uint32_t> map(points.begin(), points.end());
  const std::vector<trivet::Token> tokens = RandomTokens(kKeys);
  size_t i = 0;
  for (auto _ : state) {
    auto at = map.lower_bound(tokens[i++ % kKeys]);
    if (at == map.end()) at = map.begin();
    benchmark::DoNotOptimize(at->second);
  }
}

void Sizes(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"nodes", "vnodes"});
  for (const int64_t nodes : {10, 100, 1000, 10000}) bench->Args({nodes, 160});
  bench->Args({1000, 1000});
}

BENCHMARK(BM_LookupToken)->Apply(Sizes);
BENCHMARK(BM_LookupKey)->Apply(Sizes);
BENCHMARK(BM_LowerBound)->Apply(Sizes);
BENCHMARK(BM_StdMap)->Apply(Sizes);

}  // namespace

BENCHMARK_MAIN();
