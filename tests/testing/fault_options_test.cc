// SPDX-License-Identifier: Apache-2.0

#include "trivet/testing/fault_options.h"

#include <cstdint>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace trivet {
namespace {

using testing::FaultOptions;
using ::testing::HasSubstr;

TEST(FaultOptions, DefaultsAreValidAndSayNothing) {
  EXPECT_TRUE(FaultOptions().Validate().ok());
  EXPECT_EQ(FaultOptions().ToString(), "");
}

TEST(FaultOptions, TextNamesWhatDiffersFromTheDefaults) {
  FaultOptions faults;
  faults.crash = 0.25;
  faults.sync_max = absl::Milliseconds(9);
  EXPECT_EQ(faults.ToString(), "crash=0.25 sync_max=9ms");
}

TEST(FaultOptions, ErrorsNameFieldValueAndLimit) {
  FaultOptions faults;
  faults.reply_loss = 1.5;
  EXPECT_EQ(faults.Validate().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(faults.Validate().message()),
              HasSubstr("reply_loss is 1.5; it must be in 0..1"));

  faults = {};
  faults.clock_rate_spread = 0.5;
  EXPECT_THAT(std::string(faults.Validate().message()),
              HasSubstr("clock_rate_spread is 0.5"));

  faults = {};
  faults.pause_max = -absl::Seconds(1);
  EXPECT_THAT(std::string(faults.Validate().message()),
              HasSubstr("pause_max is -1s"));

  faults = {};
  faults.delay_min = absl::Seconds(1);
  EXPECT_THAT(std::string(faults.Validate().message()),
              HasSubstr("delay_min is 1s; it must not be above delay_max"));
}

TEST(FaultOptions, EveryClassCanBeTurnedOffOfValidOptions) {
  FaultOptions faults = FaultOptions::Swarm(1);
  faults.delay_min = absl::Milliseconds(5);
  faults.delay_max = absl::Milliseconds(9);
  for (const std::string& name : faults.Classes()) {
    FaultOptions fewer = faults;
    EXPECT_TRUE(fewer.TurnOff(name));
    EXPECT_TRUE(fewer.Validate().ok()) << fewer.Validate();
    EXPECT_EQ(fewer.Classes().size() + 1, faults.Classes().size()) << name;
  }
  EXPECT_TRUE(faults.TurnOff("delay_max"));
  EXPECT_EQ(faults.delay_max, faults.delay_min);
}

TEST(FaultOptions, SwarmIsValidRepeatableAndVaried) {
  std::set<std::string> choices;
  for (uint64_t seed = 0; seed < 1000; ++seed) {
    const FaultOptions faults = FaultOptions::Swarm(seed);
    ASSERT_TRUE(faults.Validate().ok()) << faults.ToString();
    EXPECT_EQ(faults.ToString(), FaultOptions::Swarm(seed).ToString());
    choices.insert(faults.ToString());
  }
  EXPECT_GT(choices.size(), 900U);
}

}  // namespace
}  // namespace trivet
