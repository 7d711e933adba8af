// SPDX-License-Identifier: Apache-2.0
//
// Every class of fault: it strikes where its field says, it does what its field
// says, and muted by id it does not strike.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "trivet/host/executor.h"
#include "trivet/host/log_store.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/host/transport.h"
#include "trivet/host/versioned_store.h"
#include "trivet/testing/fault_options.h"
#include "trivet/testing/sim_host.h"
#include "trivet/testing/simulation.h"

namespace trivet {
namespace {

using ::testing::ElementsAre;
using testing::FaultOptions;
using ::testing::IsEmpty;
using testing::SimHost;
using testing::Simulation;
using ::testing::SizeIs;

// What a history went through that uses everything a host offers.
struct Story {
  std::vector<std::string> heard;  // From the other host.
  uint64_t starts = 0;
  std::vector<absl::Status> claims;
  std::vector<absl::Status> appends;
};

// Greets, appends and asks, ten times a second.
class Busy {
 public:
  Busy(SimHost& host, std::string peer, Story* story)
      : host_(host), peer_(std::move(peer)), story_(story) {
    host_.OnReceive(std::string(host.name()), [this](Envelope envelope) {
      story_->heard.push_back(std::move(envelope.payload));
    });
    ++story_->starts;
    const absl::StatusOr<Epoch> epoch = host_.log("log")->Claim(
        0, [](LogIndex, std::string_view) { return absl::OkStatus(); });
    story_->claims.push_back(epoch.status());
    if (!host_.IsUp()) return;
    if (epoch.ok()) epoch_ = *epoch;
    Tick();
  }

 private:
  void Tick() {
    if (!host_.IsUp()) return;
    host_.transport()->Send(
        {std::string(host_.name()), peer_, std::to_string(++said_)});
    host_.log("log")->Append(
        epoch_, {"one", "two"}, Durability::kForced,
        [story = story_](const absl::StatusOr<LogIndex>& last) {
          story->appends.push_back(last.status());
        });
    host_.log("log")->Trim(epoch_, said_);
    host_.versioned_store()->Get("key", [](absl::StatusOr<VersionedValue>) {});
    Executor* const executor = host_.executor();
    executor->PostAt(executor->Now() + absl::Milliseconds(100),
                     [this] { Tick(); });
  }

  SimHost& host_;
  const std::string peer_;
  Story* const story_;
  Epoch epoch_ = 0;
  uint64_t said_ = 0;
};

struct World {
  explicit World(const FaultOptions& faults, uint64_t seed = 1)
      : sim(seed, faults) {}
  void Run(absl::Duration span = absl::Seconds(20)) {
    sim.AddHost("a", [this](SimHost& host) {
      return std::make_shared<Busy>(host, "b", &a);
    });
    sim.AddHost("b", [this](SimHost& host) {
      return std::make_shared<Busy>(host, "a", &b);
    });
    sim.RunFor(span);
  }
  Story a;
  Story b;
  Simulation sim;
};

struct Class {
  const char* kind;
  double FaultOptions::*field;
  double probability = 0.3;
  double crash = 0;  // What it strikes only in the wake of.
};

const Class kClasses[] = {
    {"envelope loss", &FaultOptions::envelope_loss},
    {"envelope duplication", &FaultOptions::envelope_duplication},
    {"envelope corruption", &FaultOptions::envelope_corruption},
    {"envelope reordering", &FaultOptions::envelope_reordering},
    {"long delay", &FaultOptions::delay_tail},
    {"request loss", &FaultOptions::request_loss},
    {"reply loss", &FaultOptions::reply_loss},
    {"partition", &FaultOptions::partition},
    {"one-way partition", &FaultOptions::partition_one_way},
    {"flapping partition", &FaultOptions::partition_flapping},
    {"crash", &FaultOptions::crash, 0.02},
    {"power loss", &FaultOptions::power_loss, 0.3, 0.02},
    {"crash in append", &FaultOptions::crash_in_append, 0.05},
    {"crash in recovery", &FaultOptions::crash_in_recovery, 0.02, 0.02},
    {"host loss", &FaultOptions::host_loss},
    {"pause", &FaultOptions::pause},
    {"suspend", &FaultOptions::suspend},
    {"slow host", &FaultOptions::slow_host},
    {"slow sync", &FaultOptions::slow_sync},
    {"sync error", &FaultOptions::sync_error},
    {"disk full", &FaultOptions::disk_full},
    {"claim error", &FaultOptions::claim_error, 0.5, 0.02},
    {"read error", &FaultOptions::read_error, 0.5, 0.02},
    {"trim ignored", &FaultOptions::trim_ignored},
    {"stale read", &FaultOptions::stale_read},
};

using FaultIds = std::vector<decltype(Simulation::Fault::id)>;

TEST(FaultClasses, EachStrikesAndMutedByIdItDoesNot) {
  for (const Class& one : kClasses) {
    SCOPED_TRACE(one.kind);
    FaultOptions faults;
    faults.crash = one.crash;
    faults.*one.field = one.probability;
    FaultIds muted;
    // The world behind a muted fault is another one, where others may strike.
    World first(faults);
    first.Run();
    for (const Simulation::Fault& fault : first.sim.FaultsFired()) {
      if (fault.kind == one.kind) muted.push_back(fault.id);
    }
    ASSERT_FALSE(muted.empty());
    World second(faults);
    second.sim.Mute(muted);
    second.Run();
    for (const Simulation::Fault& fault : second.sim.FaultsFired()) {
      EXPECT_EQ(std::count(muted.begin(), muted.end(), fault.id), 0)
          << fault.text;
    }
    World third(faults);
    third.sim.Calm();
    third.Run();
    EXPECT_THAT(third.sim.FaultsFired(), IsEmpty());
  }
}

FaultOptions Only(double FaultOptions::*field, double probability = 1) {
  FaultOptions faults;
  faults.*field = probability;
  return faults;
}

TEST(FaultClasses, PartitionsCutBothWaysAndOneWayPartitionsOne) {
  FaultOptions faults = Only(&FaultOptions::partition);
  faults.partition_max = absl::Hours(1);
  World both(faults);
  both.Run();
  EXPECT_LT(both.a.heard.size(), 60U);
  EXPECT_LT(both.b.heard.size(), 60U);

  faults = Only(&FaultOptions::partition_one_way, 0.9);
  faults.partition_max = absl::Hours(1);
  uint64_t halves = 0;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    World one(faults, seed);
    one.Run(absl::Milliseconds(1900));
    EXPECT_GT(one.a.heard.size() + one.b.heard.size(), 18U);
    if (one.a.heard.size() < 12 || one.b.heard.size() < 12) ++halves;
  }
  EXPECT_GT(halves, 10U);
}

TEST(FaultClasses, AFlappingLinkLetsSomeThrough) {
  FaultOptions faults = Only(&FaultOptions::partition_flapping);
  faults.partition_max = absl::Hours(1);
  World world(faults);
  world.Run();
  EXPECT_GT(world.a.heard.size(), 30U);
  EXPECT_LT(world.a.heard.size(), 190U);
}

TEST(FaultClasses, ReorderedEnvelopesAllArriveInAnotherOrder) {
  FaultOptions faults = Only(&FaultOptions::envelope_reordering, 0.3);
  faults.delay_max = absl::Milliseconds(80);
  World world(faults);
  world.Run();
  World plain(Only(&FaultOptions::envelope_reordering, 0));
  plain.Run();
  world.sim.RunFor(absl::Seconds(1));
  EXPECT_GE(world.a.heard.size(), 195U);
  EXPECT_FALSE(std::is_sorted(world.a.heard.begin(), world.a.heard.end(),
                              [](const auto& x, const auto& y) {
                                return std::stoi(x) < std::stoi(y);
                              }));
  EXPECT_TRUE(std::is_sorted(plain.a.heard.begin(), plain.a.heard.end(),
                             [](const auto& x, const auto& y) {
                               return std::stoi(x) < std::stoi(y);
                             }));
}

TEST(FaultClasses, ALostHostNeverComesBackAndIsTheOnlyOne) {
  World world(Only(&FaultOptions::host_loss));
  world.Run();
  EXPECT_TRUE(world.sim.FindHost("a")->IsLost());
  EXPECT_FALSE(world.sim.FindHost("b")->IsLost());
  world.sim.FindHost("a")->Restart();
  EXPECT_FALSE(world.sim.FindHost("a")->IsUp());
  EXPECT_EQ(world.a.starts, 1U);
}

TEST(FaultClasses, ASuspendedHostHearsNothingAndItsTimersAreLate) {
  FaultOptions faults = Only(&FaultOptions::suspend);
  faults.suspend_max = absl::Milliseconds(900);
  Simulation sim(3, faults);
  int heard = 0;
  int greeted = 0;
  SimHost& host = sim.AddHost("a", [&](SimHost& h) -> std::shared_ptr<void> {
    h.OnReceive("a", [&](Envelope) { ++heard; });
    return std::make_shared<int>();
  });
  SimHost& other = sim.AddHost("b");
  absl::Duration latest;
  for (int i = 1; i < 200; ++i) {
    const MonotonicTime due =
        host.executor()->Now() + i * absl::Milliseconds(20);
    host.executor()->PostAt(due, [&latest, &host, due] {
      latest = std::max(latest, host.executor()->Now() - due);
    });
    other.executor()->PostAt(
        other.executor()->Now() + i * absl::Milliseconds(20), [&] {
          ++greeted;
          other.transport()->Send({"b", "a", "x"});
        });
  }
  sim.RunFor(absl::Seconds(8));
  EXPECT_EQ(greeted, 199);
  EXPECT_GT(heard, 20);
  EXPECT_LT(heard, 190);
  // Not only until it woke, but by what it slept through on top.
  EXPECT_GT(latest, absl::Milliseconds(200));
}

TEST(FaultClasses, ASlowHostKeepsItsOrder) {
  FaultOptions faults = Only(&FaultOptions::slow_host);
  faults.slow_event_max = absl::Milliseconds(50);
  Simulation sim(1, faults);
  SimHost& host =
      sim.AddHost("a", [](SimHost&) { return std::make_shared<int>(); });
  sim.RunFor(absl::Milliseconds(2100));
  std::vector<int> order;
  absl::Duration last;
  for (int i = 0; i < 30; ++i) {
    host.executor()->Post([&, i] {
      order.push_back(i);
      last = sim.Elapsed();
    });
  }
  sim.RunFor(absl::Seconds(5));
  EXPECT_THAT(order, SizeIs(30));
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  EXPECT_GT(last, absl::Milliseconds(2300));
}

TEST(FaultClasses, AFullDiskFailsTheAppendAndEveryLaterOne) {
  World world(Only(&FaultOptions::disk_full, 0.02));
  world.Run();
  size_t full = 0;
  for (size_t i = 0; i < world.a.appends.size(); ++i) {
    if (!absl::IsResourceExhausted(world.a.appends[i])) continue;
    ++full;
    for (size_t j = i + 1; j < world.a.appends.size(); ++j) {
      EXPECT_TRUE(absl::IsUnavailable(world.a.appends[j]));
    }
  }
  EXPECT_EQ(full, 1U);
  EXPECT_TRUE(world.a.appends.front().ok());
}

TEST(FaultClasses, AReadErrorEndsTheClaimInTheMiddleAndItsEpochStays) {
  std::set<size_t> visited;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    FaultOptions faults = Only(&FaultOptions::read_error, 0.5);
    Simulation sim(seed, faults);
    LogStore* const log =
        sim.AddHost("a", [](SimHost&) { return std::make_shared<int>(); })
            .log("log");
    for (Epoch epoch = 1; epoch < 6; ++epoch) {
      size_t records = 0;
      const absl::StatusOr<Epoch> claimed =
          log->Claim(epoch, [&](LogIndex, std::string_view) {
            ++records;
            return absl::OkStatus();
          });
      if (!claimed.ok()) {
        EXPECT_TRUE(absl::IsUnavailable(claimed.status()));
        EXPECT_TRUE(absl::IsAborted(
            log->Claim(epoch, [](LogIndex,
                                 std::string_view) { return absl::OkStatus(); })
                .status()));
        if (epoch == 5) visited.insert(records);
        continue;
      }
      log->Append(epoch, {"a", "b", "c"}, Durability::kForced,
                  [](const absl::StatusOr<LogIndex>&) {});
      sim.RunFor(absl::Seconds(1));
    }
  }
  EXPECT_GT(visited.size(), 3U);
}

TEST(FaultClasses, ASlowSyncIsLateAndGood) {
  FaultOptions faults = Only(&FaultOptions::slow_sync);
  faults.slow_sync_max = absl::Seconds(5);
  Simulation sim(1, faults);
  SimHost& host =
      sim.AddHost("a", [](SimHost&) { return std::make_shared<int>(); });
  const auto epoch = host.log("log")->Claim(
      0, [](LogIndex, std::string_view) { return absl::OkStatus(); });
  absl::Duration done;
  host.log("log")->Append(*epoch, {"a"}, Durability::kForced,
                          [&](const absl::StatusOr<LogIndex>& last) {
                            EXPECT_TRUE(last.ok());
                            done = sim.Elapsed();
                          });
  sim.RunFor(absl::Seconds(6));
  EXPECT_GT(done, faults.sync_max);
}

TEST(FaultClasses, AStaleReadShowsWhatWasThereBefore) {
  Simulation sim(1, Only(&FaultOptions::stale_read));
  VersionedStore* const store = sim.AddHost("a").versioned_store();
  const auto write = [&](uint64_t version, std::string value) {
    store->CompareAndSet("k", version, std::move(value),
                         [](absl::StatusOr<uint64_t>) {});
    sim.RunFor(absl::Seconds(1));
  };
  write(0, "one");
  write(1, "two");
  std::string seen;
  store->Get("k", [&](absl::StatusOr<VersionedValue> value) {
    seen = value->value + std::to_string(value->version);
  });
  sim.RunFor(absl::Seconds(1));
  EXPECT_EQ(seen, "one1");
}

TEST(FaultClasses, CrashesInAppendsAndRecoveriesHitNothingElse) {
  World append(Only(&FaultOptions::crash_in_append, 0.1));
  append.Run();
  EXPECT_GT(append.a.starts, 3U);
  // Nobody recovers where nobody crashes.
  World recovery(Only(&FaultOptions::crash_in_recovery, 0.5));
  recovery.Run();
  EXPECT_EQ(recovery.a.starts, 1U);
}

// --- Faults of the user's own ------------------------------------------------

TEST(FaultClasses, AHostTellsOfItsEndBeforeItsProgramGoes) {
  struct Program {
    explicit Program(std::vector<std::string>* s) : story(s) {}
    ~Program() { story->push_back("gone"); }
    std::vector<std::string>* story;
  };
  std::vector<std::string> story;
  Simulation sim(1);
  SimHost& host = sim.AddHost("a", [&](SimHost& h) {
    h.OnStop([&](bool power_loss) {
      story.push_back(power_loss ? "power" : "crash");
    });
    return std::make_shared<Program>(&story);
  });
  host.Crash();
  host.Crash();  // It is down.
  EXPECT_THAT(story, ElementsAre("crash", "gone"));
  host.PowerLoss();
  host.Restart();
  host.PowerLoss();
  EXPECT_THAT(story, ElementsAre("crash", "gone", "power", "power", "gone"));
}

TEST(FaultClasses, FaultsOfTheUsersOwnAreListedAndMuted) {
  const auto count = [](const FaultIds& muted, FaultIds* fired) {
    Simulation sim(7);
    sim.Mute(muted);
    SimHost& host = sim.AddHost("a");
    int struck = 0;
    for (int i = 0; i < 1000; ++i) {
      if (host.Strikes("toner out", 0.1, "printer")) ++struck;
    }
    for (const Simulation::Fault& fault : sim.FaultsFired()) {
      EXPECT_EQ(fault.kind, "toner out");
      fired->push_back(fault.id);
    }
    sim.Calm();
    EXPECT_FALSE(host.Strikes("toner out", 1, "printer"));
    return struck;
  };
  FaultIds fired;
  const int all = count({}, &fired);
  EXPECT_GT(all, 70);
  EXPECT_LT(all, 130);
  EXPECT_THAT(fired, SizeIs(all));
  FaultIds left;
  EXPECT_EQ(count({fired[0], fired[5]}, &left), all - 2);
}

}  // namespace
}  // namespace trivet
