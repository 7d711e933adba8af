// SPDX-License-Identifier: Apache-2.0

#include "tests/ring/foreign_model.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/numeric/int128.h"
#include "src/ring/md5.h"
#include "trivet/ring/placement.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace trivet {
namespace {

// digits x 2^exponent, never negative.
struct Number {
  absl::uint128 digits;
  int exponent = 0;
};

constexpr int kFloat = 24;  // Bits of precision.
constexpr int kDouble = 53;

int Width(absl::uint128 digits) {
  int width = 0;
  for (; digits != 0; digits >>= 1) ++width;
  return width;
}

// To the nearest number of `bits` bits, and from the middle to the even one.
Number Round(Number x, int bits) {
  const int cut = Width(x.digits) - bits;
  if (cut <= 0) return x;
  const absl::uint128 half = absl::uint128(1) << (cut - 1);
  const absl::uint128 rest = x.digits & (2 * half - 1);
  x.digits >>= cut;
  x.exponent += cut;
  if (rest > half || (rest == half && (x.digits & 1) != 0)) x.digits += 1;
  return x;
}

Number Times(Number a, Number b, int bits) {
  return Round({a.digits * b.digits, a.exponent + b.exponent}, bits);
}

// With 128 bits before the division, the quotient has all bits that rounding
// asks for, and the last one says whether there are more.
Number Over(Number a, Number b, int bits) {
  const int room = 127 - Width(a.digits);
  const absl::uint128 dividend = a.digits << room;
  const absl::uint128 more = dividend % b.digits != 0 ? 1 : 0;
  return Round(
      {dividend / b.digits * 2 + more, a.exponent - b.exponent - room - 1},
      bits);
}

Number Plus(Number a, Number b, int bits) {
  const int exponent = std::min(a.exponent, b.exponent);
  return Round({(a.digits << (a.exponent - exponent)) +
                    (b.digits << (b.exponent - exponent)),
                exponent},
               bits);
}

uint64_t Floor(Number x) {
  if (x.exponent <= -128) return 0;
  return static_cast<uint64_t>(x.exponent < 0 ? x.digits >> -x.exponent
                                              : x.digits << x.exponent);
}

uint64_t Ceil(Number x) {
  const uint64_t floor = Floor(x);
  if (x.exponent >= 0 || x.digits == 0) return floor;
  const bool whole =
      x.exponent > -128 && (absl::uint128(floor) << -x.exponent) == x.digits;
  return whole ? floor : floor + 1;
}

uint64_t WeightSum(const std::vector<RingNode>& nodes) {
  uint64_t sum = 0;
  for (const RingNode& node : nodes) sum += node.weight;
  return sum;
}

std::vector<uint64_t> EnvoyModelCounts(const HashRingOptions& options,
                                       const std::vector<RingNode>& nodes) {
  const Number sum = {WeightSum(nodes)};
  const auto lightest_node = std::min_element(
      nodes.begin(), nodes.end(),
      [](const RingNode& a, const RingNode& b) { return a.weight < b.weight; });
  const Number lightest = Over({lightest_node->weight}, sum, kDouble);
  const uint64_t least =
      Ceil(Times(lightest, {options.ring_size_min}, kDouble));
  Number scale = Over({least}, lightest, kDouble);
  if (Ceil(scale) > options.ring_size_max) scale = {options.ring_size_max};

  std::vector<uint64_t> counts;
  uint64_t current = 0;
  Number target = {0};
  for (const RingNode& node : nodes) {
    const Number share = Over({node.weight}, sum, kDouble);
    target = Plus(target, Times(scale, share, kDouble), kDouble);
    counts.push_back(0);
    for (; current < Ceil(target); ++current) ++counts.back();
  }
  return counts;
}

// The 1e-10 that libmemcached and twemproxy add is not here: it never changes
// a number that is rounded down.
std::vector<uint64_t> KetamaModelCounts(const HashRingOptions& options,
                                        const std::vector<RingNode>& nodes) {
  const Number sum = Round({WeightSum(nodes)}, kFloat);
  const Number servers = Round({nodes.size()}, kFloat);
  std::vector<uint64_t> counts;
  for (const RingNode& node : nodes) {
    const Number share = Over(Round({node.weight}, kFloat), sum, kFloat);
    Number digests;
    if (options.placement == Placement::kKetama) {
      digests = Times(share, {options.vnodes_per_weight / 4}, kDouble);
      digests = Round(Times(digests, servers, kDouble), kFloat);
    } else {
      digests = Times(share, {options.vnodes_per_weight}, kFloat);
      digests.exponent -= 2;
      digests = Times(digests, servers, kFloat);
    }
    counts.push_back(4 * Floor(digests));
  }
  return counts;
}

// CRC-32 as a state that is neither begun nor ended, bit by bit.
uint32_t Crc32State(uint32_t state, std::string_view bytes) {
  for (const char byte : bytes) {
    for (int bit = 0; bit < 8; ++bit) {
      const bool odd = (state & 1) != static_cast<uint32_t>(byte >> bit & 1);
      state = (state >> 1) ^ (odd ? 0xedb88320 : 0);
    }
  }
  return state;
}

// HOST and PORT of "HOST:PORT"; a PORT is digits, and there may be none.
std::string NginxModelName(const std::string& id) {
  if (id.substr(0, 5) == "unix:") return id.substr(5) + '\0';
  size_t digits = 0;
  while (digits < id.size() && id[id.size() - 1 - digits] >= '0' &&
         id[id.size() - 1 - digits] <= '9')
    ++digits;
  const size_t colon = id.size() - 1 - digits;
  if (digits == id.size() || id[colon] != ':') return id + '\0';
  return id.substr(0, colon) + '\0' + id.substr(colon + 1);
}

std::vector<Token> PointsOf(const HashRingOptions& options,
                            const std::string& id, uint64_t count) {
  std::vector<Token> points;
  if (options.placement == Placement::kEnvoy) {
    for (uint64_t i = 0; i < count; ++i) {
      const std::string text = id + "_" + std::to_string(i);
      points.push_back(XXH64(text.data(), text.size(), 0));
    }
  } else if (options.placement == Placement::kNginx) {
    const uint32_t base = Crc32State(0xffffffff, NginxModelName(id));
    std::string before(4, '\0');
    for (uint64_t i = 0; i < count; ++i) {
      const uint32_t point = ~Crc32State(base, before);
      points.push_back(Token{point} * 0x100000000);
      for (int byte = 0; byte < 4; ++byte)
        before[static_cast<size_t>(byte)] =
            static_cast<char>(point >> (8 * byte) & 0xff);
    }
  } else {
    std::string name = id;
    const size_t port = name.rfind(":11211");
    if (options.placement == Placement::kKetamaWeighted &&
        port != std::string::npos && port + 6 == name.size())
      name.resize(port);
    for (uint64_t i = 0; i < count; ++i)
      points.push_back(
          Token{internal::Md5(name + "-" + std::to_string(i / 4))[i % 4]} *
          0x100000000);
  }
  return points;
}

}  // namespace

std::vector<uint64_t> ModelCounts(const HashRingOptions& options,
                                  const std::vector<RingNode>& nodes) {
  if (options.placement == Placement::kEnvoy)
    return EnvoyModelCounts(options, nodes);
  if (options.placement != Placement::kNginx)
    return KetamaModelCounts(options, nodes);
  std::vector<uint64_t> counts;
  for (const RingNode& node : nodes)
    counts.push_back(uint64_t{node.weight} * options.vnodes_per_weight);
  return counts;
}

ModelPoints ModelForeignPoints(const HashRingOptions& options,
                               const std::vector<RingNode>& nodes) {
  const std::vector<uint64_t> counts = ModelCounts(options, nodes);
  std::multimap<Token, size_t> ring;  // Equal tokens: as they were inserted.
  for (size_t n = 0; n < nodes.size(); ++n)
    for (const Token token : PointsOf(options, nodes[n].id, counts[n]))
      if (options.placement != Placement::kNginx || ring.count(token) == 0)
        ring.emplace(token, n);
  return {ring.begin(), ring.end()};
}

Token ModelForeignKeyToken(Placement placement, std::string_view key) {
  if (placement == Placement::kEnvoy) return XXH64(key.data(), key.size(), 0);
  if (placement == Placement::kNginx)
    return Token{~Crc32State(0xffffffff, key)} * 0x100000000;
  return Token{internal::Md5(key)[0]} * 0x100000000;
}

}  // namespace trivet
