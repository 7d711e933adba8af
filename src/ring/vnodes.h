// SPDX-License-Identifier: Apache-2.0
//
// Vnodes: the points of a ring in order, and which of them owns a token.
//
//   exact   tokens  09..  1f..  1f..  52.. | 7a..  80..  ...     ascending
//           owners     2     0     1     2 |    1     0  ...     likewise where
//                                          |                     tokens tie
//   fast    lines   [ line 0               | line 1      ... ]   line.h
//           firsts  0                        4           ...     a line's first
//                                                                vnode
//
// Nearly every lookup reads one line and nothing else. Where a line leaves the
// answer open, the points of that line are searched by their whole tokens: a
// few, unless somebody has chosen ids to crowd them. Slower then, never wrong.
//
// A walk reads on from there, slot by slot and line by line.
//
// vnodes_build.h says how a table is made.

#ifndef TRIVET_SRC_RING_VNODES_H_
#define TRIVET_SRC_RING_VNODES_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "absl/base/attributes.h"
#include "absl/base/optimization.h"
#include "absl/numeric/int128.h"
#include "src/ring/line.h"
#include "src/ring/point.h"
#include "trivet/ring/hash_ring.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

// Where a walk stands: a slot of a line, or, past the last slot, a point of the
// line that found none.
struct Position {
  uint32_t line;
  uint32_t slot;
};

// One difference between the owners of two tables: `by` is added to every owner
// that is `from` or more, modulo 2^32. Differences apply one after the other.
struct OwnerShift {
  NodeIndex from;
  NodeIndex by;
};

// What turns one table into another. Shifts keep the order of the owners that
// stay; points ascend, with their owners as they are in their own table, none
// twice.
struct VnodeChange {
  std::vector<OwnerShift> shifts;
  std::vector<Point> removed;
  std::vector<Point> added;
};

template <typename Owner>
class VnodeTable {
 public:
  // From points in any order: `for_each_point(visit)` calls visit(token, owner)
  // for `count` points, at least one, and the same ones each time.
  //
  // Points are uniform, so one distribution pass leaves few to a line, and a
  // sort of each line ends the work: O(count log count) at worst.
  template <typename ForEachPoint>
  void Build(size_t count, ForEachPoint for_each_point);

  // From points that ascend, at least one.
  void Build(const std::vector<Point>& points);

  // `base` with a change, of which some points are left. One copy of `base`,
  // and some work for each point of the change. Memory that this table has is
  // used again.
  void Patch(const VnodeTable& base, const VnodeChange& change);

  size_t size() const { return tokens_.size(); }
  Token token(size_t vnode) const { return tokens_[vnode]; }
  NodeIndex owner(size_t vnode) const { return owners_[vnode]; }

  // The owner of the first vnode at or after `token`, past the last one of the
  // first of all.
  NodeIndex OwnerAt(Token token) const {
    const Place place = PlaceOf(token);
    const Line<Owner>& line = lines_[place.line];
    const size_t slot = SlotOf(line, place.suffix);
    if (ABSL_PREDICT_FALSE(IsOpen(line, slot, place.suffix))) {
      return owners_[Wrapped(Search(place.line, token))];
    }
    return line.owners[slot];
  }

  // The same vnode as a position, the next one clockwise, and a position's
  // owner. Free slots are positions too, so that on its way round a walk may
  // meet the owner of a point twice in a row.
  Position At(Token token) const {
    const Place place = PlaceOf(token);
    const Line<Owner>& line = lines_[place.line];
    size_t slot = SlotOf(line, place.suffix);
    if (ABSL_PREDICT_FALSE(IsOpen(line, slot, place.suffix))) {
      const size_t vnode = Search(place.line, token);
      if (vnode == firsts_[place.line + 1]) return LineAfter(place.line);
      slot = vnode - firsts_[place.line];
    }
    return {static_cast<uint32_t>(place.line), static_cast<uint32_t>(slot)};
  }

  Position After(Position at) const {
    ++at.slot;
    const bool is_past =
        at.slot < Line<Owner>::kSlots
            ? lines_[at.line].suffixes[at.slot] == kFreeSuffix
            : at.slot >= firsts_[at.line + 1] - firsts_[at.line];
    return ABSL_PREDICT_FALSE(is_past) ? LineAfter(at.line) : at;
  }

  NodeIndex OwnerAt(Position at) const {
    return ABSL_PREDICT_TRUE(at.slot < Line<Owner>::kSlots)
               ? lines_[at.line].owners[at.slot]
               : owners_[firsts_[at.line] + at.slot];
  }

  // Starts to fetch what OwnerAt will read.
  void Prefetch(Token token) const {
    __builtin_prefetch(&lines_[PlaceOf(token).line]);
  }

 private:
  // Points on a line on average. Of uniform points a line of 16 that has 10 on
  // average leaves 0.6 % of all lookups open, and takes 6.4 bytes a point. With
  // fewer points a line, fewer lookups are open and all touch more memory.
  static constexpr size_t kFill = Line<Owner>::kSlots * 5 / 8;

  struct Place {
    size_t line;
    uint16_t suffix;
  };
  Place PlaceOf(Token token) const {
    const absl::uint128 product = absl::uint128(token) * lines_.size();
    return {static_cast<size_t>(absl::Uint128High64(product)),
            static_cast<uint16_t>(absl::Uint128Low64(product) >> 48)};
  }

  static bool IsOpen(const Line<Owner>& line, size_t slot, uint16_t suffix) {
    return slot == Line<Owner>::kSlots || line.suffixes[slot] == suffix;
  }

  Position LineAfter(size_t line) const {
    return {static_cast<uint32_t>(line + 1 == lines_.size() ? 0 : line + 1), 0};
  }

  // The first vnode of `line`, or else of a later one, at or after `token`;
  // size() if there is none.
  size_t Search(size_t line, Token token) const;

  size_t Wrapped(size_t vnode) const { return vnode == size() ? 0 : vnode; }

  // Steps of Build and Patch; vnodes_build.h.
  struct Edit;
  std::vector<Edit> EditsOf(const VnodeChange& change) const;
  size_t PlaceFor(const Point& added,
                  const std::vector<OwnerShift>& shifts) const;
  void PatchPoints(const VnodeTable& base, const std::vector<Edit>& edits,
                   const std::vector<OwnerShift>& shifts);
  void PatchFirsts(const VnodeTable& base, const std::vector<Edit>& edits);
  void PatchLines(const VnodeTable& base, const std::vector<Edit>& edits,
                  const std::vector<OwnerShift>& shifts);
  bool IsWellFilled(size_t count) const;
  void CutLines();
  void FillLine(size_t line);
  void TellBefore(size_t line);

  std::vector<Line<Owner>> lines_;
  std::vector<uint32_t> firsts_;  // One more than there are lines.
  std::vector<Token> tokens_;
  std::vector<Owner> owners_;
};

// The table whose owners are as narrow as they can be.
class Vnodes {
 public:
  // A narrow owner is any 16-bit number.
  static constexpr size_t kNarrowNodesMax =
      size_t{std::numeric_limits<uint16_t>::max()} + 1;

  // Of owners 0 .. nodes - 1; see VnodeTable::Build.
  template <typename ForEachPoint>
  void Build(size_t nodes, size_t count, ForEachPoint for_each_point);
  void Build(size_t nodes, const std::vector<Point>& points);

  // See VnodeTable::Patch. REQUIRES: `base` has owners as wide as `nodes` need.
  void Patch(const Vnodes& base, const VnodeChange& change);

  static bool IsWide(size_t nodes) { return nodes > kNarrowNodesMax; }
  bool is_wide() const { return wide_; }

  size_t size() const { return wide_ ? of_many_.size() : of_few_.size(); }
  Token token(size_t vnode) const {
    return wide_ ? of_many_.token(vnode) : of_few_.token(vnode);
  }
  NodeIndex owner(size_t vnode) const {
    return wide_ ? of_many_.owner(vnode) : of_few_.owner(vnode);
  }
  NodeIndex OwnerAt(Token token) const {
    return wide_ ? of_many_.OwnerAt(token) : of_few_.OwnerAt(token);
  }
  Position At(Token token) const {
    return wide_ ? of_many_.At(token) : of_few_.At(token);
  }
  Position After(Position at) const {
    return wide_ ? of_many_.After(at) : of_few_.After(at);
  }
  NodeIndex OwnerAt(Position at) const {
    return wide_ ? of_many_.OwnerAt(at) : of_few_.OwnerAt(at);
  }
  void Prefetch(Token token) const {
    return wide_ ? of_many_.Prefetch(token) : of_few_.Prefetch(token);
  }

 private:
  bool wide_ = false;
  VnodeTable<uint16_t> of_few_;  // One of the two is empty.
  VnodeTable<uint32_t> of_many_;
};

template <typename Owner>
ABSL_ATTRIBUTE_NOINLINE size_t VnodeTable<Owner>::Search(size_t line,
                                                         Token token) const {
  const auto begin = tokens_.begin();
  return static_cast<size_t>(std::lower_bound(begin + firsts_[line],
                                              begin + firsts_[line + 1],
                                              token) -
                             begin);
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_RING_VNODES_H_
