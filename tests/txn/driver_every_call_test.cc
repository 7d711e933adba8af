// SPDX-License-Identifier: Apache-2.0
//
// Destroys a role inside each call that it makes to its host, one after the
// other, and watches that it makes no further one.

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/manual_executor.h"
#include "tests/support/memory_log_store.h"
#include "tests/txn/driver_fixture.h"
#include "trivet/host/executor.h"
#include "trivet/host/log_store.h"
#include "trivet/host/transport.h"
#include "trivet/txn/coordinator.h"
#include "trivet/txn/participant.h"
#include "trivet/txn/resource.h"
#include "trivet/txn/transaction.h"

namespace trivet {
namespace {

// All of one role's host: counts its calls, and strikes in the chosen one.
class Host final : public Executor,
                   public Transport,
                   public LogStore,
                   public Resource {
 public:
  enum class Moment { kBefore, kAfter };

  Host(ManualExecutor* executor, TestNet* net)
      : executor_(*executor), net_(*net) {}

  // `strike` destroys the role, inside its call number `nth` from now on.
  void StrikeIn(int nth, Moment moment, std::function<void()> strike) {
    calls_ = 0;
    nth_ = nth;
    moment_ = moment;
    strike_ = std::move(strike);
  }
  bool has_struck() const { return has_struck_; }
  MemoryLogStore& log() { return log_; }

  MonotonicTime Now() const override {
    EXPECT_FALSE(has_struck_) << "Now() after the destructor";
    return executor_.Now();
  }
  void Post(Task task) override {
    Call("Post", [&] { executor_.Post(std::move(task)); });
  }
  void PostAt(MonotonicTime when, Task task) override {
    Call("PostAt", [&] { executor_.PostAt(when, std::move(task)); });
  }
  bool MayBlock() const override { return false; }
  void Send(Envelope envelope) override {
    Call("Send", [&] { net_.Send(std::move(envelope)); });
  }
  absl::StatusOr<Epoch> Claim(Epoch wanted, Visitor visit) override {
    return log_.Claim(wanted, visit);
  }
  void Append(Epoch epoch, std::vector<std::string> records,
              Durability durability, AppendDone done) override {
    Call("Append", [&] {
      log_.Append(epoch, std::move(records), durability, std::move(done));
    });
  }
  void Trim(Epoch epoch, LogIndex first_needed) override {
    Call("Trim", [&] { log_.Trim(epoch, first_needed); });
  }
  void ListPrepared(
      absl::AnyInvocable<void(absl::StatusOr<std::vector<TxnId>>) &&> done)
      override {
    Call("ListPrepared", [&] { resource_.ListPrepared(std::move(done)); });
  }
  void Prepare(const TxnId& id, std::string work,
               absl::AnyInvocable<void(Vote) &&> done) override {
    Call("Prepare",
         [&] { resource_.Prepare(id, std::move(work), std::move(done)); });
  }
  void Apply(const TxnId& id, Decision decision, std::string work,
             absl::AnyInvocable<void(absl::Status) &&> done) override {
    Call("Apply", [&] {
      resource_.Apply(id, decision, std::move(work), std::move(done));
    });
  }

 private:
  void Call(const std::string& name, const std::function<void()>& call) {
    EXPECT_FALSE(has_struck_) << name << " after the destructor";
    const bool is_chosen = ++calls_ == nth_;
    if (is_chosen && moment_ == Moment::kBefore) Strike();
    call();
    if (is_chosen && moment_ == Moment::kAfter) Strike();
  }
  void Strike() {
    strike_();
    has_struck_ = true;
  }

  ManualExecutor& executor_;
  TestNet& net_;
  MemoryLogStore log_;
  TestResource resource_;
  int calls_ = 0;
  int nth_ = 0;
  Moment moment_ = Moment::kBefore;
  std::function<void()> strike_;
  bool has_struck_ = false;
};

// Some of everything: commits, aborts, readers, lost envelopes, time.
void RunSomeOfEverything(DriverWorld& world, std::vector<Answer>* answers) {
  const auto begin = [&](std::vector<Branch> branches) {
    if (world.bank == nullptr) return;
    answers->push_back(
        world.Begin(std::move(branches), {absl::Milliseconds(700)}));
  };
  begin({{"a", "1"}, {"b", "2"}});
  begin({{"a", "1"}, {"b", "no: shut"}});
  begin({{"a", "read only"}, {"b", "2"}});
  world.executor.RunUntilIdle();
  int sent = 0;
  world.net.lose = [&](const Envelope&) { return ++sent % 4 == 2; };
  begin({{"a", "1"}, {"b", "2"}});
  begin({{"a", "1"}, {"nobody", "2"}});
  world.executor.AdvanceBy(absl::Seconds(3));
  // Asked again all at once, so that one batch has many outcomes, records and
  // messages.
  world.net.lose = [](const Envelope&) { return true; };
  for (int i = 0; i < 3; ++i) {
    begin({{"a", "1"}});
    begin({{"a", "2"}, {"b", "no: shut"}});
    begin({{"b", "3"}});
  }
  world.executor.JumpBy(absl::Milliseconds(400));
  world.net.lose = nullptr;
  world.executor.RunUntilIdle();
  begin({{"a", "1"}});
  world.executor.AdvanceBy(absl::Minutes(1));
}

class DriverEveryCallTest : public ::testing::TestWithParam<Host::Moment> {};

TEST_P(DriverEveryCallTest, OfACoordinatorMayDestroyIt) {
  bool has_struck = true;
  int nth = 1;
  for (; has_struck; ++nth) {
    SCOPED_TRACE(nth);
    DriverWorld world({"a", "b"}, TestNet::Delivery::kInline);
    world.CrashBank();
    Host host(&world.executor, &world.net);
    auto opened = Coordinator::Open(&host, &host, &host, "bank", {});
    ASSERT_TRUE(opened.ok()) << opened.status();
    world.bank = *std::move(opened);
    world.net.Connect("bank",
                      [&](Envelope e) { world.bank->Receive(std::move(e)); });
    world.executor.RunUntilIdle();
    host.StrikeIn(nth, GetParam(), [&] {
      world.net.Disconnect("bank");
      world.bank.reset();
    });
    std::vector<Answer> answers;
    RunSomeOfEverything(world, &answers);
    has_struck = host.has_struck();
    if (!has_struck) world.net.Disconnect("bank");
    world.bank.reset();  // Before its host.
    for (const Answer& answer : answers) EXPECT_TRUE(answer.has_come());
  }
  EXPECT_GT(nth, 30);
}

TEST_P(DriverEveryCallTest, OfAParticipantMayDestroyIt) {
  bool has_struck = true;
  int nth = 1;
  for (; has_struck; ++nth) {
    SCOPED_TRACE(nth);
    DriverWorld world({"a", "b"}, TestNet::Delivery::kInline);
    world.CrashShard("a");
    Host host(&world.executor, &world.net);
    auto opened = Participant::Open(&host, &host, &host, &host, "a", {});
    ASSERT_TRUE(opened.ok()) << opened.status();
    std::unique_ptr<Participant> role = *std::move(opened);
    world.net.Connect("a", [&](Envelope e) { role->Receive(std::move(e)); });
    world.executor.RunUntilIdle();
    host.StrikeIn(nth, GetParam(), [&] {
      world.net.Disconnect("a");
      role.reset();
    });
    std::vector<Answer> answers;
    RunSomeOfEverything(world, &answers);
    has_struck = host.has_struck();
    world.net.Disconnect("a");
    role.reset();
    for (const Answer& answer : answers) EXPECT_TRUE(answer.has_come());
  }
  EXPECT_GT(nth, 30);
}

INSTANTIATE_TEST_SUITE_P(Moments, DriverEveryCallTest,
                         ::testing::Values(Host::Moment::kBefore,
                                           Host::Moment::kAfter),
                         [](const auto& moment) {
                           return moment.param == Host::Moment::kBefore
                                      ? "AsItBegins"
                                      : "AsItEnds";
                         });

}  // namespace
}  // namespace trivet
