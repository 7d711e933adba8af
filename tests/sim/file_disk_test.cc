// SPDX-License-Identifier: Apache-2.0
//
// The file log on a simulated disk: each fault of a disk strikes, muted by id
// it does not, and the log keeps what it promises.

#include "tests/sim/file_disk.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "trivet/host/log_store.h"
#include "trivet/testing/fault_options.h"
#include "trivet/testing/log_checker.h"
#include "trivet/testing/sim_host.h"
#include "trivet/testing/simulation.h"
#include "trivet/testing/violations.h"

namespace trivet {
namespace sim {
namespace {

using testing::CheckedLog;
using testing::FaultOptions;
using testing::LogChecker;
using testing::SimHost;
using testing::Simulation;
using testing::Violations;

using FaultIds = std::vector<decltype(Simulation::Fault::id)>;

// A host that appends to a file log as long as it lives.
struct World {
  explicit World(const FaultOptions& faults, uint64_t seed = 1)
      : sim(seed, faults) {}

  void Run(absl::Duration span = absl::Seconds(20)) {
    SimHost& host = sim.AddHost("h", [this](SimHost& h) {
      h.OnStop([this](bool power_loss) {
        if (disk != nullptr) disk->Stop(power_loss);
      });
      return Boot(h);
    });
    sim.RunFor(span);
    sim.Calm();
    host.PowerLoss();
    host.Restart();
    sim.RunFor(absl::Seconds(5));
  }

  std::shared_ptr<void> Boot(SimHost& host) {
    if (disk == nullptr) {
      disk = std::make_unique<FileDisk>(&host, "log", [] { return true; });
    }
    auto log = std::make_shared<CheckedLog>(disk->NewPort(), &checker);
    const absl::StatusOr<Epoch> epoch = log->Claim(
        0, [](LogIndex, std::string_view) { return absl::OkStatus(); });
    claims.push_back(epoch.status());
    if (!epoch.ok()) return nullptr;
    Append(&host, log.get(), *epoch);
    return log;
  }

  void Append(SimHost* host, LogStore* log, Epoch epoch) {
    const Durability durability =
        ++appends % 3 == 0 ? Durability::kLazy : Durability::kForced;
    log->Append(epoch, {std::string(appends % 700, 'x'), "end"}, durability,
                [this, host, epoch](const absl::StatusOr<LogIndex>& last) {
                  if (last.ok()) known = {epoch, *last};
                  if (!last.ok()) errors.push_back(last.status());
                  if (!last.ok()) host->Crash();
                  if (!last.ok()) host->Restart();
                });
    if (appends % 20 == 0 && known.first == epoch) {
      log->Trim(epoch, known.second);
    }
    host->executor()->PostAt(
        host->executor()->Now() + absl::Milliseconds(20),
        [this, host, log, epoch] { Append(host, log, epoch); });
  }

  bool SawDataLoss() const {
    return std::any_of(claims.begin(), claims.end(), [](const auto& claim) {
      return absl::IsDataLoss(claim);
    });
  }

  Violations violations;
  LogChecker checker{"log", &violations};
  std::unique_ptr<FileDisk> disk;
  std::vector<absl::Status> claims;
  std::vector<absl::Status> errors;
  uint64_t appends = 0;
  std::pair<Epoch, LogIndex> known;  // The last of all, and whose it is.
  Simulation sim;
};

struct Class {
  const char* kind;
  double FaultOptions::*field;
  double probability;
};

const Class kClasses[] = {
    {"sector loss", &FaultOptions::sector_loss, 0.3},
    {"torn write", &FaultOptions::torn_write, 0.3},
    {"name loss", &FaultOptions::name_loss, 0.9},
    {"bit rot", &FaultOptions::bit_rot, 0.3},
    {"sync error", &FaultOptions::sync_error, 0.02},
    {"read error", &FaultOptions::read_error, 0.2},
    {"disk full", &FaultOptions::disk_full, 0.02},
    {"slow sync", &FaultOptions::slow_sync, 0.1},
    {"trim ignored", &FaultOptions::trim_ignored, 0.5},
};

TEST(FileDisk, EachFaultStrikesMutedByIdItDoesNotAndTheLogHolds) {
  for (const Class& one : kClasses) {
    SCOPED_TRACE(one.kind);
    FaultOptions faults;
    faults.crash = 0.02;
    faults.power_loss = 0.7;
    faults.sync_max = absl::Milliseconds(30);
    faults.*one.field = one.probability;
    size_t struck = 0;
    for (uint64_t seed = 0; seed < 30; ++seed) {
      World first(faults, seed);
      first.Run();
      EXPECT_EQ(first.violations.ToString(), "");
      EXPECT_TRUE(first.disk->has_rotted() || !first.SawDataLoss());
      FaultIds muted;
      for (const Simulation::Fault& fault : first.sim.FaultsFired()) {
        if (fault.kind == one.kind) muted.push_back(fault.id);
      }
      struck += muted.size();
      World second(faults, seed);
      second.sim.Mute(muted);
      second.Run();
      EXPECT_EQ(second.violations.ToString(), "");
      for (const Simulation::Fault& fault : second.sim.FaultsFired()) {
        EXPECT_EQ(std::count(muted.begin(), muted.end(), fault.id), 0);
      }
    }
    EXPECT_GT(struck, 0U);
  }
}

TEST(FileDisk, ARottenLogSaysSoAndItsHostIsLost) {
  FaultOptions faults;
  faults.crash = 0.02;
  faults.bit_rot = 1;
  int lost = 0;
  for (uint64_t seed = 0; seed < 30; ++seed) {
    World world(faults, seed);
    world.Run();
    EXPECT_EQ(world.violations.ToString(), "");
    EXPECT_EQ(world.SawDataLoss(), world.sim.FindHost("h")->IsLost());
    if (world.SawDataLoss()) ++lost;
  }
  EXPECT_GT(lost, 15);
}

TEST(FileDisk, AFullDiskIsResourceExhausted) {
  FaultOptions faults;
  faults.disk_full = 0.02;
  World world(faults);
  world.Run();
  EXPECT_TRUE(
      std::any_of(world.errors.begin(), world.errors.end(),
                  [](const auto& e) { return absl::IsResourceExhausted(e); }));
}

}  // namespace
}  // namespace sim
}  // namespace trivet
