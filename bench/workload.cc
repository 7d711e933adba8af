// SPDX-License-Identifier: Apache-2.0

#include "bench/workload.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "benchmark/benchmark.h"
#include "trivet/ring/hash_ring.h"
#include "trivet/ring/placement.h"

namespace trivet {
namespace bench {

void AllSizes(benchmark::internal::Benchmark* row) {
  row->ArgNames({"nodes", "vnodes"})
      ->ArgsProduct({{10, 100, 1000, 10000}, {40, 160, 1000}});
}

std::vector<RingNode> Members(int64_t nodes) {
  std::vector<RingNode> members;
  for (int64_t i = 0; i < nodes; ++i) {
    const std::string zone = "zone-" + std::to_string(i % 3);
    members.push_back({"node-" + std::to_string(i), 1, zone});
  }
  return members;
}

HashRing RingOf(const Size& size) {
  HashRingOptions options;
  options.vnodes_per_weight = static_cast<uint32_t>(size.vnodes);
  HashRing::Builder builder(options);
  for (RingNode& node : Members(size.nodes)) builder.Add(std::move(node));
  return builder.Build().value();
}

std::vector<Point> RandomPoints(const Size& size) {
  std::vector<Point> points(size.points());
  for (size_t i = 0; i < points.size(); ++i) {
    points[i] = {Mix(~uint64_t{i}),
                 static_cast<uint32_t>(i / static_cast<size_t>(size.vnodes))};
  }
  return points;
}

const std::vector<Token>& HotTokenList() {
  static const auto* const tokens = [] {
    auto* const made = new std::vector<Token>(kHot);
    for (size_t i = 0; i < kHot; ++i) (*made)[i] = Mix(i + 1);
    return made;
  }();
  return *tokens;
}

const std::vector<Key>& HotKeyList() {
  static const auto* const keys = [] {
    auto* const made = new std::vector<Key>(kHot);
    for (uint64_t i = 0; i < kHot; ++i) {
      std::memcpy((*made)[i].data(), &i, sizeof(i));
    }
    return made;
  }();
  return *keys;
}

size_t key_size = sizeof(Key);

Key* FreshKey() {
  static Key key = {};
  return &key;
}

uint64_t FreshBeginning() {
  static uint64_t streams = 0;
  return ++streams << 40;
}

}  // namespace bench
}  // namespace trivet
