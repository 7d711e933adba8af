// SPDX-License-Identifier: Apache-2.0

#include "tests/ring/model.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "trivet/ring/hash_ring.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace trivet {
namespace {

// The 192 bytes under which a secret makes XXH3 hash.
std::string KeyOf(std::string_view secret) {
  std::string key;
  for (uint64_t seed = 0; seed < 24; ++seed) {
    uint64_t word = XXH3_64bits_withSeed(secret.data(), secret.size(), seed);
    for (int byte = 0; byte < 8; ++byte, word >>= 8)
      key.push_back(static_cast<char>(word & 0xff));
  }
  return key;
}

}  // namespace

Token ModelKeyToken(std::string_view secret, std::string_view key) {
  if (secret.empty()) return XXH3_64bits(key.data(), key.size());
  const std::string xxh = KeyOf(secret);
  return XXH3_64bits_withSecret(key.data(), key.size(), xxh.data(), xxh.size());
}

Token ModelPoint(std::string_view secret, std::string_view id, uint64_t i) {
  XXH128_hash_t hash = XXH3_128bits(id.data(), id.size());
  if (!secret.empty()) {
    const std::string xxh = KeyOf(secret);
    hash =
        XXH3_128bits_withSecret(id.data(), id.size(), xxh.data(), xxh.size());
  }
  uint64_t x = hash.high64 + i * (hash.low64 | 1);
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9;
  x ^= x >> 27;
  x *= 0x94d049bb133111eb;
  x ^= x >> 31;
  return x;
}

ModelRing::ModelRing(const std::vector<RingNode>& nodes,
                     const HashRingOptions& options)
    : node_count_(nodes.size()) {
  for (const RingNode& node : nodes) {
    const uint64_t count = uint64_t{node.weight} * options.vnodes_per_weight;
    for (uint64_t i = 0; i < count; ++i)
      points_.insert({ModelPoint(options.secret, node.id, i), node.id});
  }
}

const std::string& ModelRing::Owner(Token token) const {
  const auto at = points_.lower_bound({token, ""});
  return (at == points_.end() ? points_.begin() : at)->second;
}

std::vector<std::string> ModelRing::List(Token token, size_t count) const {
  count = std::min(count, node_count_);
  std::vector<std::string> list;
  auto at = points_.lower_bound({token, ""});
  for (; list.size() < count; ++at) {
    if (at == points_.end()) at = points_.begin();
    if (std::find(list.begin(), list.end(), at->second) == list.end())
      list.push_back(at->second);
  }
  return list;
}

std::vector<Token> ModelRing::Tokens() const {
  std::vector<Token> tokens;
  for (const auto& [token, id] : points_) tokens.push_back(token);
  return tokens;
}

std::vector<RingNode> RandomNodes(std::mt19937_64* random, size_t count,
                                  uint32_t weight_max) {
  std::set<std::string> ids;
  while (ids.size() < count) {
    std::string id((*random)() % 12 + 1, '\0');
    for (char& byte : id) byte = static_cast<char>((*random)() & 0xff);
    ids.insert(id);
  }
  std::vector<RingNode> nodes;
  for (const std::string& id : ids)
    nodes.push_back({id, static_cast<uint32_t>((*random)() % weight_max + 1),
                     "zone-" + std::to_string((*random)() % 4)});
  std::shuffle(nodes.begin(), nodes.end(), *random);
  return nodes;
}

HashRing MustBuild(const HashRing::Builder& builder) {
  absl::StatusOr<HashRing> ring = builder.Build();
  if (!ring.ok()) {
    std::fprintf(stderr, "Build: %s\n", ring.status().ToString().c_str());
    std::abort();
  }
  return *ring;
}

HashRing MustBuild(const std::vector<RingNode>& nodes,
                   const HashRingOptions& options) {
  HashRing::Builder builder(options);
  for (const RingNode& node : nodes) builder.Add(node);
  return MustBuild(builder);
}

HashRingOptions Vnodes(uint32_t vnodes_per_weight) {
  HashRingOptions options;
  options.vnodes_per_weight = vnodes_per_weight;
  return options;
}

std::vector<Token> Probes(const std::vector<Token>& boundaries) {
  std::set<Token> probes = {0, 1, ~Token{0} - 1, ~Token{0}};
  for (const Token token : boundaries)
    probes.insert({token - 1, token, token + 1});
  return {probes.begin(), probes.end()};
}

std::vector<std::string> Ids(absl::Span<const RingNode* const> nodes) {
  std::vector<std::string> ids;
  for (const RingNode* node : nodes) ids.push_back(node->id);
  return ids;
}

}  // namespace trivet
