// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cstdint>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "src/cli/ring_arcs.h"
#include "src/cli/ring_report.h"
#include "trivet/ring/hash_ring.h"
#include "trivet/ring/placement.h"

namespace trivet {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

HashRing Ring(int nodes, uint32_t vnodes, const std::string& more = "") {
  HashRingOptions options;
  options.vnodes_per_weight = vnodes;
  HashRing::Builder builder(options);
  for (int i = 0; i < nodes; ++i)
    builder.Add("n" + std::to_string(i), static_cast<uint32_t>(1 + i % 3));
  if (!more.empty()) builder.Add(more);
  return *builder.Build();
}

std::string Svg(const HashRing& before, const HashRing* after) {
  const HashRingOptions options;
  cli::RingReport report = {options, cli::RingView(before), {}, false};
  if (after != nullptr) report.change.emplace(before, *after, 1);
  std::ostringstream out;
  cli::PrintSvg(report, out);
  return out.str();
}

// Lengths by owners before and after, and that the arcs go once around.
std::map<std::pair<size_t, size_t>, double> LengthsOf(
    const cli::Circle& circle) {
  std::map<std::pair<size_t, size_t>, double> lengths;
  double at = circle.arcs.front().begin;
  for (const cli::CircleArc& arc : circle.arcs) {
    EXPECT_EQ(arc.begin, at);
    EXPECT_LT(arc.begin, arc.end);
    at = arc.end;
    lengths[{arc.before, arc.after}] += arc.end - arc.begin;
  }
  EXPECT_EQ(at, circle.arcs.front().begin + 1);
  return lengths;
}

TEST(RingArcsTest, FewArcsAreExact) {
  const HashRing before = Ring(3, 100);
  const HashRing after = Ring(3, 100, "new");
  const cli::Circle circle = cli::CircleOf(before, after);
  EXPECT_EQ(circle.sectors, 0U);
  const std::vector<std::string> ids = cli::MembersOf(before, after);
  ASSERT_THAT(ids, ::testing::ElementsAre("n0", "n1", "n2", "new"));
  std::map<size_t, double> was;
  std::map<size_t, double> is;
  for (const auto& [owners, length] : LengthsOf(circle)) {
    was[owners.first] += length;
    is[owners.second] += length;
    EXPECT_TRUE(owners.first == owners.second || owners.second == 3);
  }
  for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(was[i], before.Shares()[i], 1e-12);
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(is[i], after.Shares()[i], 1e-12);
}

TEST(RingArcsTest, ManyArcsBecomeSectorsOfWhatMostOfThemIs) {
  const HashRing ring = Ring(4, 1000);
  const cli::Circle circle = cli::CircleOf(ring, ring);
  ASSERT_EQ(circle.sectors, 2048U);
  LengthsOf(circle);
  // The majority by brute force, with a probe at every 2^-20th of the circle.
  size_t right = 0;
  for (uint64_t sector = 0; sector < circle.sectors; ++sector) {
    std::vector<int> probes(4);
    for (uint64_t i = 0; i < 512; ++i) {
      const Token token = sector << 53 | i << 44;
      const RingNode& owner = ring.LookupToken(token);
      ++probes[static_cast<size_t>(&owner - ring.nodes().data())];
    }
    const double middle = (static_cast<double>(sector) + 0.5) / 2048;
    for (const cli::CircleArc& arc : circle.arcs) {
      if (arc.begin > middle || middle > arc.end) continue;
      const int most = *std::max_element(probes.begin(), probes.end());
      right += probes[arc.before] >= most - 4;
      EXPECT_EQ(arc.before, arc.after);
    }
  }
  EXPECT_EQ(right, circle.sectors);
}

TEST(RingArcsTest, AnOnlyOwnerHasTheWholeCircle) {
  const HashRing ring = Ring(1, 1);
  const cli::Circle circle = cli::CircleOf(ring, ring);
  ASSERT_EQ(circle.arcs.size(), 1U);
  EXPECT_DOUBLE_EQ(circle.arcs[0].end - circle.arcs[0].begin, 1);
}

TEST(RingArcsTest, NamesThatLookLikeAnInventedOneDoNoHarm) {
  HashRing::Builder builder;
  for (int i = 0; i < 300; ++i) builder.Add(std::to_string(i));
  const HashRing ring = *builder.Build();
  LengthsOf(cli::CircleOf(ring, ring));
}

TEST(RingSvgTest, EveryNodeHasItsBarAndItsColour) {
  const std::string svg = Svg(Ring(3, 160), nullptr);
  EXPECT_THAT(svg, HasSubstr("<svg xmlns=\"http://www.w3.org/2000/svg\""));
  EXPECT_EQ(svg.substr(svg.size() - 7), "</svg>\n");
  for (const char* label : {">n0</text>", ">n1 &#215;2</text>",
                            ">n2 &#215;3</text>", "3 nodes, 960 points"}) {
    EXPECT_THAT(svg, HasSubstr(label));
  }
  EXPECT_THAT(svg, Not(HasSubstr("before")));
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
}

TEST(RingSvgTest, AChangeShowsBothBandsAndWhoGivesToWhom) {
  const HashRing after = Ring(2, 160, "new");
  const std::string svg = Svg(Ring(3, 160), &after);
  for (const char* text : {"inner band: before", "new: ", ": gone", " arcs</"})
    EXPECT_THAT(svg, HasSubstr(text));
}

TEST(RingSvgTest, NamesAreTextWhateverTheyAre) {
  const HashRing ring =
      *HashRing::Builder().Add("<a>&\"").Add(std::string("\0\xFF", 2)).Build();
  const std::string svg = Svg(ring, nullptr);
  EXPECT_THAT(svg, HasSubstr("&lt;a&gt;&amp;"));
  EXPECT_THAT(svg, HasSubstr("\\x00\\xff"));
  EXPECT_THAT(svg, Not(HasSubstr("<a>")));
  for (const char byte : svg) EXPECT_TRUE(byte == '\n' || byte >= ' ');
}

TEST(RingSvgTest, APictureOfAnyRingIsSmall) {
  for (const int nodes : {1, 26, 200, 1000}) {
    const HashRing after = Ring(nodes - 1, 160, "new");
    EXPECT_LT(Svg(Ring(nodes, 160), &after).size(), 1000000U) << nodes;
  }
  const std::string svg = Svg(Ring(1000, 160), nullptr);
  EXPECT_THAT(svg, HasSubstr("of 1000 nodes those that change, the most and"));
  EXPECT_THAT(svg, HasSubstr("each of 2048 sectors"));
}

}  // namespace
}  // namespace trivet
