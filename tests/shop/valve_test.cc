// SPDX-License-Identifier: Apache-2.0
//
// How a part of the shop is killed and paused: exactly when, and for good.

#include "valve.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "registers.h"
#include "tests/support/memory_log_store.h"

namespace shop {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using trivet::Durability;
using trivet::LogIndex;

TEST(Valve, HeldCallsPassInOrderWhenReleased) {
  Valve valve;
  std::vector<int> passed;
  valve.Hold();
  for (const int i : {1, 2, 3}) valve.Pass([&, i] { passed.push_back(i); });
  EXPECT_THAT(passed, IsEmpty());
  valve.Release();
  valve.Pass([&] { passed.push_back(4); });
  EXPECT_THAT(passed, ElementsAre(1, 2, 3, 4));
}

TEST(Valve, CutCallsVanishAlsoThoseThatWait) {
  Valve valve;
  int passed = 0;
  valve.Hold();
  valve.Pass([&] { ++passed; });
  valve.Cut();
  valve.Release();
  valve.Pass([&] { ++passed; });
  EXPECT_EQ(passed, 0);
}

class LogPortTest : public testing::Test {
 protected:
  LogPortTest() {
    epoch_ = port_
                 ->Claim(0, [](LogIndex,
                               std::string_view) { return absl::OkStatus(); })
                 .value();
  }
  void Arm(LogPort::Strike strike) {
    port_->Arm(strike, [this] { ++sprung_; });
  }
  void Append(Durability durability = Durability::kForced) {
    answer_.reset();
    port_->Append(epoch_, {"decision"}, durability,
                  [this](absl::StatusOr<LogIndex> last) { answer_ = last; });
  }

  Valve valve_;
  trivet::MemoryLogStore real_;
  Alarm alarm_;
  std::optional<LogPort> port_{std::in_place, &valve_, &real_, &alarm_};
  trivet::Epoch epoch_ = 0;
  int sprung_ = 0;
  std::optional<absl::StatusOr<LogIndex>> answer_;
};

TEST_F(LogPortTest, StrikesAfterTheDecisionIsDurableAndBeforeItIsKnown) {
  Arm(LogPort::Strike::kAfter);
  Append(Durability::kLazy);
  EXPECT_EQ(sprung_, 0);
  real_.Hold();
  Append();
  EXPECT_EQ(sprung_, 0);
  real_.Release();
  EXPECT_EQ(sprung_, 1);
  EXPECT_FALSE(answer_.has_value());
  EXPECT_EQ(real_.Records().size(), 2u);
  Append();  // It is dead.
  EXPECT_EQ(real_.Records().size(), 2u);
}

TEST_F(LogPortTest, DoesNotStrikeAfterADecisionThatWasLost) {
  Arm(LogPort::Strike::kAfter);
  real_.FailNextAppend(absl::UnavailableError("the disk is gone"),
                       trivet::MemoryLogStore::Written::kNo);
  Append();
  EXPECT_EQ(sprung_, 0);
  ASSERT_TRUE(answer_.has_value());
  EXPECT_FALSE(answer_->ok());
  EXPECT_EQ(alarm_.status().message(), "the disk is gone");
}

TEST_F(LogPortTest, BeingFencedIsNoAlarm) {
  ASSERT_TRUE(
      real_
          .Claim(0, [](LogIndex, std::string_view) { return absl::OkStatus(); })
          .ok());
  Append();
  ASSERT_TRUE(answer_.has_value());
  EXPECT_TRUE(absl::IsAborted(answer_->status()));
  EXPECT_TRUE(alarm_.status().ok());
}

TEST_F(LogPortTest, StrikesBeforeTheDecisionReachesTheLog) {
  Arm(LogPort::Strike::kBefore);
  Append();
  EXPECT_EQ(sprung_, 1);
  EXPECT_THAT(real_.Records(), IsEmpty());
  valve_.Release();
  EXPECT_THAT(real_.Records(), ElementsAre("decision"));
  EXPECT_TRUE(answer_.has_value());
}

TEST_F(LogPortTest, NeverStrikesOnceDisarmed) {
  Arm(LogPort::Strike::kAfter);
  real_.Hold();
  Append();
  port_->Disarm();
  real_.Release();
  EXPECT_EQ(sprung_, 0);
  EXPECT_TRUE(answer_.has_value());
}

TEST_F(LogPortTest, MayBeGoneBeforeItsAppendsAreAnswered) {
  Arm(LogPort::Strike::kAfter);
  real_.Hold();
  Append();
  port_.reset();
  real_.Release();
  EXPECT_EQ(sprung_, 0);
  EXPECT_TRUE(answer_.has_value());
}

TEST(WaitFor, EndsWhenNobodyWillEverAnswer) {
  const auto nobody = [](auto done) { const auto dropped = std::move(done); };
  EXPECT_TRUE(absl::IsCancelled(WaitFor<absl::Status>(nobody)));
  EXPECT_TRUE(absl::IsCancelled(WaitFor<absl::StatusOr<int>>(nobody).status()));
  EXPECT_EQ(*WaitFor<absl::StatusOr<int>>([](auto done) { done(7); }), 7);
}

}  // namespace
}  // namespace shop
