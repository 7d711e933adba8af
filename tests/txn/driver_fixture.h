// SPDX-License-Identifier: Apache-2.0
//
// A coordinator and its participants in virtual time, over a network, logs and
// resources that a test can look into and disturb.
//
//   DriverWorld world({"a", "b"});
//   const Answer answer = world.Begin({{"a", "debit"}, {"b", "credit"}});
//   world.executor.RunUntilIdle();
//   EXPECT_EQ(answer.decision(), Decision::kCommit);

#ifndef TRIVET_TESTS_TXN_DRIVER_FIXTURE_H_
#define TRIVET_TESTS_TXN_DRIVER_FIXTURE_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "gtest/gtest.h"
#include "tests/support/manual_executor.h"
#include "tests/support/memory_log_store.h"
#include "trivet/host/executor.h"
#include "trivet/host/transport.h"
#include "trivet/txn/coordinator.h"
#include "trivet/txn/participant.h"
#include "trivet/txn/resource.h"
#include "trivet/txn/transaction.h"

namespace trivet {

// Delivers by a task of the executor, or inside Send.
class TestNet final : public Transport {
 public:
  enum class Delivery { kPosted, kInline };

  explicit TestNet(Executor* executor, Delivery delivery = Delivery::kPosted)
      : executor_(executor), delivery_(delivery) {}

  void Connect(const std::string& role,
               std::function<void(Envelope)> receiver) {
    absl::MutexLock lock(&mu_);
    receivers_[role] = std::move(receiver);
  }
  void Disconnect(const std::string& role) {
    absl::MutexLock lock(&mu_);
    receivers_.erase(role);
  }

  void Send(Envelope envelope) override {
    if (on_send) on_send(envelope);
    if (lose && lose(envelope)) return;
    if (delivery_ == Delivery::kInline) return Deliver(std::move(envelope));
    executor_->Post([this, envelope = std::move(envelope)]() mutable {
      Deliver(std::move(envelope));
    });
  }

  void Deliver(Envelope envelope) {
    std::function<void(Envelope)> receiver;
    {
      absl::MutexLock lock(&mu_);
      const auto it = receivers_.find(envelope.to);
      if (it == receivers_.end()) return;
      receiver = it->second;
    }
    receiver(std::move(envelope));
  }

  std::function<void(const Envelope&)> on_send;
  std::function<bool(const Envelope&)> lose;

 private:
  Executor* const executor_;
  const Delivery delivery_;
  absl::Mutex mu_;
  std::map<std::string, std::function<void(Envelope)>> receivers_;
};

// Keeps everything in memory, which outlives its participant's crashes. Votes
// as the work says: "no: why", "read only", anything else yes.
class TestResource final : public Resource {
 public:
  using Ids = std::vector<TxnId>;

  void ListPrepared(
      absl::AnyInvocable<void(absl::StatusOr<Ids>) &&> done) override {
    ++lists;
    Ids ids;
    for (const auto& [id, work] : prepared) ids.push_back(id);
    Finish("list", [ids = std::move(ids), done = std::move(done)]() mutable {
      std::move(done)(std::move(ids));
    });
  }

  void Prepare(const TxnId& id, std::string work,
               absl::AnyInvocable<void(Vote) &&> done) override {
    Vote vote(Vote::kYes);
    if (work.rfind("no: ", 0) == 0) {
      vote = Vote(Vote::kNo, work.substr(4));
    } else if (work == "read only") {
      vote = Vote(Vote::kReadOnly);
    } else {
      prepared[id] = work;
    }
    Finish("prepare",
           [vote = std::move(vote), done = std::move(done)]() mutable {
             std::move(done)(std::move(vote));
           });
  }

  void Apply(const TxnId& id, Decision decision, std::string work,
             absl::AnyInvocable<void(absl::Status) &&> done) override {
    absl::Status status = apply_status;
    if (status.ok()) {
      const auto it = prepared.find(id);
      if (it != prepared.end()) {
        EXPECT_TRUE(decision == Decision::kAbort || work == it->second);
        (decision == Decision::kCommit ? committed : aborted).push_back(id);
        prepared.erase(it);
      }
    }
    Finish("apply",
           [status = std::move(status), done = std::move(done)]() mutable {
             std::move(done)(std::move(status));
           });
  }

  // Answers what was held back.
  void Release() {
    hold = false;
    std::deque<absl::AnyInvocable<void() &&>> answers;
    answers.swap(held);
    for (auto& answer : answers) std::move(answer)();
  }

  std::map<TxnId, std::string> prepared;
  Ids committed;  // Once each, in order.
  Ids aborted;
  int lists = 0;
  absl::Status apply_status;
  bool hold = false;  // Answers wait for Release(), else come inside the call.
  std::deque<absl::AnyInvocable<void() &&>> held;
  std::function<void(const std::string& call)> on_call;

 private:
  void Finish(const std::string& call, absl::AnyInvocable<void() &&> answer) {
    if (on_call) on_call(call);
    if (hold) {
      held.push_back(std::move(answer));
    } else {
      std::move(answer)();
    }
  }
};

// What a RunDone was called with.
class Answer {
 public:
  Coordinator::RunDone Done() const {
    return [state = state_](absl::StatusOr<Outcome> outcome) {
      EXPECT_FALSE(state->has_value()) << "called twice";
      *state = std::move(outcome);
    };
  }
  bool has_come() const { return state_->has_value(); }
  absl::Status status() const {
    return has_come() ? (*state_)->status()
                      : absl::UnknownError("no answer has come");
  }
  // nullopt: also if there is no outcome at all.
  std::optional<Decision> decision() const {
    return status().ok() ? (**state_)->decision : std::nullopt;
  }
  std::string reason() const {
    return status().ok() ? (**state_)->reason : status().ToString();
  }
  TxnId id() const { return status().ok() ? (**state_)->id : TxnId(); }

 private:
  using State = std::optional<absl::StatusOr<Outcome>>;
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

struct DriverWorld {
  struct Shard {
    MemoryLogStore log;
    TestResource resource;
    std::unique_ptr<Participant> role;
  };

  explicit DriverWorld(const std::vector<std::string>& names,
                       TestNet::Delivery delivery = TestNet::Delivery::kPosted)
      : net(&executor, delivery) {
    for (const std::string& name : names) OpenShard(name);
    OpenBank();
    executor.RunUntilIdle();
  }

  void OpenBank(CoordinatorOptions options = {}) {
    auto opened = Coordinator::Open(&executor, &net, &log, "bank", options);
    ASSERT_TRUE(opened.ok()) << opened.status();
    bank = *std::move(opened);
    net.Connect("bank", [this](Envelope e) { bank->Receive(std::move(e)); });
  }
  void OpenShard(const std::string& name, ParticipantOptions options = {}) {
    Shard& shard = shards[name];
    auto opened = Participant::Open(&executor, &net, &shard.log,
                                    &shard.resource, name, options);
    ASSERT_TRUE(opened.ok()) << opened.status();
    shard.role = *std::move(opened);
    net.Connect(name,
                [&shard](Envelope e) { shard.role->Receive(std::move(e)); });
  }

  // As if the process had died, and the machine with it.
  void CrashBank() {
    net.Disconnect("bank");
    bank.reset();
    log.Crash();
  }
  void CrashShard(const std::string& name) {
    net.Disconnect(name);
    shards[name].role.reset();
    shards[name].log.Crash();
  }

  Answer Begin(std::vector<Branch> branches, RunOptions options = {}) {
    Answer answer;
    bank->RunAsync(std::move(branches), options, answer.Done());
    return answer;
  }
  Answer Run(std::vector<Branch> branches) {
    Answer answer = Begin(std::move(branches));
    executor.RunUntilIdle();
    return answer;
  }

  // The declaration order is the order of life: roles end first.
  ManualExecutor executor;
  TestNet net;
  MemoryLogStore log;
  std::map<std::string, Shard> shards;
  std::unique_ptr<Coordinator> bank;
};

}  // namespace trivet

#endif  // TRIVET_TESTS_TXN_DRIVER_FIXTURE_H_
