// SPDX-License-Identifier: Apache-2.0

#include "trivet/adapters/inprocess/inprocess_transport.h"

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/real_time.h"
#include "trivet/adapters/thread/thread_executor.h"
#include "trivet/host/executor.h"
#include "trivet/host/transport.h"

namespace trivet {
namespace {

using testing::ElementsAre;

// Runs what was posted when told to.
class ManualExecutor : public Executor {
 public:
  MonotonicTime Now() const override { return {}; }
  void Post(Task task) override { tasks_.push_back(std::move(task)); }
  void PostAt(MonotonicTime, Task) override {}
  bool MayBlock() const override { return false; }

  void RunAll() {
    while (!tasks_.empty()) {
      Task task = std::move(tasks_.front());
      tasks_.pop_front();
      std::move(task)();
    }
  }

 private:
  std::deque<Task> tasks_;
};

class InProcessTransportTest : public testing::Test {
 protected:
  InProcessTransport::Receiver Into(std::vector<std::string>* payloads) {
    return [payloads](const Envelope& envelope) {
      payloads->push_back(envelope.payload);
    };
  }

  ManualExecutor executor_;
  InProcessTransport net_{&executor_};
};

TEST_F(InProcessTransportTest, DropsWhatNobodyIsRegisteredFor) {
  std::vector<std::string> got;
  net_.Send({"a", "b", "too early, delivered before b is there"});
  executor_.RunAll();
  net_.Register("b", Into(&got));
  executor_.RunAll();
  EXPECT_THAT(got, ElementsAre());
  net_.Unregister("never registered");
}

TEST_F(InProcessTransportTest, DeliversToWhoeverPlaysTheRoleOnArrival) {
  std::vector<std::string> first;
  std::vector<std::string> second;
  net_.Register("b", Into(&first));
  net_.Send({"a", "b", "1"});
  executor_.RunAll();
  net_.Send({"a", "b", "2"});
  net_.Register("b", Into(&second));
  executor_.RunAll();
  EXPECT_THAT(first, ElementsAre("1"));
  EXPECT_THAT(second, ElementsAre("2"));
}

TEST_F(InProcessTransportTest, AReceiverMaySendRegisterAndUnregisterItself) {
  std::vector<std::string> got;
  net_.Register("b", [&](const Envelope& e) {
    got.push_back(e.payload);
    net_.Send({"b", "b", e.payload + "'"});
    if (e.payload == "1'") {
      net_.Unregister("b");
      net_.Register("b", Into(&got));
    }
  });
  net_.Send({"a", "b", "1"});
  executor_.RunAll();
  EXPECT_THAT(got, ElementsAre("1", "1'", "1''"));
}

TEST_F(InProcessTransportTest, DropsWhatIsUnderWayWhenDestroyed) {
  std::vector<std::string> got;
  auto net = std::make_unique<InProcessTransport>(&executor_);
  net->Register("b", Into(&got));
  net->Send({"a", "b", "1"});
  net.reset();
  executor_.RunAll();
  EXPECT_THAT(got, ElementsAre());
}

TEST_F(InProcessTransportTest, AReceiverMayDestroyTheTransport) {
  auto net = std::make_unique<InProcessTransport>(&executor_);
  int deliveries = 0;
  net->Register("b", [&](const Envelope&) {
    ++deliveries;
    net.reset();
  });
  net->Send({"a", "b", "1"});
  net->Send({"a", "b", "2"});
  executor_.RunAll();
  EXPECT_EQ(deliveries, 1);
}

// What `stop` does to the transport waits for the delivery that is running.
void ExpectWaitsForADelivery(
    const std::function<void(std::unique_ptr<InProcessTransport>&)>& stop) {
  auto executor = ThreadExecutor::Create({2});
  ASSERT_TRUE(executor.ok());
  auto net = std::make_unique<InProcessTransport>(executor->get());
  Event inside;
  Event stopping;
  std::atomic<bool> ended{false};
  net->Register("b", [&](const Envelope&) {
    inside.Notify();
    stopping.Wait();
    // Time for a stop that does not wait to show it.
    for (int i = 0; i < 1000; ++i) std::this_thread::yield();
    ended = true;
  });
  net->Send({"a", "b", "1"});
  inside.Wait();
  std::thread stopper([&] {
    stopping.Notify();
    stop(net);
    EXPECT_TRUE(ended) << "returned while the receiver was running";
  });
  stopper.join();
}

TEST(InProcessTransportThreads, UnregisterWaitsForARunningDelivery) {
  ExpectWaitsForADelivery([](auto& net) { net->Unregister("b"); });
}

TEST(InProcessTransportThreads, ReplacingAReceiverWaitsForARunningDelivery) {
  ExpectWaitsForADelivery(
      [](auto& net) { net->Register("b", [](const Envelope&) {}); });
}

TEST(InProcessTransportThreads, DestructionWaitsForARunningDelivery) {
  ExpectWaitsForADelivery([](auto& net) { net.reset(); });
}

// The use it is made for: destroy a role while others keep sending to it.
TEST(InProcessTransportThreads, ARoleMayBeDestroyedOnceUnregistered) {
  auto executor = ThreadExecutor::Create({3});
  ASSERT_TRUE(executor.ok());
  InProcessTransport net(executor->get());
  std::atomic<bool> stop{false};
  std::thread sender([&] {
    while (!stop) net.Send({"a", "b", "ping"});
  });
  for (int round = 0; round < 50; ++round) {
    auto count = std::make_unique<std::atomic<int>>(0);
    Event reached;
    net.Register("b", [&reached, role = count.get()](const Envelope&) {
      if (++*role == 3) reached.Notify();
    });
    reached.Wait();
    net.Unregister("b");
    count.reset();  // Used after this by anyone: a finding of ASan and TSan.
  }
  stop = true;
  sender.join();
}

}  // namespace
}  // namespace trivet
