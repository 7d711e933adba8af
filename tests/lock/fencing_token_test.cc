// SPDX-License-Identifier: Apache-2.0

#include "trivet/lock/fencing_token.h"

#include <cstdint>
#include <string>
#include <unordered_set>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace trivet {
namespace {

using ::testing::HasSubstr;

TEST(FencingToken, TextComesBack) {
  for (const FencingToken token :
       {FencingToken{0, 1}, FencingToken{7, 0},
        FencingToken{UINT64_MAX, UINT64_MAX}, FencingToken{3, 4294967296}}) {
    const auto parsed = ParseFencingToken(ToString(token));
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(*parsed, token);
  }
  EXPECT_EQ(ToString(FencingToken{2, 17}), "2.17");
}

TEST(FencingToken, OnlyTheOneTextIsRead) {
  for (const char* const text :
       {"", ".", "1", "1.", ".1", "1.2.3", "-1.2", "+1.2", "1.+2", " 1.2",
        "1.2 ", "01.2", "1.02", "1.18446744073709551616", "0x1.2", "a.b"}) {
    const auto parsed = ParseFencingToken(text);
    EXPECT_TRUE(absl::IsInvalidArgument(parsed.status())) << text;
  }
}

TEST(FencingToken, ALongTextIsQuotedInPart) {
  const auto parsed = ParseFencingToken(std::string(100'000, 'x'));
  EXPECT_LT(parsed.status().message().size(), 200);
}

TEST(FencingToken, IsHashedByBothParts) {
  const FencingToken a{1, 2};
  const FencingToken b{2, 1};
  EXPECT_NE(a, b);
  EXPECT_EQ((std::unordered_set<FencingToken>{a, b, a}.size()), 2);
  EXPECT_EQ((absl::flat_hash_set<FencingToken>{a, b, a}.size()), 2);
}

TEST(CheckFence, AdmitsTheFirstAndWhatIsNotLower) {
  EXPECT_TRUE(CheckFence(std::nullopt, {5, 1}).ok());
  EXPECT_TRUE(CheckFence(FencingToken{5, 3}, {5, 3}).ok());
  EXPECT_TRUE(CheckFence(FencingToken{5, 3}, {5, 4}).ok());
}

TEST(CheckFence, RefusesAStaleTokenAndNamesBoth) {
  const absl::Status status = CheckFence(FencingToken{5, 34}, {5, 33});
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("5.33"), HasSubstr("5.34")));
}

TEST(CheckFence, RefusesWhatItCannotCompare) {
  EXPECT_TRUE(absl::IsAborted(CheckFence(FencingToken{5, 3}, {6, 99})));
  EXPECT_TRUE(absl::IsAborted(CheckFence(FencingToken{5, 3}, {4, 99})));
}

TEST(CheckFence, RefusesATokenThatIsNeverGranted) {
  EXPECT_TRUE(absl::IsInvalidArgument(CheckFence(std::nullopt, {5, 0})));
  EXPECT_TRUE(absl::IsInvalidArgument(CheckFence(FencingToken{5, 3}, {6, 0})));
}

TEST(FencingGate, RemembersTheHighestItAdmitted) {
  FencingGate gate;
  EXPECT_FALSE(gate.highest().has_value());
  EXPECT_TRUE(gate.Admit({1, 7}).ok());
  EXPECT_TRUE(gate.Admit({1, 9}).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(gate.Admit({1, 8})));
  EXPECT_EQ(gate.highest(), (FencingToken{1, 9}));
}

TEST(FencingGate, GoesOnWhereItsStoreLeftOff) {
  FencingGate gate(FencingToken{1, 9});
  EXPECT_TRUE(absl::IsFailedPrecondition(gate.Admit({1, 8})));
  EXPECT_TRUE(gate.Admit({1, 9}).ok());
}

TEST(FencingGate, StartsANewGenerationOnlyWhenAPersonSaysSo) {
  FencingGate gate(FencingToken{1, 9});
  EXPECT_TRUE(absl::IsAborted(gate.Admit({2, 1})));
  EXPECT_EQ(gate.highest(), (FencingToken{1, 9}));
  gate.Adopt({2, 1});
  EXPECT_TRUE(gate.Admit({2, 1}).ok());
  EXPECT_TRUE(absl::IsAborted(gate.Admit({1, 10})));
}

TEST(FenceStrength, IsOrdered) {
  EXPECT_LT(FenceStrength::kNone, FenceStrength::kMonotonicUnlessDataLost);
  EXPECT_LT(FenceStrength::kMonotonicUnlessDataLost, FenceStrength::kMonotonic);
}

TEST(FenceStrength, HasAName) {
  EXPECT_EQ(ToString(FenceStrength::kNone), "none");
  EXPECT_EQ(ToString(FenceStrength::kMonotonicUnlessDataLost),
            "monotonic unless data is lost");
  EXPECT_EQ(ToString(FenceStrength::kMonotonic), "monotonic");
  EXPECT_EQ(ToString(static_cast<FenceStrength>(99)), "unknown");
}

}  // namespace
}  // namespace trivet
