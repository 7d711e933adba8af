// SPDX-License-Identifier: Apache-2.0
//
// How a ring is filled: with members, or as another one with a few changes.
//
//   fresh   members --> nodes, zones, points --(sort)--> vnodes
//   change  base + changes --> the same, by copying what is as it was; in the
//           memory of a retired ring, if there is one

#include "src/ring/ring_rep.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "src/internal/mutant.h"
#include "src/ring/foreign.h"
#include "src/ring/members.h"
#include "src/ring/point.h"
#include "src/ring/spares.h"
#include "src/ring/token.h"
#include "src/ring/vnodes.h"
#include "src/ring/vnodes_build.h"
#include "trivet/ring/hash_ring.h"
#include "trivet/ring/placement.h"

namespace trivet {
inline namespace v0_1 {

using internal::Members;
using internal::NodePoints;
using internal::Point;

std::shared_ptr<HashRing::Rep> HashRing::Rep::Share(std::unique_ptr<Rep> rep) {
  const auto retire = [](Rep* retired) {
    const auto kept_in = std::move(retired->spares);
    kept_in->Put(std::unique_ptr<Rep>(retired));
  };
  return {rep.release(), retire};
}

std::shared_ptr<HashRing::Rep> HashRing::Rep::New(
    const HashRingOptions& options) {
  auto rep = std::make_unique<Rep>();
  rep->options = options;
  rep->hash = internal::TokenHash(options.secret);
  rep->spares = std::make_shared<internal::Spares<Rep>>();
  return Share(std::move(rep));
}

std::shared_ptr<HashRing::Rep> HashRing::Rep::NewFrom(const Rep& base) {
  std::unique_ptr<Rep> rep = base.spares->Take();
  if (rep == nullptr) rep = std::make_unique<Rep>();
  rep->options = base.options;
  rep->hash = base.hash;
  rep->spares = base.spares;
  return Share(std::move(rep));
}

void HashRing::Rep::Fill(const Members& members, size_t count) {
  CopyNodes(members);
  placed_count = nodes.size();
  NumberZones();
  const auto for_each_point = [this](auto visit) {
    for (NodeIndex n = 0; n < nodes.size(); ++n) {
      const NodePoints points = hash.OfNode(nodes[n].id);
      const uint64_t end =
          uint64_t{nodes[n].weight} * options.vnodes_per_weight;
      for (uint64_t i = 0; i < end; ++i) visit(points.At(i), n);
    }
  };
  vnodes.Build(nodes.size(), count, for_each_point);
  for (const RingNode& node : nodes) node_digests += DigestOf(node);
  TakeFingerprint();
}

void HashRing::Rep::FillFrom(const Rep& base, const Members& members) {
  CopyNodes(members);
  placed_count = nodes.size();
  NumberZonesFrom(base, members);
  vnodes.Patch(base.vnodes, ChangeOf(members));
  node_digests = base.node_digests;
  for (const Members::Change& change : members.changes()) {
    if (change.before != nullptr) node_digests -= DigestOf(*change.before);
    if (change.after != nullptr) node_digests += DigestOf(*change.after);
  }
  TakeFingerprint();
}

absl::Status HashRing::Rep::FillForeign(const Members& members) {
  CopyNodes(members);
  const absl::StatusOr<std::vector<Point>> points =
      internal::ForeignPoints(options, nodes);
  if (!points.ok()) return points.status();
  unplaced.assign(nodes.size(), true);
  for (const Point& point : *points) unplaced[point.owner] = false;
  placed_count =
      static_cast<size_t>(std::count(unplaced.begin(), unplaced.end(), false));
  NumberZones();
  vnodes.Build(nodes.size(), *points);
  for (NodeIndex node = 0; node < nodes.size(); ++node)
    node_digests += ForeignDigestOf(node);
  TakeFingerprint();
  return absl::OkStatus();
}

// A heavier node keeps the points that it had when it was lighter. Shifts
// apply one after the other: as the changes ascend, each finds the owners that
// it is about where the ones before have put them.
internal::VnodeChange HashRing::Rep::ChangeOf(const Members& members) const {
  internal::VnodeChange all;
  const auto end_of = [this](const RingNode* node) {
    return node == nullptr ? 0
                           : uint64_t{node->weight} * options.vnodes_per_weight;
  };
  for (const auto& [before, after, index_before, index_after] :
       members.changes()) {
    const NodePoints points =
        hash.OfNode(before == nullptr ? after->id : before->id);
    const bool leaves = after == nullptr;
    for (uint64_t i = end_of(after);
         i < end_of(before) &&
         (leaves || !TRIVET_MUTANT(ring_keeps_points_of_lighter));
         ++i)
      all.removed.push_back({points.At(i), index_before});
    for (uint64_t i = end_of(before); i < end_of(after); ++i)
      all.added.push_back({points.At(i), index_after});
    if (TRIVET_MUTANT(ring_owners_not_shifted)) continue;
    if (before == nullptr) all.shifts.push_back({index_after, 1});
    if (leaves) all.shifts.push_back({index_after + 1, ~NodeIndex{0}});
  }
  std::sort(all.removed.begin(), all.removed.end());
  std::sort(all.added.begin(), all.added.end());
  return all;
}

void HashRing::Rep::CopyNodes(const Members& members) {
  const std::vector<Members::Member>& list = members.list();
  internal::Resize(&nodes, list.size());
  for (size_t i = 0; i < list.size(); ++i) nodes[i] = *list[i].node;
}

void HashRing::Rep::NumberZones() {
  std::map<std::string_view, uint32_t> numbers;
  zone_of.assign(nodes.size(), Members::kNone);
  for (NodeIndex node = 0; node < nodes.size(); ++node) {
    if (!IsPlaced(node)) continue;
    const auto next = static_cast<uint32_t>(numbers.size());
    zone_of[node] = numbers.insert({nodes[node].zone, next}).first->second;
    if (zone_of[node] == next) zone_sizes.push_back(0);
    ++zone_sizes[zone_of[node]];
  }
  CountZones();
}

void HashRing::Rep::NumberZonesFrom(const Rep& base, const Members& members) {
  constexpr auto kUnknown = Members::kNone;
  const std::vector<Members::Member>& list = members.list();
  internal::Resize(&zone_of, list.size());
  for (size_t i = 0; i < list.size(); ++i) {
    const NodeIndex before = list[i].before;
    zone_of[i] = before == Members::kNone ? kUnknown : base.zone_of[before];
  }
  zone_sizes = base.zone_sizes;
  for (const Members::Change& change : members.changes())
    if (change.before != nullptr)
      --zone_sizes[base.zone_of[change.index_before]];
  for (const Members::Change& change : members.changes()) {
    if (change.after == nullptr) continue;
    const uint32_t zone = ZoneNumberOf(*change.after);
    if (zone == zone_sizes.size()) zone_sizes.push_back(0);
    zone_of[change.index_after] = zone;
    ++zone_sizes[zone];
  }
  CountZones();
}

// The number of a node that has one already and is in the zone; else one that
// no node has.
uint32_t HashRing::Rep::ZoneNumberOf(const RingNode& node) const {
  for (size_t i = 0; i < nodes.size(); ++i)
    if (zone_of[i] != Members::kNone && nodes[i].zone == node.zone)
      return zone_of[i];
  const auto unused = std::find(zone_sizes.begin(), zone_sizes.end(), 0);
  return static_cast<uint32_t>(unused - zone_sizes.begin());
}

void HashRing::Rep::CountZones() {
  zones_deeper_than.clear();
  for (const uint32_t size : zone_sizes) {
    if (zones_deeper_than.size() < size) zones_deeper_than.resize(size);
    if (size > 0) ++zones_deeper_than[size - 1];
  }
  for (size_t depth = zones_deeper_than.size(); depth-- > 1;)
    zones_deeper_than[depth - 1] += zones_deeper_than[depth];
}

// A sum of one digest per node, so that a change of one node is a change of one
// term. The first word tells what is digested: a node, the ring (1: the
// format), a node whose place counts, or the limits of kEnvoy.
uint64_t HashRing::Rep::DigestOf(const RingNode& node) const {
  const NodePoints points = hash.OfNode(node.id);
  return hash.OfWords(
      {0, points.start, points.stride,
       TRIVET_MUTANT(ring_fingerprint_ignores_weight) ? 1 : node.weight,
       hash.OfKey(node.zone)});
}

uint64_t HashRing::Rep::ForeignDigestOf(NodeIndex node) const {
  const auto& [id, weight, zone] = nodes[node];
  return hash.OfWords({2, hash.OfKey(id), node, weight, hash.OfKey(zone)});
}

void HashRing::Rep::TakeFingerprint() {
  if (options.placement == Placement::kEnvoy)
    node_digests +=
        hash.OfWords({3, options.ring_size_min, options.ring_size_max, 0, 0});
  const uint32_t vnodes_per_weight =
      options.placement == Placement::kEnvoy ? 0 : options.vnodes_per_weight;
  fingerprint = hash.OfWords({1, static_cast<uint64_t>(options.placement),
                              vnodes_per_weight, nodes.size(), node_digests});
}

}  // namespace v0_1
}  // namespace trivet
