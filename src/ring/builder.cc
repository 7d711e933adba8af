// SPDX-License-Identifier: Apache-2.0
//
// HashRing::Builder: steps in, a checked membership, a ring out.
//
//   steps --members.h--> members --(check)--> count --ring_rep.h--> Rep

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "src/ring/members.h"
#include "src/ring/point.h"
#include "src/ring/ring_rep.h"
#include "src/ring/vnodes.h"
#include "trivet/ring/hash_ring.h"
#include "trivet/ring/placement.h"

namespace trivet {
inline namespace v0_1 {
namespace {

using internal::Members;
using Rep = internal::RingAccess::Rep;

constexpr size_t kSecretSizeMax = 4096;

absl::Status CheckOptions(const HashRingOptions& options) {
  if (options.placement < Placement::kTrivet ||
      options.placement > Placement::kNginx)
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

// How many points they have; refuses too many before any is made.
absl::StatusOr<size_t> CountPoints(const Members& members,
                                   uint32_t vnodes_per_weight) {
  uint64_t points = 0;
  for (const Members::Member& member : members.list()) {
    // Below 2^64: the limit and a product of two 32-bit numbers.
    points += uint64_t{member.node->weight} * vnodes_per_weight;
    if (points > internal::kPointsMax)
      return internal::Invalid(
          *member.node,
          absl::StrCat("of weight ", member.node->weight,
                       " brings the ring to ", points,
                       " points with vnodes_per_weight ", vnodes_per_weight,
                       "; the limit is ", internal::kPointsMax));
  }
  return points;
}

// Whether to copy a ring with a change is much less work than to build one, and
// owners stay as wide as they are all the way.
bool IsSmall(const Members& members, const Rep& base) {
  constexpr size_t kNodesMax = 32;  // Each is a pass over the owners.
  constexpr size_t kPartMin = 8;    // Points for each one that is changed.
  using internal::Vnodes;
  const size_t changes = members.changes().size();
  if (changes > kNodesMax) return false;  // equivalent: as fast
  if (base.vnodes.is_wide() ? !Vnodes::IsWide(members.list().size())
                            : Vnodes::IsWide(base.nodes.size() + changes))
    return false;
  uint64_t changed = 0;
  for (const Members::Change& change : members.changes()) {
    changed += change.before == nullptr ? 0 : change.before->weight;
    changed += change.after == nullptr ? 0 : change.after->weight;
  }
  return changed * base.options.vnodes_per_weight * kPartMin <=
         base.vnodes.size();
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

  const bool foreign = options_.placement != Placement::kTrivet;
  Members members(base_ == nullptr ? absl::Span<const RingNode>()
                                   : absl::MakeConstSpan(base_->nodes),
                  foreign ? Members::Order::kByAdd : Members::Order::kById);
  for (const auto& [kind, node] : steps_) {
    absl::Status status = kind == Step::kAdd   ? members.Add(node)
                          : kind == Step::kSet ? members.Set(node)
                                               : members.Remove(node);
    if (!status.ok()) return status;
  }
  members.Finish();
  if (members.list().empty())
    return absl::InvalidArgumentError("nodes: there are 0; a ring needs 1");

  std::shared_ptr<Rep> rep;
  if (foreign) {
    rep = Rep::New(options_);
    absl::Status status = rep->FillForeign(members);
    if (!status.ok()) return status;
    return HashRing(std::move(rep));
  }
  const absl::StatusOr<size_t> points =
      CountPoints(members, options_.vnodes_per_weight);
  if (!points.ok()) return points.status();
  if (base_ != nullptr && IsSmall(members, *base_)) {
    rep = Rep::NewFrom(*base_);
    rep->FillFrom(*base_, members);
  } else {
    rep = Rep::New(options_);
    rep->Fill(members, *points);
  }
  return HashRing(std::move(rep));
}

}  // namespace v0_1
}  // namespace trivet
