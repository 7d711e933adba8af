// SPDX-License-Identifier: Apache-2.0
//
// SimDatabase: what transactions change, outside of all hosts, as a database
// server is. SimResource: a participant's connection to it, over the network.
//
// A request may land late, after its process died: a slow prepare makes an
// orphan. But as in a database, what an older session still sends about a
// transaction is refused once a newer one has touched it.

#ifndef TRIVET_TESTS_SIM_SIM_DATABASE_H_
#define TRIVET_TESTS_SIM_SIM_DATABASE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "trivet/testing/atomicity_checker.h"
#include "trivet/testing/isolation_checker.h"
#include "trivet/testing/sim_host.h"
#include "trivet/testing/simulation.h"
#include "trivet/testing/told_checker.h"
#include "trivet/testing/violations.h"
#include "trivet/txn/resource.h"
#include "trivet/txn/transaction.h"

namespace trivet {
namespace sim {

// A branch's work names the transaction and everybody who takes part:
// "17 shard-a shard-b". A transaction called "probe" gets a yes from all.
std::string WorkFor(std::string_view transaction,
                    const std::vector<std::string>& participants);
std::vector<std::string> ParticipantsIn(std::string_view work);

// What the databases of one world tell of.
struct TxnCheckers {
  explicit TxnCheckers(testing::Violations* all)
      : violations(all), atomicity(all), told(all), isolation(all) {}

  void Knows(const TxnId& id, const std::vector<std::string>& participants);
  void Voted(const TxnId& id, const std::string& participant, Vote::Kind vote);
  void Counted(const TxnId& id, const std::string& participant,
               Vote::Kind vote);
  void Committed(const TxnId& id, const std::string& participant);
  void Aborted(const TxnId& id, const std::string& participant);

  // An operator has decided a branch, which binds nobody from now on.
  void Ruled(const TxnId& id, const std::string& participant,
             Decision decision) {
    ruled[id][participant] = decision;
  }
  bool IsRuled(const TxnId& id, const std::string& participant) const {
    const auto found = ruled.find(id);
    return found != ruled.end() && found->second.count(participant) > 0;
  }

  testing::Violations* const violations;
  testing::AtomicityChecker atomicity;
  testing::ToldChecker told;
  testing::IsolationChecker isolation;
  std::set<TxnId> changed;  // Since somebody has last read.
  std::map<TxnId, std::map<std::string, Decision>> ruled;  // The latest.
};

class SimDatabase {
 public:
  // When a request was made: its session, and its number there.
  using Order = std::pair<uint64_t, uint64_t>;

  // Does not own the checkers.
  SimDatabase(std::string participant, TxnCheckers* checkers);

  // Votes are drawn from `sim`: `no` and `read_only` in a hundred.
  void SetVotes(const testing::Simulation* sim, uint64_t no,
                uint64_t read_only);

  uint64_t NewSession() { return ++sessions_; }
  std::optional<Vote> Prepare(const TxnId& id, const std::string& work,
                              Order order);
  void Apply(const TxnId& id, Decision decision, const std::string& work,
             Order order);
  std::vector<TxnId> Prepared() const;

  void Asked(const TxnId& id) { checkers_->atomicity.Asked(id, participant_); }

  // For readers, who wait while what they want to see is locked.
  bool Locks(const TxnId& id) const;
  bool Shows(const TxnId& id) const;

 private:
  enum class State { kNothing, kPrepared, kCommitted };
  struct Entry {
    State state = State::kNothing;
    Order order;
    uint64_t asked = 0;
    std::string work;  // That it has prepared or committed.
  };
  void Compare(const TxnId& id, const Entry& entry, const std::string& work);
  Vote::Kind Choose(const std::string& work, uint64_t asked) const;

  const std::string participant_;
  TxnCheckers* const checkers_;
  const testing::Simulation* sim_ = nullptr;
  uint64_t no_ = 0;
  uint64_t read_only_ = 0;
  uint64_t sessions_ = 0;
  std::map<TxnId, Entry> entries_;
};

class SimResource : public Resource {
 public:
  // Does not own its arguments.
  SimResource(testing::SimHost* host, SimDatabase* database);
  ~SimResource() override;

  void ListPrepared(
      absl::AnyInvocable<void(absl::StatusOr<std::vector<TxnId>>) &&> done)
      override;
  void Prepare(const TxnId& id, std::string work,
               absl::AnyInvocable<void(Vote) &&> done) override;
  void Apply(const TxnId& id, Decision decision, std::string work,
             absl::AnyInvocable<void(absl::Status) &&> done) override;

 private:
  class Session;
  const std::shared_ptr<Session> session_;
};

}  // namespace sim
}  // namespace trivet

#endif  // TRIVET_TESTS_SIM_SIM_DATABASE_H_
