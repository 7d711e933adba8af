// SPDX-License-Identifier: Apache-2.0
//
// Memberships: any bytes are options and steps of builders, each of which
// begins at the ring of the one before. What a ring answers is compared with
// the plainest search of its points, and a ring that came of changes with one
// that was built of its members.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "src/ring/point.h"
#include "src/ring/ring_rep.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/input.h"
#include "trivet/ring/bounded_load.h"
#include "trivet/ring/hash_ring.h"
#include "trivet/ring/placement.h"
#include "trivet/ring/ring_diff.h"
#include "trivet/ring/shared_ring.h"

namespace trivet {
namespace {

using internal::Point;

HashRingOptions OptionsOf(Input* input) {
  HashRingOptions options;
  const uint8_t placement = input->Byte() % 16;  // 5: none; else ours.
  options.placement = static_cast<Placement>(placement < 6 ? placement : 0);
  options.vnodes_per_weight = input->Byte() % 48;
  options.ring_size_min = input->Byte();
  options.ring_size_max = options.ring_size_min * 2U + input->Byte() % 2;
  options.secret = std::string(placement < 10 ? 0U : placement - 9U, 's');
  return options;
}

// Of 0 to 3 bytes; too short for 0, 64, 128 and 192.
std::string IdOf(uint8_t byte) {
  const size_t size = byte % 64 == 0 ? 0U : 1U + byte % 3U;
  return std::string(size, static_cast<char>(byte));
}

RingNode NodeOf(Input* input) {
  RingNode node;
  node.id = IdOf(input->Byte());
  const uint8_t weight = input->Byte();
  node.weight = weight == 0 ? 0 : 1 + weight % 4;
  node.zone = std::string(1, static_cast<char>(input->Byte() % 4));
  return node;
}

// `members` are the ids in the ring, before and after.
void TakeSteps(Input* input, HashRing::Builder* builder,
               std::vector<std::string>* members) {
  const uint8_t count = input->Byte();
  for (int step = count < 250 ? count % 3 : count % 8; step >= 0; --step) {
    const uint8_t kind = input->Byte();
    const RingNode node = NodeOf(input);
    const bool is_there =
        std::find(members->begin(), members->end(), node.id) != members->end();
    // What is refused is tried too, but seldom: it ends the round.
    if (kind == 0 ? is_there : !is_there) {
      builder->Add(node);
      members->push_back(node.id);
    } else if (kind % 2 == 0) {
      builder->Set(node);
    } else {
      builder->Remove(node.id);
      members->erase(std::remove(members->begin(), members->end(), node.id),
                     members->end());
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

// The ring of the same members, built from nothing.
HashRing Fresh(const HashRing& ring, const HashRingOptions& options) {
  HashRing::Builder builder(options);
  for (const RingNode& node : ring.nodes()) builder.Add(node);
  return builder.Build().value();
}

std::vector<std::string> IdsOf(const HashRing& ring) {
  std::vector<std::string> ids;
  for (const RingNode& node : ring.nodes()) ids.push_back(node.id);
  return ids;
}

// Units are counted where they were, and find room, whatever the ring.
void CheckLoad(const HashRing& ring, BoundedLoad* load) {
  load->SetRing(ring);
  for (int i = 0; i < 20; ++i) load->Assign(std::to_string(i));
  uint64_t total = 0;
  for (NodeIndex node = 0; node < ring.nodes().size(); ++node)
    if (internal::RingAccess::Of(ring).IsPlaced(node))
      total += load->LoadOf(node);
  FUZZ_CHECK(total == load->TotalLoad());
}

// Changes go through a SharedRing, so that memory is used again; some rings are
// kept meanwhile, so that some of it is not.
void Run(Input input) {
  const HashRingOptions options = OptionsOf(&input);
  HashRing::Builder first(options);
  for (auto id = static_cast<uint8_t>(1 + input.Byte() % 40); id > 0; --id)
    first.Add(IdOf(id));
  const absl::StatusOr<HashRing> ring = first.Build();
  if (!ring.ok()) return;
  SharedRing shared(*ring);
  BoundedLoad load = BoundedLoad::Create(*ring, 0.25).value();
  HashRing kept = *ring;
  for (int round = 0; round < 12 && !input.IsEmpty(); ++round) {
    const HashRing before = shared.Load();
    std::vector<std::string> members = IdsOf(before);
    const absl::Status status = shared.Update([&](const HashRing& of) {
      HashRing::Builder builder(of);
      TakeSteps(&input, &builder, &members);
      return builder.Build();
    });
    const HashRing after = shared.Load();
    CheckEqual(after, status.ok() ? Fresh(after, options) : before);
    CheckEqual(kept, Fresh(kept, options));
    CheckLookups(after);
    CheckWalks(after);
    CheckDiff(before, after);
    CheckLoad(after, &load);
    if (input.Byte() % 4 == 0) kept = after;
  }
}

}  // namespace
}  // namespace trivet

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  trivet::Run({data, size});
  return 0;
}
