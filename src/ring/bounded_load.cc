// SPDX-License-Identifier: Apache-2.0

#include "trivet/ring/bounded_load.h"

#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/attributes.h"
#include "absl/base/optimization.h"
#include "absl/numeric/int128.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "src/internal/invariant.h"
#include "src/ring/ring_rep.h"
#include "src/ring/vnodes.h"
#include "trivet/ring/hash_ring.h"
#include "trivet/ring/placement.h"

namespace trivet {
inline namespace v0_1 {
namespace {

constexpr double kEpsilonMin = 0x1p-20;
constexpr double kEpsilonMax = 0x1p20;
constexpr double kOne = 0x1p32;  // A factor of 1.

}  // namespace

absl::StatusOr<BoundedLoad> BoundedLoad::Create(const HashRing& ring,
                                                double epsilon) {
  // So that what is not a number is refused too.
  if (!(epsilon >= kEpsilonMin && epsilon <= kEpsilonMax)) {
    return absl::InvalidArgumentError(absl::StrCat("epsilon is ", epsilon,
                                                   "; it must be ", kEpsilonMin,
                                                   " to ", kEpsilonMax));
  }
  return BoundedLoad(ring,
                     static_cast<uint64_t>(std::llround((1 + epsilon) * kOne)));
}

BoundedLoad::BoundedLoad(const HashRing& ring, uint64_t factor)
    : ring_(ring), factor_(factor) {
  SetRing(ring_);
}

// load < ceil(x) is load < x, as load is a whole number; and
// load < (1 + epsilon) (total + 1) w / W without a division, so exactly.
ABSL_ATTRIBUTE_ALWAYS_INLINE inline bool BoundedLoad::HasRoom(
    const Seat& seat) const {
  const absl::uint128 load = absl::uint128(seat.load) * weight_total_ << 32;
  return load < absl::uint128(factor_) * (total_ + 1) * seat.weight;
}

BoundedLoad::Unit BoundedLoad::Assign(std::string_view key) {
  const internal::RingAccess::Rep& rep = internal::RingAccess::Of(ring_);
  const Token token = rep.TokenOf(key);
  NodeIndex node = rep.vnodes.OwnerAt(token);
  if (ABSL_PREDICT_FALSE(!HasRoom(seats_[seat_of_[node]])))
    node = NextWithRoom(token);
  const uint32_t number = seat_of_[node];
  Seat& seat = seats_[number];
  ++seat.load;
  ++total_;
  return Unit(number, node, seat.id);
}

// Nodes that are met again are full still, so this is the key's walk.
NodeIndex BoundedLoad::NextWithRoom(Token token) const {
  const internal::Vnodes& vnodes = internal::RingAccess::Of(ring_).vnodes;
  internal::Position at = vnodes.At(token);
  while (!HasRoom(seats_[seat_of_[vnodes.OwnerAt(at)]])) at = vnodes.After(at);
  return vnodes.OwnerAt(at);
}

void BoundedLoad::Finish(Unit unit) {
  TRIVET_INVARIANT(unit.id_ != nullptr && unit.seat_ < seats_.size() &&
                       unit.id_ == seats_[unit.seat_].id,
                   "Finish requires a unit that was assigned here");
  Seat& seat = seats_[unit.seat_];
  --seat.load;
  if (seat.weight > 0) --total_;
}

// First everything that can fail for want of memory, which changes nothing that
// counts, then the change.
void BoundedLoad::SetRing(const HashRing& ring) {
  std::map<std::string_view, uint32_t> taken;
  std::vector<uint32_t> free;
  for (uint32_t seat = 0; seat < seats_.size(); ++seat) {
    if (seats_[seat].load > 0) {
      taken.emplace(ids_[seat], seat);
    } else {
      free.push_back(seat);
    }
  }
  const internal::RingAccess::Rep& rep = internal::RingAccess::Of(ring);
  std::vector<uint32_t> seat_of;
  std::vector<std::pair<uint32_t, std::string>> names;
  seat_of.reserve(rep.nodes.size());
  names.reserve(rep.nodes.size());
  for (const RingNode& node : rep.nodes) {
    if (const auto found = taken.find(node.id); found != taken.end()) {
      seat_of.push_back(found->second);
      continue;
    }
    if (free.empty()) {
      free.push_back(static_cast<uint32_t>(seats_.size()));
      seats_.reserve(rep.nodes.size() + taken.size());
      ids_.emplace_back();
      seats_.emplace_back().id = &ids_.back();
    }
    seat_of.push_back(free.back());
    names.emplace_back(free.back(), node.id);
    free.pop_back();
  }

  ring_ = ring;
  seat_of_ = std::move(seat_of);
  for (auto& [seat, id] : names) ids_[seat].swap(id);
  total_ = weight_total_ = 0;
  for (Seat& seat : seats_) seat.weight = 0;
  for (NodeIndex node = 0; node < rep.nodes.size(); ++node) {
    if (!rep.IsPlaced(node)) continue;  // No walk meets it.
    Seat& seat = seats_[seat_of_[node]];
    seat.weight = rep.nodes[node].weight;
    total_ += seat.load;
    weight_total_ += seat.weight;
  }
}

}  // namespace v0_1
}  // namespace trivet
