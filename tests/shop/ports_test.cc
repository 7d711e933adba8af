// SPDX-License-Identifier: Apache-2.0
//
// What stands between the shop's parts and their host conforms as what is
// behind it does: a role notices nothing, as long as the valve is open.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "tests/conformance/lock_subjects.h"
#include "tests/conformance/log_subjects.h"
#include "tests/support/memory_log_store.h"
#include "trivet/adapters/inprocess/inprocess_transport.h"
#include "trivet/adapters/memory/memory_lock_backend.h"
#include "trivet/testing/conformance/gtest.h"
#include "trivet/testing/conformance/transport_suite.h"
#include "valve.h"

namespace shop {
namespace {

class Log : public LogPort {
 public:
  explicit Log(trivet::Executor*) : LogPort(&valve_, &real_, &alarm_) {}
  void Crash() { real_.Crash(); }
  void FailNextAppend(absl::Status status,
                      trivet::MemoryLogStore::Written written) {
    real_.FailNextAppend(std::move(status), written);
  }

 private:
  Valve valve_;
  Alarm alarm_;
  trivet::MemoryLogStore real_;
};

TRIVET_TEST_CONFORMANCE(LogPort, LogStoreSuite, [] {
  return std::make_unique<trivet::LogInMemory<Log>>();
});

class Locks : public LockPort {
 public:
  explicit Locks(trivet::Executor* executor)
      : LockPort(&valve_, &real_), real_(executor) {}

 private:
  Valve valve_;
  trivet::MemoryLockBackend real_;
};

TRIVET_TEST_CONFORMANCE(LockPort, LockBackendSuite, [] {
  return std::make_unique<trivet::LocksInMemory<Locks>>();
});

class Network final : public trivet::testing::TransportSubject {
 public:
  void Serve(std::string role, Receiver receiver) override {
    real_.Register(std::move(role), std::move(receiver));
  }
  trivet::Transport* transport() override { return &port_; }
  trivet::testing::Pace pace() const override { return pace_; }
  bool StopServing(std::string_view role) override {
    real_.Unregister(role);
    return true;
  }

 private:
  trivet::ManualExecutor executor_;
  trivet::InProcessTransport real_{&executor_};
  Valve valve_;
  TransportPort port_{&valve_, &real_};
  const trivet::testing::Pace pace_{
      [this](absl::Duration span) { executor_.AdvanceBy(span); }};
};

TRIVET_TEST_CONFORMANCE(TransportPort, TransportSuite,
                        [] { return std::make_unique<Network>(); });

}  // namespace
}  // namespace shop
