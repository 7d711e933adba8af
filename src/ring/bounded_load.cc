// SPDX-License-Identifier: Apache-2.0

#include "trivet/ring/bounded_load.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>
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

void BoundedLoad::SetRing(const HashRing& ring) {
  std::map<std::string_view, uint32_t> taken;
  std::vector<uint32_t> free;
  for (uint32_t seat = 0; seat < seats_.size(); ++seat) {
    seats_[seat].weight = 0;
    if (seats_[seat].load > 0) {
      taken.emplace(ids_[seat], seat);
    } else {
      free.push_back(seat);
    }
  }
  ring_ = ring;
  total_ = weight_total_ = 0;
  seat_of_.clear();
  const internal::RingAccess::Rep& rep = internal::RingAccess::Of(ring_);
  for (NodeIndex index = 0; index < rep.nodes.size(); ++index) {
    const RingNode& node = rep.nodes[index];
    uint32_t seat;
    if (const auto found = taken.find(node.id); found != taken.end()) {
      seat = found->second;
    } else if (!free.empty()) {
      seat = free.back();
      free.pop_back();
      ids_[seat] = node.id;
    } else {
      seat = static_cast<uint32_t>(seats_.size());
      ids_.push_back(node.id);
      seats_.emplace_back().id = &ids_.back();
    }
    seat_of_.push_back(seat);
    if (!rep.IsPlaced(index)) continue;  // No walk meets it.
    seats_[seat].weight = node.weight;
    total_ += seats_[seat].load;
    weight_total_ += node.weight;
  }
}

}  // namespace v0_1
}  // namespace trivet
