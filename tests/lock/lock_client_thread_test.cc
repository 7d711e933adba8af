// SPDX-License-Identifier: Apache-2.0
//
// LockClient on real threads: blocking forms, and the races of its end. What is
// deterministic is in the other files; this is for the sanitizers too.

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "tests/support/real_time.h"
#include "trivet/adapters/memory/memory_lock_backend.h"
#include "trivet/adapters/thread/thread_executor.h"
#include "trivet/lock/fencing_token.h"
#include "trivet/lock/lock_client.h"

namespace trivet {
namespace {

constexpr absl::Duration kLong = absl::Minutes(10);

class LockClientThreadTest : public ::testing::Test {
 protected:
  std::unique_ptr<LockClient> MakeClient() {
    auto client = LockClient::Create(executor_.get(), &memory_, "tests", {});
    EXPECT_TRUE(client.ok()) << client.status();
    return *std::move(client);
  }

  static std::unique_ptr<ThreadExecutor> MakeExecutor() {
    ThreadExecutorOptions options;
    options.threads = 4;
    auto executor = ThreadExecutor::Create(options);
    EXPECT_TRUE(executor.ok()) << executor.status();
    return *std::move(executor);
  }

  template <typename Work>
  static void OnThreads(int count, Work work) {
    std::vector<std::thread> threads;
    threads.reserve(static_cast<size_t>(count));
    for (int i = 0; i < count; ++i) threads.emplace_back(work, i);
    for (std::thread& thread : threads) thread.join();
  }

  const std::unique_ptr<ThreadExecutor> executor_ = MakeExecutor();
  MemoryLockBackend memory_{executor_.get()};
};

TEST_F(LockClientThreadTest, BlockingFormsExcludeEachOther) {
  const auto client = MakeClient();
  FencingGate gate;  // Thread-compatible: only the lock protects it.
  std::atomic<int> inside{0};
  OnThreads(4, [&](int) {
    for (int i = 0; i < 100; ++i) {
      absl::StatusOr<Lease> lease = client->Lock("jobs", kLong);
      ASSERT_TRUE(lease.ok()) << lease.status();
      EXPECT_EQ(inside.fetch_add(1), 0);
      EXPECT_TRUE(lease->CheckHeld().ok());
      EXPECT_TRUE(gate.Admit(lease->fencing_token()).ok());
      inside.fetch_sub(1);
      if (i % 2 == 0) {
        EXPECT_TRUE(lease->Release().ok());
      }
    }
  });
  EXPECT_EQ(gate.highest()->value, 400);
}

TEST_F(LockClientThreadTest, BlockingTryLockAnswers) {
  const auto client = MakeClient();
  absl::StatusOr<std::optional<Lease>> first = client->TryLock("jobs");
  ASSERT_TRUE(first.ok() && first->has_value());
  absl::StatusOr<std::optional<Lease>> second = client->TryLock("jobs");
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_FALSE(second->has_value());
}

// Tells when somebody has begun to wait.
class WatchedBackend final : public MemoryLockBackend {
 public:
  using MemoryLockBackend::MemoryLockBackend;
  void AwaitRelease(const LeaseKey& key,
                    absl::AnyInvocable<void() &&> done) override {
    MemoryLockBackend::AwaitRelease(key, std::move(done));
    waits.Notify();
  }
  Event waits;
};

TEST_F(LockClientThreadTest, ABlockedLockIsCancelledWithItsClient) {
  WatchedBackend backend(executor_.get());
  auto holder = *LockClient::Create(executor_.get(), &backend, "a", {});
  auto client = *LockClient::Create(executor_.get(), &backend, "b", {});
  const Lease held = *holder->Lock("jobs", kLong);
  std::thread waiter([&waiting_client = *client] {
    const auto lease = waiting_client.Lock("jobs", kLong);
    EXPECT_TRUE(absl::IsCancelled(lease.status())) << lease.status();
  });
  backend.waits.Wait();
  client.reset();
  waiter.join();
}

TEST_F(LockClientThreadTest, EachIsCalledBackOnceAndOneAtATimeInAnyRace) {
  for (int round = 0; round < 50; ++round) {
    auto client = MakeClient();
    std::atomic<int> inside{0};
    std::atomic<int> called{0};
    constexpr int kPerThread = 40;
    OnThreads(3, [&](int thread) {
      for (int i = 0; i < kPerThread; ++i) {
        LockClient::Waiting waiting = client->LockAsync(
            "lock " + std::to_string(i % 3), kLong,
            [&](absl::StatusOr<Lease> lease) {
              EXPECT_EQ(inside.fetch_add(1), 0);
              if (lease.ok()) {
                EXPECT_TRUE(lease->CheckHeld().ok());
              } else {
                EXPECT_TRUE(absl::IsCancelled(lease.status()));
              }
              inside.fetch_sub(1);
              called.fetch_add(1);
            });
        if (i % 4 == thread) waiting.Cancel();
      }
    });
    client.reset();  // While callbacks run and waiters wait.
    EXPECT_EQ(called.load(), 3 * kPerThread);
  }
}

TEST_F(LockClientThreadTest, IsDestroyedInsideItsOwnCallbackInAnyRace) {
  for (int round = 0; round < 200; ++round) {
    auto client = MakeClient();
    std::atomic<int> called{0};
    Event gone;
    LockClient* const raw = client.get();
    for (int i = 0; i < 5; ++i) {
      raw->LockAsync("lock " + std::to_string(i), kLong,
                     [&called](const absl::StatusOr<Lease>&) { ++called; });
    }
    raw->LockAsync("last", kLong, [&](absl::StatusOr<Lease> lease) {
      ASSERT_TRUE(lease.ok()) << lease.status();
      lease = absl::UnknownError("given back");
      client.reset();
      gone.Notify();
    });
    ASSERT_TRUE(gone.Wait());
    EXPECT_EQ(called.load(), 5);
  }
}

TEST_F(LockClientThreadTest, ALeaseIsReleasedAndCheckedFromAnyThread) {
  const auto client = MakeClient();
  for (int round = 0; round < 100; ++round) {
    Lease lease = *client->Lock("jobs", kLong);
    std::atomic<int> released{0};
    OnThreads(3, [&](int thread) {
      if (thread == 0) {
        EXPECT_TRUE(lease.Release().ok());
        ++released;
      } else if (thread == 1) {
        lease.ReleaseAsync(
            [](const absl::Status& status) { EXPECT_TRUE(status.ok()); });
        ++released;
      } else {
        for (int i = 0; i < 20; ++i) (void)lease.CheckHeld();
        lease.OnLost([](const absl::Status&) { ADD_FAILURE(); });
      }
    });
    EXPECT_EQ(released.load(), 2);
    EXPECT_FALSE(lease.CheckHeld().ok());
  }
}

TEST_F(LockClientThreadTest, BlockingOnAnExecutorThreadCrashes) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        const auto client = MakeClient();
        Event never;
        executor_->Post([&] { (void)client->TryLock("jobs"); });
        never.Wait(absl::Seconds(10));
      },
      "must not block");
}

}  // namespace
}  // namespace trivet
