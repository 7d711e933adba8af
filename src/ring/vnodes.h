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

#ifndef TRIVET_SRC_RING_VNODES_H_
#define TRIVET_SRC_RING_VNODES_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

#include "absl/base/attributes.h"
#include "absl/base/optimization.h"
#include "absl/numeric/int128.h"
#include "src/ring/line.h"
#include "trivet/ring/hash_ring.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

struct Point {
  Token token;
  NodeIndex owner;

  friend bool operator<(const Point& a, const Point& b) {
    return a.token != b.token ? a.token < b.token : a.owner < b.owner;
  }
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

  size_t size() const { return tokens_.size(); }
  Token token(size_t vnode) const { return tokens_[vnode]; }
  NodeIndex owner(size_t vnode) const { return owners_[vnode]; }

  // The owner of the first vnode at or after `token`, past the last one of the
  // first of all; and that vnode.
  NodeIndex OwnerAt(Token token) const {
    const Place place = PlaceOf(token);
    const Line<Owner>& line = lines_[place.line];
    const size_t slot = SlotOf(line, place.suffix);
    if (ABSL_PREDICT_FALSE(IsOpen(line, slot, place.suffix))) {
      return owners_[Wrapped(Search(place.line, token))];
    }
    return line.owners[slot];
  }

  size_t At(Token token) const {
    const Place place = PlaceOf(token);
    const Line<Owner>& line = lines_[place.line];
    const size_t slot = SlotOf(line, place.suffix);
    if (ABSL_PREDICT_FALSE(IsOpen(line, slot, place.suffix))) {
      return Wrapped(Search(place.line, token));
    }
    return Wrapped(
        std::min<size_t>(firsts_[place.line] + slot, firsts_[place.line + 1]));
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

  // The first vnode of `line`, or else of a later one, at or after `token`;
  // size() if there is none.
  size_t Search(size_t line, Token token) const;

  size_t Wrapped(size_t vnode) const { return vnode == size() ? 0 : vnode; }

  void FillLine(size_t line, Owner next);

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

  // Of owners 0 .. nodes - 1; see VnodeTable::Build. Once.
  template <typename ForEachPoint>
  void Build(size_t nodes, size_t count, ForEachPoint for_each_point) {
    wide_ = nodes > kNarrowNodesMax;
    if (wide_) {
      of_many_.Build(count, for_each_point);
    } else {
      of_few_.Build(count, for_each_point);
    }
  }

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
  size_t At(Token token) const {
    return wide_ ? of_many_.At(token) : of_few_.At(token);
  }
  void Prefetch(Token token) const {
    return wide_ ? of_many_.Prefetch(token) : of_few_.Prefetch(token);
  }

  // The next vnode clockwise.
  size_t After(size_t vnode) const {
    return vnode + 1 == size() ? 0 : vnode + 1;
  }

 private:
  bool wide_ = false;
  VnodeTable<uint16_t> of_few_;  // One of the two is empty.
  VnodeTable<uint32_t> of_many_;
};

template <typename Owner>
template <typename ForEachPoint>
void VnodeTable<Owner>::Build(size_t count, ForEachPoint for_each_point) {
  lines_.resize(count / kFill + 1);

  // Where the points of each line begin; the scatter makes of it where they
  // end, which is where the next line's begin.
  firsts_.assign(lines_.size() + 1, 0);
  for_each_point(
      [&](Token token, NodeIndex) { ++firsts_[PlaceOf(token).line + 1]; });
  std::partial_sum(firsts_.begin(), firsts_.end(), firsts_.begin());
  std::vector<Point> points(count);
  for_each_point([&](Token token, NodeIndex owner) {
    points[firsts_[PlaceOf(token).line]++] = {token, owner};
  });
  std::copy_backward(firsts_.begin(), firsts_.end() - 1, firsts_.end());
  firsts_.front() = 0;

  tokens_.resize(count);
  owners_.resize(count);
  for (size_t line = 0; line < lines_.size(); ++line) {
    std::sort(points.data() + firsts_[line], points.data() + firsts_[line + 1]);
    for (size_t v = firsts_[line]; v < firsts_[line + 1]; ++v) {
      tokens_[v] = points[v].token;
      owners_[v] = static_cast<Owner>(points[v].owner);
    }
  }
  Owner next = owners_.front();
  for (size_t line = lines_.size(); line-- > 0;) {
    FillLine(line, next);
    if (firsts_[line] < firsts_[line + 1]) next = owners_[firsts_[line]];
  }
}

template <typename Owner>
void VnodeTable<Owner>::FillLine(size_t line, Owner next) {
  constexpr uint16_t kFree = std::numeric_limits<uint16_t>::max();
  for (size_t slot = 0; slot < Line<Owner>::kSlots; ++slot) {
    const size_t v = firsts_[line] + slot;
    const bool taken = v < firsts_[line + 1];
    lines_[line].suffixes[slot] = taken ? PlaceOf(tokens_[v]).suffix : kFree;
    lines_[line].owners[slot] = taken ? owners_[v] : next;
  }
}

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
