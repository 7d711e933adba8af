// SPDX-License-Identifier: Apache-2.0
//
// Memberships: any bytes are options and steps of builders, each of which
// begins at the ring of the one before. What a ring answers is compared with
// the plainest search of its points, and a ring that came of changes with one
// that was built of its members.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "src/ring/point.h"
#include "src/ring/ring_rep.h"
#include "tests/fuzz/fuzz_target.h"
#include "trivet/ring/hash_ring.h"
#include "trivet/ring/placement.h"
#include "trivet/ring/ring_diff.h"

namespace trivet {
namespace {

using internal::Point;

// Bytes as they are asked for; zeros when they have come to their end.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : data_(data), end_(data + size) {}
  bool IsEmpty() const { return data_ == end_; }
  uint8_t Byte() { return IsEmpty() ? 0 : *data_++; }

 private:
  const uint8_t* data_;
  const uint8_t* end_;
};

HashRingOptions OptionsOf(Input* input) {
  HashRingOptions options;
  options.placement = static_cast<Placement>(input->Byte() % 6);  // 5: none.
  options.vnodes_per_weight = input->Byte() % 48;
  options.ring_size_min = input->Byte();
  options.ring_size_max = options.ring_size_min * 2U + input->Byte() % 2;
  options.secret = std::string(input->Byte() % 4, 's');
  return options;
}

RingNode NodeOf(Input* input) {
  RingNode node;
  const uint8_t id = input->Byte();
  node.id = std::string(id % 64 == 0 ? 0 : 1 + id % 3, static_cast<char>(id));
  node.weight = input->Byte() % 8;
  node.zone = std::string(1, static_cast<char>(input->Byte() % 4));
  return node;
}

void TakeSteps(Input* input, HashRing::Builder* builder) {
  for (uint8_t count = input->Byte() % 8; count > 0; --count) {
    switch (input->Byte() % 4) {
      case 0:
      case 1:
        builder->Add(NodeOf(input));
        break;
      case 2:
        builder->Set(NodeOf(input));
        break;
      default:
        builder->Remove(NodeOf(input).id);
    }
  }
}

std::vector<Point> PointsOf(const HashRing& ring) {
  const internal::Vnodes& vnodes = internal::RingAccess::Of(ring).vnodes;
  std::vector<Point> points;
  for (size_t v = 0; v < vnodes.size(); ++v)
    points.push_back({vnodes.token(v), vnodes.owner(v)});
  return points;
}

// At, before, after and halfway between all points.
void CheckLookups(const HashRing& ring) {
  const std::vector<Point> points = PointsOf(ring);
  FUZZ_CHECK(std::is_sorted(points.begin(), points.end()));
  for (size_t v = 0; v < points.size(); ++v) {
    const Token token = points[v].token;
    const Token next = points[v + 1 < points.size() ? v + 1 : 0].token;
    for (const Token at :
         {token - 1, token, token + 1, token + (next - token) / 2}) {
      auto owner = std::lower_bound(points.begin(), points.end(), Point{at, 0});
      if (owner == points.end()) owner = points.begin();
      FUZZ_CHECK(&ring.LookupToken(at) == &ring.nodes()[owner->owner]);
    }
  }
}

void CheckWalks(const HashRing& ring) {
  std::vector<bool> met(ring.nodes().size());
  std::vector<const RingNode*> walked;
  for (const RingNode& node : ring.Walk("key")) {
    const auto index = static_cast<size_t>(&node - ring.nodes().data());
    FUZZ_CHECK(!met[index]);
    met[index] = true;
    walked.push_back(&node);
  }
  for (const Point& point : PointsOf(ring)) FUZZ_CHECK(met[point.owner]);
  std::vector<const RingNode*> into(ring.nodes().size() + 1);
  const auto list = ring.PreferenceList("key", absl::MakeSpan(into));
  FUZZ_CHECK(
      std::equal(list.begin(), list.end(), walked.begin(), walked.end()));
  const auto zones = ring.PreferZones("key", absl::MakeSpan(into));
  FUZZ_CHECK(zones.size() == walked.size() && zones[0] == walked[0]);
}

void CheckEqual(const HashRing& a, const HashRing& b) {
  FUZZ_CHECK(a.Fingerprint() == b.Fingerprint());
  FUZZ_CHECK(a.nodes() == b.nodes());
  const std::vector<Point> of_a = PointsOf(a);
  const std::vector<Point> of_b = PointsOf(b);
  FUZZ_CHECK(std::equal(of_a.begin(), of_a.end(), of_b.begin(), of_b.end(),
                        [](const Point& x, const Point& y) {
                          return x.token == y.token && x.owner == y.owner;
                        }));
  FUZZ_CHECK(Diff(a, b).empty());
  FUZZ_CHECK(Diff(a, b, 2).empty());
}

// Every arc that changes hands is in the difference, and no other.
void CheckDiff(const HashRing& before, const HashRing& after) {
  const std::vector<RangeTransfer> moves = Diff(before, after);
  for (const HashRing* const ring : {&before, &after})
    for (const Point& point : PointsOf(*ring)) {
      const std::string& from = before.LookupToken(point.token).id;
      const std::string& to = after.LookupToken(point.token).id;
      const auto move = std::find_if(
          moves.begin(), moves.end(), [&](const RangeTransfer& transfer) {
            return transfer.range.Contains(point.token);
          });
      FUZZ_CHECK((move != moves.end()) == (from != to));
      if (move == moves.end()) continue;
      FUZZ_CHECK(move->from == from && move->to == to);
    }
}

void Run(Input input) {
  const HashRingOptions options = OptionsOf(&input);
  std::optional<HashRing> ring;
  for (int round = 0; round < 12 && !input.IsEmpty(); ++round) {
    HashRing::Builder builder = ring.has_value() ? HashRing::Builder(*ring)
                                                 : HashRing::Builder(options);
    TakeSteps(&input, &builder);
    const absl::StatusOr<HashRing> next = builder.Build();
    if (!next.ok()) continue;
    HashRing::Builder fresh(options);
    for (const RingNode& node : next->nodes()) fresh.Add(node);
    const absl::StatusOr<HashRing> built = fresh.Build();
    FUZZ_CHECK(built.ok());
    CheckEqual(*next, *built);
    CheckLookups(*next);
    CheckWalks(*next);
    if (ring.has_value()) CheckDiff(*ring, *next);
    ring.emplace(*next);
  }
}

}  // namespace
}  // namespace trivet

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  trivet::Run({data, size});
  return 0;
}
