// SPDX-License-Identifier: Apache-2.0

#include "src/cli/ring_arcs.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "trivet/ring/hash_ring.h"
#include "trivet/ring/placement.h"
#include "trivet/ring/ring_diff.h"

namespace trivet {
inline namespace v0_1 {
namespace cli {
namespace {

// A sector is less than a pixel wide on any circle that fits a screen.
constexpr int kSectorBits = 11;
constexpr size_t kSectors = size_t{1} << kSectorBits;

// An id that no node has.
std::string StrangerTo(const HashRing& ring) {
  const auto is_before = [](const RingNode& node, const std::string& id) {
    return node.id < id;
  };
  for (size_t i = 0;; ++i) {
    std::string id = std::to_string(i);
    const auto at = std::lower_bound(ring.nodes().begin(), ring.nodes().end(),
                                     id, is_before);
    if (at == ring.nodes().end() || at->id != id) return id;
  }
}

// Where owners end. A ring shows its points only by what moves, so: what moves
// if its nodes take over from a stranger? Everything.
std::vector<Token> EndsOf(const HashRing& ring) {
  HashRing::Builder builder(ring);
  for (const RingNode& node : ring.nodes()) builder.Remove(node.id);
  const absl::StatusOr<HashRing> before = builder.Add(StrangerTo(ring)).Build();
  std::vector<Token> ends;
  if (!before.ok()) return ends;
  for (const RangeTransfer& transfer : Diff(*before, ring))
    ends.push_back(transfer.range.through);
  return ends;
}

// Who owns tokens in either ring.
class Owners {
 public:
  Owners(const HashRing& before, const HashRing& after)
      : before_(before), after_(after), members_(MembersOf(before, after)) {}

  using Pair = std::pair<size_t, size_t>;
  Pair Of(Token token) const {
    return {IndexOf(before_.LookupToken(token)),
            IndexOf(after_.LookupToken(token))};
  }

 private:
  size_t IndexOf(const RingNode& node) const {
    const auto at = std::lower_bound(members_.begin(), members_.end(), node.id);
    return static_cast<size_t>(at - members_.begin());
  }

  const HashRing before_;
  const HashRing after_;
  const std::vector<std::string> members_;
};

double TurnOf(Token token) { return static_cast<double>(token) * 0x1p-64; }

void Append(double begin, double end, Owners::Pair owners,
            std::vector<CircleArc>* arcs) {
  if (!arcs->empty() && arcs->back().before == owners.first &&
      arcs->back().after == owners.second) {
    arcs->back().end = end;
  } else {
    arcs->push_back({begin, end, owners.first, owners.second});
  }
}

// The owners of most of the tokens from `first` to `last`. `ends` is the first
// end at or after `first`.
Owners::Pair MostOf(Token first, Token last, const Owners& owners,
                    std::vector<Token>::const_iterator ends,
                    std::vector<Token>::const_iterator ends_end) {
  std::map<Owners::Pair, Token> lengths;
  for (Token begin = first; begin <= last;) {
    const Token end = ends == ends_end ? last : std::min(*ends++, last);
    lengths[owners.Of(end)] += end - begin + 1;
    if (end == last) break;
    begin = end + 1;
  }
  return std::max_element(
             lengths.begin(), lengths.end(),
             [](const auto& a, const auto& b) { return a.second < b.second; })
      ->first;
}

}  // namespace

std::vector<std::string> MembersOf(const HashRing& before,
                                   const HashRing& after) {
  std::vector<std::string> ids;
  for (const HashRing* ring : {&before, &after})
    for (const RingNode& node : ring->nodes()) ids.push_back(node.id);
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

Circle CircleOf(const HashRing& before, const HashRing& after) {
  std::vector<Token> ends = EndsOf(before);
  const std::vector<Token> more = EndsOf(after);
  ends.insert(ends.end(), more.begin(), more.end());
  std::sort(ends.begin(), ends.end());
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());

  const Owners owners(before, after);
  Circle circle;
  if (ends.size() <= kSectors) {
    double begin = TurnOf(ends.back()) - 1;
    for (const Token end : ends) {
      Append(begin, TurnOf(end), owners.Of(end), &circle.arcs);
      begin = TurnOf(end);
    }
    return circle;
  }
  circle.sectors = kSectors;
  for (uint64_t i = 0; i < kSectors; ++i) {
    const Token first = i << (64 - kSectorBits);
    const Token last = first + (~Token{0} >> kSectorBits);
    const auto at = std::lower_bound(ends.begin(), ends.end(), first);
    Append(TurnOf(first), static_cast<double>(i + 1) / kSectors,
           MostOf(first, last, owners, at, ends.end()), &circle.arcs);
  }
  return circle;
}

}  // namespace cli
}  // namespace v0_1
}  // namespace trivet
