// SPDX-License-Identifier: Apache-2.0

#include "src/internal/wait.h"

#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "gtest/gtest.h"
#include "tests/support/manual_executor.h"
#include "trivet/host/executor.h"
#include "trivet/host/monotonic_time.h"

namespace trivet {
namespace {

// Never runs anything; only says that one may block.
class PatientExecutor final : public Executor {
 public:
  MonotonicTime Now() const override { return MonotonicTime(); }
  void Post(Task) override {}
  void PostAt(MonotonicTime, Task) override {}
  bool MayBlock() const override { return true; }
};

TEST(BlockOnTest, ReturnsWhatCameInsideTheCall) {
  const PatientExecutor executor;
  EXPECT_EQ(internal::BlockOn<int>(&executor, [](auto done) { done(5); }), 5);
}

TEST(BlockOnTest, ReturnsWhatCameFromAnotherThread) {
  const PatientExecutor executor;
  for (int round = 0; round < 200; ++round) {
    std::thread answerer;
    const std::string answer =
        internal::BlockOn<std::string>(&executor, [&](auto done) {
          answerer = std::thread(
              [done = std::move(done)]() mutable { done("answer"); });
        });
    EXPECT_EQ(answer, "answer");
    answerer.join();
  }
}

TEST(BlockOnTest, CarriesWhatCanOnlyBeMoved) {
  const PatientExecutor executor;
  const auto answer = internal::BlockOn<std::unique_ptr<int>>(
      &executor, [](auto done) { done(std::make_unique<int>(3)); });
  EXPECT_EQ(*answer, 3);
}

TEST(BlockOnDeathTest, CrashesWhereWaitingWouldHang) {
  const ManualExecutor executor;
  EXPECT_DEATH(internal::BlockOn<int>(&executor, [](auto done) { done(5); }),
               "use the async form");
}

}  // namespace
}  // namespace trivet
