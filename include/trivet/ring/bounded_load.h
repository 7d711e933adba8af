// SPDX-License-Identifier: Apache-2.0
//
// BoundedLoad: consistent hashing in which no node is overloaded.
//
// Each unit of work goes to the first node of its key's walk that is below its
// capacity. With m units on the nodes of the ring, this one included, and a
// node's weight w among the weights W of all (of those that have points):
//
//   capacity = ceil((1 + epsilon) x m x w / W)
//
// The capacities sum to more than the m - 1 units there are, so that some node
// always has room. A small epsilon is a tight bound and moves more keys away
// from their owner; 0.25 is usual.
//
//   absl::StatusOr<BoundedLoad> load = BoundedLoad::Create(ring, 0.25);
//   BoundedLoad::Unit unit = load->Assign("user:42");
//   Send(unit.id(), ...);
//   load->Finish(std::move(unit));
//
// Thread safety: thread-compatible; guard concurrent use with a mutex.
// Source: Mirrokni, Thorup, Zadimoghaddam, "Consistent Hashing with Bounded
// Loads", SODA 2018.

#ifndef TRIVET_RING_BOUNDED_LOAD_H_
#define TRIVET_RING_BOUNDED_LOAD_H_

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "trivet/config.h"
#include "trivet/ring/hash_ring.h"

namespace trivet {
inline namespace v0_1 {

class TRIVET_EXPORT BoundedLoad {
 public:
  // One unit of work, counted on its node until it is finished. Outlives
  // changes of membership: a node that left keeps its count until it drains.
  class Unit;

  // kInvalidArgument: epsilon is not within [2^-20, 2^20]. It is taken to the
  // nearest multiple of 2^-32.
  static absl::StatusOr<BoundedLoad> Create(const HashRing& ring,
                                            double epsilon);

  // The units go along. What was moved from may be destroyed or assigned to.
  BoundedLoad(BoundedLoad&&) = default;
  BoundedLoad& operator=(BoundedLoad&&) = default;

  // Picks a node for one unit of work on `key` and counts it there. Total: some
  // node always has room. Does not allocate. The cost of a lookup while the
  // owner has room; at worst it passes every point of the ring. A unit that is
  // dropped and not finished stays counted.
  Unit Assign(std::string_view key);

  // REQUIRES: `unit` was assigned here, and not moved from.
  void Finish(Unit unit);

  // Adopts a new membership; capacities follow at once. Units stay on the node
  // that they were assigned to, whether it stays or leaves. A node that leaves
  // and returns before it has drained still has its units.
  void SetRing(const HashRing& ring);

  const HashRing& ring() const { return ring_; }

  // Units on a node of ring(), and on all of them that have points together.
  uint64_t LoadOf(NodeIndex node) const { return seats_[seat_of_[node]].load; }
  uint64_t TotalLoad() const { return total_; }

 private:
  // A node and its units, in a place that does not change while it has some.
  struct Seat {
    uint64_t load = 0;
    uint32_t weight = 0;              // 0: not of this ring.
    const std::string* id = nullptr;  // In ids_.
  };

  BoundedLoad(const HashRing& ring, uint64_t factor);
  bool HasRoom(const Seat& seat) const;
  NodeIndex NextWithRoom(Token token) const;

  HashRing ring_;
  uint64_t factor_;            // 1 + epsilon, in units of 2^-32.
  uint64_t weight_total_ = 0;  // Of the nodes of this ring, as are the units:
  uint64_t total_ = 0;
  std::vector<uint32_t> seat_of_;  // By NodeIndex.
  std::vector<Seat> seats_;
  std::deque<std::string> ids_;  // By seat. They stay where they are.
};

// Movable; what was moved from is no unit any more and has no id. node() is of
// the ring that the unit was assigned under; id() is good until it is finished,
// or the BoundedLoad is gone.
class TRIVET_EXPORT BoundedLoad::Unit {
 public:
  Unit(Unit&& other) noexcept
      : seat_(other.seat_),
        node_(other.node_),
        id_(std::exchange(other.id_, nullptr)) {}
  Unit& operator=(Unit&& other) noexcept {
    seat_ = other.seat_;
    node_ = other.node_;
    id_ = std::exchange(other.id_, nullptr);
    return *this;
  }

  NodeIndex node() const { return node_; }
  const std::string& id() const { return *id_; }

 private:
  friend class BoundedLoad;
  Unit(uint32_t seat, NodeIndex node, const std::string* id)
      : seat_(seat), node_(node), id_(id) {}

  uint32_t seat_;
  NodeIndex node_;
  const std::string* id_;
};

}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_RING_BOUNDED_LOAD_H_
