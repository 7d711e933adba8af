// SPDX-License-Identifier: Apache-2.0
//
// Machines stepped in any order with anything, sense or nonsense: no invariant
// of theirs fires, tickets rise, trimming only goes forward, and after a stop
// nothing is written or sent.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "src/internal/backoff.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/txn/coordinator_machine.h"
#include "trivet/txn/participant_machine.h"
#include "trivet/txn/transaction.h"
#include "trivet/txn/txn_effects.h"
#include "trivet/txn/txn_message.h"

namespace trivet {
namespace {

constexpr uint64_t kWalks = 400;
constexpr int kSteps = 500;

class Walker {
 public:
  explicit Walker(uint64_t seed) : random_(seed) {}

  size_t Below(size_t limit) { return random_.Next() % limit; }

  MonotonicTime Later() {
    now_ = now_ + absl::Milliseconds(Below(4) == 0 ? Below(3000) : 0);
    return now_;
  }
  MonotonicTime now() const { return now_; }

  PeerId AnyPeer() { return static_cast<PeerId>(Below(4)); }
  TxnNumber AnyNumber() { return {Below(4), Below(8)}; }
  TxnKey AnyKey() {
    return {Below(5) == 0 ? AnyPeer() : PeerId{0}, AnyNumber()};
  }
  Vote AnyVote() {
    constexpr Vote::Kind kKinds[] = {Vote::kYes, Vote::kYes, Vote::kReadOnly,
                                     Vote::kNo};
    return kKinds[Below(4)];
  }
  Decision AnyDecision() {
    return Below(2) == 0 ? Decision::kCommit : Decision::kAbort;
  }

  TxnMessage AnyMessage() {
    switch (Below(7)) {
      case 0:
        return PrepareRequest{AnyKey(), AnyNumber(), "w"};
      case 1:
        return VoteReply{AnyKey(), AnyVote()};
      case 2:
        return DecisionNotice{AnyKey(), AnyDecision()};
      case 3:
        return DecisionAck{AnyKey()};
      case 4:
        return DecisionInquiry{AnyKey()};
      case 5:
        return HorizonRequest{AnyPeer()};
      default:
        return HorizonNotice{AnyPeer(), AnyNumber()};
    }
  }

  // Mostly the append whose turn it is.
  Appended AnyAppended() {
    uint64_t ticket = Below(40);
    if (!in_flight_.empty() && Below(8) != 0) {
      ticket = in_flight_.front();
      in_flight_.pop_front();
    }
    if (Below(150) == 0) return {ticket, absl::AbortedError("fenced")};
    if (Below(150) == 0) return {ticket, absl::InternalError("disk")};
    index_ += Below(20) == 0 ? 1500 : 1;
    return {ticket, index_};
  }

  void Check(const TxnEffects& effects) {
    for (const LogWrite& write : effects.writes) {
      EXPECT_GT(write.ticket, last_ticket_);
      last_ticket_ = write.ticket;
      in_flight_.push_back(write.ticket);
    }
    if (effects.trim_before != 0) {
      EXPECT_GT(effects.trim_before, trimmed_);
      EXPECT_LE(effects.trim_before, index_ + 1);
      trimmed_ = effects.trim_before;
    }
    if (stopped_) {
      EXPECT_TRUE(effects.writes.empty() && effects.messages.empty());
      EXPECT_FALSE(effects.stopped);
    }
    stopped_ = stopped_ || effects.stopped;
  }

 private:
  internal::SplitMix64 random_;
  MonotonicTime now_;
  std::deque<uint64_t> in_flight_;
  uint64_t last_ticket_ = 0;
  LogIndex index_ = 0;
  LogIndex trimmed_ = 0;
  bool stopped_ = false;
};

CoordinatorMachine::Event AnyCoordinatorEvent(Walker* walker) {
  switch (walker->Below(9)) {
    case 0: {
      CoordinatorMachine::Begun begun;
      begun.call = walker->Below(20);
      begun.deadline = walker->now() + absl::Milliseconds(walker->Below(6000));
      for (size_t i = walker->Below(4); i > 0; --i) {
        begun.shares.push_back({walker->AnyPeer(), "w"});
      }
      return begun;
    }
    case 1:
      return CoordinatorMachine::AbortRequested{walker->Below(20)};
    case 2:
      return CoordinatorMachine::ForgetRequested{walker->AnyNumber()};
    case 3:
      return walker->AnyAppended();
    case 4:
      return Ticked{};
    default:
      return Received{walker->AnyPeer(), walker->AnyMessage()};
  }
}

TEST(WalkTest, C1_C2_C3_C5_HoldOnRandomWalksOfACoordinator) {
  for (uint64_t walk = 0; walk < kWalks; ++walk) {
    Walker walker(walk);
    CoordinatorOptions options;
    options.max_in_flight = 1 + walker.Below(8);
    CoordinatorMachine machine({"bank#1", PeerId{0}, 2}, options, 1, {});
    size_t begun = 0;
    size_t answered = 0;
    for (int step = 0; step < kSteps; ++step) {
      CoordinatorMachine::Effects effects;
      CoordinatorMachine::Event event = AnyCoordinatorEvent(&walker);
      if (std::holds_alternative<CoordinatorMachine::Begun>(event)) ++begun;
      machine.Step(walker.Later(), std::move(event), &effects);
      walker.Check(effects);
      answered += effects.finished.size() + effects.refused.size();
      ASSERT_LE(answered, begun);
      ASSERT_LE(machine.in_flight(), options.max_in_flight);
    }
  }
}

ParticipantMachine::Event AnyParticipantEvent(Walker* walker) {
  using Machine = ParticipantMachine;
  switch (walker->Below(12)) {
    case 0:
    case 1:
      return Machine::Voted{walker->AnyKey(), walker->AnyVote()};
    case 2:
    case 3:
      return Machine::ApplyReturned{walker->AnyKey(),
                                    walker->Below(4) == 0
                                        ? absl::UnavailableError("busy")
                                        : absl::OkStatus()};
    case 4:
      return Machine::Listed{std::vector<TxnKey>{walker->AnyKey()}};
    case 5:
      return Machine::ResolveRequested{walker->AnyKey(), walker->AnyDecision()};
    case 6:
      return Machine::ForgetRequested{walker->AnyKey()};
    case 7:
    case 8:
      return walker->AnyAppended();
    case 9:
      return Ticked{};
    default:
      return Received{PeerId{0}, walker->AnyMessage()};
  }
}

TEST(WalkTest, P1_P2_P3_P4_P5_P6_HoldOnRandomWalksOfAParticipant) {
  for (uint64_t walk = 0; walk < kWalks; ++walk) {
    Walker walker(walk);
    ParticipantOptions options;
    options.max_in_flight = 1 + walker.Below(8);
    ParticipantMachine machine({"p", PeerId{9}, 1}, options, 1, {});
    for (int step = 0; step < kSteps; ++step) {
      ParticipantMachine::Effects effects;
      machine.Step(walker.Later(), AnyParticipantEvent(&walker), &effects);
      walker.Check(effects);
      ASSERT_LE(machine.InDoubt().size(), machine.in_flight());
    }
  }
}

}  // namespace
}  // namespace trivet
