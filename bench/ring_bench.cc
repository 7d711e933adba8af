// SPDX-License-Identifier: Apache-2.0
//
// What a lookup and a ring cost, beside the two ways that one would write by
// hand: a std::map of points, and a sorted vector with std::lower_bound. All
// hold as many uniform points and are asked for the same tokens, in one
// process; bench/README.md says how to run it, so that the speed of the
// machine, which drifts, falls out of the ratios.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
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

std::vector<std::string> Keys() {
  std::vector<std::string> keys;
  for (size_t i = 0; i < kKeys; ++i) keys.push_back("key:" + std::to_string(i));
  return keys;
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

// Per key, sixteen of which are searched for at once.
void BM_LookupBatch(benchmark::State& state) {
  const trivet::HashRing ring = MakeRing(state);
  const std::vector<std::string> keys = Keys();
  const std::vector<std::string_view> views(keys.begin(), keys.end());
  constexpr size_t kBatch = 256;
  std::array<trivet::NodeIndex, kBatch> owners;
  size_t i = 0;
  while (state.KeepRunningBatch(kBatch)) {
    ring.LookupBatch(absl::MakeConstSpan(views).subspan(i % kKeys, kBatch),
                     absl::MakeSpan(owners));
    benchmark::DoNotOptimize(owners);
    i += kBatch;
  }
}

void BM_LookupKey(benchmark::State& state) {
  const trivet::HashRing ring = MakeRing(state);
  const std::vector<std::string> keys = Keys();
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

// Per point: the ring from its members, the others from their points.
void BM_Build(benchmark::State& state) {
  const int64_t points = state.range(0) * state.range(1);
  while (state.KeepRunningBatch(points)) {
    benchmark::DoNotOptimize(MakeRing(state));
  }
}

void BM_BuildStdMap(benchmark::State& state) {
  const auto points = RandomPoints(state);
  while (state.KeepRunningBatch(static_cast<int64_t>(points.size()))) {
    std::map<trivet::Token, uint32_t> map;
    for (const auto& point : points) map.insert(point);
    benchmark::DoNotOptimize(map);
  }
}

void BM_BuildSort(benchmark::State& state) {
  const auto points = RandomPoints(state);
  while (state.KeepRunningBatch(static_cast<int64_t>(points.size()))) {
    std::vector<std::pair<trivet::Token, uint32_t>> sorted;
    for (const auto& point : points) sorted.push_back(point);
    std::sort(sorted.begin(), sorted.end());
    benchmark::DoNotOptimize(sorted);
  }
}

void Sizes(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"nodes", "vnodes"});
  for (const int64_t nodes : {10, 100, 1000, 10000}) bench->Args({nodes, 160});
  bench->Args({1000, 1000});
}

BENCHMARK(BM_LookupToken)->Apply(Sizes);
BENCHMARK(BM_LookupKey)->Apply(Sizes);
BENCHMARK(BM_LookupBatch)->Apply(Sizes);
BENCHMARK(BM_LowerBound)->Apply(Sizes);
BENCHMARK(BM_StdMap)->Apply(Sizes);
BENCHMARK(BM_Build)->Apply(Sizes);
BENCHMARK(BM_BuildSort)->Apply(Sizes);
BENCHMARK(BM_BuildStdMap)->Apply(Sizes);

}  // namespace

BENCHMARK_MAIN();
