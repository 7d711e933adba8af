// SPDX-License-Identifier: Apache-2.0
//
// Which nodes keep a row, also while rows move.
//
// Every row lives on the first two nodes of its key's preference list. A change
// of membership, one node at a time, is carried out in steps: the ranges of
// Diff(before, after, 2), in token order, in a few dozen groups. What is in a
// group already switched is placed by the ring after, everything else by the
// ring before.
//
//   Diff:   [---- step 1 ----][---- step 2 ----][---- step 3 ----] ...
//            switched: after   frozen: no one    before
//
// The history of changes is one small text in a register, all the rest follows
// from it. So a process that is killed in the middle goes on where it was.
//
// Thread safety: Plan is a value; Directory is thread-safe.

#ifndef SHOP_DIRECTORY_H_
#define SHOP_DIRECTORY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "registers.h"
#include "trivet/ring/hash_ring.h"
#include "trivet/ring/ring_diff.h"
#include "work.h"

namespace shop {

inline constexpr size_t kReplicas = 2;

// One node came or went.
struct Change {
  enum Kind { kJoined, kLost } kind = kJoined;
  std::string node;
  size_t steps = 0;
  size_t steps_done = 0;
  size_t ranges = 0;       // Of Diff.
  int64_t rows_moved = 0;  // So far.

  bool Finished() const { return steps_done == steps; }
};

struct Membership {
  std::vector<std::string> first;  // The nodes of the first day.
  std::vector<Change> changes;     // All finished but perhaps the last.

  // The nodes after the first `changes_done` changes.
  std::vector<std::string> After(size_t changes_done) const;
  // The change by `node`; null: there is none.
  const Change* Find(Change::Kind kind, const std::string& node) const;

  std::string ToString() const;
  static absl::StatusOr<Membership> Parse(const std::string& text);
};

absl::StatusOr<trivet::HashRing> RingOf(const std::vector<std::string>& nodes);

// The first two nodes of the row's preference list.
Place PlaceOf(const trivet::HashRing& ring, const std::string& row);

// A membership with the rings that follow from it. Immutable.
class Plan {
 public:
  static absl::StatusOr<Plan> Make(Membership membership);

  const Membership& membership() const { return membership_; }
  const trivet::HashRing& before() const { return before_; }
  const trivet::HashRing& after() const { return after_; }
  const std::vector<trivet::RangeTransfer>& transfers() const {
    return transfers_;
  }
  // The change that is being carried out; null: none.
  const Change* moving() const;

  static constexpr size_t kNowhere = ~size_t{0};
  // The step in which `row` moves; kNowhere: it stays.
  size_t StepOf(const std::string& row) const;
  // The transfer whose range holds `row`, an index; kNowhere: none.
  size_t TransferOf(const std::string& row) const;
  // The nodes of `row` now.
  Place Where(const std::string& row) const;

 private:
  Plan(Membership membership, trivet::HashRing before, trivet::HashRing after);

  Membership membership_;
  trivet::HashRing before_;
  trivet::HashRing after_;  // Equal to before_ if nothing moves.
  std::vector<trivet::RangeTransfer> transfers_;  // By range.through.
};

class Directory {
 public:
  // Reads the register. kNotFound: nothing was ever written there.
  static absl::StatusOr<std::unique_ptr<Directory>> Open(
      trivet::VersionedStore* registers);
  // Writes the first membership.
  static absl::Status Create(trivet::VersionedStore* registers,
                             std::vector<std::string> nodes);

  std::shared_ptr<const Plan> plan() const;
  // Waits until the plan is another than `known`; false: the timeout passed.
  bool AwaitOther(const Plan* known, absl::Duration timeout) const;

  // Where `row` is. kUnavailable: it is moving, or waits to be rebuilt, or the
  // shop is closed.
  absl::StatusOr<Place> Route(const std::string& row) const;
  // OK if `place` is what Route says.
  absl::Status Check(const Place& place) const;

  // Begins a change. REQUIRES: no change is under way.
  absl::Status Begin(Change::Kind kind, const std::string& node);
  // Lets nobody use the rows of the next step, until Switch.
  void Freeze();
  // Lets nobody use any row, for good: the shop closes.
  void Close();
  // The rows of the next step live on their new nodes from now on, durably.
  absl::Status Switch(int64_t rows_moved);

 private:
  explicit Directory(Register reg) : register_(std::move(reg)) {}
  absl::Status Write(Membership membership);

  mutable absl::Mutex mu_;
  std::shared_ptr<const Plan> plan_ ABSL_GUARDED_BY(mu_);
  bool frozen_ ABSL_GUARDED_BY(mu_) = false;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  Register register_;  // Used by one thread at a time.
};

}  // namespace shop

#endif  // SHOP_DIRECTORY_H_
