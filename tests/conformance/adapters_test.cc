// SPDX-License-Identifier: Apache-2.0
//
// What lives in real time conforms as well: the adapters over threads, and the
// transport of an example, as whoever copies that has it.

#include <sys/socket.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "examples/05_own_transport/stream_transport.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/conformance/broken_by.h"
#include "trivet/adapters/inprocess/inprocess_transport.h"
#include "trivet/adapters/thread/thread_executor.h"
#include "trivet/host/executor.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/host/transport.h"
#include "trivet/testing/conformance/executor_suite.h"
#include "trivet/testing/conformance/gtest.h"
#include "trivet/testing/conformance/pace.h"
#include "trivet/testing/conformance/promise.h"
#include "trivet/testing/conformance/transport_suite.h"

namespace trivet {
namespace {

using testing::ExecutorSubject;
using testing::Pace;
using testing::TransportSubject;
using testing::TransportSuite;

class Threads final : public ExecutorSubject {
 public:
  explicit Threads(int threads)
      : threads_(threads), executor_(*ThreadExecutor::Create({threads})) {}

  Executor* executor() override { return executor_.get(); }
  Pace pace() const override { return pace_; }
  int threads() const override { return threads_; }
  bool Destroy() override {
    executor_.reset();
    return true;
  }

 private:
  const int threads_;
  const Pace pace_;
  std::unique_ptr<ThreadExecutor> executor_;
};

TRIVET_TEST_CONFORMANCE(ThreadExecutorOfOne, ExecutorSuite,
                        [] { return std::make_unique<Threads>(1); });
TRIVET_TEST_CONFORMANCE(ThreadExecutorOfThree, ExecutorSuite,
                        [] { return std::make_unique<Threads>(3); });

class InProcess final : public TransportSubject {
 public:
  void Serve(std::string role, Receiver receiver) override {
    net_.Register(std::move(role), std::move(receiver));
  }
  Transport* transport() override { return &net_; }
  Pace pace() const override { return pace_; }
  bool StopServing(std::string_view role) override {
    net_.Unregister(role);
    return true;
  }

 private:
  const Pace pace_;
  const std::unique_ptr<ThreadExecutor> executor_ =
      *ThreadExecutor::Create({2});
  InProcessTransport net_{executor_.get()};
};

TRIVET_TEST_CONFORMANCE(InProcessTransport, TransportSuite,
                        [] { return std::make_unique<InProcess>(); });

// Two nodes, of which the near one sends.
class Streams final : public TransportSubject {
 public:
  Streams(int near, int far) : near_(near), far_(far) {}

  void Serve(std::string role, Receiver receiver) override {
    far_.Serve(std::move(role), std::move(receiver));
  }
  Transport* transport() override {
    if (!std::exchange(started_, true)) {
      near_.Start();
      far_.Start();
    }
    return &near_;
  }
  Pace pace() const override { return pace_; }
  bool StopServing(std::string_view) override {
    far_.Stop();
    return true;
  }

 private:
  const Pace pace_;
  StreamTransport near_;
  StreamTransport far_;
  bool started_ = false;
};

std::unique_ptr<TransportSubject> MakeStreams() {
  int sockets[2];
  return socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0
             ? std::make_unique<Streams>(sockets[0], sockets[1])
             : nullptr;
}

// [readme]
TRIVET_TEST_CONFORMANCE(StreamTransport, TransportSuite, MakeStreams);
// [/readme]

// Hears only the thread that made it, and the tasks that it runs.
class HearsOnlyItsOwner final : public Executor {
 public:
  MonotonicTime Now() const override { return executor_->Now(); }
  void Post(Task task) override {
    if (IsHeard()) executor_->Post(Mine(std::move(task)));
  }
  void PostAt(MonotonicTime when, Task task) override {
    if (IsHeard()) executor_->PostAt(when, Mine(std::move(task)));
  }
  bool MayBlock() const override { return executor_->MayBlock(); }

 private:
  static bool& InATask() {
    thread_local bool in_a_task = false;
    return in_a_task;
  }
  static Task Mine(Task task) {
    return [task = std::move(task)]() mutable {
      InATask() = true;
      std::move(task)();
      InATask() = false;
    };
  }
  bool IsHeard() const {
    return InATask() || std::this_thread::get_id() == owner_;
  }

  const std::thread::id owner_ = std::this_thread::get_id();
  const std::unique_ptr<ThreadExecutor> executor_ =
      *ThreadExecutor::Create({1});
};

class OneThread final : public ExecutorSubject {
 public:
  Executor* executor() override { return &executor_; }
  Pace pace() const override { return pace_; }
  int threads() const override { return 1; }

 private:
  const Pace pace_{absl::Seconds(1)};
  HearsOnlyItsOwner executor_;
};

TEST(LyingExecutors, WhoDoesNotHearEveryThreadIsCaught) {
  const auto& promises = testing::ExecutorSuite::Promises();
  const auto& of_threads = promises.back();
  ASSERT_EQ(of_threads.name, "EveryMethodMayBeCalledFromAnyThread");
  OneThread liar;
  EXPECT_EQ(of_threads.check(liar).kind, testing::Finding::kBroken);
  for (const auto& promise : promises) {
    if (promise.name == of_threads.name) continue;
    OneThread honest;
    EXPECT_NE(promise.check(honest).kind, testing::Finding::kBroken)
        << promise.name;
  }
}

// Its buffer belongs to nobody: what a second thread sends takes the place of
// what the first one does.
class SendsOneAtATime final : public TransportSubject, public Transport {
 public:
  void Serve(std::string role, Receiver receiver) override {
    net_.Serve(std::move(role), std::move(receiver));
  }
  Transport* transport() override { return this; }
  Pace pace() const override { return pace_; }
  void Send(Envelope envelope) override {
    std::string from = envelope.from;
    if (std::this_thread::get_id() != owner_) from = "thread 0";
    net_.transport()->Send({from, envelope.to, envelope.payload});
  }

 private:
  const std::thread::id owner_ = std::this_thread::get_id();
  const Pace pace_{absl::Seconds(1)};
  InProcess net_;
};

TEST(LyingTransports, WhoMixesThreadsUpIsCaught) {
  const auto liar = [] { return std::make_unique<SendsOneAtATime>(); };
  EXPECT_THAT(BrokenBy<TransportSuite>(liar),
              ::testing::ElementsAre("SendMayBeCalledFromAnyThread"));
}

// Delivers on a thread of its own, and Send waits for that.
class WaitsForTheReceiver final : public TransportSubject, public Transport {
 public:
  void Serve(std::string, Receiver receiver) override {
    receiver_ = std::move(receiver);
  }
  Transport* transport() override { return this; }
  Pace pace() const override { return pace_; }
  void Send(Envelope envelope) override {
    std::thread([&] { receiver_(std::move(envelope)); }).join();
  }

 private:
  const Pace pace_{absl::Milliseconds(50)};
  Receiver receiver_;
};

TEST(LyingTransports, WhoWaitsForTheReceiverIsCaught) {
  const auto liar = [] { return std::make_unique<WaitsForTheReceiver>(); };
  EXPECT_THAT(BrokenBy<TransportSuite>(liar),
              ::testing::Contains("SendDoesNotWaitForAReceiver"));
}

}  // namespace
}  // namespace trivet
