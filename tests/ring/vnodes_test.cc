// SPDX-License-Identifier: Apache-2.0
//
// Whatever the points, the fast table answers what a search of all of them
// does, at every token where the answer changes.

#include "src/ring/vnodes.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "src/ring/line.h"
#include "src/ring/point.h"
#include "src/ring/vnodes_build.h"
#include "trivet/ring/hash_ring.h"

namespace trivet {
namespace {

using internal::Line;
using internal::Point;

constexpr size_t kFew = 1000;                                    // Nodes, and
constexpr size_t kMany = internal::Vnodes::kNarrowNodesMax + 1;  // too many.

// A walk from `token` on meets the owners of the points from `first` on, one
// after the other, some of them twice in a row.
void ExpectWalk(const internal::Vnodes& vnodes,
                const std::vector<Point>& points, Token token, size_t first,
                size_t steps) {
  internal::Position at = vnodes.At(token);
  size_t point = first;
  for (size_t step = 0; step < steps; ++step) {
    ASSERT_EQ(vnodes.OwnerAt(at), points[point].owner) << token << " " << step;
    const NodeIndex owner = points[point].owner;
    size_t same = 0;
    do {
      point = point + 1 == points.size() ? 0 : point + 1;
    } while (points[point].owner == owner && ++same < points.size());
    if (same == points.size()) return;  // The points are all of one owner.
    size_t stays = 0;
    do {
      at = vnodes.After(at);
      ASSERT_LE(++stays, 2 * points.size() + 2) << token;
    } while (vnodes.OwnerAt(at) == owner);
  }
}

// Compares at each point, one before and one after it, at both ends, and
// halfway between points: the neighbours of a point share its suffix, so that
// alone they would try nothing but the search of whole tokens.
void ExpectExact(std::vector<Point> points, size_t nodes) {
  internal::Vnodes vnodes;
  vnodes.Build(nodes, points.size(), [&](auto visit) {
    for (const Point& point : points) visit(point.token, point.owner);
  });
  std::sort(points.begin(), points.end());
  internal::Vnodes of_sorted;
  of_sorted.Build(nodes, points);
  ASSERT_EQ(vnodes.size(), points.size());
  ASSERT_EQ(of_sorted.size(), points.size());
  std::vector<Token> tokens = {0, std::numeric_limits<Token>::max()};
  for (size_t v = 0; v < points.size(); ++v) {
    ASSERT_EQ(vnodes.token(v), points[v].token);
    ASSERT_EQ(vnodes.owner(v), points[v].owner);
    for (const Token off : {~Token{0}, Token{0}, Token{1}})
      tokens.push_back(points[v].token + off);
    const Token next = v + 1 < points.size() ? points[v + 1].token : 0;
    tokens.push_back(points[v].token + (next - points[v].token) / 2);
  }
  for (const Token token : tokens) {
    auto at = std::lower_bound(points.begin(), points.end(), Point{token, 0});
    if (at == points.end()) at = points.begin();
    ASSERT_EQ(vnodes.OwnerAt(token), at->owner) << token;
    ASSERT_EQ(of_sorted.OwnerAt(token), at->owner) << token;
    const auto first = static_cast<size_t>(at - points.begin());
    ASSERT_NO_FATAL_FAILURE(ExpectWalk(vnodes, points, token, first, 3));
  }
  ASSERT_NO_FATAL_FAILURE(ExpectWalk(vnodes, points, 0, 0, points.size() + 3));
}

// Of `size` points, their tokens of the form (random & mask) + base.
std::vector<Point> RandomPoints(std::mt19937_64* random, size_t size,
                                size_t nodes, Token mask, Token base) {
  std::vector<Point> points(size);
  for (Point& point : points) {
    point.token = ((*random)() & mask) + base;
    point.owner = static_cast<NodeIndex>((*random)() % nodes);
  }
  return points;
}

TEST(RingVnodes, AreExactForUniformPointsOfEverySize) {
  std::mt19937_64 random(1);
  for (const size_t nodes : {kFew, kMany}) {
    for (size_t size = 1; size < 200; ++size)
      ExpectExact(RandomPoints(&random, size, nodes, ~Token{0}, 0), nodes);
    for (const size_t size : std::vector<size_t>{1000, 10000, 300000})
      ExpectExact(RandomPoints(&random, size, nodes, ~Token{0}, 0), nodes);
  }
}

TEST(RingVnodes, AreExactForPointsThatCrowdALine) {
  std::mt19937_64 random(2);
  for (const size_t nodes : {kFew, kMany}) {
    for (const Token mask :
         std::vector<Token>{0x0, 0x7, 0xff, 0xffff, 0xffffff}) {
      for (const Token base :
           {Token{0}, ~Token{0} - mask, Token{1} << 63, Token{0x123456789}}) {
        ExpectExact(RandomPoints(&random, 500, nodes, mask, base), nodes);
      }
    }
  }
}

// As placements of 32 bits have them: the low half of every token is zero.
TEST(RingVnodes, AreExactForPointsOf32Bits) {
  std::mt19937_64 random(3);
  for (const size_t nodes : {kFew, kMany})
    for (const size_t size : std::vector<size_t>{1, 10, 100, 100000})
      ExpectExact(RandomPoints(&random, size, nodes, ~Token{0} << 32, 0),
                  nodes);
}

TEST(RingLine, FillsACacheLine) {
  EXPECT_EQ(Line<uint16_t>::kSlots, 16u);
  EXPECT_EQ(Line<uint32_t>::kSlots, 10u);
  EXPECT_EQ(sizeof(Line<uint16_t>), 64u);
  EXPECT_EQ(sizeof(Line<uint32_t>), 64u);
}

}  // namespace
}  // namespace trivet
