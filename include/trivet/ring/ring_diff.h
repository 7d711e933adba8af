// SPDX-License-Identifier: Apache-2.0
//
// Diff: which arcs of the ring change owner between two memberships?
//
// This is what a host needs to plan data movement. When c joins:
//
//   before:  ---------------a---------------------b-------------a---
//   after:   ---------------a---------c-----------b-------------a---
//                            (=======]   b -> c
//
//   for (const RangeTransfer& t : Diff(before, after)) {
//     Copy(t.from, t.to, /*keys whose token is in*/ t.range);
//   }
//
// For data kept on several nodes per key, name their number:
//
//   Diff(before, after, 3);  // What each newcomer to a list of 3 must copy.
//
// A transfer's source had the data in `before`. If any node that had it is
// still a member of `after`, the source is one: a node that was removed because
// it was lost with its disk is asked only for what nobody else has.
//
// Thread safety: pure functions.

#ifndef TRIVET_RING_RING_DIFF_H_
#define TRIVET_RING_RING_DIFF_H_

#include <cstddef>
#include <string>
#include <vector>

#include "trivet/config.h"
#include "trivet/ring/hash_ring.h"

namespace trivet {
inline namespace v0_1 {

// The arc (after, through]. Wraps past zero when after >= through; the whole
// circle when they are equal. Test keys with HashRing::TokenOf.
struct TRIVET_EXPORT TokenRange {
  Token after;
  Token through;

  bool Contains(Token token) const;

  friend bool operator==(const TokenRange& a, const TokenRange& b) {
    return a.after == b.after && a.through == b.through;
  }
  friend bool operator!=(const TokenRange& a, const TokenRange& b) {
    return !(a == b);
  }
};

// The keys of one arc, to be copied from one node to another, by their ids.
struct RangeTransfer {
  TokenRange range;
  std::string from;
  std::string to;

  friend bool operator==(const RangeTransfer& a, const RangeTransfer& b) {
    return a.range == b.range && a.from == b.from && a.to == b.to;
  }
  friend bool operator!=(const RangeTransfer& a, const RangeTransfer& b) {
    return !(a == b);
  }
};

// Returns the transfers that turn `before` into `after`, in token order (of
// range.through), with neighbouring arcs merged. Empty iff every key has the
// same owner in both. `from` is the owner in `before`, even if it is gone.
// REQUIRES: both rings have equal placement and secret. O(vnodes of both).
TRIVET_EXPORT std::vector<RangeTransfer> Diff(const HashRing& before,
                                              const HashRing& after);

// The same for data kept on the first `replicas` nodes of each key's preference
// list (on all nodes, if there are fewer): what each newcomer to a list must
// copy, and from whom who has it. Ordered by range.through, then by `to`.
//
// `from` is the first node of the list in `before` that is on the list in
// `after` too, and so keeps its copy; else the first that is still a member of
// `after`; else, all of them gone, the first. O(vnodes of both x replicas).
TRIVET_EXPORT std::vector<RangeTransfer> Diff(const HashRing& before,
                                              const HashRing& after,
                                              size_t replicas);

}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_RING_RING_DIFF_H_
