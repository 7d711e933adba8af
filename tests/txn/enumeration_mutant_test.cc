// SPDX-License-Identifier: Apache-2.0
//
// The planted bugs of the machines that the enumeration of crash points finds;
// src/testing/DESIGN.md says after how many runs, and what it cannot see.

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "gtest/gtest.h"
#include "src/internal/mutant.h"
#include "tests/txn/enumeration.h"
#include "trivet/txn/transaction.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

std::string_view active_mutant;

}  // namespace internal
}  // namespace v0_1

namespace {

class EnumerationMutantTest : public ::testing::TestWithParam<const char*> {
 protected:
  void TearDown() override { internal::active_mutant = {}; }
};

// Runs until the first violation, which is returned.
std::string FirstViolation(const SmallWorld::Age& age, uint64_t* runs) {
  Enumeration enumeration(400, age);
  std::string violation;
  for (const Vote::Kind kind : {Vote::kYes, Vote::kReadOnly, Vote::kNo}) {
    if (violation.empty()) violation = enumeration.Explore({Vote::kYes, kind});
  }
  *runs = enumeration.runs();
  return violation;
}

TEST_P(EnumerationMutantTest, IsFound) {
  internal::active_mutant = GetParam();
  uint64_t runs = 0;
  const bool needs_old_logs = internal::active_mutant == "logs_never_compacted";
  const std::string violation = FirstViolation(
      needs_old_logs ? SmallWorld::Age{2, {2, 2}} : SmallWorld::Age{}, &runs);
  EXPECT_NE(violation, "");
  std::printf("%s: %" PRIu64 " runs, %s\n", GetParam(), runs,
              violation.c_str());
  RecordProperty("runs", std::to_string(runs));
}

std::string NameOf(const ::testing::TestParamInfo<const char*>& mutant) {
  return mutant.param;
}

INSTANTIATE_TEST_SUITE_P(
    , EnumerationMutantTest,
    ::testing::Values("ack_before_durable", "caller_told_before_durable",
                      "failed_apply_is_done", "forget_before_all_acks",
                      "id_reused_after_restart",
                      "inquiry_answered_while_preparing", "late_abort_taken",
                      "late_prepare_accepted", "lazy_commit_record",
                      "logs_never_compacted", "orphan_scan_aborts_live",
                      "repeated_commit_not_acked", "second_vote_counted",
                      "trim_leaves_hole", "vote_before_force"),
    NameOf);

}  // namespace
}  // namespace trivet
