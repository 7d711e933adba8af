// SPDX-License-Identifier: Apache-2.0
//
// Diff goes once around the circle, backwards, over the points of both rings:
//
//   arcs      ...  (t3, t4]   (t2, t3]   (t1, t2]   (last, t1]
//   had/has        the preference lists of each arc in both rings
//   transfers      newcomers of each arc, neighbours with equal ends merged
//
// Backwards, because a preference list then follows from the last one in O(k):
// the owner of the point that was passed moves to its front.

#include "trivet/ring/ring_diff.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "src/internal/invariant.h"
#include "src/ring/ring_rep.h"
#include "trivet/ring/hash_ring.h"
#include "trivet/ring/placement.h"

namespace trivet {
inline namespace v0_1 {
namespace {

using Rep = internal::RingAccess::Rep;

// A node by its place in the ids of both rings together, in id order.
using Member = uint32_t;

// The nodes of one ring in id order, in which those of some placements are not.
std::vector<NodeIndex> ById(const std::vector<RingNode>& nodes) {
  std::vector<NodeIndex> order(nodes.size());
  std::iota(order.begin(), order.end(), NodeIndex{0});
  const auto by_id = [&nodes](NodeIndex a, NodeIndex b) {
    return nodes[a].id < nodes[b].id;
  };
  if (!std::is_sorted(order.begin(), order.end(), by_id))
    std::sort(order.begin(), order.end(), by_id);
  return order;
}

struct BothMemberships {
  BothMemberships(const std::vector<RingNode>& before,
                  const std::vector<RingNode>& after)
      : of_before(before.size()), of_after(after.size()) {
    const std::vector<NodeIndex> b_order = ById(before);
    const std::vector<NodeIndex> a_order = ById(after);
    auto b = b_order.begin();
    auto a = a_order.begin();
    while (b != b_order.end() || a != a_order.end()) {
      const int order = b == b_order.end() ? 1
                        : a == a_order.end()
                            ? -1
                            : before[*b].id.compare(after[*a].id);
      const auto member = static_cast<Member>(ids.size());
      ids.push_back(order <= 0 ? &before[*b].id : &after[*a].id);
      stays.push_back(order >= 0);
      if (order <= 0) of_before[*b++] = member;
      if (order >= 0) of_after[*a++] = member;
    }
  }

  std::vector<const std::string*> ids;
  std::vector<bool> stays;        // Is a member of `after`.
  std::vector<Member> of_before;  // By NodeIndex.
  std::vector<Member> of_after;
};

// The preference list of one ring's keys on an arc, as one goes backwards.
class PreferenceListAt {
 public:
  PreferenceListAt(const Rep& rep, const std::vector<Member>& member_of,
                   size_t member_count, size_t replicas)
      : rep_(rep),
        member_of_(member_of),
        listed_(member_count),
        vnodes_left_(rep.vnodes.size()) {
    // Past the last point: the list of the first one.
    const size_t size = std::min(replicas, rep.placed_count);
    for (size_t v = 0; list_.size() < size; ++v) {
      const Member owner = member_of_[rep_.vnodes.owner(v)];
      if (!listed_[owner]) list_.push_back(owner);
      listed_[owner] = true;
    }
  }

  // The next point, going backwards; none when all have been passed.
  std::optional<Token> Next() const {
    if (vnodes_left_ == 0) return std::nullopt;
    return rep_.vnodes.token(vnodes_left_ - 1);
  }

  // Goes to the arc that ends at `token`, which is Next() or comes before it.
  void PassTo(Token token) {
    while (Next() == token) {
      MoveToFront(member_of_[rep_.vnodes.owner(vnodes_left_ - 1)]);
      --vnodes_left_;
    }
  }

  absl::Span<const Member> list() const { return list_; }
  bool Lists(Member member) const { return listed_[member]; }

 private:
  void MoveToFront(Member owner) {
    auto at = list_.end() - 1;
    if (listed_[owner]) {
      at = std::find(list_.begin(), list_.end(), owner);
    } else {
      listed_[*at] = false;
      listed_[owner] = true;
      *at = owner;
    }
    std::rotate(list_.begin(), at, at + 1);
  }

  const Rep& rep_;
  const std::vector<Member>& member_of_;
  std::vector<bool> listed_;  // By Member.
  std::vector<Member> list_;
  size_t vnodes_left_;
};

// Who gives the newcomers of an arc their copies; ring_diff.h states the order.
Member SourceOf(const PreferenceListAt& had, const PreferenceListAt& has,
                const BothMemberships& members) {
  for (const Member member : had.list())
    if (has.Lists(member)) return member;
  for (const Member member : had.list())
    if (members.stays[member]) return member;
  return had.list().front();
}

// Collects transfers arc by arc, going backwards, and joins each to the one it
// continues.
class TransferLog {
 public:
  explicit TransferLog(size_t member_count) : latest_to_(member_count, kNone) {}

  void Add(TokenRange arc, Member from, Member to) {
    if (latest_to_[to] != kNone) {
      Transfer& latest = transfers_[latest_to_[to]];
      if (latest.from == from && latest.range.after == arc.through) {
        latest.range.after = arc.after;
        return;
      }
    }
    latest_to_[to] = transfers_.size();
    transfers_.push_back({arc, from, to});
  }

  // The circle is closed at `last`: what ends there continues what came last,
  // across zero.
  void Close(Token last) {
    size_t kept = 0;
    for (const Transfer& t : transfers_) {
      Transfer& latest = transfers_[latest_to_[t.to]];
      const bool continues = &t != &latest && t.from == latest.from &&
                             t.range.through == last &&
                             latest.range.after == last;
      if (continues) {
        latest.range.after = t.range.after;
      } else {
        transfers_[kept++] = t;
      }
    }
    transfers_.resize(kept);
  }

  // In token order, by name.
  std::vector<RangeTransfer> Named(
      const std::vector<const std::string*>& ids) && {
    std::sort(transfers_.begin(), transfers_.end(),
              [](const Transfer& a, const Transfer& b) {
                return std::tie(a.range.through, a.to) <
                       std::tie(b.range.through, b.to);
              });
    std::vector<RangeTransfer> named;
    named.reserve(transfers_.size());
    for (const Transfer& t : transfers_)
      named.push_back({t.range, *ids[t.from], *ids[t.to]});
    return named;
  }

 private:
  struct Transfer {
    TokenRange range;
    Member from;
    Member to;
  };
  static constexpr size_t kNone = ~size_t{0};
  std::vector<Transfer> transfers_;
  std::vector<size_t> latest_to_;  // By Member: its last transfer's place.
};

}  // namespace

bool TokenRange::Contains(Token token) const {
  return after < through ? after < token && token <= through
                         : after < token || token <= through;
}

std::vector<RangeTransfer> Diff(const HashRing& before, const HashRing& after) {
  return Diff(before, after, 1);
}

std::vector<RangeTransfer> Diff(const HashRing& before, const HashRing& after,
                                size_t replicas) {
  const Rep& b = internal::RingAccess::Of(before);
  const Rep& a = internal::RingAccess::Of(after);
  TRIVET_INVARIANT(b.options.placement == a.options.placement &&
                       b.options.secret == a.options.secret,
                   "Diff requires rings of equal placement and secret");
  if (replicas == 0) return {};

  const BothMemberships members(b.nodes, a.nodes);
  const size_t count = members.ids.size();
  PreferenceListAt had(b, members.of_before, count, replicas);
  PreferenceListAt has(a, members.of_after, count, replicas);
  TransferLog log(count);
  const Token last = std::max(b.vnodes.token(b.vnodes.size() - 1),
                              a.vnodes.token(a.vnodes.size() - 1));
  for (std::optional<Token> through = last; through.has_value();) {
    had.PassTo(*through);
    has.PassTo(*through);
    const std::optional<Token> next = std::max(had.Next(), has.Next());
    const TokenRange arc = {next.value_or(last), *through};
    const Member source = SourceOf(had, has, members);
    for (const Member member : has.list())
      if (!had.Lists(member)) log.Add(arc, source, member);
    through = next;
  }
  log.Close(last);
  return std::move(log).Named(members.ids);
}

}  // namespace v0_1
}  // namespace trivet
