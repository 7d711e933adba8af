// SPDX-License-Identifier: Apache-2.0

#include "trivet/testing/told_checker.h"

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

ToldChecker::ToldChecker(Violations* violations) : violations_(violations) {}

void ToldChecker::Told(const TxnId& id, Decision decision) {
  Transaction& txn = transactions_[id];
  if (txn.told.has_value() && *txn.told != decision) {
    Report(id, "a caller was told both commit and abort");
  }
  if (decision == Decision::kAbort && !txn.committed.empty()) {
    Report(id, absl::StrCat("a caller was told abort, and ",
                            *txn.committed.begin(), " has committed"));
  }
  for (const std::string& participant : txn.aborted) {
    if (decision != Decision::kCommit || txn.left.count(participant) > 0) {
      continue;
    }
    Report(id, absl::StrCat("a caller was told commit, and ", participant,
                            " has aborted"));
  }
  txn.told = decision;
}

void ToldChecker::Knows(const TxnId& id,
                        const std::vector<std::string>& participants) {
  transactions_[id].participants.insert(participants.begin(),
                                        participants.end());
}

void ToldChecker::Voted(const TxnId& id, std::string_view participant,
                        Vote::Kind vote) {
  Transaction& txn = transactions_[id];
  // An orphan that was aborted may be prepared again, but not whoever the
  // coordinator counts on.
  if (txn.counted.count(participant) > 0) return;
  if (vote == Vote::kReadOnly) txn.left.emplace(participant);
  if (vote == Vote::kYes) txn.aborted.erase(std::string(participant));
}

void ToldChecker::Counted(const TxnId& id, std::string_view participant,
                          Vote::Kind vote) {
  Transaction& txn = transactions_[id];
  if (!txn.counted.emplace(participant).second) return;
  if (vote == Vote::kReadOnly) {
    txn.left.emplace(participant);
  } else {
    txn.left.erase(std::string(participant));
  }
}

void ToldChecker::Committed(const TxnId& id, std::string_view participant) {
  Transaction& txn = transactions_[id];
  txn.committed.emplace(participant);
  if (txn.told == Decision::kAbort) {
    Report(id, absl::StrCat(internal::Sv(participant),
                            " commits, and a caller was told abort"));
  }
}

void ToldChecker::Aborted(const TxnId& id, std::string_view participant) {
  Transaction& txn = transactions_[id];
  txn.aborted.emplace(participant);
  if (txn.told == Decision::kCommit &&
      txn.left.find(participant) == txn.left.end()) {
    Report(id, absl::StrCat(internal::Sv(participant),
                            " aborts, and a caller was told commit"));
  }
}

void ToldChecker::Finish(Excused excused) {
  for (const auto& [id, txn] : transactions_) {
    if (!txn.told.has_value() && !txn.committed.empty() && !excused(id, "")) {
      Report(id, absl::StrCat("nobody was told, and ", *txn.committed.begin(),
                              " has committed"));
    }
    if (txn.told != Decision::kCommit) continue;
    for (const std::string& participant : txn.participants) {
      if (txn.left.count(participant) > 0) continue;
      if (txn.committed.count(participant) > 0) continue;
      if (excused(id, participant)) continue;
      Report(id, absl::StrCat("a caller was told commit, and ", participant,
                              " never committed"));
    }
  }
}

void ToldChecker::Report(const TxnId& id, std::string_view what) {
  violations_->Add("CL", absl::StrCat(id.ToString(), ": ", internal::Sv(what)));
}

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet
