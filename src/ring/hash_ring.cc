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
#include "src/internal/mutant.h"
#include "src/ring/ring_rep.h"
#include "src/ring/vnodes.h"
#include "trivet/ring/placement.h"

namespace trivet {
inline namespace v0_1 {
HashRing::HashRing(std::shared_ptr<const Rep> rep) : rep_(std::move(rep)) {}

Token HashRing::TokenOf(std::string_view key) const {
  return rep_->TokenOf(key);
}

const RingNode& HashRing::Lookup(std::string_view key) const& {
  return LookupToken(TokenOf(key));
}

const RingNode& HashRing::LookupToken(Token token) const& {
  if (TRIVET_MUTANT(ring_boundary_is_the_next_ones)) ++token;
  return rep_->nodes[rep_->vnodes.OwnerAt(token)];
}

NodeIndex HashRing::LookupIndex(std::string_view key) const {
  return rep_->vnodes.OwnerAt(rep_->TokenOf(key));
}

// Hashes sixteen keys and starts to fetch the line of each before it reads the
// first, so that their cache misses overlap.
void HashRing::LookupBatch(absl::Span<const std::string_view> keys,
                           absl::Span<NodeIndex> owners) const {
  TRIVET_INVARIANT(owners.size() == keys.size(),
                   "LookupBatch requires as many owners as keys");
  constexpr size_t kLanes = 16;
  const Rep& rep = *rep_;
  std::array<Token, kLanes> tokens;
  for (size_t done = 0; done < keys.size(); done += kLanes) {
    const size_t lanes = std::min(kLanes, keys.size() - done);
    for (size_t i = 0; i < lanes; ++i) {
      tokens[i] = rep.TokenOf(keys[done + i]);
      rep.vnodes.Prefetch(tokens[i]);
    }
    for (size_t i = 0; i < lanes; ++i)
      owners[done + i] = rep.vnodes.OwnerAt(tokens[i]);
  }
}

absl::Span<const RingNode> HashRing::nodes() const& { return rep_->nodes; }

size_t HashRing::vnode_count() const { return rep_->vnodes.size(); }

uint64_t HashRing::Fingerprint() const { return rep_->fingerprint; }

std::vector<double> HashRing::Shares() const {
  const Rep& rep = *rep_;
  // A node alone owns 2^64 tokens, one more than 64 bits can count.
  std::vector<absl::uint128> tokens_of(rep.nodes.size());
  Token previous = 0;
  for (size_t v = 0; v < rep.vnodes.size(); ++v) {
    const Token token = rep.vnodes.token(v);
    tokens_of[rep.vnodes.owner(v)] += token - previous;
    previous = token;
  }
  // The arc that wraps, (last, first]; its part before zero is missing yet.
  tokens_of[rep.vnodes.owner(0)] += (absl::uint128(1) << 64) - previous;

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
  const size_t wanted = std::min(into.size(), rep.placed_count);
  size_t filled = 0;
  for (internal::Position at = rep.vnodes.At(rep.TokenOf(key)); filled < wanted;
       at = rep.vnodes.After(at)) {
    const RingNode* const node = &rep.nodes[rep.vnodes.OwnerAt(at)];
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
  const NodeSpan list = into.first(std::min(into.size(), rep.placed_count));
  std::fill(list.begin(), list.end(), nullptr);
  size_t left = list.size();
  for (internal::Position at = rep.vnodes.At(rep.TokenOf(key)); left > 0;
       at = rep.vnodes.After(at))
    left -= rep.PutByZone(rep.vnodes.OwnerAt(at), list) ? 1 : 0;
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

HashRing::NodeWalk::NodeWalk(const Rep* rep, Token token) : rep_(rep) {
  const internal::Position at = rep_->vnodes.At(token);
  line_ = at.line;
  slot_ = at.slot;
  Meet(rep_->vnodes.OwnerAt(at));
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
  const Rep& rep = *walk_->rep_;
  return rep.nodes[rep.vnodes.OwnerAt({walk_->line_, walk_->slot_})];
}

HashRing::NodeWalk::iterator& HashRing::NodeWalk::iterator::operator++() {
  NodeWalk& walk = *walk_;
  if (walk.met_count_ == walk.rep_->placed_count) {
    walk.rep_ = nullptr;
    walk_ = nullptr;
    return *this;
  }
  const internal::Vnodes& vnodes = walk.rep_->vnodes;
  internal::Position at = {walk.line_, walk.slot_};
  do {
    at = vnodes.After(at);
  } while (!walk.Meet(vnodes.OwnerAt(at)));
  walk.line_ = at.line;
  walk.slot_ = at.slot;
  ++walk.met_count_;
  return *this;
}

}  // namespace v0_1
}  // namespace trivet
