// SPDX-License-Identifier: Apache-2.0

#include "src/ring/members.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "src/internal/quoted.h"
#include "trivet/ring/hash_ring.h"
#include "trivet/ring/placement.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {
namespace {

constexpr size_t kIdSizeMax = 255;
constexpr size_t kZoneSizeMax = 255;

absl::Status Check(const RingNode& node) {
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

// The first node whose id is not before `id`.
const RingNode* LowerBound(const RingNode* begin, const RingNode* end,
                           std::string_view id) {
  return std::lower_bound(
      begin, end, id,
      [](const RingNode& node, std::string_view of) { return node.id < of; });
}

}  // namespace

absl::Status Invalid(const RingNode& node, const std::string& what) {
  return absl::InvalidArgumentError(
      absl::StrCat("node ", Quoted(node.id), " ", what));
}

Members::Members(absl::Span<const RingNode> base, Order order)
    : base_(base), order_(order), places_(base.size()) {
  if (order_ == Order::kById) return;
  for (size_t i = 0; i < base_.size(); ++i)
    edits_.insert({base_[i].id, {&base_[i], i}});
}

bool Members::Has(std::string_view id) const {
  if (const auto found = edits_.find(id); found != edits_.end())
    return found->second.node != nullptr;
  if (order_ == Order::kByAdd) return false;
  const RingNode* const end = base_.data() + base_.size();
  const RingNode* const at = LowerBound(base_.data(), end, id);
  return at != end && at->id == id;
}

absl::Status Members::Add(const RingNode& node) {
  if (Has(node.id)) return Invalid(node, "is added, but is a member already");
  if (absl::Status status = Check(node); !status.ok()) return status;
  edits_.insert_or_assign(node.id, Edit{&node, places_++});
  return absl::OkStatus();
}

absl::Status Members::Set(const RingNode& node) {
  if (!Has(node.id)) return Invalid(node, "is replaced, but is not a member");
  if (absl::Status status = Check(node); !status.ok()) return status;
  edits_[node.id].node = &node;
  return absl::OkStatus();
}

absl::Status Members::Remove(const RingNode& node) {
  if (!Has(node.id)) return Invalid(node, "is removed, but is not a member");
  edits_[node.id].node = nullptr;
  return absl::OkStatus();
}

void Members::Finish() {
  list_.reserve(base_.size() + edits_.size());
  if (order_ == Order::kById) return FinishById();
  std::vector<Edit> members;
  for (const auto& [id, edit] : edits_)
    if (edit.node != nullptr) members.push_back(edit);
  std::sort(members.begin(), members.end(),
            [](const Edit& a, const Edit& b) { return a.place < b.place; });
  for (const Edit& member : members) list_.push_back({member.node, kNone});
}

void Members::FinishById() {
  const RingNode* const begin = base_.data();
  const RingNode* const end = begin + base_.size();
  const RingNode* next = begin;
  const auto copy_until = [&](const RingNode* stop) {
    size_t to = list_.size();
    list_.resize(to + static_cast<size_t>(stop - next));
    for (; next != stop; ++next)
      list_[to++] = {next, static_cast<NodeIndex>(next - begin)};
  };
  for (const auto& [id, edit] : edits_) {
    const RingNode* const at = LowerBound(next, end, id);
    const RingNode* const before = at != end && at->id == id ? at : nullptr;
    copy_until(at);
    if (before == edit.node) continue;  // Added and removed again.
    changes_.push_back({before, edit.node, static_cast<NodeIndex>(at - begin),
                        static_cast<NodeIndex>(list_.size())});
    if (edit.node != nullptr) list_.push_back({edit.node, kNone});
    if (before != nullptr) ++next;
  }
  copy_until(end);
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
