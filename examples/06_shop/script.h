// SPDX-License-Identifier: Apache-2.0
//
// What goes wrong, and when: five events, one after the other, each under load
// and each once in the life of a directory. What has happened is written down
// in a register, so that a process that was killed does not repeat it.
//
//   at 10 % of the orders   the coordinator dies between decision and notices
//   at 20 %                 a node dies, and comes back from its log
//   at 30 %                 a sixth node joins
//   at 55 %                 a node dies together with its data
//   at 80 %                 the coordinator is paused, deposed, and comes back
//
// Thread safety: thread-compatible.

#ifndef SHOP_SCRIPT_H_
#define SHOP_SCRIPT_H_

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "checkout.h"
#include "console.h"
#include "front.h"
#include "keeper.h"
#include "node.h"
#include "registers.h"

namespace shop {

enum class Fault { kCoordinator, kNode, kJoin, kLoss, kStale };
inline constexpr size_t kFaults = 5;

// What the register remembers of one fault.
struct FaultNote {
  std::string node;      // Chosen, so that it stays the same after a kill.
  std::string survived;  // How it went; empty: not over yet.
};

class FaultNotes {
 public:
  static absl::StatusOr<FaultNotes> Read(trivet::VersionedStore* registers);

  const FaultNote& operator[](Fault fault) const {
    return notes_[static_cast<size_t>(fault)];
  }
  absl::Status Choose(Fault fault, const std::string& node);
  absl::Status Survived(Fault fault, const std::string& how);

 private:
  explicit FaultNotes(Register reg) : register_(std::move(reg)) {}
  absl::Status Write();

  Register register_;
  std::array<FaultNote, kFaults> notes_;
};

const char* NameOf(Fault fault);

class Script {
 public:
  struct Cast {
    Console* console = nullptr;
    Room room;
    Directory* directory = nullptr;
    Cluster* cluster = nullptr;
    Keeper* keeper = nullptr;
    Chair* chair = nullptr;
    Checkout* checkout = nullptr;
    FaultNotes* notes = nullptr;
    std::function<absl::StatusOr<std::unique_ptr<Front>>(std::string)> hire;
  };

  // `fronts` are those that campaign; the script kills and hires some.
  Script(Cast cast, std::vector<std::unique_ptr<Front>>* fronts, size_t orders,
         size_t in_flight, uint64_t seed);

  // Lets the orders in, and everything above happen, until all are decided.
  absl::Status Run();

 private:
  size_t Begin(size_t fault) const;  // In decided orders.
  // Waits for that many decided orders, or all that may be placed.
  absl::Status Await(size_t decided) const;
  absl::Status Happen(Fault fault);
  absl::Status KillCoordinator();
  absl::Status KillNode();
  absl::Status JoinNode();
  absl::Status LoseNode();
  absl::Status PauseCoordinator();

  // Arms whoever leads and waits until it sprung, letting orders in little by
  // little. Returns the leader, struck; or not, if nothing is left that it
  // could decide (had_decision is false).
  using Arm = std::function<void(Front*, Valve::Call sprung)>;
  Front* StrikeLeader(const Arm& arm, bool* had_decision);
  // Waits until the change is carried out, and lets orders in at its pace.
  absl::StatusOr<Change> AwaitChange(Change::Kind kind,
                                     const std::string& node);
  absl::StatusOr<std::string> NodeFor(Fault fault);
  double Now() const;

  const Cast cast_;
  std::vector<std::unique_ptr<Front>>* const fronts_;
  const size_t orders_;
  const size_t window_;
  const uint64_t seed_;
  size_t at_ = 0;  // Which fault is next, or goes on.
};

}  // namespace shop

#endif  // SHOP_SCRIPT_H_
