// SPDX-License-Identifier: Apache-2.0
//
// What a TxnWorld hears from its processes, and whether there was a reason for
// it: answers to callers, what operators see, roles that have stopped.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "src/txn/codec.h"
#include "src/txn/describe.h"
#include "tests/sim/sim_database.h"
#include "tests/sim/txn_world.h"
#include "trivet/host/log_store.h"
#include "trivet/testing/history.h"
#include "trivet/testing/sim_host.h"
#include "trivet/txn/coordinator.h"
#include "trivet/txn/participant.h"
#include "trivet/txn/transaction.h"

namespace trivet {
namespace sim {
namespace {

using testing::SimHost;

// How long a fault keeps a host from a log over the network: the longest delay,
// cut or pause, up to a second until it begins, and the time-out of a call.
constexpr absl::Duration kDisturbed = absl::Milliseconds(4500);

}  // namespace

// A callback that is owed to a caller.
class TxnWorld::Owed {
 public:
  Owed(TxnWorld* world, const CoordinatorRole* role)
      : world_(world),
        role_(role),
        host_(&role->host()),
        starts_(host_->starts()) {
    world_->owed_.insert(this);
  }
  Owed(const Owed&) = delete;
  Owed& operator=(const Owed&) = delete;

  // It may be destroyed uncalled only with its process.
  ~Owed() {
    world_->owed_.erase(this);
    if (times_ == 0 && host_->IsUp() && host_->starts() == starts_) {
      world_->violations_.Add("Answer", "a caller was never told");
    }
  }

  void Comes() {
    world_->owed_.erase(this);
    if (++times_ > 1) world_->violations_.Add("Answer", "a caller came twice");
  }

  bool IsOwedBy(const CoordinatorRole* role) const { return role_ == role; }

 private:
  TxnWorld* const world_;
  const CoordinatorRole* const role_;
  const SimHost* const host_;
  const uint64_t starts_;
  int times_ = 0;
};

Coordinator::RunDone TxnWorld::Answer(CoordinatorRole* role,
                                      std::vector<Branch> branches) {
  return
      [this, role, owed = std::make_unique<Owed>(this, role),
       branches = std::move(branches)](const absl::StatusOr<Outcome>& outcome) {
        owed->Comes();
        // The destructor says what is still owed, and can be asked nothing.
        Coordinator* const open = role->coordinator();
        if (absl::IsCancelled(outcome.status()) && open == nullptr) return;
        Told(outcome, branches, open == nullptr || !open->Health().ok());
      };
}

// Nothing is refused, and nothing is left unknown, but by a coordinator that
// has stopped.
void TxnWorld::Told(const absl::StatusOr<Outcome>& outcome,
                    const std::vector<Branch>& branches, bool has_stopped) {
  if (!outcome.ok()) {
    if (has_stopped && absl::IsFailedPrecondition(outcome.status())) return;
    violations_.Add("Answer", outcome.status().ToString());
    return;
  }
  checkers_.told.Knows(outcome->id, ParticipantsIn(branches.front().work));
  if (!outcome->decision.has_value()) {
    if (!has_stopped) {
      violations_.Add("Answer", absl::StrCat(outcome->id.ToString(),
                                             " is unknown without a reason"));
    }
    sim_.Note(absl::StrCat("told unknown ", outcome->id.ToString()));
    if (known_.count(outcome->id) == 0) unknown_[outcome->id] = branches.size();
    return;
  }
  if (plan_.faultless && outcome->decision != Decision::kCommit) {
    violations_.Add("AC4", absl::StrCat(outcome->id.ToString(),
                                        " aborted: ", outcome->reason));
  }
  ToldLater(outcome->id, *outcome->decision);
}

void TxnWorld::ToldLater(const TxnId& id, Decision decision) {
  sim_.Note(
      absl::StrCat("told ", internal::Describe(decision), " ", id.ToString()));
  if (decision == Decision::kCommit && known_.count(id) == 0) ++committed_;
  known_[id] = decision;
  unknown_.erase(id);
  checkers_.told.Told(id, decision);
}

const TxnId* TxnWorld::SomeTold() {
  if (known_.empty()) return nullptr;
  const uint64_t drawn = sim_.Draw("ask again", asked_again_++);
  return &std::next(known_.begin(), static_cast<int64_t>(drawn % known_.size()))
              ->first;
}

void TxnWorld::ToldAgain(
    const std::string& coordinator, const TxnId& id,
    const absl::StatusOr<std::optional<Decision>>& outcome) {
  if (outcome.ok() && outcome->has_value()) {
    return checkers_.told.Told(id, **outcome);
  }
  if (absl::IsNotFound(outcome.status())) return;
  // Another's id, or of a name that no log has kept, and nothing can have been
  // committed under.
  const bool is_its_own = internal::AddressOf(id.coordinator) == coordinator;
  if (absl::IsInvalidArgument(outcome.status()) &&
      (!is_its_own || known_[id] == Decision::kAbort)) {
    return;
  }
  violations_.Add(
      "Answer",
      absl::StrCat(id.ToString(), " was told, and is asked after: ",
                   outcome.ok() ? "undecided" : outcome.status().ToString()));
}

// --- What operators do ------------------------------------------------------

std::optional<Decision> TxnWorld::Rules(const TxnId& id,
                                        const std::string& participant) {
  if (!plan_.has_operator || calm_) return std::nullopt;
  const uint64_t drawn = sim_.Draw("operator", asked_operator_++);
  if (drawn % 16 != 0) return std::nullopt;
  const Decision decision =
      drawn / 16 % 2 == 0 ? Decision::kCommit : Decision::kAbort;
  checkers_.Ruled(id, participant, decision);
  return decision;
}

void TxnWorld::CheckVerdict(const std::string& participant,
                            const Participant::Verdict& verdict,
                            const absl::Status& forgotten) {
  const std::string what =
      absl::StrCat(verdict.id.ToString(), " at ", participant);
  if (!checkers_.IsRuled(verdict.id, participant) ||
      checkers_.ruled[verdict.id][participant] != verdict.decision) {
    violations_.Add("Operator", what + " has a verdict that nobody gave");
  }
  if (forgotten.ok() != verdict.answer.has_value()) {
    violations_.Add(
        "Operator",
        absl::StrCat(what, " is forgotten: ", forgotten.ToString()));
  }
}

bool TxnWorld::Drains(const std::string& coordinator) {
  return plan_.drains && !calm_ &&
         sim_.Draw("drain " + coordinator, asked_to_drain_++) % 16 == 0;
}

void TxnWorld::Drained(CoordinatorRole* role) {
  for (const Owed* owed : owed_) {
    if (!owed->IsOwedBy(role)) continue;
    violations_.Add("Drain", role->name() + " has drained and owes an answer");
  }
  for (const auto& [id, decision] : known_) {
    const auto outcome = role->coordinator()->OutcomeOf(id);
    if (!outcome.ok()) continue;
    violations_.Add("Drain", absl::StrCat(role->name(), " has drained and has ",
                                          id.ToString(), " in flight"));
  }
}

// Whether there was a failure of this log that no stop has been explained by.
bool TxnWorld::ItsLogFailed(std::string_view role) {
  const std::string place = absl::StrCat(" -> ", std::string(role), " ");
  size_t failures = 0;
  for (const testing::SimFault& fault : sim_.FaultsFired()) {
    const bool fails = fault.kind == "sync error" ||
                       fault.kind == "claim error" ||
                       fault.kind == "read error" || fault.kind == "disk full";
    if (fails && absl::StrContains(fault.id, place)) ++failures;
  }
  size_t& explained = failures_[std::string(role)];
  return std::exchange(explained, failures) < failures;
}

// Whether a fault struck not long ago at `host`, on its links to what is
// outside of all hosts, or in `log`, which is there.
bool TxnWorld::IsDisturbed(const SimHost& host, std::string_view log) {
  const std::string name = absl::StrCat(" ", std::string(host.name()), " ");
  const std::string world(SimHost::kWorld);
  const std::vector<testing::SimFault> faults = sim_.FaultsFired();
  return std::any_of(
      faults.rbegin(), faults.rend(), [&](const testing::SimFault& fault) {
        if (!absl::StrContains(fault.id, name)) return false;
        const bool on_a_link = absl::StrContains(fault.id, " -> ");
        const bool to_the_log =
            absl::StrContains(fault.id, absl::StrCat(" -> ", world, " ")) ||
            absl::StrContains(fault.id, absl::StrCat(" ", world, " -> ")) ||
            absl::StrContains(fault.id,
                              absl::StrCat(" -> ", std::string(log), " "));
        absl::Duration when;
        return (!on_a_link || to_the_log) &&
               absl::ParseDuration(fault.text.substr(0, fault.text.find(' ')),
                                   &when) &&
               sim_.Elapsed() - when < kDisturbed;
      });
}

// Whether a later epoch of the log may have been claimed. Who could not be
// opened may have claimed its epoch all the same.
bool TxnWorld::IsFenced(std::string_view log, Epoch epoch,
                        const absl::Status& why) {
  Epoch& claimed = claimed_[std::string(log)];
  claimed = std::max(claimed, log_checker(std::string(log))->epoch());
  const bool is_fenced = epoch < claimed;
  if (absl::IsUnavailable(why)) claimed = std::max(claimed, epoch);
  return is_fenced;
}

void TxnWorld::Stopped(const SimHost& host, std::string_view role,
                       std::optional<Epoch> epoch, const absl::Status& health) {
  sim_.Note(absl::StrCat(std::string(role), " stopped: ", health.ToString()));
  const bool is_fenced = epoch && IsFenced(role, *epoch, health);
  if (!host.IsUp()) return;  // Also if its disk has rotted.
  if (epoch.has_value()) {
    if (absl::IsAborted(health) && is_fenced) return;
    if (absl::IsUnavailable(health) && IsDisturbed(host, role)) return;
  } else if ((absl::IsUnavailable(health) ||
              absl::IsResourceExhausted(health)) &&
             ItsLogFailed(role)) {
    return;
  }
  violations_.Add("Health",
                  absl::StrCat(std::string(role), ": ", health.ToString()));
}

}  // namespace sim
}  // namespace trivet
