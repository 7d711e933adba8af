// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/bugs.h"

#include <cstdint>
#include <string>
#include <string_view>

#include "src/internal/mutant.h"
#include "trivet/testing/sim_main.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

std::string_view active_mutant;

}  // namespace internal
}  // namespace v0_1

namespace sim {
namespace {

struct Line {
  const char* name;
  const char* scenario;
  uint64_t histories_max;
};

// Read by CMakeLists.txt as well, for a test of each.
constexpr Line kBugs[] = {
    {"vote_before_force", "txn", 5000},
    {"ack_before_durable", "txn", 5000},
    {"forget_before_all_acks", "txn", 5000},
    {"id_reused_after_restart", "txn", 5000},
    {"late_prepare_accepted", "txn", 5000},
    {"second_vote_counted", "txn", 5000},
    {"lazy_commit_record", "txn", 5000},
    {"failed_decision_write_is_abort", "txn", 5000},
    {"inquiry_answered_while_preparing", "txn", 5000},
    {"failed_prepare_write_is_no", "txn", 5000},
    {"caller_told_before_durable", "txn", 5000},
    {"trim_leaves_hole", "txn", 5000},
    {"let_go_before_applied", "txn", 5000},
    {"repeated_commit_not_acked", "txn", 5000},
    {"orphan_scan_aborts_live", "txn", 5000},
    {"operator_abort_as_default", "txn", 5000},
    {"claim_trusts_unsynced", "txn", 5000},
    {"copies_miss_what_is_in_flight", "txn", 5000},
    {"copies_miss_the_owner", "txn", 5000},
    {"deposed_answers", "txn", 5000},
    {"no_memory_votes_read_only", "txn", 5000},
    {"full_disk_votes_no", "txn", 5000},
    {"doubt_outlives_horizon", "txn", 5000},
    {"commit_to_read_only_voter", "txn", 5000},
    {"outcome_presumed", "txn", 5000},
    {"outcome_waits_for_acks", "txn", 5000},
    {"unknown_outcome_untold", "txn", 5000},
    {"damaged_bytes_stop", "txn", 5000},
    {"fenced_append_reported_done", "txn", 5000},
    {"locks_end_with_the_vote", "txn", 5000},
    {"copies_trusted_in_flight", "txn", 5000},
    {"logs_never_compacted", "txn", 5000},
    {"failure_told_as_fencing", "txn", 5000},
    {"let_go_is_undecided", "txn", 5000},
    {"failed_apply_is_done", "txn", 5000},
    {"drained_before_acks", "txn", 5000},
    {"verdict_turns_with_the_answer", "txn", 5000},
    {"file_log_acknowledges_early", "txn_on_files", 5000},
    {"file_log_no_sync_of_new_segment", "txn_on_files", 5000},
    {"file_log_no_directory_sync", "txn_on_files", 5000},
    {"file_log_rolls_without_sync", "txn_on_files", 5000},
    {"file_log_torn_tail_is_damage", "txn_on_files", 5000},
    {"file_log_bit_rot_is_torn_tail", "txn_on_files", 5000},
    {"file_log_ignores_failed_sync", "txn_on_files", 5000},
    {"file_log_ignores_failed_write", "txn_on_files", 5000},
    {"file_log_read_error_is_the_end", "txn_on_files", 5000},
    {"file_log_lock_name_is_late", "txn_on_files", 5000},
    {"deadline_from_reply", "lock", 5000},
    {"clock_rate_ignored", "lock", 5000},
    {"doubtful_grant_believed", "lock", 5000},
    {"token_change_ignored", "lock", 5000},
    {"late_grant_kept", "lock", 5000},
    {"late_reply_extends", "lock", 5000},
    {"refusal_ignored", "lock", 5000},
    {"cas_watch_from_send", "lock", 5000},
    {"cas_conflict_is_loss", "lock", 5000},
    {"second_grant_on_lost_reply", "lock", 5000},
    {"renew_without_owner", "lock", 5000},
    {"release_without_owner", "lock", 5000},
    {"giving_up_keeps_place", "lock", 5000},
    {"pause_unnoticed", "lock", 5000},
    {"stale_token_admitted", "lock", 5000},
    {"awaited_lock_not_renewed", "lock", 5000},
    {"free_lock_renewed", "lock", 5000},
    {"renewal_has_new_token", "lock", 5000},
    {"cas_own_conflict_is_grant", "lock", 5000},
    {"clock_stops_in_suspend", "lock", 5000},
    {"loss_not_told", "lock", 5000},
    {"cas_token_only_unique", "lock", 5000},
    {"validity_from_delivery", "lock", 5000},
    {"ring_in_order_of_arrival", "ring", 5000},
    {"ring_keeps_points_of_lighter", "ring", 5000},
    {"ring_owners_not_shifted", "ring", 5000},
    {"ring_fingerprint_ignores_weight", "ring", 5000},
    {"ring_points_in_a_row", "ring", 5000},
    {"ring_boundary_is_the_next_ones", "ring", 5000},
};

// Of the scenarios that this build has.
bool IsThere(std::string_view scenario) {
#ifdef TRIVET_SIM_TXN
  if (scenario == "txn" || scenario == "long_txn" ||
      scenario == "txn_on_files") {
    return true;
  }
#endif
#ifdef TRIVET_SIM_LOCK
  if (scenario == "lock") return true;
#endif
#ifdef TRIVET_SIM_RING
  if (scenario == "ring") return true;
#endif
  return false;
}

}  // namespace

testing::PlantedBugs Bugs() {
  testing::PlantedBugs bugs;
  for (const Line& line : kBugs) {
    if (!IsThere(line.scenario)) continue;
    bugs.bugs.push_back({line.name, line.scenario, line.histories_max});
  }
  bugs.activate = [](std::string_view name) {
    static std::string active;
    active = std::string(name);
    internal::active_mutant = active;
  };
  return bugs;
}

}  // namespace sim
}  // namespace trivet
