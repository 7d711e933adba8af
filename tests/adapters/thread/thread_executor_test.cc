// SPDX-License-Identifier: Apache-2.0

#include "trivet/adapters/thread/thread_executor.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/real_time.h"

namespace trivet {
namespace {

std::unique_ptr<ThreadExecutor> MakeExecutor(int threads) {
  auto executor = ThreadExecutor::Create({threads});
  EXPECT_TRUE(executor.ok()) << executor.status();
  return *std::move(executor);
}

// Calls a function when it is destroyed: seen from inside a task, when the task
// is.
class AtEnd {
 public:
  explicit AtEnd(std::function<void()> call) : call_(std::move(call)) {}
  AtEnd(AtEnd&& other) noexcept : call_(std::exchange(other.call_, nullptr)) {}
  ~AtEnd() {
    if (call_) call_();
  }

 private:
  std::function<void()> call_;
};

TEST(ThreadExecutor, RefusesOptionsByNameValueAndLimit) {
  for (const int threads : {0, -1, 1025}) {
    const absl::Status status = ThreadExecutor::Create({threads}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    const std::string text(status.message());
    EXPECT_THAT(text, testing::HasSubstr("threads"));
    EXPECT_THAT(text, testing::HasSubstr(std::to_string(threads)));
    EXPECT_THAT(text, testing::HasSubstr("1..1024"));
  }
}

TEST(ThreadExecutor, RunsATaskOnceOnAThreadOfItsOwn) {
  auto executor = MakeExecutor(1);
  Awaiter<std::thread::id> ran;
  executor->Post([done = ran.Done()] { done(std::this_thread::get_id()); });
  EXPECT_NE(ran.Wait(), std::this_thread::get_id());
}

TEST(ThreadExecutor, RunsTasksAtTheSameTimeOnItsThreads) {
  auto executor = MakeExecutor(3);
  SharedState state;
  int met = 0;
  for (int i = 0; i < 3; ++i) {
    executor->Post([&] {
      state.Update([&] { ++met; });
      state.WaitFor([&] { return met >= 3; });  // Or nobody gets on.
      state.Update([&] { ++met; });
    });
  }
  EXPECT_TRUE(state.WaitFor([&] { return met == 6; }));
}

TEST(ThreadExecutor, RunsTimersByTimeThenByOrderPosted) {
  auto executor = MakeExecutor(1);
  bool in_time = false;  // All were posted before the first was due.
  for (auto margin = absl::Milliseconds(20); !in_time; margin *= 2) {
    const MonotonicTime base = executor->Now() + margin;
    std::vector<int> order;
    Event all;
    const auto post = [&](MonotonicTime when, int number) {
      executor->PostAt(when, [&order, &all, number] {
        order.push_back(number);
        if (order.size() == 5) all.Notify();
      });
    };
    post(base + absl::Milliseconds(2), 4);
    post(base, 1);
    post(base, 2);
    post(base + absl::Milliseconds(1), 3);
    post(base - absl::Milliseconds(1), 0);
    in_time = executor->Now() < base - absl::Milliseconds(1);
    all.Wait();
    if (in_time) {
      EXPECT_THAT(order, testing::ElementsAre(0, 1, 2, 3, 4));
    }
  }
}

TEST(ThreadExecutor, MayBlockEverywhereButOnItsOwnThreads) {
  auto executor = MakeExecutor(1);
  auto other = MakeExecutor(1);
  EXPECT_TRUE(executor->MayBlock());
  Awaiter<std::pair<bool, bool>> inside;
  executor->Post([&, done = inside.Done()] {
    done({executor->MayBlock(), other->MayBlock()});
  });
  EXPECT_EQ(inside.Wait(), std::make_pair(false, true));
}

TEST(ThreadExecutor, DestroysATaskBeforeItTakesTheNext) {
  auto executor = MakeExecutor(1);
  std::vector<std::string> order;
  Event ended;
  executor->Post([&order, end = AtEnd([&] { order.push_back("destroyed"); })] {
    order.push_back("ran");
  });
  executor->Post([&] {
    order.push_back("next");
    ended.Notify();
  });
  ended.Wait();
  EXPECT_THAT(order, testing::ElementsAre("ran", "destroyed", "next"));
}

// A task, or the destructor of one, may call anything but the destructor.
TEST(ThreadExecutor, HoldsNoLockWhileATaskRunsOrIsDestroyed) {
  auto executor = MakeExecutor(1);
  Event ended;
  auto call_everything = [&] {
    executor->Post([] {});
    executor->PostAt(executor->Now(), [] {});
    executor->MayBlock();
  };
  executor->Post([&, end = AtEnd([&] {
                       call_everything();
                       ended.Notify();
                     })] { call_everything(); });
  ended.Wait();
}

TEST(ThreadExecutor, DestructionWaitsForTheRunningTaskAndRunsNoOther) {
  auto executor = MakeExecutor(1);
  Event running;
  Event may_end;
  std::atomic<bool> ended{false};
  std::atomic<bool> other_ran{false};
  std::atomic<int> destroyed{0};
  executor->Post([&] {
    running.Notify();
    may_end.Wait();
    // Time for a destructor that does not wait to show it.
    for (int i = 0; i < 1000; ++i) std::this_thread::yield();
    ended = true;
  });
  for (int i = 0; i < 3; ++i) {
    executor->Post([&, end = AtEnd([&] { ++destroyed; })] {  //
      other_ran = true;
    });
  }
  executor->PostAt(MonotonicTime::InfiniteFuture(),
                   [&, end = AtEnd([&] { ++destroyed; })] {});
  running.Wait();
  std::thread destroyer([&] {
    may_end.Notify();
    executor.reset();
    EXPECT_TRUE(ended);
  });
  destroyer.join();
  EXPECT_EQ(destroyed, 4) << "tasks that never run are destroyed";
}

TEST(ThreadExecutor, DestroysWhatIsPostedDuringItsDestruction) {
  auto executor = MakeExecutor(1);
  Executor* const port = executor.get();
  std::atomic<int> destroyed{0};
  std::atomic<bool> ran{false};
  Event running;
  Event may_end;
  executor->Post([&] {
    running.Notify();
    may_end.Wait();
  });
  // Never runs; its destructor posts two more, which must not be kept.
  executor->PostAt(
      MonotonicTime::InfiniteFuture(),
      [end = AtEnd([&] {
         port->Post([&, inner = AtEnd([&] { ++destroyed; })] {  //
           ran = true;
         });
         port->PostAt(port->Now(),
                      [&, inner = AtEnd([&] { ++destroyed; })] { ran = true; });
       })] {});
  running.Wait();
  may_end.Notify();
  executor.reset();
  EXPECT_EQ(destroyed, 2);
  EXPECT_FALSE(ran);
}

TEST(ThreadExecutor, ManyThreadsMayPostAtOnce) {
  auto executor = MakeExecutor(4);
  constexpr int kPosters = 8;
  constexpr int kTasks = 2000;
  SharedState state;
  int ran = 0;
  std::vector<std::thread> posters;
  for (int p = 0; p < kPosters; ++p) {
    posters.emplace_back([&] {
      for (int i = 0; i < kTasks; ++i) {
        auto task = [&] { state.Update([&] { ++ran; }); };
        if (i % 2 == 0) {
          executor->Post(task);
        } else {
          executor->PostAt(executor->Now(), task);
        }
      }
    });
  }
  for (std::thread& poster : posters) poster.join();
  EXPECT_TRUE(state.WaitFor([&] { return ran == kPosters * kTasks; }));
}

// Whether Create says, in a process of its own with this limit, that there is
// no more of `what`.
bool CreateReports(const std::string& what, int resource, rlim_t most) {
  constexpr uid_t kNobody = 65534;
  const pid_t child = fork();
  if (child == 0) {
    // Root has no limit.
    if (geteuid() == 0 && setuid(kNobody) != 0) _exit(2);
    const rlimit limit = {most, most};
    if (setrlimit(static_cast<decltype(RLIMIT_NPROC)>(resource), &limit) != 0) {
      _exit(3);
    }
    const absl::Status status = ThreadExecutor::Create({4}).status();
    const bool told = absl::IsResourceExhausted(status) &&
                      status.message().find(what) != std::string::npos;
    _exit(told ? 0 : 1);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(ThreadExecutor, ReportsThatTheSystemGivesNoMoreDescriptors) {
#ifdef __has_feature
#if __has_feature(undefined_behavior_sanitizer)
  GTEST_SKIP() << "the sanitizer needs descriptors of its own to look at types";
#endif
#endif
  EXPECT_TRUE(CreateReports("no timer", RLIMIT_NOFILE, 0));
}

// The first thread, and each one more, with those that there are by then.
TEST(ThreadExecutor, ReportsThatTheSystemGivesNoMoreThreads) {
#ifdef __has_feature
#if __has_feature(thread_sanitizer)
  GTEST_SKIP() << "the sanitizer needs a process of its own, which tells it by "
                  "name what it is not to report";
#endif
#endif
  for (rlim_t threads = 1; threads <= 5; ++threads) {
    EXPECT_TRUE(CreateReports("no thread", RLIMIT_NPROC, threads)) << threads;
  }
}

TEST(ThreadExecutorDeathTest, DiesWhenOneOfItsTasksDestroysIt) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_DEATH(
      {
        auto executor = MakeExecutor(1);
        Event never;
        executor->Post([&] { executor.reset(); });
        never.Wait();
      },
      "not destroyed by one of its own tasks");
}

}  // namespace
}  // namespace trivet
