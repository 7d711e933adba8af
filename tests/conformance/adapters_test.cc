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
#include "trivet/host/transport.h"
#include "trivet/testing/conformance/executor_suite.h"
#include "trivet/testing/conformance/gtest.h"
#include "trivet/testing/conformance/pace.h"
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
