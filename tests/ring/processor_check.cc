// SPDX-License-Identifier: Apache-2.0
//
// Every processor finds the same owners. A program of its own, with nothing to
// link but the ring's hash, so that it can be built for a processor of which
// there is no more than a compiler and an emulator:
// `dev.sh check processors`.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "src/ring/crc32.h"
#include "src/ring/line.h"
#include "src/ring/md5.h"
#include "src/ring/point.h"
#include "src/ring/token.h"
#include "src/ring/vnodes.h"
#include "src/ring/vnodes_build.h"
#include "trivet/ring/hash_ring.h"

namespace trivet {
namespace {

using internal::Line;
using internal::Point;

// How often the slot of a random line is not the one that plain code finds.
template <typename Owner>
int WrongSlots(std::mt19937_64* random) {
  int wrong = 0;
  for (int round = 0; round < 20000; ++round) {
    // A small range now and then, so that suffixes tie.
    const uint16_t mask = round % 2 == 0 ? 0xffff : 0x7;
    Line<Owner> line;
    for (size_t slot = 0; slot < Line<Owner>::kSlots; ++slot) {
      line.suffixes[slot] = static_cast<uint16_t>((*random)() & mask);
      line.owners[slot] = static_cast<Owner>((*random)());
    }
    std::sort(std::begin(line.suffixes), std::end(line.suffixes));
    for (const uint16_t suffix :
         {uint16_t{0}, uint16_t{0x7fff}, uint16_t{0x8000}, uint16_t{0xffff},
          static_cast<uint16_t>((*random)() & mask)})
      wrong += SlotOf(line, suffix) != PlainSlotOf(line, suffix);
  }
  return wrong;
}

// The points of nodes "node-0", "node-1", ... of weight 1.
std::vector<Point> PointsOf(NodeIndex nodes, uint64_t vnodes_per_weight) {
  const internal::TokenHash hash("a secret");
  std::vector<Point> points;
  for (NodeIndex node = 0; node < nodes; ++node) {
    const internal::NodePoints own =
        hash.OfNode("node-" + std::to_string(node));
    for (uint64_t i = 0; i < vnodes_per_weight; ++i)
      points.push_back({own.At(i), node});
  }
  return points;
}

internal::Vnodes TableOf(const std::vector<Point>& points, NodeIndex nodes) {
  internal::Vnodes vnodes;
  vnodes.Build(nodes, points.size(), [&](auto visit) {
    for (const Point& point : points) visit(point.token, point.owner);
  });
  return vnodes;
}

// How often a table of nodes, of whom the last one came as a change, finds
// another owner than a search does.
int WrongOwners(NodeIndex nodes, uint64_t vnodes_per_weight) {
  std::vector<Point> points = PointsOf(nodes, vnodes_per_weight);
  const auto newest = points.end() - static_cast<long>(vnodes_per_weight);
  std::sort(newest, points.end());
  internal::Vnodes vnodes;
  vnodes.Patch(TableOf({points.begin(), newest}, nodes),
               {{}, {}, {newest, points.end()}});
  std::sort(points.begin(), points.end());
  int wrong = 0;
  const auto check = [&](Token token) {
    auto at = std::lower_bound(points.begin(), points.end(), Point{token, 0});
    if (at == points.end()) at = points.begin();
    wrong += vnodes.OwnerAt(token) != at->owner;
  };
  for (size_t v = 0; v < points.size(); ++v) {
    const Token token = points[v].token;
    const Token next = v + 1 < points.size() ? points[v + 1].token : 0;
    for (const Token of : {token - 1, token, token + 1}) check(of);
    check(token + (next - token) / 2);
  }
  return wrong;
}

// One number for what all hashes say of keys of many lengths. It was computed
// once, on x86-64.
constexpr uint64_t kDigest = 2785242945884808907;

uint64_t DigestOfTokens() {
  const internal::TokenHash open;
  const internal::TokenHash keyed("a secret");
  uint64_t digest = 0xcbf29ce484222325;
  std::string key;
  for (int size = 0; size < 600; ++size) {
    const std::array<uint32_t, 4> md5 = internal::Md5(key);
    for (const uint64_t hash :
         {open.OfKey(key), keyed.OfKey(key), uint64_t{md5[0]}, uint64_t{md5[3]},
          uint64_t{internal::Crc32(key)}})
      digest = (digest ^ hash) * 0x100000001b3;  // FNV-1a, by words.
    key.push_back(static_cast<char>(size * 131));
  }
  return digest;
}

int Run() {
  std::mt19937_64 random(1);
  const int slots =
      WrongSlots<uint16_t>(&random) + WrongSlots<uint32_t>(&random);
  const int owners = WrongOwners(100, 160) + WrongOwners(70000, 1);
  const uint64_t digest = DigestOfTokens();
  std::printf("wrong slots: %d, wrong owners: %d, digest: %llu\n", slots,
              owners, static_cast<unsigned long long>(digest));
  return slots == 0 && owners == 0 && digest == kDigest ? 0 : 1;
}

}  // namespace
}  // namespace trivet

int main() { return trivet::Run(); }
