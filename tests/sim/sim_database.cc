// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/sim_database.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "src/internal/mutant.h"
#include "trivet/testing/sim_host.h"
#include "trivet/txn/transaction.h"

namespace trivet {
namespace sim {
namespace {

using testing::SimHost;

}  // namespace

std::string WorkFor(std::string_view transaction,
                    const std::vector<std::string>& participants) {
  std::string work(transaction);
  for (const std::string& participant : participants) {
    work += " " + participant;
  }
  return work;
}

std::vector<std::string> ParticipantsIn(std::string_view work) {
  std::istringstream in{std::string(work)};
  std::string transaction;
  in >> transaction;
  std::vector<std::string> participants;
  for (std::string name; in >> name;) participants.push_back(name);
  return participants;
}

void TxnCheckers::Knows(const TxnId& id,
                        const std::vector<std::string>& participants) {
  atomicity.Knows(id, participants);
  told.Knows(id, participants);
  isolation.Knows(id, participants);
}

void TxnCheckers::Voted(const TxnId& id, const std::string& participant,
                        Vote::Kind vote) {
  atomicity.Voted(id, participant, vote);
  told.Voted(id, participant, vote);
  isolation.Voted(id, participant, vote);
  changed.insert(id);
}

void TxnCheckers::Counted(const TxnId& id, const std::string& participant,
                          Vote::Kind vote) {
  atomicity.Counted(id, participant, vote);
  told.Counted(id, participant, vote);
  isolation.Counted(id, participant, vote);
}

void TxnCheckers::Committed(const TxnId& id, const std::string& participant) {
  changed.insert(id);
  if (IsRuled(id, participant)) return;
  atomicity.Committed(id, participant);
  told.Committed(id, participant);
}

void TxnCheckers::Aborted(const TxnId& id, const std::string& participant) {
  changed.insert(id);
  if (IsRuled(id, participant)) return;
  atomicity.Aborted(id, participant);
  told.Aborted(id, participant);
}

SimDatabase::SimDatabase(std::string participant, TxnCheckers* checkers)
    : participant_(std::move(participant)), checkers_(checkers) {}

void SimDatabase::SetVotes(const testing::Simulation* sim, uint64_t no,
                           uint64_t read_only) {
  sim_ = sim;
  no_ = no;
  read_only_ = read_only;
}

// What it voted before binds it no more once it has forgotten: a second vote
// may be another one.
Vote::Kind SimDatabase::Choose(const std::string& work, uint64_t asked) const {
  if (work.rfind("probe", 0) == 0) return Vote::kYes;
  const uint64_t drawn = sim_->Draw(participant_ + " votes on " + work, asked);
  if (drawn % 100 < no_) return Vote::kNo;
  return drawn % 100 < no_ + read_only_ ? Vote::kReadOnly : Vote::kYes;
}

std::optional<Vote> SimDatabase::Prepare(const TxnId& id,
                                         const std::string& work, Order order) {
  Entry& entry = entries_[id];
  if (order < entry.order || entry.state == State::kCommitted) {
    return std::nullopt;
  }
  entry.order = order;
  if (entry.state == State::kPrepared) {
    Compare(id, entry, work);
    return Vote(Vote::kYes);
  }
  const std::vector<std::string> participants = ParticipantsIn(work);
  checkers_->Knows(id, participants);
  const Vote::Kind vote = Choose(work, entry.asked++);
  if (vote == Vote::kYes) {
    entry.state = State::kPrepared;
    entry.work = work;
  }
  checkers_->Voted(id, participant_, vote);
  return Vote(vote, vote == Vote::kNo ? "no" : "");
}

// A branch's work is the same from the message to the last Apply.
void SimDatabase::Compare(const TxnId& id, const Entry& entry,
                          const std::string& work) {
  if (work == entry.work) return;
  checkers_->violations->Add(
      "Work", absl::StrCat(id.ToString(), ": ", participant_, " has prepared '",
                           entry.work, "', and hears of '", work, "'"));
}

void SimDatabase::Apply(const TxnId& id, Decision decision,
                        const std::string& work, Order order) {
  Entry& entry = entries_[id];
  if (order < entry.order) return;
  entry.order = order;
  if (decision == Decision::kCommit) {
    if (entry.state != State::kNothing) Compare(id, entry, work);
    if (entry.state == State::kCommitted) return;
    entry.state = State::kCommitted;
    checkers_->Committed(id, participant_);
  } else if (entry.state != State::kNothing) {
    // It refuses to undo a commit, but whoever asks for that is wrong.
    if (entry.state == State::kPrepared) entry.state = State::kNothing;
    checkers_->Aborted(id, participant_);
  }
}

std::vector<TxnId> SimDatabase::Prepared() const {
  std::vector<TxnId> ids;
  for (const auto& [id, entry] : entries_) {
    if (entry.state == State::kPrepared) ids.push_back(id);
  }
  return ids;
}

// From the vote until the decision has been carried out.
bool SimDatabase::Locks(const TxnId& id) const {
  const auto found = entries_.find(id);
  return found != entries_.end() && found->second.state == State::kPrepared &&
         !TRIVET_MUTANT(locks_end_with_the_vote);
}

bool SimDatabase::Shows(const TxnId& id) const {
  const auto found = entries_.find(id);
  return found != entries_.end() && found->second.state == State::kCommitted;
}

// Keeps every `done`, so that all are gone when the resource is.
class SimResource::Session : public std::enable_shared_from_this<Session> {
 public:
  using Finish = absl::AnyInvocable<void(absl::Status) &&>;

  Session(SimHost* host, SimDatabase* database)
      : host_(host), database_(database), number_(database->NewSession()) {}

  SimDatabase* database() const { return database_; }
  SimDatabase::Order NextOrder() { return {number_, ++requests_}; }

  void Ask(absl::AnyInvocable<void()> act, Finish finish) {
    const uint64_t call = next_call_++;
    calls_.emplace(call, std::move(finish));
    host_->Call(
        SimHost::kWorld,
        [act = std::move(act)](SimHost::Reply reply) mutable {
          act();
          std::move(reply)();
        },
        [weak = weak_from_this(), call](absl::Status status) {
          if (const auto self = weak.lock()) {
            self->Answer(call, std::move(status));
          }
        });
  }

  // Asks until there is an answer: without one it cannot know what it holds.
  void Prepare(const TxnId& id, const std::string& work,
               absl::AnyInvocable<void(Vote) &&> done) {
    const auto vote = std::make_shared<std::optional<Vote>>();
    Ask([database = database_, id, work, order = NextOrder(),
         vote] { *vote = database->Prepare(id, work, order); },
        [this, id, work, vote,
         done = std::move(done)](absl::Status status) mutable {
          if (status.ok()) {
            std::move(done)(vote->value_or(Vote(Vote::kNo, "refused")));
          } else {
            Prepare(id, work, std::move(done));
          }
        });
  }

  void Close() { calls_.clear(); }

 private:
  void Answer(uint64_t call, absl::Status status) {
    const auto found = calls_.find(call);
    if (found == calls_.end()) return;
    Finish finish = std::move(found->second);
    calls_.erase(found);
    std::move(finish)(std::move(status));
  }

  SimHost* const host_;
  SimDatabase* const database_;
  const uint64_t number_;
  uint64_t requests_ = 0;
  std::map<uint64_t, Finish> calls_;
  uint64_t next_call_ = 0;
};

SimResource::SimResource(SimHost* host, SimDatabase* database)
    : session_(std::make_shared<Session>(host, database)) {}

SimResource::~SimResource() { session_->Close(); }

void SimResource::ListPrepared(
    absl::AnyInvocable<void(absl::StatusOr<std::vector<TxnId>>) &&> done) {
  const auto listed = std::make_shared<std::vector<TxnId>>();
  session_->Ask([database = session_->database(),
                 listed] { *listed = database->Prepared(); },
                [listed, done = std::move(done)](absl::Status status) mutable {
                  if (status.ok()) {
                    std::move(done)(*listed);
                  } else {
                    std::move(done)(std::move(status));
                  }
                });
}

void SimResource::Prepare(const TxnId& id, std::string work,
                          absl::AnyInvocable<void(Vote) &&> done) {
  session_->database()->Asked(id);
  session_->Prepare(id, work, std::move(done));
}

void SimResource::Apply(const TxnId& id, Decision decision, std::string work,
                        absl::AnyInvocable<void(absl::Status) &&> done) {
  session_->Ask(
      [database = session_->database(), id, decision, work = std::move(work),
       order = session_->NextOrder()] {
        database->Apply(id, decision, work, order);
      },
      std::move(done));
}

}  // namespace sim
}  // namespace trivet
