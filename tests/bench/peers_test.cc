// SPDX-License-Identifier: Apache-2.0
//
// What is measured beside the ring does what it is measured for.

#include "bench/peers.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "bench/memory.h"
#include "bench/workload.h"
#include "benchmark/benchmark.h"
#include "gtest/gtest.h"
#include "trivet/ring/placement.h"

namespace trivet {
namespace bench {
namespace {

constexpr Size kSizes[] = {{1, 1}, {2, 1}, {10, 40}, {100, 160}};

// Both ends of the circle, each point and its neighbours.
std::vector<Token> Boundaries(const Size& size) {
  std::vector<Token> tokens = {0, std::numeric_limits<Token>::max()};
  for (const Point& point : RandomPoints(size)) {
    for (const Token step : {Token{0}, Token{1}, ~Token{0}}) {
      tokens.push_back(point.token + step);
    }
  }
  return tokens;
}

TEST(BenchPeersTest, RingsAgreeOnTheOwner) {
  for (const Size& size : kSizes) {
    const StdMap map(size);
    const SortedVector vector(size);
    const Envoy envoy(size);
    const Grpc grpc(size);
    for (const Token token : Boundaries(size)) {
      const uint32_t owner = map.OwnerOf(token);
      EXPECT_EQ(vector.OwnerOf(token), owner);
      EXPECT_EQ(grpc.OwnerOf(token), owner);
      EXPECT_EQ(*envoy.OwnerOf(token), "node-" + std::to_string(owner));
    }
  }
}

// Ketama's points are the upper halves, among which none of these tokens is.
TEST(BenchPeersTest, KetamaAgreesWhereItCanTell) {
  for (const Size& size : kSizes) {
    const StdMap map(size);
    const Ketama ketama(size);
    for (const Token token : HotTokenList()) {
      ASSERT_EQ(ketama.OwnerOf(token),
                "node-" + std::to_string(map.OwnerOf(token)));
    }
  }
}

TEST(BenchPeersTest, JumpAndRendezvousMoveKeysToTheNewNodeOnly) {
  for (const int64_t nodes : {1, 2, 10, 99}) {
    const Size before = {nodes, 1};
    const Size after = {nodes + 1, 1};
    int64_t jumped = 0;
    int64_t outbid = 0;
    for (const Token token : HotTokenList()) {
      const int64_t jump = Jump(after).OwnerOf(token);
      if (jump != Jump(before).OwnerOf(token)) {
        ASSERT_EQ(jump, nodes);
        ++jumped;
      }
    }
    const Rendezvous few(before);
    const Rendezvous more(after);
    for (const Token token : HotTokenList()) {
      const auto owner = static_cast<int64_t>(more.OwnerOf(token));
      if (owner != static_cast<int64_t>(few.OwnerOf(token))) {
        ASSERT_EQ(owner, nodes);
        ++outbid;
      }
    }
    const auto share =
        static_cast<double>(kHot) / static_cast<double>(nodes + 1);
    EXPECT_NEAR(static_cast<double>(jumped), share, share / 10);
    EXPECT_NEAR(static_cast<double>(outbid), share, share / 10);
  }
}

TEST(BenchPeersTest, MaglevGivesEachNodeAnEqualNumberOfSlots) {
  for (const int64_t nodes : {1, 10, 1000}) {
    std::vector<int> slots(static_cast<size_t>(nodes));
    for (const uint32_t owner : Maglev({nodes, 1}).owners) ++slots[owner];
    const auto [least, most] = std::minmax_element(slots.begin(), slots.end());
    EXPECT_LE(*most - *least, 1);
  }
}

TEST(BenchPeersTest, ModuloIsByAPrime) {
  EXPECT_EQ(PrimeFrom(10), 11u);
  EXPECT_EQ(PrimeFrom(1000), 1009u);
  EXPECT_EQ(PrimeFrom(2), 2u);
  EXPECT_EQ(Modulo({10, 1}).OwnerOf(25), 4u);
}

TEST(BenchPeersTest, TheLimitTouchesEachOfItsLines) {
  const Limit limit({10, 40});
  std::vector<bool> touched(limit.lines.size());
  for (const Token token : HotTokenList()) touched[limit.OwnerOf(token)] = true;
  EXPECT_EQ(std::count(touched.begin(), touched.end(), false), 0);
  EXPECT_EQ(touched.size(), 41u);
}

TEST(BenchMemoryTest, CountsWhatIsHeldAndWhatIsAligned) {
  struct alignas(64) Line {
    char bytes[64];
  };
  const Memory before = MemoryOfThisThread();
  {
    const std::vector<char> chars(1000);
    const std::vector<Line> lines(10);
    benchmark::DoNotOptimize(chars.data());  // Or neither need be allocated.
    benchmark::DoNotOptimize(lines.data());
    const Memory used = MemoryOfThisThread() - before;
    EXPECT_EQ(used.allocations, 2);
    EXPECT_GE(used.line_bytes, 640);
    EXPECT_LE(used.line_bytes, 640 + 64);
    EXPECT_GE(used.bytes, used.line_bytes + 1000);
    EXPECT_LE(used.bytes, used.line_bytes + 1000 + 64);
  }
  const Memory after = MemoryOfThisThread() - before;
  EXPECT_EQ(after.bytes, 0);
  EXPECT_EQ(after.line_bytes, 0);
}

}  // namespace
}  // namespace bench
}  // namespace trivet
