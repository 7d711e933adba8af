// SPDX-License-Identifier: Apache-2.0
//
// Every LogStore in the tree conforms.

#include "trivet/host/log_store.h"

#include <memory>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "tests/conformance/log_subjects.h"
#include "tests/support/memory_log_store.h"
#include "trivet/host/executor.h"
#include "trivet/testing/conformance/gtest.h"
#include "trivet/testing/conformance/log_store_suite.h"
#include "trivet/testing/conformance/pace.h"
#include "trivet/testing/fault_options.h"
#include "trivet/testing/faulty_log_store.h"
#include "trivet/testing/log_checker.h"
#include "trivet/testing/sim_host.h"
#include "trivet/testing/simulation.h"
#include "trivet/testing/violations.h"

namespace trivet {
namespace {

using testing::FaultOptions;
using testing::LogStoreSubject;
using testing::Pace;
using testing::SimHost;
using testing::Simulation;

// Two hosts with a process each, and a log of the first, or of the world.
class Simulated : public LogStoreSubject {
 public:
  Pace pace() const override { return pace_; }
  bool Stop(End how) override {
    how == End::kPowerLoss ? host_.PowerLoss() : host_.Crash();
    return true;
  }
  void Start() override { host_.Restart(); }

 protected:
  static std::shared_ptr<void> Nothing(SimHost&) {
    return std::make_shared<int>();
  }

  Simulation sim_{1};
  SimHost& host_ = sim_.AddHost("host", Nothing);
  SimHost& other_ = sim_.AddHost("other", Nothing);
  const Pace pace_{[this](absl::Duration span) { sim_.RunFor(span); }};
};

class Local final : public Simulated {
 public:
  LogStore* log() override { return host_.log("f"); }
};

class Shared final : public Simulated {
 public:
  LogStore* log() override { return host_.shared_log("f"); }
  LogStore* rival() override { return other_.shared_log("f"); }
  // The network fails, and is back when the claim comes.
  bool FailNextAppend() override {
    sim_.Partition("host", SimHost::kWorld);
    Executor* const executor = other_.executor();
    executor->PostAt(executor->Now() + absl::Milliseconds(500),
                     [this] { sim_.Heal(); });
    return true;
  }
};

// A log of a host's own with a simulation's faults around it; the wrapper is
// part of the process.
class Wrapped final : public LogStoreSubject {
 public:
  explicit Wrapped(const FaultOptions& faults) : sim_(1, faults) { Start(); }

  LogStore* log() override { return log_.get(); }
  Pace pace() const override { return pace_; }
  bool Stop(End how) override {
    log_.reset();
    how == End::kPowerLoss ? host_.PowerLoss() : host_.Crash();
    return true;
  }
  void Start() override {
    host_.Restart();
    log_ = std::make_unique<testing::FaultyLogStore>(&host_, "wrapped",
                                                     host_.log("f"));
  }

 private:
  Simulation sim_;
  SimHost& host_ =
      sim_.AddHost("host", [](SimHost&) { return std::make_shared<int>(); });
  std::unique_ptr<LogStore> log_;
  const Pace pace_{[this](absl::Duration span) { sim_.RunFor(span); }};
};

TRIVET_TEST_CONFORMANCE(FaultyLogStore, LogStoreSuite, [] {
  return std::make_unique<Wrapped>(FaultOptions());
});
// What a log may do, this one does.
TRIVET_TEST_CONFORMANCE(FaultyLogStoreOnABadDisk, LogStoreSuite, [] {
  FaultOptions faults;
  faults.trim_ignored = 0.5;
  faults.slow_sync = 0.3;
  faults.sync_max = absl::Milliseconds(50);
  return std::make_unique<Wrapped>(faults);
});

TRIVET_TEST_CONFORMANCE(SimLog, LogStoreSuite,
                        [] { return std::make_unique<Local>(); });
TRIVET_TEST_CONFORMANCE(SharedSimLog, LogStoreSuite,
                        [] { return std::make_unique<Shared>(); });

struct Memory : MemoryLogStore {
  explicit Memory(Executor*) {}
};

TRIVET_TEST_CONFORMANCE(MemoryLogStore, LogStoreSuite,
                        [] { return std::make_unique<LogInMemory<Memory>>(); });

// A checker that stands in between adds nothing.
class Checked : public testing::CheckedLog {
 public:
  explicit Checked(Executor*) : CheckedLog(&log_, &checker_) {}
  ~Checked() override { EXPECT_EQ(violations_.ToString(), ""); }

  void Crash() { log_.Crash(); }
  void FailNextAppend(absl::Status status, MemoryLogStore::Written written) {
    log_.FailNextAppend(std::move(status), written);
  }

 private:
  testing::Violations violations_;
  testing::LogChecker checker_{"log", &violations_};
  MemoryLogStore log_;
};

TRIVET_TEST_CONFORMANCE(CheckedLog, LogStoreSuite, [] {
  return std::make_unique<LogInMemory<Checked>>();
});

}  // namespace
}  // namespace trivet
