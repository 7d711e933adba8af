// SPDX-License-Identifier: Apache-2.0
//
// What the destructors of Coordinator and Participant promise.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/real_time.h"
#include "tests/txn/driver_fixture.h"
#include "trivet/host/log_store.h"
#include "trivet/host/transport.h"
#include "trivet/txn/coordinator.h"
#include "trivet/txn/participant.h"
#include "trivet/txn/transaction.h"

namespace trivet {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Done = absl::StatusOr<Outcome>;

TEST(DriverDestructionTest, CallsBackWhatIsUnfinishedWithCancelled) {
  DriverWorld world({"a"});
  const Answer waiting = world.Begin({{"a", "1"}, {"nobody", "2"}});
  const Answer deciding = world.Begin({{"a", "3"}});
  bool drained = false;
  world.bank->Drain([&] { drained = true; });
  world.log.Hold();
  world.executor.RunUntilIdle();
  EXPECT_FALSE(waiting.has_come());
  EXPECT_FALSE(deciding.has_come());
  world.net.Disconnect("bank");
  world.bank.reset();
  EXPECT_EQ(waiting.status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(deciding.status().code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(drained);
}

TEST(DriverDestructionTest, CallsBackWhatIsFinishedWithItsOutcome) {
  DriverWorld world({"a"}, TestNet::Delivery::kInline);
  const Answer answer = world.Begin({{"a", "1"}});
  EXPECT_FALSE(answer.has_come()) << "only the executor calls back";
  world.net.Disconnect("bank");
  world.bank.reset();
  EXPECT_EQ(answer.decision(), Decision::kCommit);
}

TEST(DriverDestructionTest, LaterCompletionsAreIgnored) {
  DriverWorld world({"a"});
  world.log.Hold();
  world.shards["a"].log.Hold();
  world.shards["a"].resource.hold = true;
  const Answer first = world.Begin({{"a", "1"}});
  world.executor.RunUntilIdle();  // Prepare is not answered.
  EXPECT_THAT(world.shards["a"].resource.held, SizeIs(1));
  world.shards["a"].resource.Release();
  const Answer second = world.Begin({{"a", "2"}});
  world.executor.RunUntilIdle();  // Prepared is not answered.
  world.shards["a"].resource.hold = true;
  const Answer third = world.Begin({{"a", "3"}});
  world.executor.RunUntilIdle();

  world.net.Disconnect("a");
  world.net.Disconnect("bank");
  world.shards["a"].role.reset();
  world.bank.reset();
  uint64_t sent = 0;
  world.net.on_send = [&](const Envelope&) { ++sent; };
  world.shards["a"].resource.Release();
  world.shards["a"].log.Release();
  world.log.Release();
  world.executor.AdvanceBy(absl::Hours(1));
  EXPECT_EQ(sent, 0u);
  EXPECT_EQ(first.status().code(), absl::StatusCode::kCancelled);
}

TEST(DriverDestructionTest, NothingIsCalledBackTwiceOrForgotten) {
  for (int steps = 0; steps < 60; ++steps) {
    DriverWorld world({"a", "b"});
    std::vector<Answer> answers;  // Each checks that it is called once.
    for (int i = 0; i < 5; ++i) {
      answers.push_back(world.Begin({{"a", "1"}, {"b", "2"}}));
    }
    int run = 0;
    world.executor.RunUntil([&] { return run++ == steps; }, absl::Hours(1));
    world.net.Disconnect("bank");
    world.bank.reset();
    for (const Answer& answer : answers) EXPECT_TRUE(answer.has_come());
  }
}

// --- Inside calls out -------------------------------------------------------

TEST(DriverDestructionTest, OfACoordinatorMayHappenInsideItsRunDone) {
  DriverWorld world({"a"});
  std::vector<std::string> called;
  world.bank->RunAsync({{"a", "1"}}, [&](const Done& done) {
    EXPECT_TRUE(done.ok());
    called.push_back("destroys");
    world.net.Disconnect("bank");
    world.bank.reset();
    called.push_back("destroyed");
  });
  world.bank->RunAsync({{"nobody", "2"}}, [&](const Done& done) {
    EXPECT_EQ(done.status().code(), absl::StatusCode::kCancelled);
    called.push_back("cancelled");
  });
  world.executor.AdvanceBy(absl::Minutes(1));
  EXPECT_THAT(called, ElementsAre("destroys", "cancelled", "destroyed"));
}

TEST(DriverDestructionTest, WhatACallbackBeginsMeanwhileIsCancelledToo) {
  DriverWorld world({"a"});
  Answer again;
  bool drained = false;
  Coordinator* const bank = world.bank.get();
  bank->RunAsync({{"nobody", "1"}}, [&, bank](const Done& done) {
    EXPECT_EQ(done.status().code(), absl::StatusCode::kCancelled);
    bank->RunAsync({{"a", "2"}}, again.Done());
    bank->Drain([&] { drained = true; });
  });
  world.net.Disconnect("bank");
  world.bank.reset();
  EXPECT_EQ(again.status().code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(drained);
}

TEST(DriverDestructionTest, OfACoordinatorMayHappenInsideEachSend) {
  for (int nth = 1; nth <= 6; ++nth) {
    DriverWorld world({"a", "b", "c"}, TestNet::Delivery::kInline);
    int sent = 0;
    bool gone = false;
    world.net.on_send = [&](const Envelope& envelope) {
      if (envelope.from != "bank") return;
      EXPECT_FALSE(gone) << "sent after the destructor had returned";
      if (++sent < nth) return;
      world.net.Disconnect("bank");
      world.bank.reset();
      gone = true;
    };
    const Answer answer = world.Run({{"a", "1"}, {"b", "2"}, {"c", "3"}});
    EXPECT_TRUE(gone) << nth;
    EXPECT_TRUE(answer.has_come());
    world.executor.AdvanceBy(absl::Minutes(5));
  }
}

TEST(DriverDestructionTest, OfAParticipantMayHappenInsideEachSend) {
  for (int nth = 1; nth <= 2; ++nth) {
    DriverWorld world({"a"}, TestNet::Delivery::kInline);
    int sent = 0;
    world.net.on_send = [&](const Envelope& envelope) {
      if (envelope.from != "a" || ++sent != nth) return;
      world.net.Disconnect("a");
      world.shards["a"].role.reset();
    };
    const Answer answer = world.Run({{"a", "1"}});
    EXPECT_EQ(sent, nth);
    world.executor.AdvanceBy(absl::Minutes(5));
    EXPECT_TRUE(answer.has_come());
    EXPECT_EQ(sent, nth);
  }
}

TEST(DriverDestructionTest, OfAParticipantMayHappenInsideEachResourceCall) {
  for (const std::string call : {"prepare", "apply"}) {
    for (const bool answer_late : {false, true}) {
      DriverWorld world({"a"});
      DriverWorld::Shard& shard = world.shards["a"];
      int calls = 0;
      shard.resource.on_call = [&](const std::string& name) {
        EXPECT_NE(shard.role, nullptr) << name << " of a participant destroyed";
        if (name != call) return;
        ++calls;
        shard.resource.hold = answer_late;
        world.net.Disconnect("a");
        shard.role.reset();
      };
      world.Run({{"a", "1"}});
      world.Run({{"a", "2"}});
      EXPECT_EQ(calls, 1);
      shard.resource.Release();
      world.executor.AdvanceBy(absl::Minutes(5));
    }
  }
}

TEST(DriverDestructionTest, OfAParticipantMayHappenInsideListPrepared) {
  DriverWorld world({"a"});
  DriverWorld::Shard& shard = world.shards["a"];
  shard.resource.on_call = [&](const std::string& name) {
    ASSERT_EQ(name, "list");
    world.net.Disconnect("a");
    shard.role.reset();
  };
  world.executor.AdvanceBy(absl::Minutes(5));  // It scans now and then.
  EXPECT_EQ(shard.role, nullptr);
}

// Twenty transactions of which all that comes next is due at once, so that one
// batch of effects holds many calls to the resource.
TEST(DriverDestructionTest, EndsABatchOfResourceCalls) {
  for (const std::string call : {"prepare", "apply"}) {
    DriverWorld world({"a"});
    DriverWorld::Shard& shard = world.shards["a"];
    bool is_cut = call == "prepare";
    world.net.lose = [&](const Envelope& e) { return is_cut && e.to == "a"; };
    shard.resource.on_call = [&](const std::string&) { is_cut = true; };
    for (int i = 0; i < 20; ++i) {
      world.Begin({{"a", "1"}}, {absl::Hours(1)});
      if (call == "apply") {
        world.executor.RunUntilIdle();
        is_cut = false;
      }
    }
    is_cut = false;
    int calls = 0;
    shard.resource.on_call = [&](const std::string& name) {
      EXPECT_EQ(name, call);
      EXPECT_NE(shard.role, nullptr) << name << " of a participant destroyed";
      ++calls;
      world.net.Disconnect("a");
      shard.role.reset();
    };
    world.executor.JumpBy(absl::Seconds(5));
    world.executor.RunUntilIdle();
    EXPECT_EQ(calls, 1);
  }
}

TEST(DriverDestructionTest, InsideASendSparesTheResource) {
  DriverWorld world({"a"});
  DriverWorld::Shard& shard = world.shards["a"];
  world.log.Hold();
  world.Run({{"a", "1"}});  // In doubt from here on.
  world.net.on_send = [&](const Envelope& envelope) {
    if (envelope.from != "a") return;
    world.net.Disconnect("a");
    shard.role.reset();
  };
  const int lists = shard.resource.lists;
  world.executor.JumpBy(absl::Hours(1));  // To inquire and to scan, at once.
  world.executor.RunUntilIdle();
  EXPECT_EQ(shard.role, nullptr);
  EXPECT_EQ(shard.resource.lists, lists);
}

// A log that tells when it is called.
class HookedLog final : public LogStore {
 public:
  absl::StatusOr<Epoch> Claim(Epoch wanted, Visitor visit) override {
    return inner.Claim(wanted, visit);
  }
  void Append(Epoch epoch, std::vector<std::string> records,
              Durability durability, AppendDone done) override {
    if (on_append) on_append();
    inner.Append(epoch, std::move(records), durability, std::move(done));
    if (after_append) after_append();
  }
  void Trim(Epoch epoch, LogIndex first_needed) override {
    if (on_trim) on_trim();
    inner.Trim(epoch, first_needed);
  }

  MemoryLogStore inner;
  std::function<void()> on_trim;
  std::function<void()> on_append;
  std::function<void()> after_append;
};

TEST(DriverDestructionTest, MayHappenInsideAnAppend) {
  for (const bool after : {false, true}) {
    DriverWorld world({"a"}, TestNet::Delivery::kInline);
    world.CrashBank();
    HookedLog log;
    auto opened =
        Coordinator::Open(&world.executor, &world.net, &log, "bank", {});
    ASSERT_TRUE(opened.ok());
    world.bank = *std::move(opened);
    world.net.Connect("bank",
                      [&](Envelope e) { world.bank->Receive(std::move(e)); });
    (after ? log.after_append : log.on_append) = [&] {
      world.net.Disconnect("bank");
      world.bank.reset();
    };
    const Answer answer = world.Run({{"a", "1"}});
    EXPECT_EQ(world.bank, nullptr);
    EXPECT_EQ(answer.status().code(), absl::StatusCode::kCancelled);
    EXPECT_THAT(world.shards["a"].resource.committed, IsEmpty());
  }
}

// How many envelopes a participant has sent when it trims its log for the first
// time; 0: it never does. It is destroyed inside the `last` one, if that is not
// 0.
int SentBeforeTrim(int last) {
  DriverWorld world(std::vector<std::string>{});
  HookedLog log;
  TestResource resource;
  auto opened =
      Participant::Open(&world.executor, &world.net, &log, &resource, "a", {});
  EXPECT_TRUE(opened.ok());
  std::unique_ptr<Participant> a = *std::move(opened);
  world.net.Connect("a", [&](Envelope e) { a->Receive(std::move(e)); });
  int sent = 0;
  int sent_before_trim = 0;
  log.on_trim = [&] {
    if (sent_before_trim == 0) sent_before_trim = sent;
  };
  world.net.on_send = [&](const Envelope& envelope) {
    if (envelope.from != "a" || ++sent != last) return;
    world.net.Disconnect("a");
    a.reset();
  };
  for (int i = 0; i < 100 && sent_before_trim == 0 && a != nullptr; ++i) {
    world.Run({{"a", "1"}});
  }
  EXPECT_EQ(a == nullptr, last > 0);
  return sent_before_trim;
}

// What ends a compaction is also what a vote or an acknowledgement waited for.
TEST(DriverDestructionTest, InsideASendSparesTheLog) {
  const int sent = SentBeforeTrim(0);
  ASSERT_GT(sent, 0);
  EXPECT_EQ(SentBeforeTrim(sent), 0);
}

// --- Against other threads --------------------------------------------------

TEST(DriverDestructionTest, WaitsForARunDoneOnAnotherThread) {
  DriverWorld world({"a"});
  Event inside;
  Event go_on;
  std::atomic<bool> left{false};
  world.bank->RunAsync({{"a", "1"}}, [&](const Done&) {
    inside.Notify();
    go_on.Wait();
    left = true;
  });
  std::thread other([&] { world.executor.RunUntilIdle(); });
  ASSERT_TRUE(inside.Wait());
  std::thread opener([&] { go_on.Notify(); });
  world.net.Disconnect("bank");
  world.bank.reset();
  EXPECT_TRUE(left);
  other.join();
  opener.join();
}

TEST(DriverDestructionTest, WaitsForAResourceCallOnAnotherThread) {
  DriverWorld world({"a"});
  DriverWorld::Shard& shard = world.shards["a"];
  Event inside;
  Event go_on;
  std::atomic<bool> left{false};
  shard.resource.on_call = [&](const std::string&) {
    inside.Notify();
    go_on.Wait();
    left = true;
  };
  world.Begin({{"a", "1"}});
  std::thread other([&] { world.executor.RunUntilIdle(); });
  ASSERT_TRUE(inside.Wait());
  std::thread opener([&] { go_on.Notify(); });
  world.net.Disconnect("a");
  shard.role.reset();
  EXPECT_TRUE(left);
  other.join();
  opener.join();
}

}  // namespace
}  // namespace trivet
