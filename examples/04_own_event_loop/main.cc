// SPDX-License-Identifier: Apache-2.0
//
// Two-phase commit inside a host's own single-threaded event loop: the machines
// alone, without drivers, threads, sockets or clocks. The loop steps a machine,
// performs what it wants done, and feeds back what came of it.
//
//   $ ./own_event_loop
//   -- transfer 40 from alice to bob
//   alice would have 60, and votes yes
//   bob would have 50, and votes yes
//   alice's log is forced
//   bob's log is forced
//   bank's log is forced: the commit point
//   outcome: commit
//   alice's log is forced
//   alice has 60
//   bob's log is forced
//   bob has 50
//   -- transfer 70 from alice to bob
//   alice would have -10, and votes no
//   bob would have 120, and votes yes
//   bob's log is forced
//   outcome: abort, insufficient funds
//   bob is back at 50
//   -- in the end alice has 60, bob has 50; 0 in flight

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "trivet/host/log_store.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/txn/coordinator_machine.h"
#include "trivet/txn/participant_machine.h"
#include "trivet/txn/transaction.h"
#include "trivet/txn/txn_effects.h"

namespace {

using trivet::CoordinatorMachine;
using trivet::Decision;
using trivet::ParticipantMachine;
using trivet::PeerId;

// A role's name is a number here; trivet's drivers keep a table of names.
constexpr PeerId kBank{0};

class Loop {
 public:
  void Post(std::function<void()> task) { tasks_.push_back(std::move(task)); }

  // Runs whatever is posted, and what that posts, until nothing is left.
  void Run() {
    while (!tasks_.empty()) {
      const std::function<void()> task = std::move(tasks_.front());
      tasks_.pop_front();
      task();
    }
  }

 private:
  std::deque<std::function<void()>> tasks_;
};

// Keeps a role's records. This one forgets them at the end of the program; a
// real one would write and sync before it says that they are appended.
class Log {
 public:
  // Appends what one step wants written, and returns whether it was forced.
  bool Append(const std::vector<trivet::LogWrite>& writes) {
    bool forced = false;
    for (const trivet::LogWrite& write : writes) {
      records_.push_back({++last_, write.record});
      forced = forced || write.durability == trivet::Durability::kForced;
    }
    return forced;
  }
  trivet::LogIndex last() const { return last_; }

 private:
  std::vector<trivet::LoggedRecord> records_;
  trivet::LogIndex last_ = 0;
};

// One account, which takes part in transactions. Its work is the amount to add.
class Account {
 public:
  Account(Loop* loop, PeerId self, std::string name, int balance)
      : loop_(loop),
        self_(self),
        name_(std::move(name)),
        balance_(balance),
        machine_({name_, self, 1}, {}, /*jitter_seed=*/1, {}) {}

  // Where messages to the bank go.
  std::function<void(PeerId from, trivet::TxnMessage)> send;

  void Step(ParticipantMachine::Event event) {
    ParticipantMachine::Effects effects;
    machine_.Step(now_, std::move(event), &effects);
    Append(effects);
    for (auto& outgoing : effects.messages) {
      send(self_, std::move(outgoing.message));
    }
    for (auto& prepare : effects.prepares) {
      Feed(ParticipantMachine::Voted{prepare.txn, Prepare(prepare.work)});
    }
    for (auto& apply : effects.applies) {
      Apply(apply.decision, apply.work);
      Feed(ParticipantMachine::ApplyReturned{apply.txn, absl::OkStatus()});
    }
    if (effects.list_prepared) {  // Nothing survives this program.
      Feed(ParticipantMachine::Listed{std::vector<trivet::TxnKey>()});
    }
  }

  int balance() const { return balance_; }
  size_t in_flight() const { return machine_.in_flight(); }

 private:
  void Feed(ParticipantMachine::Event event) {
    loop_->Post(
        [this, event = std::move(event)]() mutable { Step(std::move(event)); });
  }

  void Append(const trivet::TxnEffects& effects) {
    trivet::LogIndex index = log_.last();
    if (log_.Append(effects.writes)) std::cout << name_ << "'s log is forced\n";
    for (const trivet::LogWrite& write : effects.writes) {
      Feed(trivet::Appended{write.ticket, ++index});
    }
  }

  trivet::Vote Prepare(const std::string& work) {
    const int then = balance_ + std::stoi(work);
    std::cout << name_ << " would have " << then << ", and votes "
              << (then < 0 ? "no\n" : "yes\n");
    if (then < 0) return {trivet::Vote::kNo, "insufficient funds"};
    return trivet::Vote::kYes;
  }

  void Apply(Decision decision, const std::string& work) {
    if (decision == Decision::kCommit) balance_ += std::stoi(work);
    std::cout << name_
              << (decision == Decision::kCommit ? " has " : " is back at ")
              << balance_ << "\n";
  }

  Loop* const loop_;
  const PeerId self_;
  const std::string name_;
  int balance_;
  Log log_;
  ParticipantMachine machine_;
  const trivet::MonotonicTime now_;
};

class Bank {
 public:
  explicit Bank(Loop* loop)
      : loop_(loop), machine_({"bank#1", kBank, 1}, {}, /*jitter_seed=*/1, {}) {
    Step(trivet::Ticked{});  // The first step names the log.
  }

  // Where messages to an account go.
  std::function<void(PeerId to, trivet::TxnMessage)> send;

  void Step(CoordinatorMachine::Event event) {
    CoordinatorMachine::Effects effects;
    machine_.Step(now_, std::move(event), &effects);
    trivet::LogIndex index = log_.last();
    if (log_.Append(effects.writes) && begun_ > 0) {
      std::cout << "bank's log is forced: the commit point\n";
    }
    for (const trivet::LogWrite& write : effects.writes) {
      Feed(trivet::Appended{write.ticket, ++index});
    }
    for (auto& outgoing : effects.messages) {
      send(outgoing.to, std::move(outgoing.message));
    }
    for (const auto& finished : effects.finished) {
      std::cout << "outcome: "
                << (finished.decision == Decision::kCommit
                        ? "commit\n"
                        : "abort, " + finished.reason + "\n");
    }
  }

  void Transfer(int amount, PeerId from, PeerId to) {
    CoordinatorMachine::Begun begun;
    begun.call = ++begun_;
    begun.deadline = now_ + absl::Seconds(5);
    begun.shares = {{from, std::to_string(-amount)},
                    {to, std::to_string(amount)}};
    Step(std::move(begun));
  }

  size_t in_flight() const { return machine_.in_flight(); }

 private:
  void Feed(CoordinatorMachine::Event event) {
    loop_->Post(
        [this, event = std::move(event)]() mutable { Step(std::move(event)); });
  }

  Loop* const loop_;
  Log log_;
  CoordinatorMachine machine_;
  uint64_t begun_ = 0;
  const trivet::MonotonicTime now_;
};

}  // namespace

int main() {
  constexpr PeerId kAlice{1};
  constexpr PeerId kBob{2};
  Loop loop;
  Bank bank(&loop);
  Account alice(&loop, kAlice, "alice", 100);
  Account bob(&loop, kBob, "bob", 10);

  // The network: a message is a task of the loop. Nothing here is ever lost, so
  // no time passes; a real loop would also step Ticked at NextWakeup().
  bank.send = [&](PeerId to, trivet::TxnMessage message) {
    loop.Post([&, to, message = std::move(message)] {
      Account& account = to == kAlice ? alice : bob;
      account.Step(trivet::Received{kBank, message});
    });
  };
  alice.send = bob.send = [&](PeerId from, trivet::TxnMessage message) {
    loop.Post([&, from, message = std::move(message)] {
      bank.Step(trivet::Received{from, message});
    });
  };
  loop.Run();

  for (const int amount : {40, 70}) {
    std::cout << "-- transfer " << amount << " from alice to bob\n";
    bank.Transfer(amount, kAlice, kBob);
    loop.Run();
  }
  std::cout << "-- in the end alice has " << alice.balance() << ", bob has "
            << bob.balance() << "; "
            << bank.in_flight() + alice.in_flight() + bob.in_flight()
            << " in flight\n";
  return 0;
}
