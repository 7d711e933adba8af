// SPDX-License-Identifier: Apache-2.0
//
// A checker that has caught nothing is not trusted. This program is built from
// the machines' sources with their planted bugs, and the model must find each.

#include "src/internal/mutant.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "gtest/gtest.h"
#include "tests/txn/model.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

std::string_view active_mutant;

}  // namespace internal
}  // namespace v0_1

namespace {

constexpr uint64_t kHistoriesMax = 30000;

std::string Violation(uint64_t seed) {
  ModelFaults severe;
  severe.crash = 8;
  severe.append_failure = 15;
  ModelFaults repetitive;
  repetitive.duplication = 70;
  repetitive.vote_read_only = 40;
  const std::array<ModelFaults, 3> kinds = {ModelFaults(), severe, repetitive};
  return Model(seed, kinds[seed % kinds.size()]).Run();
}

// The first violation of up to `histories` histories; empty: none.
std::string FirstViolation(uint64_t histories, uint64_t* seed) {
  for (*seed = 1; *seed <= histories; ++*seed) {
    const std::string violation = Violation(*seed);
    if (!violation.empty()) return violation;
  }
  return "";
}

class MutantTest : public testing::TestWithParam<const char*> {
 protected:
  void TearDown() override { internal::active_mutant = {}; }
};

TEST_P(MutantTest, IsFound) {
  internal::active_mutant = GetParam();
  uint64_t seed = 0;
  const std::string violation = FirstViolation(kHistoriesMax, &seed);
  EXPECT_NE(violation, "");
  internal::active_mutant = {};
  EXPECT_EQ(Violation(seed), "") << "the bug is not what was found";
  RecordProperty("histories", static_cast<int>(seed));
  RecordProperty("violation", violation);
}

std::string NameOf(const testing::TestParamInfo<const char*>& mutant) {
  return mutant.param;
}

INSTANTIATE_TEST_SUITE_P(
    , MutantTest,
    testing::Values("ack_before_durable", "caller_told_before_durable",
                    "commit_to_read_only_voter", "copies_miss_the_owner",
                    "copies_miss_what_is_in_flight", "deposed_answers",
                    "failed_decision_write_is_abort",
                    "failed_prepare_write_is_no", "forget_before_all_acks",
                    "id_reused_after_restart",
                    "inquiry_answered_while_preparing", "late_prepare_accepted",
                    "lazy_commit_record", "let_go_before_applied",
                    "no_memory_votes_read_only", "operator_abort_as_default",
                    "orphan_scan_aborts_live", "outcome_presumed",
                    "repeated_commit_not_acked", "second_vote_counted",
                    "trim_leaves_hole", "vote_before_force"),
    NameOf);

TEST(NoMutantTest, NoneIsFoundWhereNoneIs) {
  uint64_t seed = 0;
  EXPECT_EQ(FirstViolation(500, &seed), "");
}

}  // namespace
}  // namespace trivet
