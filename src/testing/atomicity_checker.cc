// SPDX-License-Identifier: Apache-2.0

#include "trivet/testing/atomicity_checker.h"

#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "src/internal/strings.h"
#include "trivet/testing/violations.h"
#include "trivet/txn/transaction.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {

AtomicityChecker::AtomicityChecker(Violations* violations)
    : violations_(violations) {}

void AtomicityChecker::Knows(const TxnId& id,
                             const std::vector<std::string>& participants) {
  Branches& branches = transactions_[id];
  for (const std::string& participant : participants) branches[participant];
}

void AtomicityChecker::Asked(const TxnId& id, std::string_view participant) {
  if (Find(id, participant).committed) {
    Report("P4", id, participant, "is asked to prepare what it has committed");
  }
}

void AtomicityChecker::Voted(const TxnId& id, std::string_view participant,
                             Vote::Kind vote) {
  Branch& branch = Find(id, participant);
  branch.prepared = vote == Vote::kYes;
  if (vote == Vote::kYes) {
    branch.voted_yes = true;
    // An orphan that was aborted may be prepared again; but not whoever the
    // coordinator counts on.
    if (branch.counted != Vote::kYes) branch.aborted = false;
  }
  if (vote != Vote::kReadOnly) return;
  branch.voted_read_only = true;
  if (!branch.counted.has_value()) branch.left = true;
}

void AtomicityChecker::Counted(const TxnId& id, std::string_view participant,
                               Vote::Kind vote) {
  Branch& branch = Find(id, participant);
  if (branch.counted.has_value()) return;
  if ((vote == Vote::kYes && !branch.voted_yes) ||
      (vote == Vote::kReadOnly && !branch.voted_read_only)) {
    Report("AC3", id, participant, "is counted for what it never voted");
  }
  branch.counted = vote;
  branch.left = vote == Vote::kReadOnly;
}

void AtomicityChecker::Committed(const TxnId& id,
                                 std::string_view participant) {
  Branch& mine = Find(id, participant);
  if (!mine.prepared) {
    Report("AC2", id, participant, "commits what it does not hold prepared");
  }
  if (mine.left && mine.counted.has_value()) {
    Report("AC3", id, participant, "commits, and has left as read-only");
  }
  mine.prepared = false;
  mine.committed = true;
  for (const auto& [name, branch] : transactions_[id]) {
    if (branch.left) continue;
    if (!branch.voted_yes || branch.counted == Vote::kNo) {
      Report("AC3", id, participant,
             absl::StrCat("commits, and ", name, " never voted for it"));
    } else if (branch.aborted) {
      Report("AC1", id, participant,
             absl::StrCat("commits, and ", name, " has aborted"));
    }
  }
}

void AtomicityChecker::Aborted(const TxnId& id, std::string_view participant) {
  Branch& mine = Find(id, participant);
  if (mine.committed) {
    Report("AC2", id, participant, "aborts what it has committed");
  }
  mine.prepared = false;
  mine.aborted = true;
  if (mine.left) return;
  for (const auto& [name, branch] : transactions_[id]) {
    if (branch.committed && name != participant) {
      Report("AC1", id, participant,
             absl::StrCat("aborts, and ", name, " has committed"));
    }
  }
}

void AtomicityChecker::Report(std::string_view property, const TxnId& id,
                              std::string_view participant,
                              std::string_view what) {
  violations_->Add(property,
                   absl::StrCat(id.ToString(), ": ", internal::Sv(participant),
                                " ", internal::Sv(what)));
}

AtomicityChecker::Branch& AtomicityChecker::Find(const TxnId& id,
                                                 std::string_view participant) {
  return transactions_[id][std::string(participant)];
}

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet
