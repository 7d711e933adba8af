// SPDX-License-Identifier: Apache-2.0
//
// HashRing::Builder: steps in, a checked membership, a ring out.
//
//   steps --(by id, in order)--> members --(check)--> points --(sort)--> Rep

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "src/internal/strings.h"
#include "src/ring/ring_rep.h"
#include "src/ring/token.h"
#include "trivet/ring/hash_ring.h"
#include "trivet/ring/placement.h"

namespace trivet {
inline namespace v0_1 {
namespace {

using internal::Sv;
using Rep = internal::RingAccess::Rep;

constexpr size_t kIdSizeMax = 255;
constexpr size_t kZoneSizeMax = 255;
constexpr size_t kSecretSizeMax = 4096;
constexpr uint64_t kPointsMax = uint64_t{1} << 24;

// An id as an error shows it: readable, and short whatever it was.
std::string Quoted(std::string_view id) {
  constexpr size_t kShown = 64;
  return absl::StrCat("\"", absl::CHexEscape(Sv(id.substr(0, kShown))),
                      id.size() > kShown ? "\"..." : "\"");
}

absl::Status Invalid(const RingNode& node, const std::string& what) {
  return absl::InvalidArgumentError(
      absl::StrCat("node ", Quoted(node.id), " ", what));
}

absl::Status CheckOptions(const HashRingOptions& options) {
  if (options.placement != Placement::kTrivet)
    return absl::InvalidArgumentError(
        absl::StrCat("placement is ", static_cast<int>(options.placement),
                     ", which is none of this release's"));
  if (options.vnodes_per_weight == 0)
    return absl::InvalidArgumentError(
        "vnodes_per_weight is 0; it must be at least 1");
  if (options.secret.size() > kSecretSizeMax)
    return absl::InvalidArgumentError(
        absl::StrCat("secret has ", options.secret.size(),
                     " bytes; the limit is ", kSecretSizeMax));
  return absl::OkStatus();
}

absl::Status CheckNode(const RingNode& node) {
  if (node.id.empty() || node.id.size() > kIdSizeMax)
    return Invalid(node,
                   absl::StrCat("has an id of ", node.id.size(),
                                " bytes; it must have 1 to ", kIdSizeMax));
  if (node.zone.size() > kZoneSizeMax)
    return Invalid(node, absl::StrCat("has a zone of ", node.zone.size(),
                                      " bytes; the limit is ", kZoneSizeMax));
  if (node.weight == 0)
    return Invalid(node, "has weight 0; it must be at least 1");
  return absl::OkStatus();
}

// What a builder has collected, in the order of nodes().
using Members = std::map<std::string_view, const RingNode*>;

// How many points they have; refuses too many before any is made.
absl::StatusOr<size_t> CountPoints(const Members& members,
                                   uint32_t vnodes_per_weight) {
  if (members.empty())
    return absl::InvalidArgumentError("nodes: there are 0; a ring needs 1");
  uint64_t points = 0;
  for (const auto& [id, node] : members) {
    // Below 2^64: the limit and a product of two 32-bit numbers.
    points += uint64_t{node->weight} * vnodes_per_weight;
    if (points > kPointsMax)
      return Invalid(
          *node,
          absl::StrCat("of weight ", node->weight, " brings the ring to ",
                       points, " points with vnodes_per_weight ",
                       vnodes_per_weight, "; the limit is ", kPointsMax));
  }
  return points;
}

void NumberZones(Rep* rep) {
  struct Zone {
    uint32_t number;
    size_t size;
  };
  std::map<std::string_view, Zone> zones;
  rep->zone_of.reserve(rep->nodes.size());
  for (const RingNode& node : rep->nodes) {
    const auto fresh = static_cast<uint32_t>(zones.size());
    Zone& zone = zones.insert({node.zone, {fresh, 0}}).first->second;
    rep->zone_of.push_back(zone.number);
    if (zone.size == rep->zones_deeper_than.size())
      rep->zones_deeper_than.push_back(0);
    ++rep->zones_deeper_than[zone.size++];
  }
}

// Calls visit(point, owner) for every point of every node.
template <typename Visit>
void ForEachPoint(const Rep& rep, Visit visit) {
  for (size_t n = 0; n < rep.nodes.size(); ++n) {
    const internal::NodePoints points = rep.hash.OfNode(rep.nodes[n].id);
    const uint64_t count =
        uint64_t{rep.nodes[n].weight} * rep.options.vnodes_per_weight;
    for (uint64_t i = 0; i < count; ++i)
      visit(points.At(i), static_cast<NodeIndex>(n));
  }
}

// A sum of one digest per node, so that a change of one node is a change of one
// term. The first word tells what is digested: a node, or the ring (1: the
// format).
uint64_t FingerprintOf(const Rep& rep) {
  uint64_t sum = 0;
  for (const RingNode& node : rep.nodes) {
    const internal::NodePoints points = rep.hash.OfNode(node.id);
    sum += rep.hash.OfWords({0, points.start, points.stride, node.weight,
                             rep.hash.OfKey(node.zone)});
  }
  return rep.hash.OfWords({1, static_cast<uint64_t>(rep.options.placement),
                           rep.options.vnodes_per_weight, rep.nodes.size(),
                           sum});
}

}  // namespace

HashRing::Builder::Builder(HashRingOptions options)
    : options_(std::move(options)) {}

HashRing::Builder::Builder(const HashRing& ring)
    : base_(ring.rep_), options_(ring.rep_->options) {}

HashRing::Builder& HashRing::Builder::Add(RingNode node) {
  steps_.push_back({Step::kAdd, std::move(node)});
  return *this;
}

HashRing::Builder& HashRing::Builder::Add(std::string id, uint32_t weight,
                                          std::string zone) {
  return Add(RingNode{std::move(id), weight, std::move(zone)});
}

HashRing::Builder& HashRing::Builder::Set(RingNode node) {
  steps_.push_back({Step::kSet, std::move(node)});
  return *this;
}

HashRing::Builder& HashRing::Builder::Remove(std::string_view id) {
  RingNode node;
  node.id = std::string(id);
  steps_.push_back({Step::kRemove, std::move(node)});
  return *this;
}

absl::StatusOr<HashRing> HashRing::Builder::Build() const {
  if (base_ != nullptr && steps_.empty()) return HashRing(base_);
  if (absl::Status status = CheckOptions(options_); !status.ok()) return status;

  Members members;
  if (base_ != nullptr)
    for (const RingNode& node : base_->nodes)
      members.emplace_hint(members.end(), node.id, &node);
  for (const auto& [kind, node] : steps_) {
    const auto found = members.find(node.id);
    const bool present = found != members.end();
    if (kind == Step::kAdd && present)
      return Invalid(node, "is added, but is a member already");
    if (kind == Step::kSet && !present)
      return Invalid(node, "is replaced, but is not a member");
    if (kind == Step::kRemove && !present)
      return Invalid(node, "is removed, but is not a member");
    if (present) members.erase(found);
    if (kind == Step::kRemove) continue;
    if (absl::Status status = CheckNode(node); !status.ok()) return status;
    members.emplace(node.id, &node);
  }
  const absl::StatusOr<size_t> points =
      CountPoints(members, options_.vnodes_per_weight);
  if (!points.ok()) return points.status();

  auto rep = std::make_shared<Rep>(options_);
  rep->nodes.reserve(members.size());
  for (const auto& [id, node] : members) rep->nodes.push_back(*node);
  NumberZones(rep.get());
  rep->vnodes.Build(rep->nodes.size(), *points,
                    [&](auto visit) { ForEachPoint(*rep, visit); });
  rep->fingerprint = FingerprintOf(*rep);
  return HashRing(std::move(rep));
}

}  // namespace v0_1
}  // namespace trivet
