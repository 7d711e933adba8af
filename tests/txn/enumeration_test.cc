// SPDX-License-Identifier: Apache-2.0
//
// Every crash point of a small transaction; see enumeration.h. Of pairs of
// crashes with a message fault a part is tried: TRIVET_ENUMERATION_STRIDE, one
// in 400 first crashes if it is not set; 20 makes 960,000 runs, 1 tries all.

#include "tests/txn/enumeration.h"

#include <cinttypes>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "gtest/gtest.h"
#include "tests/txn/small_world.h"
#include "trivet/txn/transaction.h"

namespace trivet {
namespace {

size_t Stride() {
  const char* const stride = std::getenv("TRIVET_ENUMERATION_STRIDE");
  return stride != nullptr ? std::stoul(stride) : 400;
}

class EnumerationTest : public ::testing::Test {
 protected:
  static void TearDownTestSuite() {
    std::printf("enumeration: %" PRIu64 " runs\n", runs_);
  }

  void ExpectNoViolation(Vote::Kind a, Vote::Kind b,
                         const SmallWorld::Age& age = {},
                         size_t stride = Stride()) {
    Enumeration enumeration(stride, age);
    EXPECT_EQ(enumeration.Explore({a, b}), "");
    EXPECT_GT(enumeration.runs(), 10'000U);
    runs_ += enumeration.runs();
  }

 private:
  static uint64_t runs_;  // Of all tests.
};

uint64_t EnumerationTest::runs_ = 0;

TEST_F(EnumerationTest, AC1_AC2_AC3_AC5_CL_HoldWhenAllVoteYes) {
  ExpectNoViolation(Vote::kYes, Vote::kYes);
}

TEST_F(EnumerationTest, AC1_AC2_AC3_AC5_CL_HoldWhenOneVotesNo) {
  ExpectNoViolation(Vote::kYes, Vote::kNo);
}

TEST_F(EnumerationTest, AC1_AC2_AC3_AC5_CL_HoldWhenOneReadsOnly) {
  ExpectNoViolation(Vote::kYes, Vote::kReadOnly);
}

TEST_F(EnumerationTest, AC1_AC2_AC3_AC5_CL_HoldWhileLogsAreWrittenAnew) {
  ExpectNoViolation(Vote::kYes, Vote::kYes, {2, {2, 2}}, 10 * Stride());
}

}  // namespace
}  // namespace trivet
