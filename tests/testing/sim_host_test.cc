// SPDX-License-Identifier: Apache-2.0
//
// Clocks, crashes, pauses and calls of simulated hosts.

#include "trivet/testing/sim_host.h"

#include <cmath>
#include <cstdint>
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
#include "trivet/host/executor.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/host/transport.h"
#include "trivet/host/versioned_store.h"
#include "trivet/testing/fault_options.h"
#include "trivet/testing/simulation.h"

namespace trivet {
namespace {

using ::testing::ElementsAre;
using testing::FaultOptions;
using ::testing::IsEmpty;
using testing::SimHost;
using testing::Simulation;

TEST(SimHost, ClocksHaveTheirOwnOriginAndRate) {
  FaultOptions faults;
  faults.clock_rate_spread = 0.01;
  Simulation sim(1, faults);
  std::vector<double> rates;
  std::vector<MonotonicTime> starts;
  for (size_t i = 0; i < 20; ++i) sim.AddHost("h" + std::to_string(i));
  for (size_t i = 0; i < 20; ++i) {
    starts.push_back(sim.FindHost("h" + std::to_string(i))->executor()->Now());
  }
  sim.RunFor(absl::Seconds(1000));
  for (size_t i = 0; i < 20; ++i) {
    const SimHost* host = sim.FindHost("h" + std::to_string(i));
    const absl::Duration passed =
        const_cast<SimHost*>(host)->executor()->Now() - starts[i];
    rates.push_back(absl::ToDoubleSeconds(passed) / 1000);
    EXPECT_NEAR(rates.back(), 1, 0.01);
    if (i > 0) {
      EXPECT_NE(starts[i], starts[0]);
    }
  }
  EXPECT_GT(*std::max_element(rates.begin(), rates.end()), 1.004);
  EXPECT_LT(*std::min_element(rates.begin(), rates.end()), 0.996);
}

TEST(SimHost, TimersAreNeverEarlyOnAnyClock) {
  FaultOptions faults;
  faults.clock_rate_spread = 0.3;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Simulation sim(seed, faults);
    Executor* const executor = sim.AddHost("h").executor();
    const MonotonicTime start = executor->Now();
    for (int i = 1; i < 100; ++i) {
      const MonotonicTime when = start + absl::Nanoseconds(i * 77777777LL);
      executor->PostAt(when, [=] {
        EXPECT_GE(executor->Now(), when);
        EXPECT_LE(executor->Now(), when + absl::Nanoseconds(2));
      });
    }
    sim.RunFor(absl::Seconds(20));
    EXPECT_GT(sim.events(), 98U);
  }
}

// Tells of its death, and still calls its ports while dying.
struct Mortal {
  Mortal(SimHost& host, std::vector<std::string>* story)
      : host_(host),
        story_(story),
        executor_(host.executor()),
        transport_(host.transport()) {
    story_->push_back("born");
  }
  ~Mortal() {
    story_->push_back("died");
    executor_->Post([story = story_] { story->push_back("posted dead"); });
    transport_->Send({"m", "m", "sent dead"});
    host_.OnReceive(
        "m", [story = story_](Envelope) { story->push_back("received dead"); });
  }
  SimHost& host_;
  std::vector<std::string>* story_;
  Executor* executor_;
  Transport* transport_;
};

TEST(SimHost, ACrashMakesTasksCallsAndMessagesEvaporate) {
  std::vector<std::string> story;
  Simulation sim(1);
  SimHost& host = sim.AddHost(
      "h", [&](SimHost& h) { return std::make_shared<Mortal>(h, &story); });
  const auto held = std::make_shared<int>();
  host.executor()->Post([&story, held] { story.push_back("task"); });
  host.executor()->PostAt(host.executor()->Now() + absl::Seconds(1),
                          [&story, held] { story.push_back("timer"); });
  host.versioned_store()->Get("k",
                              [&story, held](absl::StatusOr<VersionedValue>) {
                                story.push_back("answer");
                              });
  host.Crash();
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_FALSE(host.IsUp());
  sim.RunFor(absl::Seconds(5));
  EXPECT_THAT(story, ElementsAre("born", "died"));
  host.Restart();
  EXPECT_TRUE(host.IsUp());
  EXPECT_EQ(host.starts(), 2U);
  host.Restart();
  EXPECT_EQ(host.starts(), 2U);
  sim.RunFor(absl::Seconds(5));
  EXPECT_THAT(story, ElementsAre("born", "died", "born"));
}

TEST(SimHost, AnEnvelopeOnTheWireReachesTheNextProcess) {
  Simulation sim(1);
  int heard = 0;
  SimHost& to = sim.AddHost("to", [&](SimHost& host) {
    host.OnReceive("x", [&](Envelope) { ++heard; });
    return std::make_shared<int>();
  });
  sim.AddHost("from").transport()->Send({"y", "x", "hello"});
  to.Crash();
  to.Restart();
  sim.RunFor(absl::Seconds(1));
  EXPECT_EQ(heard, 1);
}

TEST(SimHost, ACrashFromWithinTakesEffectAtOnceAndDestroysLater) {
  std::vector<std::string> story;
  Simulation sim(1);
  SimHost& host = sim.AddHost(
      "h", [&](SimHost& h) { return std::make_shared<Mortal>(h, &story); });
  host.executor()->Post([&] {
    host.Crash();
    EXPECT_FALSE(host.IsUp());
    host.transport()->Send({"m", "m", "x"});
    host.executor()->Post([&] { story.push_back("ran"); });
    story.push_back("still here");
    host.Restart();  // As soon as the dying process is gone.
  });
  sim.RunFor(absl::Seconds(1));
  EXPECT_THAT(story, ElementsAre("born", "still here", "died", "born"));
  EXPECT_EQ(sim.Trace().find("send"), std::string::npos);
}

TEST(SimHost, ABootThatFailsIsTriedAgain) {
  FaultOptions faults;
  faults.restart_max = absl::Milliseconds(100);
  Simulation sim(1, faults);
  int attempts = 0;
  SimHost& host = sim.AddHost("h", [&](SimHost&) -> std::shared_ptr<void> {
    if (++attempts < 4) return nullptr;
    return std::make_shared<int>();
  });
  EXPECT_FALSE(host.IsUp());
  sim.RunFor(absl::Seconds(1));
  EXPECT_TRUE(host.IsUp());
  EXPECT_EQ(attempts, 4);
}

TEST(SimHost, ChanceCrashesAtPortCallsAndRestarts) {
  FaultOptions faults;
  faults.crash = 0.3;
  faults.restart_max = absl::Milliseconds(10);
  Simulation sim(1, faults);
  int in_the_middle = 0;
  struct Busy {};
  SimHost* host = nullptr;
  host = &sim.AddHost("h", [&](SimHost& h) {
    for (int i = 0; i < 10; ++i) {
      h.executor()->Post([&in_the_middle, &h] {
        for (int j = 0; j < 10; ++j) {
          h.transport()->Send({"a", "b", "x"});
          if (!h.IsUp()) {
            ++in_the_middle;
            return;
          }
        }
      });
    }
    return std::make_shared<Busy>();
  });
  sim.RunFor(absl::Seconds(10));
  EXPECT_GT(host->starts(), 500U);
  EXPECT_GT(in_the_middle, 300);
}

TEST(SimHost, AHostThatCrashedByTheTestStaysDown) {
  FaultOptions faults;
  faults.crash = 0.5;
  faults.restart_max = absl::Seconds(1);
  Simulation sim(3, faults);
  SimHost& host = sim.AddHost("h", [](SimHost& h) {
    h.executor()->Post([] {});
    h.executor()->Post([] {});
    return std::make_shared<int>();
  });
  host.Crash();
  sim.RunFor(absl::Seconds(5));
  EXPECT_EQ(host.starts(), 1U);
  host.Restart();
  ASSERT_TRUE(
      sim.RunUntil([&] { return !host.IsUp(); }, absl::Minutes(1)).ok());
  host.Crash();  // While it waits to come up by itself.
  const uint64_t starts = host.starts();
  sim.RunFor(absl::Seconds(5));
  EXPECT_EQ(host.starts(), starts);
}

TEST(SimHost, APauseHoldsEverythingBackInOrderWhileTheClockRunsOn) {
  Simulation sim(1);
  SimHost& host =
      sim.AddHost("h", [](SimHost&) { return std::make_shared<int>(); });
  Executor* const executor = host.executor();
  const MonotonicTime start = executor->Now();
  std::vector<std::string> ran;
  host.OnReceive("r", [&](Envelope e) {
    ran.push_back(e.payload);
    EXPECT_GE(executor->Now(), start + absl::Seconds(10));
  });
  sim.AddHost("other").transport()->Send({"o", "r", "envelope"});
  executor->PostAt(start + absl::Seconds(1), [&] { ran.emplace_back("1s"); });
  executor->PostAt(start + absl::Seconds(2), [&] { ran.emplace_back("2s"); });
  host.Pause(absl::Seconds(10));
  sim.RunFor(absl::Seconds(9));
  EXPECT_THAT(ran, IsEmpty());
  EXPECT_EQ(executor->Now(), start + absl::Seconds(9));
  sim.RunFor(absl::Seconds(2));
  EXPECT_THAT(ran, ElementsAre("envelope", "1s", "2s"));
}

TEST(SimHost, WhatAPausedProcessHadReceivedDiesWithIt) {
  Simulation sim(1);
  int heard = 0;
  SimHost& host = sim.AddHost("h", [&](SimHost& h) {
    h.OnReceive("r", [&](Envelope) { ++heard; });
    return std::make_shared<int>();
  });
  host.Pause(absl::Seconds(10));
  sim.AddHost("other").transport()->Send({"o", "r", "x"});
  sim.RunFor(absl::Seconds(1));
  host.Crash();
  host.Restart();
  sim.RunFor(absl::Seconds(20));
  EXPECT_EQ(heard, 0);
}

TEST(SimHost, ACallActsThereAndAnswersHere) {
  Simulation sim(1);
  SimHost& server = sim.AddHost("server");
  SimHost& client = sim.AddHost("client");
  SimHost::Reply later;
  std::vector<std::string> story;
  client.Call(
      "server",
      [&](SimHost::Reply reply) {
        story.push_back("acted");
        later = std::move(reply);
      },
      [&](absl::Status status) {
        story.push_back(status.ok() ? "answered" : "gave up");
      });
  sim.RunFor(absl::Milliseconds(100));
  EXPECT_THAT(story, ElementsAre("acted"));
  server.executor()->Post([&] { std::move(later)(); });
  sim.RunFor(absl::Milliseconds(100));
  EXPECT_THAT(story, ElementsAre("acted", "answered"));
  sim.RunFor(absl::Seconds(10));
  EXPECT_EQ(story.size(), 2U);
}

TEST(SimHost, ALostReplyIsUnknownAndWasDone) {
  FaultOptions faults;
  faults.reply_loss = 0.5;
  faults.request_loss = 0.2;
  Simulation sim(1, faults);
  VersionedStore* const store = sim.AddHost("h").versioned_store();
  int ok = 0;
  int unknown = 0;
  for (int i = 0; i < 1000; ++i) {
    store->CompareAndSet(std::to_string(i), 0, "v",
                         [&](absl::StatusOr<uint64_t> version) {
                           version.ok() ? ++ok : ++unknown;
                           if (version.ok()) {
                             EXPECT_EQ(*version, 1U);
                           }
                         });
  }
  sim.RunFor(absl::Seconds(5));
  EXPECT_NEAR(ok, 400, 60);
  EXPECT_EQ(ok + unknown, 1000);

  sim.Calm();
  int written = 0;
  for (int i = 0; i < 1000; ++i) {
    store->Get(std::to_string(i), [&](absl::StatusOr<VersionedValue> value) {
      ASSERT_TRUE(value.ok());
      written += value->version == 1 ? 1 : 0;
    });
  }
  sim.RunFor(absl::Seconds(5));
  EXPECT_NEAR(written, 800, 60);
}

}  // namespace
}  // namespace trivet
