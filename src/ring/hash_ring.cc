// SPDX-License-Identifier: Apache-2.0

#include "trivet/ring/hash_ring.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/numeric/int128.h"
#include "absl/types/span.h"
#include "src/internal/invariant.h"
#include "src/ring/ring_rep.h"
#include "src/ring/token.h"
#include "trivet/ring/placement.h"

namespace trivet {
inline namespace v0_1 {
namespace {

// One step of a binary search that a processor runs without a branch: `half` if
// `skip`, else 0. Of `skip ? half : 0` g++ 12 makes a branch, which a random
// key mispredicts every other time; clang 14 even of a mask that it can see
// through.
size_t HalfIf(bool skip, size_t half) {
  // NOLINTNEXTLINE(misc-const-correctness): the asm may change it.
  size_t mask = size_t{0} - static_cast<size_t>(skip);
#if defined(__GNUC__)
  asm("" : "+r"(mask));
#endif
  return half & mask;
}

void Prefetch([[maybe_unused]] const Token* token) {
#if defined(__GNUC__)
  __builtin_prefetch(token);
#endif
}

}  // namespace

size_t HashRing::Rep::VnodeAt(Token token) const {
  const Token* first = tokens.data();
  for (size_t left = tokens.size(); left > 1;) {
    const size_t half = left / 2;
    left -= half;
    // What the next step reads, whichever way this one goes: no processor
    // guesses the way where there is no branch.
    Prefetch(&first[left / 2]);
    Prefetch(&first[half + left / 2]);
    first += HalfIf(first[half - 1] < token, half);
  }
  const size_t vnode =
      static_cast<size_t>(first - tokens.data()) + HalfIf(*first < token, 1);
  return vnode == tokens.size() ? 0 : vnode;
}

HashRing::HashRing(std::shared_ptr<const Rep> rep) : rep_(std::move(rep)) {}

Token HashRing::TokenOf(std::string_view key) const {
  return rep_->hash.OfKey(key);
}

const RingNode& HashRing::Lookup(std::string_view key) const& {
  return LookupToken(TokenOf(key));
}

const RingNode& HashRing::LookupToken(Token token) const& {
  return rep_->nodes[rep_->owners[rep_->VnodeAt(token)]];
}

NodeIndex HashRing::LookupIndex(std::string_view key) const {
  return rep_->owners[rep_->VnodeAt(TokenOf(key))];
}

// The searches of sixteen keys go in step: their halves are the same, so their
// cache misses overlap.
void HashRing::LookupBatch(absl::Span<const std::string_view> keys,
                           absl::Span<NodeIndex> owners) const {
  TRIVET_INVARIANT(owners.size() == keys.size(),
                   "LookupBatch requires as many owners as keys");
  constexpr size_t kLanes = 16;
  const std::vector<Token>& tokens = rep_->tokens;
  for (size_t done = 0; done < keys.size(); done += kLanes) {
    const size_t lanes = std::min(kLanes, keys.size() - done);
    std::array<Token, kLanes> token;
    std::array<size_t, kLanes> vnode = {};
    for (size_t i = 0; i < lanes; ++i) token[i] = TokenOf(keys[done + i]);
    for (size_t left = tokens.size(); left > 1;) {
      const size_t half = left / 2;
      for (size_t i = 0; i < lanes; ++i)
        vnode[i] += HalfIf(tokens[vnode[i] + half - 1] < token[i], half);
      left -= half;
    }
    for (size_t i = 0; i < lanes; ++i) {
      vnode[i] += HalfIf(tokens[vnode[i]] < token[i], 1);
      owners[done + i] = rep_->owners[vnode[i] == tokens.size() ? 0 : vnode[i]];
    }
  }
}

absl::Span<const RingNode> HashRing::nodes() const& { return rep_->nodes; }

size_t HashRing::vnode_count() const { return rep_->tokens.size(); }

uint64_t HashRing::Fingerprint() const { return rep_->fingerprint; }

std::vector<double> HashRing::Shares() const {
  const Rep& rep = *rep_;
  // A node alone owns 2^64 tokens, one more than 64 bits can count.
  std::vector<absl::uint128> tokens_of(rep.nodes.size());
  Token previous = 0;
  for (size_t i = 0; i < rep.tokens.size(); ++i) {
    tokens_of[rep.owners[i]] += rep.tokens[i] - previous;
    previous = rep.tokens[i];
  }
  // The arc that wraps, (last, first]; its part before zero is missing yet.
  tokens_of[rep.owners[0]] += (absl::uint128(1) << 64) - previous;

  std::vector<double> shares(rep.nodes.size());
  for (size_t i = 0; i < shares.size(); ++i)
    shares[i] = std::ldexp(static_cast<double>(tokens_of[i]), -64);
  return shares;
}

HashRing::NodeWalk HashRing::Walk(std::string_view key) const& {
  return NodeWalk(rep_.get(), TokenOf(key));
}

HashRing::NodeSpan HashRing::PreferenceList(std::string_view key,
                                            NodeSpan into) const& {
  const Rep& rep = *rep_;
  const size_t wanted = std::min(into.size(), rep.nodes.size());
  size_t filled = 0;
  for (size_t v = rep.VnodeAt(TokenOf(key)); filled < wanted;
       v = rep.VnodeAfter(v)) {
    const RingNode* const node = &rep.nodes[rep.owners[v]];
    const auto end = into.begin() + filled;
    if (std::find(into.begin(), end, node) == end) into[filled++] = node;
  }
  return into.first(filled);
}

// Part r of the list holds round r, the r-th nodes of their zones, and so has a
// place for every zone with more than r nodes. One walk fills all the parts,
// each from its beginning on: this puts the node that the walk stands at into
// its part. False: it is there already, or only rounds past the list's end
// would take it.
bool HashRing::Rep::PutByZone(NodeIndex index, NodeSpan list) const {
  const RingNode* const node = &nodes[index];
  const auto is_free_or_of_its_zone = [&](const RingNode* other) {
    return other == nullptr ||
           zone_of[static_cast<size_t>(other - nodes.data())] == zone_of[index];
  };
  auto part = list.begin();
  for (size_t round = 0; part != list.end(); ++round) {
    const auto left = static_cast<size_t>(list.end() - part);
    const auto part_end =
        part + std::min<size_t>(zones_deeper_than[round], left);
    const auto at = std::find_if(part, part_end, is_free_or_of_its_zone);
    if (at == part_end || *at == node) return false;
    if (*at == nullptr) {
      *at = node;
      return true;
    }
    part = part_end;  // An earlier node of its zone has the place.
  }
  return false;
}

HashRing::NodeSpan HashRing::PreferZones(std::string_view key,
                                         NodeSpan into) const& {
  const Rep& rep = *rep_;
  const NodeSpan list = into.first(std::min(into.size(), rep.nodes.size()));
  std::fill(list.begin(), list.end(), nullptr);
  size_t left = list.size();
  for (size_t v = rep.VnodeAt(TokenOf(key)); left > 0; v = rep.VnodeAfter(v))
    left -= rep.PutByZone(rep.owners[v], list) ? 1 : 0;
  return list;
}

namespace {

constexpr size_t kWordBits = 32;

// Returns whether the bit was clear.
bool SetBit(uint32_t* bitmap, size_t bit) {
  uint32_t& word = bitmap[bit / kWordBits];
  const uint32_t mask = uint32_t{1} << (bit % kWordBits);
  const bool was_clear = (word & mask) == 0;
  word |= mask;
  return was_clear;
}

}  // namespace

HashRing::NodeWalk::NodeWalk(const Rep* rep, Token token)
    : rep_(rep), vnode_(rep->VnodeAt(token)) {
  Meet(rep_->owners[vnode_]);
  met_count_ = 1;
}

// Returns whether `node` is met for the first time. `few_` is a bitmap where
// one fits; in a larger ring it lists the first nodes, and `many_` follows.
bool HashRing::NodeWalk::Meet(NodeIndex node) {
  if (rep_->nodes.size() <= std::size(few_) * kWordBits)
    return SetBit(few_, node);
  if (!many_.empty()) return SetBit(many_.data(), node);

  NodeIndex* const end = few_ + met_count_;
  if (std::find(few_, end, node) != end) return false;
  if (met_count_ < std::size(few_)) {
    *end = node;
    return true;
  }
  many_.resize(rep_->nodes.size() / kWordBits + 1);
  for (const NodeIndex earlier : few_) SetBit(many_.data(), earlier);
  return SetBit(many_.data(), node);
}

HashRing::NodeWalk::iterator HashRing::NodeWalk::begin() {
  iterator at;
  at.walk_ = rep_ == nullptr ? nullptr : this;
  return at;
}

HashRing::NodeWalk::iterator HashRing::NodeWalk::end() { return {}; }

HashRing::NodeWalk::iterator::reference
HashRing::NodeWalk::iterator::operator*() const {
  return walk_->rep_->nodes[walk_->rep_->owners[walk_->vnode_]];
}

HashRing::NodeWalk::iterator& HashRing::NodeWalk::iterator::operator++() {
  NodeWalk& walk = *walk_;
  if (walk.met_count_ == walk.rep_->nodes.size()) {
    walk.rep_ = nullptr;
    walk_ = nullptr;
    return *this;
  }
  do {
    walk.vnode_ = walk.rep_->VnodeAfter(walk.vnode_);
  } while (!walk.Meet(walk.rep_->owners[walk.vnode_]));
  ++walk.met_count_;
  return *this;
}

}  // namespace v0_1
}  // namespace trivet
