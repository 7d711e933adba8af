// SPDX-License-Identifier: Apache-2.0
//
// Members: what a builder's steps make of a membership.
//
//   base    [ a, b, c ]         steps: Remove(b), Set(c), Add(d)
//   list    [ a, c', d ]        a is base's, the others are the steps'
//   changes b gone, c -> c', d new
//
// Refers to the nodes of the base and of the steps, which have to stay.

#ifndef TRIVET_SRC_RING_MEMBERS_H_
#define TRIVET_SRC_RING_MEMBERS_H_

#include <cstddef>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "trivet/ring/hash_ring.h"
#include "trivet/ring/placement.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

// kInvalidArgument: what is wrong with a node, which is named.
absl::Status Invalid(const RingNode& node, const std::string& what);

class Members {
 public:
  // The order of nodes(): by id, or in the order in which they were added.
  enum class Order { kById, kByAdd };

  static constexpr NodeIndex kNone = std::numeric_limits<NodeIndex>::max();

  struct Member {
    const RingNode* node;
    NodeIndex before;  // Its index in the base if it is unchanged, else kNone.
  };

  // One of the nodes is null where there was none, or is none; not both. The
  // index of the base is where the node is, or would be, as is that of the
  // list.
  struct Change {
    const RingNode* before;
    const RingNode* after;
    NodeIndex index_before;
    NodeIndex index_after;
  };

  // REQUIRES: `base` is in that order.
  Members(absl::Span<const RingNode> base, Order order);

  // kInvalidArgument names the node: Add of one that is there, Set or Remove
  // of one that is not; a node that is out of the limits.
  absl::Status Add(const RingNode& node);
  absl::Status Set(const RingNode& node);
  absl::Status Remove(const RingNode& node);

  // Writes down the outcome. Once, after the last step.
  void Finish();
  const std::vector<Member>& list() const { return list_; }
  // Ascending by id. Of Order::kById only.
  const std::vector<Change>& changes() const { return changes_; }

 private:
  struct Edit {
    const RingNode* node;  // Null: not a member any more.
    size_t place;          // Where it was added.
  };

  bool Has(std::string_view id) const;
  void FinishById();

  absl::Span<const RingNode> base_;
  Order order_;
  size_t places_;
  std::map<std::string_view, Edit> edits_;  // Of the base, all or none.
  std::vector<Member> list_;
  std::vector<Change> changes_;
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_RING_MEMBERS_H_
