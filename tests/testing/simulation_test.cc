// SPDX-License-Identifier: Apache-2.0
//
// Time, the network, chance and the trace of the simulator.

#include "trivet/testing/simulation.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "src/internal/random.h"
#include "trivet/host/executor.h"
#include "trivet/host/transport.h"
#include "trivet/testing/fault_options.h"
#include "trivet/testing/sim_host.h"

namespace trivet {
namespace {

using ::testing::ElementsAre;
using testing::FaultOptions;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::SimHost;
using testing::Simulation;

// A process that says "hello" to `peer` every 10 ms and counts what it hears.
struct Greeter {
  Greeter(SimHost& host, std::string from, std::string to)
      : executor(host.executor()),
        transport(host.transport()),
        name(std::move(from)),
        peer(std::move(to)) {
    host.OnReceive(name, [this](Envelope e) { heard.push_back(e.payload); });
    Tick();
  }
  void Tick() {
    transport->Send({name, peer, absl::StrCat("hello ", ++said)});
    executor->PostAt(executor->Now() + absl::Milliseconds(10),
                     [this] { Tick(); });
  }
  Executor* executor;
  Transport* transport;
  std::string name;
  std::string peer;
  int said = 0;
  std::vector<std::string> heard;
};

struct Pair {
  explicit Pair(uint64_t seed, FaultOptions faults = {}) : sim(seed, faults) {
    sim.AddHost("a", [this](SimHost& host) {
      return a = std::make_shared<Greeter>(host, "ann", "bob");
    });
    sim.AddHost("b", [this](SimHost& host) {
      return b = std::make_shared<Greeter>(host, "bob", "ann");
    });
  }
  std::shared_ptr<Greeter> a;  // Outlives its crash here: its ports are dead.
  std::shared_ptr<Greeter> b;
  Simulation sim;
};

TEST(Simulation, VirtualTimePassesOnlyInRuns) {
  Simulation sim(1);
  EXPECT_EQ(sim.Elapsed(), absl::ZeroDuration());
  sim.RunFor(absl::Hours(1));
  EXPECT_EQ(sim.Elapsed(), absl::Hours(1));
}

TEST(Simulation, InfiniteSpansEndWithTime) {
  Simulation sim(1);
  SimHost& host =
      sim.AddHost("h", [](SimHost&) { return std::make_shared<int>(); });
  sim.RunFor(absl::Seconds(1));
  host.Pause(absl::InfiniteDuration());
  bool ran = false;
  host.executor()->Post([&] { ran = true; });
  host.Call(
      SimHost::kWorld, [](SimHost::Reply) {}, [&](absl::Status) { ran = true; },
      absl::Hours(24 * 365 * 1000));
  EXPECT_EQ(sim.RunUntil([] { return false; }, absl::Hours(24 * 365)).code(),
            absl::StatusCode::kDeadlineExceeded);
  EXPECT_FALSE(ran);
  const MonotonicTime before = host.executor()->Now();
  sim.RunFor(absl::InfiniteDuration());
  EXPECT_GT(sim.Elapsed(), absl::Hours(24 * 365 * 70));
  EXPECT_GT(host.executor()->Now(), before + absl::Hours(24 * 365 * 70));
}

TEST(Simulation, TasksRunInOrderNeverEarlyNeverInside) {
  Simulation sim(1);
  SimHost& host = sim.AddHost("h");
  Executor* const executor = host.executor();
  EXPECT_FALSE(executor->MayBlock());
  const MonotonicTime start = executor->Now();
  std::vector<std::string> ran;
  const auto at = [&](absl::Duration after, const char* name) {
    executor->PostAt(start + after, [&, after, name] {
      EXPECT_GE(executor->Now(), start + after);
      ran.emplace_back(name);
    });
  };
  at(absl::Seconds(2), "late");
  at(absl::Seconds(1), "early");
  at(absl::Seconds(1), "early too");
  executor->Post([&] { ran.emplace_back("first"); });
  executor->Post([&] { ran.emplace_back("second"); });
  EXPECT_THAT(ran, IsEmpty());
  sim.RunFor(absl::Seconds(3));
  EXPECT_THAT(ran,
              ElementsAre("first", "second", "early", "early too", "late"));
}

TEST(Simulation, ATaskThatNeverRunsIsDestroyed) {
  Simulation sim(1);
  auto held = std::make_shared<int>();
  sim.AddHost("h").executor()->PostAt(MonotonicTime::InfiniteFuture(),
                                      [held] {});
  EXPECT_EQ(held.use_count(), 1);
}

TEST(Simulation, RunUntilStopsAtTheGoalOrSaysWhatHappenedLately) {
  Pair pair(1);
  EXPECT_TRUE(
      pair.sim
          .RunUntil([&] { return pair.a->heard.size() == 5; }, absl::Minutes(1))
          .ok());
  EXPECT_EQ(pair.a->heard.size(), 5U);
  EXPECT_LT(pair.sim.Elapsed(), absl::Seconds(1));
  const absl::Status never =
      pair.sim.RunUntil([] { return false; }, absl::Seconds(1));
  EXPECT_EQ(never.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(never.message()), HasSubstr("send ann -> bob"));
}

TEST(Simulation, APerfectNetworkDeliversEverythingOnce) {
  Pair pair(1);
  pair.sim.RunFor(absl::Milliseconds(9995));
  EXPECT_EQ(pair.a->heard.size(), static_cast<size_t>(pair.b->said));
  // Nobody was there yet to hear the very first.
  EXPECT_EQ(pair.b->heard.size(), static_cast<size_t>(pair.a->said - 1));
}

TEST(Simulation, LossAndDuplicationComeAsOftenAsAskedFor) {
  FaultOptions faults;
  faults.envelope_loss = 0.2;
  Pair lossy(1, faults);
  lossy.sim.RunFor(absl::Seconds(100));
  EXPECT_NEAR(static_cast<double>(lossy.a->heard.size()), 8000, 300);

  faults.envelope_loss = 0;
  faults.envelope_duplication = 0.2;
  Pair twice(1, faults);
  twice.sim.RunFor(absl::Seconds(100));
  EXPECT_NEAR(static_cast<double>(twice.a->heard.size()), 12000, 300);
}

TEST(Simulation, CorruptionFlipsOneBit) {
  FaultOptions faults;
  faults.envelope_corruption = 1;
  Pair pair(1, faults);
  pair.sim.RunFor(absl::Seconds(1));
  ASSERT_THAT(pair.a->heard, Not(IsEmpty()));
  for (size_t i = 0; i < pair.a->heard.size(); ++i) {
    const std::string sent = absl::StrCat("hello ", i + 1);
    ASSERT_EQ(pair.a->heard[i].size(), sent.size());
    int flipped = 0;
    for (size_t j = 0; j < sent.size(); ++j) {
      flipped += __builtin_popcount(
          static_cast<unsigned char>(pair.a->heard[i][j] ^ sent[j]));
    }
    EXPECT_EQ(flipped, 1);
  }
}

TEST(Simulation, DelaysStayInBoundsAndTailsDoNot) {
  FaultOptions faults;
  faults.delay_min = absl::Milliseconds(1);
  faults.delay_max = absl::Milliseconds(30);
  Pair pair(1, faults);
  pair.sim.RunFor(absl::Seconds(10));
  EXPECT_EQ(pair.sim.FaultsFired().size(), 0U);
  int overtaken = 0;
  for (size_t i = 1; i < pair.a->heard.size(); ++i) {
    if (pair.a->heard[i - 1].size() > pair.a->heard[i].size() ||
        (pair.a->heard[i - 1].size() == pair.a->heard[i].size() &&
         pair.a->heard[i - 1] > pair.a->heard[i])) {
      ++overtaken;
    }
  }
  EXPECT_GT(overtaken, 100);

  faults.delay_tail = 1;
  faults.delay_tail_max = absl::Seconds(8);
  Pair tail(1, faults);
  EXPECT_TRUE(
      tail.sim.RunUntil([&] { return tail.a->said == 1000; }, absl::Seconds(11))
          .ok());
  const size_t after_10s = tail.b->heard.size();
  EXPECT_LT(after_10s, 900U);
  EXPECT_GT(after_10s, 300U);
}

TEST(Simulation, APartitionCutsBothWaysUntilHealed) {
  Pair pair(1);
  pair.sim.RunFor(absl::Milliseconds(995));
  pair.sim.Partition("a", "b");
  const size_t before = pair.a->heard.size();
  pair.sim.RunFor(absl::Seconds(1));
  EXPECT_EQ(pair.a->heard.size(), before);
  EXPECT_EQ(pair.b->heard.size(), before - 1);
  pair.sim.Heal();
  pair.sim.RunFor(absl::Seconds(1));
  EXPECT_GT(pair.a->heard.size(), before + 90);
}

TEST(Simulation, AOneWayPartitionCutsOneWay) {
  Pair pair(1);
  pair.sim.PartitionOneWay("a", "b");
  pair.sim.RunFor(absl::Seconds(1));
  EXPECT_THAT(pair.b->heard, IsEmpty());
  EXPECT_THAT(pair.a->heard, Not(IsEmpty()));
}

TEST(Simulation, ChancePartitionsComeAndGo) {
  FaultOptions faults;
  faults.partition = 0.3;
  faults.partition_max = absl::Seconds(1);
  Pair pair(1, faults);
  pair.sim.RunFor(absl::Seconds(100));
  EXPECT_LT(pair.a->heard.size(), 9500U);
  EXPECT_GT(pair.a->heard.size(), 5000U);
}

TEST(Simulation, CalmEndsFaultsAndCuts) {
  FaultOptions faults;
  faults.envelope_loss = 1;
  Pair pair(1, faults);
  pair.sim.Partition("a", "b");
  pair.sim.RunFor(absl::Seconds(1));
  EXPECT_THAT(pair.a->heard, IsEmpty());
  pair.sim.Calm();
  pair.sim.RunFor(absl::Seconds(1));
  EXPECT_GT(pair.a->heard.size(), 90U);
}

TEST(Simulation, EnvelopesReachOneOfThoseWhoPlayARole) {
  Simulation sim(1);
  int heard_a = 0;
  int heard_b = 0;
  SimHost& a = sim.AddHost("a");
  SimHost& b = sim.AddHost("b");
  a.OnReceive("pair", [&](Envelope) { ++heard_a; });
  b.OnReceive("pair", [&](Envelope) { ++heard_b; });
  SimHost& c = sim.AddHost("c");
  for (int i = 0; i < 1000; ++i) c.transport()->Send({"carl", "pair", "x"});
  c.transport()->Send({"carl", "nobody", "x"});
  sim.RunFor(absl::Seconds(1));
  EXPECT_EQ(heard_a + heard_b, 1000);
  EXPECT_GT(heard_a, 300);
  EXPECT_GT(heard_b, 300);
  EXPECT_THAT(sim.Trace(), HasSubstr("nobody there: carl -> nobody"));
}

FaultOptions Rough() {
  FaultOptions faults;
  faults.envelope_loss = 0.1;
  faults.envelope_duplication = 0.1;
  faults.delay_tail = 0.1;
  faults.crash = 0.01;
  faults.power_loss = 0.5;
  faults.pause = 0.2;
  faults.partition = 0.2;
  faults.clock_rate_spread = 0.01;
  faults.timer_late_max = absl::Milliseconds(3);
  return faults;
}

TEST(Simulation, EqualSeedsGiveEqualTraces) {
  Pair one(7, Rough());
  Pair two(7, Rough());
  Pair other(8, Rough());
  for (Pair* pair : {&one, &two, &other}) pair->sim.RunFor(absl::Seconds(20));
  EXPECT_EQ(one.sim.Trace(), two.sim.Trace());
  EXPECT_EQ(one.sim.TraceHash(), two.sim.TraceHash());
  EXPECT_EQ(one.sim.events(), two.sim.events());
  EXPECT_NE(one.sim.TraceHash(), other.sim.TraceHash());
}

// The same number from every compiler at every level of optimization. It
// changes when a decision is added to the simulator, and then all seeds do.
TEST(Simulation, GoldenTraceHash) {
  Pair pair(42, Rough());
  pair.sim.RunFor(absl::Seconds(20));
  EXPECT_EQ(pair.sim.TraceHash(), 16341471576284111693U)
      << pair.sim.events() << " events";
}

TEST(Simulation, AMutedFaultDoesNotStrikeAndTheFaultsBeforeItStay) {
  Pair first(7, Rough());
  first.sim.RunFor(absl::Seconds(5));
  const std::vector<Simulation::Fault> fired = first.sim.FaultsFired();
  ASSERT_GT(fired.size(), 20U);

  FaultOptions faults = Rough();
  Pair again(7, faults);
  again.sim.Mute({fired[10].id});
  again.sim.RunFor(absl::Seconds(5));
  const std::vector<Simulation::Fault> left = again.sim.FaultsFired();
  for (size_t i = 0; i < 10; ++i) EXPECT_EQ(left[i].text, fired[i].text);
  for (const Simulation::Fault& fault : left) EXPECT_NE(fault.id, fired[10].id);
}

// What links decide does not depend on what else there is in the world.
TEST(Simulation, AnotherHostMovesNoDecisionElsewhere) {
  FaultOptions faults;
  faults.envelope_loss = 0.2;
  faults.delay_tail = 0.1;
  Pair plain(7, faults);
  Pair more(7, faults);
  more.sim.AddHost("c", [](SimHost& host) {
    return std::make_shared<Greeter>(host, "carl", "ann");
  });
  plain.sim.RunFor(absl::Seconds(5));
  more.sim.RunFor(absl::Seconds(5));
  EXPECT_EQ(plain.b->heard, more.b->heard);
}

TEST(Simulation, WhatTheKernelWouldDrawComesFromTheSeed) {
  const auto draw = [](uint64_t seed) {
    Simulation sim(seed);
    std::string id;
    sim.AddHost("h").executor()->Post([&] { id = internal::UniqueId(); });
    sim.RunFor(absl::Seconds(1));
    return id;
  };
  EXPECT_EQ(draw(1), draw(1));
  EXPECT_NE(draw(1), draw(2));
  EXPECT_NE(internal::UniqueId(), internal::UniqueId());
}

TEST(Simulation, NotesAndPayloadsStandInTheTrace) {
  Pair pair(1);
  pair.sim.DescribePayloads([](std::string_view payload) {
    return absl::StrCat("<", std::string(payload), ">");
  });
  pair.sim.RunFor(absl::Milliseconds(15));
  pair.sim.Note("half time");
  EXPECT_THAT(pair.sim.Trace(), HasSubstr("<hello 2>"));
  EXPECT_THAT(pair.sim.Trace(), HasSubstr("0.015000s half time"));
}

TEST(Simulation, DescribingPayloadsMakesNoOtherHistory) {
  Pair plain(1);
  Pair described(1);
  described.sim.DescribePayloads(
      [](std::string_view payload) { return std::string(payload); });
  for (Pair* pair : {&plain, &described}) pair->sim.RunFor(absl::Seconds(1));
  EXPECT_EQ(plain.sim.TraceHash(), described.sim.TraceHash());
}

TEST(Simulation, OnEventLooksAfterEveryEvent) {
  Pair pair(1);
  uint64_t looks = 0;
  pair.sim.OnEvent([&] { ++looks; });
  pair.sim.RunFor(absl::Seconds(1));
  EXPECT_EQ(looks, pair.sim.events());
}

}  // namespace
}  // namespace trivet
