// SPDX-License-Identifier: Apache-2.0
//
// No node is ever above its capacity, every unit is placed where the header
// says, and nothing is lost count of, however the membership changes.

#include "trivet/ring/bounded_load.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/ring/model.h"
#include "trivet/ring/hash_ring.h"

namespace trivet {
namespace {

using ::testing::HasSubstr;

BoundedLoad Bounded(const HashRing& ring, double epsilon) {
  absl::StatusOr<BoundedLoad> load = BoundedLoad::Create(ring, epsilon);
  EXPECT_TRUE(load.ok()) << load.status();
  return *std::move(load);
}

// The same in plain words. `epsilon` is of sixteenths, so doubles are exact.
class Model {
 public:
  explicit Model(double epsilon) : epsilon_(epsilon) {}

  // Where a unit on `key` goes.
  std::string Assign(const HashRing& ring, const std::string& key) {
    for (const RingNode& node : ring.Walk(key)) {
      if (load_[node.id] < Capacity(ring, node)) {
        ++load_[node.id];
        return node.id;
      }
    }
    ADD_FAILURE() << "nobody has room";
    return "";
  }
  void Finish(const std::string& id) { --load_[id]; }

  uint64_t LoadOf(const std::string& id) { return load_[id]; }
  uint64_t Total(const HashRing& ring) {
    uint64_t total = 0;
    for (const RingNode& node : ring.nodes()) total += load_[node.id];
    return total;
  }

 private:
  uint64_t Capacity(const HashRing& ring, const RingNode& node) {
    double weights = 0;
    for (const RingNode& other : ring.nodes()) weights += other.weight;
    const double units = static_cast<double>(Total(ring) + 1);
    // All are small whole numbers over 16, but for the last division.
    const double above = (1 + epsilon_) * 16 * units * node.weight;
    return static_cast<uint64_t>(std::ceil(above / (16 * weights)));
  }

  double epsilon_;
  std::map<std::string, uint64_t> load_;
};

TEST(RingBoundedLoad, PlacesAsTheWalkAndTheCapacitySay) {
  std::mt19937_64 random(1);
  for (const double epsilon : {1.0 / 16, 0.25, 1.0, 7.5}) {
    for (const size_t nodes : std::vector<size_t>{1, 2, 7, 40}) {
      const HashRing ring =
          MustBuild(RandomNodes(&random, nodes, 3), Vnodes(8));
      BoundedLoad load = Bounded(ring, epsilon);
      Model model(epsilon);
      std::vector<BoundedLoad::Unit> units;
      for (int step = 0; step < 400; ++step) {
        if (!units.empty() && random() % 3 == 0) {
          std::swap(units[random() % units.size()], units.back());
          model.Finish(units.back().id());
          load.Finish(std::move(units.back()));
          units.pop_back();
          continue;
        }
        // Few keys, so that their owners fill up.
        const std::string key = absl::StrCat("key-", random() % 5);
        units.push_back(load.Assign(key));
        ASSERT_EQ(units.back().id(), model.Assign(ring, key));
        ASSERT_EQ(ring.nodes()[units.back().node()].id, units.back().id());
      }
      ASSERT_EQ(load.TotalLoad(), units.size());
    }
  }
}

TEST(RingBoundedLoad, KeepsCountWhileTheMembershipChanges) {
  std::mt19937_64 random(2);
  const std::vector<RingNode> all = RandomNodes(&random, 12, 3);
  const auto some = [&] {
    std::vector<RingNode> members;
    while (members.empty())
      for (const RingNode& node : all)
        if (random() % 2 == 0) members.push_back(node);
    for (RingNode& node : members)
      node.weight = static_cast<uint32_t>(random() % 4 + 1);
    return MustBuild(members, Vnodes(8));
  };
  HashRing ring = some();
  BoundedLoad load = Bounded(ring, 0.25);
  Model model(0.25);
  std::vector<BoundedLoad::Unit> units;
  for (int step = 0; step < 20000; ++step) {
    if (random() % 50 == 0) {
      ring = some();
      load.SetRing(ring);
      if (random() % 4 == 0) {  // Units and all go along.
        BoundedLoad moved = std::move(load);
        load = std::move(moved);
      }
    } else if (!units.empty() && random() % 2 == 0) {
      std::swap(units[random() % units.size()], units.back());
      model.Finish(units.back().id());
      load.Finish(std::move(units.back()));
      units.pop_back();
    } else {
      const std::string key = absl::StrCat("key-", random() % 5);
      units.push_back(load.Assign(key));
      ASSERT_EQ(units.back().id(), model.Assign(ring, key)) << step;
    }
    ASSERT_EQ(load.TotalLoad(), model.Total(ring));
    for (NodeIndex i = 0; i < ring.nodes().size(); ++i)
      ASSERT_EQ(load.LoadOf(i), model.LoadOf(ring.nodes()[i].id));
  }
  for (BoundedLoad::Unit& unit : units) load.Finish(std::move(unit));
  EXPECT_EQ(load.TotalLoad(), 0u);
}

TEST(RingBoundedLoad, RefusesAnEpsilonOutOfRange) {
  const HashRing ring = MustBuild(HashRing::Builder().Add("a"));
  for (const double epsilon :
       {0.0, -1.0, 0x1p-21, 0x1p21, std::numeric_limits<double>::infinity(),
        std::numeric_limits<double>::quiet_NaN()}) {
    const absl::Status status = BoundedLoad::Create(ring, epsilon).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << epsilon;
    EXPECT_THAT(std::string(status.message()), HasSubstr("epsilon is"));
  }
  EXPECT_TRUE(BoundedLoad::Create(ring, 0x1p-20).ok());
  EXPECT_TRUE(BoundedLoad::Create(ring, 0x1p20).ok());
}

TEST(RingBoundedLoadDeath, RefusesToFinishAUnitTwice) {
  BoundedLoad load = Bounded(MustBuild(HashRing::Builder().Add("a")), 1);
  BoundedLoad::Unit unit = load.Assign("k");
  load.Finish(std::move(unit));
  EXPECT_DEATH(load.Finish(std::move(unit)), "a unit that was assigned here");
}

}  // namespace
}  // namespace trivet
