// SPDX-License-Identifier: Apache-2.0
//
// Makes each call that a role makes to its host fail, one after the other: the
// claim, an append that is or is not written, a send, a vote, an apply, a list.
// A role that stopped is opened again; then all is as if nothing had been, but
// for transactions that aborted.

#include <algorithm>
#include <cstddef>
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
#include "tests/support/memory_log_store.h"
#include "tests/txn/driver_fixture.h"
#include "trivet/host/log_store.h"
#include "trivet/host/transport.h"
#include "trivet/txn/coordinator.h"
#include "trivet/txn/participant.h"
#include "trivet/txn/resource.h"
#include "trivet/txn/transaction.h"

namespace trivet {
namespace {

using testing::IsEmpty;
using testing::UnorderedElementsAreArray;
using Written = MemoryLogStore::Written;

// One role's host, whose call number `nth` fails.
class FailingHost final : public Transport, public LogStore, public Resource {
 public:
  FailingHost(int nth, Written written, TestNet* net, MemoryLogStore* log,
              TestResource* resource)
      : nth_(nth),
        written_(written),
        net_(*net),
        log_(*log),
        resource_(*resource) {}

  bool has_failed() const { return calls_ >= nth_; }

  void Send(Envelope envelope) override {
    if (!Fails()) net_.Send(std::move(envelope));
  }
  absl::StatusOr<Epoch> Claim(Epoch wanted, Visitor visit) override {
    if (!Fails()) return log_.Claim(wanted, visit);
    // It may have been done all the same.
    if (written_ == Written::kYes) (void)log_.Claim(wanted, visit);
    return absl::UnavailableError("the log does not answer");
  }
  void Append(Epoch epoch, std::vector<std::string> records,
              Durability durability, AppendDone done) override {
    if (Fails()) log_.FailNextAppend(absl::InternalError("disk"), written_);
    log_.Append(epoch, std::move(records), durability, std::move(done));
  }
  void Trim(Epoch epoch, LogIndex first_needed) override {
    if (!Fails()) log_.Trim(epoch, first_needed);  // A hint.
  }
  void ListPrepared(
      absl::AnyInvocable<void(absl::StatusOr<std::vector<TxnId>>) &&> done)
      override {
    if (!Fails()) return resource_.ListPrepared(std::move(done));
    std::move(done)(absl::UnavailableError("the resource does not answer"));
  }
  void Prepare(const TxnId& id, std::string work,
               absl::AnyInvocable<void(Vote) &&> done) override {
    if (!Fails()) {
      return resource_.Prepare(id, std::move(work), std::move(done));
    }
    // Who cannot say says no, whether or not it is prepared.
    if (written_ == Written::kYes) {
      resource_.Prepare(id, std::move(work), [](const Vote&) {});
    }
    std::move(done)(Vote(Vote::kNo, "the resource does not answer"));
  }
  void Apply(const TxnId& id, Decision decision, std::string work,
             absl::AnyInvocable<void(absl::Status) &&> done) override {
    if (!Fails()) {
      return resource_.Apply(id, decision, std::move(work), std::move(done));
    }
    if (written_ == Written::kYes) {
      resource_.Apply(id, decision, std::move(work),
                      [](const absl::Status&) {});
    }
    std::move(done)(absl::UnavailableError("the resource does not answer"));
  }

 private:
  bool Fails() { return ++calls_ == nth_; }

  const int nth_;
  const Written written_;
  TestNet& net_;
  MemoryLogStore& log_;
  TestResource& resource_;
  int calls_ = 0;
};

void RunSome(DriverWorld* world, std::vector<Answer>* answers) {
  if (world->bank == nullptr) return;
  for (const char* of_b : {"2", "no: shut", "read only", "3"}) {
    answers->push_back(world->Begin({{"a", "1"}, {"b", of_b}}));
    world->executor.AdvanceBy(absl::Seconds(1));
  }
  answers->push_back(world->Begin({{"a", "1"}, {"b", "2"}}));
  answers->push_back(world->Begin({{"a", "1"}, {"b", "2"}}));
  world->executor.AdvanceBy(absl::Minutes(1));
}

// `answers` are of RunSome; the third is of one whose b only reads.
void ExpectAllIsWell(DriverWorld* world, const std::vector<Answer>& answers) {
  TestResource& a = world->shards["a"].resource;
  TestResource& b = world->shards["b"].resource;
  EXPECT_THAT(a.prepared, IsEmpty());
  EXPECT_THAT(b.prepared, IsEmpty());

  TestResource::Ids of_a = a.committed;
  for (size_t i = 0; i < answers.size(); ++i) {
    ASSERT_TRUE(answers[i].has_come()) << i;
    const TxnId id = answers[i].id();
    const auto at = std::find(of_a.begin(), of_a.end(), id);
    const bool at_a = at != of_a.end();
    if (answers[i].decision().has_value()) {
      EXPECT_EQ(at_a, answers[i].decision() == Decision::kCommit)
          << i << ": " << answers[i].reason();
    }
    // Whoever asks later hears the same.
    const auto outcome = world->bank->OutcomeOf(id);
    if (outcome.ok() && outcome->has_value()) {
      EXPECT_EQ(at_a, **outcome == Decision::kCommit) << i;
    }
    if (at_a && i == 2) of_a.erase(at);
  }
  EXPECT_THAT(b.committed, UnorderedElementsAreArray(of_a));
}

class DriverEveryFaultTest : public ::testing::TestWithParam<Written> {};

TEST_P(DriverEveryFaultTest, OfACoordinatorHarmsNobody) {
  bool has_failed = true;
  int nth = 1;
  for (; has_failed && !HasFailure(); ++nth) {
    SCOPED_TRACE(nth);
    DriverWorld world({"a", "b"});
    world.CrashBank();
    TestResource none;
    FailingHost host(nth, GetParam(), &world.net, &world.log, &none);
    auto opened = Coordinator::Open(&world.executor, &host, &host, "bank", {});
    std::vector<Answer> answers;
    if (opened.ok()) {
      world.bank = *std::move(opened);
      world.net.Connect("bank",
                        [&](Envelope e) { world.bank->Receive(std::move(e)); });
      RunSome(&world, &answers);
    }
    has_failed = host.has_failed();
    world.net.Disconnect("bank");
    world.bank.reset();
    world.OpenBank();
    world.executor.AdvanceBy(absl::Minutes(1));
    ExpectAllIsWell(&world, answers);
    EXPECT_EQ(world.Run({{"a", "1"}, {"b", "2"}}).decision(),
              Decision::kCommit);
  }
  EXPECT_GT(nth, 30);
}

TEST_P(DriverEveryFaultTest, OfAParticipantHarmsNobody) {
  bool has_failed = true;
  int nth = 1;
  for (; has_failed && !HasFailure(); ++nth) {
    SCOPED_TRACE(nth);
    DriverWorld world({"a", "b"});
    world.CrashShard("a");
    DriverWorld::Shard& shard = world.shards["a"];
    FailingHost host(nth, GetParam(), &world.net, &shard.log, &shard.resource);
    auto opened =
        Participant::Open(&world.executor, &host, &host, &host, "a", {});
    std::vector<Answer> answers;
    if (opened.ok()) {
      shard.role = *std::move(opened);
      world.net.Connect("a",
                        [&](Envelope e) { shard.role->Receive(std::move(e)); });
      RunSome(&world, &answers);
    }
    has_failed = host.has_failed();
    world.net.Disconnect("a");
    shard.role.reset();
    world.OpenShard("a");
    world.executor.AdvanceBy(absl::Minutes(2));
    ExpectAllIsWell(&world, answers);
    EXPECT_EQ(world.Run({{"a", "1"}, {"b", "2"}}).decision(),
              Decision::kCommit);
  }
  EXPECT_GT(nth, 30);
}

INSTANTIATE_TEST_SUITE_P(Outcomes, DriverEveryFaultTest,
                         ::testing::Values(Written::kNo, Written::kYes),
                         [](const auto& outcome) {
                           return outcome.param == Written::kNo
                                      ? "AndIsNotDone"
                                      : "AndIsDoneAllTheSame";
                         });

}  // namespace
}  // namespace trivet
