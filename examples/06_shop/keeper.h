// SPDX-License-Identifier: Apache-2.0
//
// Keeps every row on two nodes. Watches the nodes' leases: whoever neither
// renews its lease nor answers is lost, is taken off the ring, and its rows are
// copied from the nodes that still have them. Nobody has to say so. The same
// steps move rows to a node that joins:
//
//   for each group of ranges of Diff(before, after, 2):
//     freeze    nobody may take new work on these rows
//     settle    wait until nothing is reserved of them
//     copy      to whoever Diff says, durably
//     switch    one register: from here on they live there
//
// Killed at any point, it goes on from the register: a group that was not
// switched is copied once more, and copies replace what was there.
//
// If it cannot go on, it rings the alarm.
//
// Thread safety: thread-safe; it works on a thread of its own.

#ifndef SHOP_KEEPER_H_
#define SHOP_KEEPER_H_

#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "console.h"
#include "directory.h"
#include "node.h"
#include "trivet/lock/lock_client.h"

namespace shop {

class Keeper {
 public:
  static absl::StatusOr<std::unique_ptr<Keeper>> Start(Console* console,
                                                       const Room& room,
                                                       Directory* directory,
                                                       Cluster* cluster);
  ~Keeper();

  // Takes `node`, which is up, into the ring, soon.
  void Join(const std::string& node);

  // Begins no change any more, and waits for the one under way, or for the
  // timeout.
  void Retire(absl::Duration timeout);

 private:
  struct Caught {
    std::string node;
    trivet::Lease lease;
  };

  Keeper(Console* console, const Room& room, Directory* directory,
         Cluster* cluster);
  void Work();
  absl::Status WorkUntilStopped();
  // Asks for the node's lease: to get it means that the node did not renew it.
  void Watch(const std::string& node);
  absl::Status OnCaught(Caught caught);
  absl::Status Carry(Change::Kind kind, const std::string& node);
  absl::Status FinishChange();
  absl::Status Step(const Plan& plan);
  // How many rows; kUnavailable: a node went down, copy once more.
  absl::StatusOr<int64_t> Copy(const Plan& plan, Book::Wanted wanted);
  bool Pause(absl::Duration time) const;  // False: stop.

  Console* const console_;
  const Room room_;
  Directory* const directory_;
  Cluster* const cluster_;
  mutable absl::Mutex mu_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  bool retiring_ ABSL_GUARDED_BY(mu_) = false;
  bool has_ended_ ABSL_GUARDED_BY(mu_) = false;
  std::deque<std::string> joining_ ABSL_GUARDED_BY(mu_);
  std::deque<Caught> caught_ ABSL_GUARDED_BY(mu_);
  std::vector<trivet::Lease> graves_;  // Nobody can bear a dead node's name.
  std::unique_ptr<trivet::LockClient> locks_;
  std::thread thread_;
};

// "node-1  ######  19.8 %", a line a node.
std::vector<std::string> ShareBars(const trivet::HashRing& ring);

}  // namespace shop

#endif  // SHOP_KEEPER_H_
