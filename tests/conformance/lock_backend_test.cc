// SPDX-License-Identifier: Apache-2.0
//
// Every LockBackend in the tree conforms.

#include "trivet/lock/lock_backend.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "tests/conformance/lock_subjects.h"
#include "tests/lock/support/fake_store.h"
#include "tests/support/manual_executor.h"
#include "trivet/adapters/memory/memory_lock_backend.h"
#include "trivet/host/executor.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/lock/cas_lock_backend.h"
#include "trivet/testing/conformance/gtest.h"
#include "trivet/testing/conformance/lock_backend_suite.h"
#include "trivet/testing/conformance/pace.h"
#include "trivet/testing/fault_options.h"
#include "trivet/testing/faulty_lock_backend.h"
#include "trivet/testing/grant_checker.h"
#include "trivet/testing/sim_host.h"
#include "trivet/testing/sim_lock_backend.h"
#include "trivet/testing/simulation.h"
#include "trivet/testing/violations.h"

namespace trivet {
namespace {

using testing::FaultOptions;
using testing::LockBackendSubject;
using testing::Pace;
using testing::SimHost;
using testing::Simulation;

TRIVET_TEST_CONFORMANCE(MemoryLockBackend, LockBackendSuite, [] {
  return std::make_unique<LocksInMemory<MemoryLockBackend>>();
});

// Registers that outlive the backend.
class CasOverFake final : public LockBackendSubject {
 public:
  LockBackend* backend() override { return backend_.get(); }
  Pace pace() const override { return pace_; }
  MonotonicTime Now() const override { return executor_.Now(); }
  bool Restart() override {
    backend_ = std::make_unique<CasLockBackend>(&executor_, &store_);
    return true;
  }
  bool Destroy() override {
    backend_.reset();
    return true;
  }

 private:
  ManualExecutor executor_;
  FakeStore store_;
  std::unique_ptr<CasLockBackend> backend_ =
      std::make_unique<CasLockBackend>(&executor_, &store_);
  const Pace pace_{[this](absl::Duration span) { executor_.AdvanceBy(span); }};
};

TRIVET_TEST_CONFORMANCE(CasLockBackend, LockBackendSuite,
                        [] { return std::make_unique<CasOverFake>(); });

// A process on a simulated host, and what it asks.
class Simulated : public LockBackendSubject {
 public:
  LockBackend* backend() override { return backend_.get(); }
  Pace pace() const override { return pace_; }
  MonotonicTime Now() const override { return host_.executor()->Now(); }
  bool Destroy() override {
    backend_.reset();
    return true;
  }

 protected:
  explicit Simulated(const FaultOptions& faults = {}) : sim_(1, faults) {}

  Simulation sim_;
  SimHost& host_ = sim_.AddHost("host");
  SimHost& server_ = sim_.AddHost("locks");
  std::unique_ptr<LockBackend> backend_;
  const Pace pace_{[this](absl::Duration span) { sim_.RunFor(span); }};
};

class SimulatedServer final : public Simulated {
 public:
  SimulatedServer() {
    backend_ =
        std::make_unique<testing::SimLockBackend>(&host_, "locks", &leases_);
  }
  ~SimulatedServer() override { backend_.reset(); }

 private:
  MemoryLockBackend leases_{server_.executor()};
};

class SimulatedRegisters final : public Simulated {
 public:
  SimulatedRegisters() { Restart(); }
  bool Restart() override {
    backend_ = std::make_unique<CasLockBackend>(host_.executor(),
                                                host_.versioned_store());
    return true;
  }
};

TRIVET_TEST_CONFORMANCE(SimLockBackend, LockBackendSuite,
                        [] { return std::make_unique<SimulatedServer>(); });
TRIVET_TEST_CONFORMANCE(CasLockBackendInASimulation, LockBackendSuite,
                        [] { return std::make_unique<SimulatedRegisters>(); });

// A checker that stands in between adds nothing.
class Checked : public testing::GrantChecker {
 public:
  explicit Checked(Executor* executor)
      : GrantChecker(executor, &honest_, &violations_), honest_(executor) {}
  ~Checked() override { EXPECT_EQ(violations_.ToString(), ""); }

 private:
  testing::Violations violations_;
  MemoryLockBackend honest_;
};

TRIVET_TEST_CONFORMANCE(GrantChecker, LockBackendSuite, [] {
  return std::make_unique<LocksInMemory<Checked>>();
});

// As a store that has limits, and says so: what lies beyond them is an error.
class Narrow : public LockBackend {
 public:
  explicit Narrow(Executor* executor) : leases_(executor) {}

  LockBackendTraits Traits() const override {
    LockBackendTraits traits = leases_.Traits();
    traits.lock_name_max = 9;
    traits.ttl_min = absl::Seconds(30);
    traits.ttl_max = absl::Seconds(60);
    return traits;
  }
  void Acquire(const LeaseKey& key, absl::Duration ttl, MonotonicTime deadline,
               Done<std::optional<LeaseGrant>> done) override {
    if (!Takes(key, ttl)) return std::move(done)(Refusal());
    leases_.Acquire(key, ttl, deadline, std::move(done));
  }
  void Renew(const LeaseKey& key, absl::Duration ttl, MonotonicTime deadline,
             Done<std::optional<LeaseGrant>> done) override {
    if (!Takes(key, ttl)) return std::move(done)(Refusal());
    leases_.Renew(key, ttl, deadline, std::move(done));
  }
  void Release(const LeaseKey& key, MonotonicTime deadline,
               Done<bool> done) override {
    leases_.Release(key, deadline, std::move(done));
  }
  void AwaitRelease(const LeaseKey& key,
                    absl::AnyInvocable<void() &&> done) override {
    leases_.AwaitRelease(key, std::move(done));
  }

 private:
  static absl::Status Refusal() {
    return absl::InvalidArgumentError("beyond what this store can do");
  }
  bool Takes(const LeaseKey& key, absl::Duration ttl) const {
    return key.lock.size() <= Traits().lock_name_max &&
           ttl >= Traits().ttl_min && ttl <= Traits().ttl_max;
  }

  MemoryLockBackend leases_;
};

TRIVET_TEST_CONFORMANCE(NarrowLockBackend, LockBackendSuite, [] {
  return std::make_unique<LocksInMemory<Narrow>>();
});

// In the client's process, with a network between.
class Wrapped final : public Simulated {
 public:
  explicit Wrapped(const FaultOptions& faults) : Simulated(faults) {
    backend_ =
        std::make_unique<testing::FaultyLockBackend>(&host_, "locks", &leases_);
  }
  ~Wrapped() override { backend_.reset(); }

 private:
  MemoryLockBackend leases_{host_.executor()};
};

TRIVET_TEST_CONFORMANCE(FaultyLockBackend, LockBackendSuite, [] {
  return std::make_unique<Wrapped>(FaultOptions());
});
TRIVET_TEST_CONFORMANCE(FaultyLockBackendFarAway, LockBackendSuite, [] {
  FaultOptions faults;
  faults.delay_max = absl::Milliseconds(100);
  faults.delay_tail = 0.3;
  faults.delay_tail_max = absl::Milliseconds(400);
  faults.call_timeout = absl::Minutes(1);
  return std::make_unique<Wrapped>(faults);
});

}  // namespace
}  // namespace trivet
