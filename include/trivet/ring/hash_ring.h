// SPDX-License-Identifier: Apache-2.0
//
// HashRing: which node owns this key?
//
// A consistent-hash ring places several points ("virtual nodes") per node on a
// circle of 64-bit tokens. A key belongs to the first point at or after its own
// token. Adding or removing one node moves only the keys next to its points.
//
//   token:   0        a1      b1     a2        c1         b2       2^64
//            |---------*-------*------*---------*----------*---------|
//   owner:       a         b       a       c         b        a (wraps)
//
// A HashRing is an immutable value. Copying one is a reference-count bump, so a
// host publishes a new membership by replacing its copy:
//
//   absl::StatusOr<HashRing> ring =
//       HashRing::Builder().Add("cache-1").Add("cache-2", 2).Build();
//   const RingNode& home = ring->Lookup("user:42");
//   for (const RingNode& node : ring->Walk("user:42")) { ... }  // next best
//
// Placement is a wire format. Equal members and options give equal placement in
// every process, compiler, byte order and release (tests/golden/placement_v1),
// in whatever order the members were added; a node's points depend on that node
// alone, so a change to one never moves a key between two others. The
// placements of other programs promise less: placement.h.
//
// Thread safety: immutable; any number of threads may read one copy.
// Source: Karger et al., "Consistent Hashing and Random Trees", STOC 1997.

#ifndef TRIVET_RING_HASH_RING_H_
#define TRIVET_RING_HASH_RING_H_

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/attributes.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "trivet/config.h"
#include "trivet/ring/placement.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {
struct RingAccess;
}  // namespace internal

// A node's place in nodes(), of this ring only: cheap to carry and to index by.
using NodeIndex = uint32_t;

class TRIVET_EXPORT HashRing {
 public:
  class Builder;
  class NodeWalk;

  HashRing(const HashRing&) = default;  // To move is to copy: none is empty.
  HashRing& operator=(const HashRing&) = default;

  // Returns the node that owns `key`; every key has one. One cache line, nearly
  // always; no allocation. References live as long as any copy of this ring.
  const RingNode& Lookup(
      std::string_view key) const& ABSL_ATTRIBUTE_LIFETIME_BOUND;
  const RingNode& LookupToken(Token token) const& ABSL_ATTRIBUTE_LIFETIME_BOUND;
  NodeIndex LookupIndex(std::string_view key) const;
  Token TokenOf(std::string_view key) const;  // Where `key` falls.

  // Many keys at once, which overlaps their cache misses. No allocation.
  // REQUIRES: owners.size() == keys.size().
  void LookupBatch(absl::Span<const std::string_view> keys,
                   absl::Span<NodeIndex> owners) const;

  // Yields every node (of those with points: placement.h) once, in ring order
  // from the owner of `key` on; replicas, health and load are filters over it.
  // Allocates only if it passes 16 nodes.
  NodeWalk Walk(std::string_view key) const& ABSL_ATTRIBUTE_LIFETIME_BOUND;

  // The first node of the walk that `keep` accepts; null if none.
  template <typename Keep>
  const RingNode* FirstWhere(std::string_view key, Keep keep) const&;

  // Fill `into` with the first distinct nodes of the walk, the key's preference
  // list, and return the part that was filled: all, unless nodes run out.
  // PreferZones takes a second node from a zone only once every zone has one, a
  // third only once every zone that can has two, and so on. A shorter list is
  // the beginning of a longer one. Neither allocates.
  using NodeSpan = absl::Span<const RingNode*>;
  NodeSpan PreferenceList(std::string_view key, NodeSpan into) const&;
  NodeSpan PreferZones(std::string_view key, NodeSpan into) const&;

  // Nodes in ascending id order, bytewise (foreign placements: as they were
  // added); shares of the circle in the same order, exact to a double.
  absl::Span<const RingNode> nodes() const& ABSL_ATTRIBUTE_LIFETIME_BOUND;
  std::vector<double> Shares() const;
  size_t vnode_count() const;

  // Equal fingerprints mean equal nodes, weights, zones, and options that the
  // placement uses, and so equal rings (but for an accident of 64 bits). Tells
  // whether two processes agree. Stable like the placement.
  uint64_t Fingerprint() const;

  // On a temporary every one of the above that returns a reference is deleted.
  const RingNode& Lookup(std::string_view) const&& = delete;
  const RingNode& LookupToken(Token) const&& = delete;
  NodeWalk Walk(std::string_view) const&& = delete;
  template <typename Keep>
  const RingNode* FirstWhere(std::string_view, Keep) const&& = delete;
  NodeSpan PreferenceList(std::string_view, NodeSpan) const&& = delete;
  NodeSpan PreferZones(std::string_view, NodeSpan) const&& = delete;
  absl::Span<const RingNode> nodes() const&& = delete;

 private:
  friend struct internal::RingAccess;
  struct Rep;  // Nodes; tokens and owners, sorted. Never changes.
  explicit HashRing(std::shared_ptr<const Rep> rep);
  std::shared_ptr<const Rep> rep_;
};

// Collects a membership, then checks it once. Steps apply in order, and each
// Build takes all of them: for what comes later, begin anew with its ring.
class TRIVET_EXPORT HashRing::Builder {
 public:
  explicit Builder(HashRingOptions options = {});
  explicit Builder(const HashRing& ring);  // From its members and options.

  Builder& Add(RingNode node);
  Builder& Add(std::string id, uint32_t weight = 1, std::string zone = {});
  Builder& Set(RingNode node);  // Replaces the node of that id, in its place.
  Builder& Remove(std::string_view id);

  // kInvalidArgument, naming the node, the value and the limit: a zero weight,
  // an empty, long or repeated id, a long zone, a removed or replaced id that
  // was absent, no nodes, more than 2^24 points in all; options out of range.
  // Checked before any point is made: members may come from a network.
  absl::StatusOr<HashRing> Build() const;

 private:
  struct Step {
    enum Kind { kAdd, kSet, kRemove } kind;
    RingNode node;
  };
  std::shared_ptr<const Rep> base_;  // Null: starts from no members.
  HashRingOptions options_;
  std::vector<Step> steps_;
};

// A single-pass range of distinct nodes. Must not outlive the ring's copies.
class TRIVET_EXPORT HashRing::NodeWalk {
 public:
  class TRIVET_EXPORT iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = RingNode;
    using difference_type = std::ptrdiff_t;
    using pointer = const RingNode*;
    using reference = const RingNode&;
    reference operator*() const;
    pointer operator->() const { return &**this; }
    iterator& operator++();
    void operator++(int) { ++*this; }
    bool operator==(const iterator& o) const { return walk_ == o.walk_; }
    bool operator!=(const iterator& o) const { return walk_ != o.walk_; }

   private:
    friend class NodeWalk;
    NodeWalk* walk_ = nullptr;  // Null: past the last node.
  };

  NodeWalk(const NodeWalk&) = default;  // To move is to copy.
  NodeWalk& operator=(const NodeWalk&) = default;
  iterator begin();  // Where the walk stands.
  iterator end();

 private:
  friend class HashRing;
  NodeWalk(const Rep* rep, Token token);
  bool Meet(NodeIndex node);

  const Rep* rep_;              // Null: the walk is over.
  uint32_t line_, slot_;        // The point the walk stands at.
  size_t met_count_ = 0;        // Nodes met so far, with the one it stands at.
  uint32_t few_[16] = {};       // A list of them, or a bitmap.
  std::vector<uint32_t> many_;  // A bitmap, from the 17th on.
};

template <typename Keep>
const RingNode* HashRing::FirstWhere(std::string_view key, Keep keep) const& {
  for (const RingNode& node : Walk(key))
    if (keep(node)) return &node;
  return nullptr;
}

}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_RING_HASH_RING_H_
