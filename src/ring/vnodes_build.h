// SPDX-License-Identifier: Apache-2.0
//
// How a table of vnodes is made: from points in any order, or from another
// table and what is different in this one.
//
//   base   tokens  09..  1f..  1f..  52.. | 7a..  80..          one copy, in
//                   |     |  x removed |    |  |    \           runs between
//   this   tokens  09..  1f..  52.. | 7a..  7c..  80..          the changes
//                                           `- added
//
// A line depends on the points that it has and on the owner of the next point
// after them, which is what the next line's first slot says, whether that line
// has points or not. So only lines with a change are filled anew, and those
// before them whose next point it was.

#ifndef TRIVET_SRC_RING_VNODES_BUILD_H_
#define TRIVET_SRC_RING_VNODES_BUILD_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <limits>
#include <numeric>
#include <vector>

#include "src/internal/invariant.h"
#include "src/ring/line.h"
#include "src/ring/point.h"
#include "src/ring/vnodes.h"
#include "trivet/ring/hash_ring.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

// An owner after a shift. Without a branch, so that compilers do eight at once.
template <typename Owner>
class Shifted {
 public:
  explicit Shifted(OwnerShift shift)
      : from_(static_cast<Owner>(shift.from)),
        by_(shift.from > std::numeric_limits<Owner>::max()
                ? Owner{0}
                : static_cast<Owner>(shift.by)) {}

  Owner operator()(Owner owner) const {
    const auto mask = static_cast<Owner>(owner >= from_ ? ~Owner{0} : 0);
    return static_cast<Owner>(owner + (by_ & mask));
  }

 private:
  Owner from_;
  Owner by_;
};

// The first of a list is done while copying, the others in place: there is
// seldom more than one.
inline OwnerShift FirstOf(const std::vector<OwnerShift>& shifts) {
  return shifts.empty() ? OwnerShift{0, 0} : shifts.front();
}

// Copies lines while shifting their owners. Written so that g++ 12 takes eight
// owners at a time; most other ways to say it cost twice as much or more.
template <typename Owner>
void CopyShifted(const Line<Owner>* __restrict from, size_t count,
                 OwnerShift shift, Line<Owner>* __restrict to) {
  const Shifted<Owner> shifted(shift);
  for (size_t i = 0; i < count; ++i) {
    std::memcpy(to[i].suffixes, from[i].suffixes, sizeof(to[i].suffixes));
    std::transform(std::begin(from[i].owners), std::end(from[i].owners),
                   to[i].owners, shifted);
  }
}

// Gives `all` a size, for values that will all be overwritten: in the memory
// that it has, if that fits, else in new memory with a little to spare for the
// next time.
template <typename T>
void Resize(std::vector<T>* all, size_t size) {
  if (all->capacity() < size || all->capacity() > size + size / 4) {
    *all = std::vector<T>();
    all->reserve(size + size / 16);
  }
  all->resize(size);
}

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
  for (size_t line = lines_.size(); line-- > 0;) FillLine(line);
}

template <typename Owner>
void VnodeTable<Owner>::Build(const std::vector<Point>& points) {
  tokens_.resize(points.size());
  owners_.resize(points.size());
  for (size_t v = 0; v < points.size(); ++v) {
    tokens_[v] = points[v].token;
    owners_[v] = static_cast<Owner>(points[v].owner);
  }
  CutLines();
}

// Fills a line whose points are in place. REQUIRES: the line after it is
// filled, if there is one.
template <typename Owner>
void VnodeTable<Owner>::FillLine(size_t line) {
  const Owner next =
      line + 1 == lines_.size() ? owners_.front() : lines_[line + 1].owners[0];
  for (size_t slot = 0; slot < Line<Owner>::kSlots; ++slot) {
    const size_t v = firsts_[line] + slot;
    const bool taken = v < firsts_[line + 1];
    lines_[line].owners[slot] = taken ? owners_[v] : next;
    lines_[line].suffixes[slot] =
        taken ? std::min<uint16_t>(PlaceOf(tokens_[v]).suffix, kFreeSuffix - 1)
              : kFreeSuffix;
  }
}

// One step from a table to the next: before the vnode `at` of the first one
// comes `added`; or, where that is null, the vnode goes.
template <typename Owner>
struct VnodeTable<Owner>::Edit {
  size_t at;
  size_t line;
  const Point* added;
};

// The first vnode that comes after `added` once the owners are shifted.
template <typename Owner>
size_t VnodeTable<Owner>::PlaceFor(
    const Point& added, const std::vector<OwnerShift>& shifts) const {
  size_t v = Search(PlaceOf(added.token).line, added.token);
  for (; v < size() && tokens_[v] == added.token; ++v) {
    Owner owner = owners_[v];
    for (const OwnerShift& shift : shifts) owner = Shifted<Owner>(shift)(owner);
    if (owner > added.owner) break;
  }
  return v;
}

template <typename Owner>
std::vector<typename VnodeTable<Owner>::Edit> VnodeTable<Owner>::EditsOf(
    const VnodeChange& change) const {
  std::vector<Edit> removed;
  removed.reserve(change.removed.size());
  for (const auto& [token, owner] : change.removed) {
    const size_t line = PlaceOf(token).line;
    size_t v = Search(line, token);
    while (v < size() && tokens_[v] == token && owners_[v] != owner) ++v;
    TRIVET_INVARIANT(v < size() && tokens_[v] == token,
                     "a point that is removed is there");
    removed.push_back({v, line, nullptr});
  }
  std::vector<Edit> added;
  added.reserve(change.added.size());
  for (const Point& point : change.added)
    added.push_back(
        {PlaceFor(point, change.shifts), PlaceOf(point.token).line, &point});

  // Of the same place, what is added there comes first: it goes before.
  std::vector<Edit> all(removed.size() + added.size());
  std::merge(added.begin(), added.end(), removed.begin(), removed.end(),
             all.begin(),
             [](const Edit& a, const Edit& b) { return a.at < b.at; });
  return all;
}

template <typename Owner>
void VnodeTable<Owner>::Patch(const VnodeTable& base,
                              const VnodeChange& change) {
  const size_t count =
      base.size() + change.added.size() - change.removed.size();
  const std::vector<Edit> edits = base.EditsOf(change);
  Resize(&tokens_, count);
  Resize(&owners_, count);
  PatchPoints(base, edits, change.shifts);
  if (!base.IsWellFilled(count)) return CutLines();
  Resize(&lines_, base.lines_.size());
  Resize(&firsts_, base.firsts_.size());
  PatchFirsts(base, edits);
  PatchLines(base, edits, change.shifts);
}

template <typename Owner>
void VnodeTable<Owner>::PatchPoints(const VnodeTable& base,
                                    const std::vector<Edit>& edits,
                                    const std::vector<OwnerShift>& shifts) {
  size_t from = 0;
  size_t to = 0;
  const auto copy_until = [&](size_t end) {
    const size_t run = end - from;
    std::copy_n(&base.tokens_[0] + from, run, &tokens_[0] + to);
    const Owner* owners = &base.owners_[0] + from;
    Owner* const shifted = &owners_[0] + to;
    std::transform(owners, owners + run, shifted,
                   Shifted<Owner>(FirstOf(shifts)));
    for (size_t i = 1; i < shifts.size(); ++i)
      std::transform(shifted, shifted + run, shifted,
                     Shifted<Owner>(shifts[i]));
    from = end;
    to += run;
  };
  for (const Edit& edit : edits) {
    copy_until(edit.at);
    if (edit.added == nullptr) {
      ++from;
    } else {
      tokens_[to] = edit.added->token;
      owners_[to++] = static_cast<Owner>(edit.added->owner);
    }
  }
  copy_until(base.size());
}

template <typename Owner>
void VnodeTable<Owner>::PatchFirsts(const VnodeTable& base,
                                    const std::vector<Edit>& edits) {
  uint32_t more = 0;  // Points before a line than there were; may be negative.
  size_t line = 0;
  const auto copy_through = [&](size_t last) {
    for (; line <= last; ++line) firsts_[line] = base.firsts_[line] + more;
  };
  for (const Edit& edit : edits) {
    copy_through(edit.line);
    more += edit.added == nullptr ? ~uint32_t{0} : 1;
  }
  copy_through(lines_.size());
}

template <typename Owner>
void VnodeTable<Owner>::PatchLines(const VnodeTable& base,
                                   const std::vector<Edit>& edits,
                                   const std::vector<OwnerShift>& shifts) {
  CopyShifted(base.lines_.data(), lines_.size(), FirstOf(shifts),
              lines_.data());
  for (size_t i = 1; i < shifts.size(); ++i)
    for (Line<Owner>& line : lines_)
      std::transform(std::begin(line.owners), std::end(line.owners),
                     line.owners, Shifted<Owner>(shifts[i]));
  size_t filled = lines_.size();  // As is what comes after it.
  for (auto edit = edits.rbegin(); edit != edits.rend(); ++edit) {
    if (edit->line == filled) continue;
    filled = edit->line;
    const Owner first = lines_[filled].owners[0];
    FillLine(filled);
    if (lines_[filled].owners[0] != first) TellBefore(filled);
  }
}

// Puts the owner of the first point on or after `line` into the free slots
// before that point. Before line 0 comes the last one.
template <typename Owner>
void VnodeTable<Owner>::TellBefore(size_t line) {
  const Owner next = lines_[line].owners[0];
  size_t points;
  do {
    line = (line == 0 ? lines_.size() : line) - 1;
    points = firsts_[line + 1] - firsts_[line];
    for (size_t slot = points; slot < Line<Owner>::kSlots; ++slot)
      lines_[line].owners[slot] = next;
  } while (points == 0);
}

// Whether as many points are to be on the lines as are: a twelfth more or less
// is, with at most 7 bytes a point (11.7 with wide owners), and not many
// more open lookups.
template <typename Owner>
bool VnodeTable<Owner>::IsWellFilled(size_t count) const {
  const size_t ideal = lines_.size() * kFill;
  return ideal * 11 <= count * 12 && count * 12 <= ideal * 13;
}

// Puts points that are in order on as many lines as Build would.
template <typename Owner>
void VnodeTable<Owner>::CutLines() {
  Resize(&lines_, size() / kFill + 1);
  Resize(&firsts_, lines_.size() + 1);
  size_t line = 0;
  for (size_t v = 0; v < size(); ++v)
    for (const size_t of = PlaceOf(tokens_[v]).line; line <= of; ++line)
      firsts_[line] = static_cast<uint32_t>(v);
  for (; line <= lines_.size(); ++line)
    firsts_[line] = static_cast<uint32_t>(size());
  for (line = lines_.size(); line-- > 0;) FillLine(line);
}

template <typename ForEachPoint>
void Vnodes::Build(size_t nodes, size_t count, ForEachPoint for_each_point) {
  wide_ = IsWide(nodes);
  if (wide_) {
    of_many_.Build(count, for_each_point);
  } else {
    of_few_.Build(count, for_each_point);
  }
}

inline void Vnodes::Build(size_t nodes, const std::vector<Point>& points) {
  wide_ = IsWide(nodes);
  if (wide_) {
    of_many_.Build(points);
  } else {
    of_few_.Build(points);
  }
}

inline void Vnodes::Patch(const Vnodes& base, const VnodeChange& change) {
  wide_ = base.wide_;
  if (wide_) {
    of_few_ = {};
    of_many_.Patch(base.of_many_, change);
  } else {
    of_many_ = {};
    of_few_.Patch(base.of_few_, change);
  }
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_RING_VNODES_BUILD_H_
