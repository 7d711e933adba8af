// SPDX-License-Identifier: Apache-2.0

#include "src/internal/call_gate.h"

#include <atomic>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/real_time.h"

namespace trivet {
namespace internal {
namespace {

TEST(CallGate, TurnsCallsAwayOnceClosed) {
  CallGate gate;
  EXPECT_TRUE(gate.IsOpen());
  ASSERT_TRUE(gate.Enter());
  gate.Leave();
  gate.Close();
  EXPECT_FALSE(gate.IsOpen());
  EXPECT_FALSE(gate.Enter());
}

TEST(CallGate, CloseDoesNotWaitForTheCallsOfItsOwnThread) {
  CallGate gate;
  ASSERT_TRUE(gate.Enter());
  ASSERT_TRUE(gate.Enter());
  gate.Close();
  EXPECT_FALSE(gate.IsOpen());
  gate.Leave();
  gate.Leave();
}

TEST(CallGate, CloseWaitsForACallOnAnotherThread) {
  CallGate gate;
  Event inside;
  Event may_leave;
  std::atomic<bool> left{false};
  std::thread caller([&] {
    ASSERT_TRUE(gate.Enter());
    inside.Notify();
    may_leave.Wait();
    left = true;
    gate.Leave();
  });
  inside.Wait();

  std::thread closer([&] {
    gate.Close();
    EXPECT_TRUE(left) << "closed while a call was running";
  });
  // The closer shows itself by shutting the gate; the call runs on.
  while (gate.IsOpen()) std::this_thread::yield();
  EXPECT_FALSE(gate.Enter());
  may_leave.Notify();
  closer.join();
  caller.join();
}

TEST(CallGate, EveryCloseWaits) {
  CallGate gate;
  Event inside;
  Event may_leave;
  std::atomic<bool> left{false};
  std::thread caller([&] {
    ASSERT_TRUE(gate.Enter());
    inside.Notify();
    may_leave.Wait();
    left = true;
    gate.Leave();
  });
  inside.Wait();
  std::vector<std::thread> closers;
  for (int i = 0; i < 3; ++i) {
    closers.emplace_back([&] {
      gate.Close();
      EXPECT_TRUE(left);
    });
  }
  while (gate.IsOpen()) std::this_thread::yield();
  may_leave.Notify();
  for (std::thread& closer : closers) closer.join();
  caller.join();
}

TEST(CallGate, NoCallBeginsAfterCloseReturned) {
  CallGate gate;
  std::atomic<bool> closed{false};
  std::atomic<int> calls{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      while (gate.Enter()) {
        EXPECT_FALSE(closed) << "a call ran after Close had returned";
        ++calls;
        gate.Leave();
      }
    });
  }
  while (calls < 100) std::this_thread::yield();
  gate.Close();
  closed = true;
  for (std::thread& caller : callers) caller.join();
}

}  // namespace
}  // namespace internal
}  // namespace trivet
