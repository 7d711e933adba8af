// SPDX-License-Identifier: Apache-2.0

#include "trivet/testing/isolation_checker.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "trivet/testing/violations.h"
#include "trivet/txn/transaction.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {

IsolationChecker::IsolationChecker(Violations* violations)
    : violations_(violations) {}

void IsolationChecker::Knows(const TxnId& id,
                             const std::vector<std::string>& participants) {
  for (const std::string& participant : participants) {
    transactions_[id][participant];
  }
}

void IsolationChecker::Voted(const TxnId& id, std::string_view participant,
                             Vote::Kind vote) {
  Branch& branch = transactions_[id][std::string(participant)];
  if (vote == Vote::kReadOnly && !branch.counted) branch.left = true;
}

void IsolationChecker::Counted(const TxnId& id, std::string_view participant,
                               Vote::Kind vote) {
  Branch& branch = transactions_[id][std::string(participant)];
  if (!branch.counted) branch.left = vote == Vote::kReadOnly;
  branch.counted = true;
}

void IsolationChecker::Read(const TxnId& id,
                            const std::map<std::string, bool>& shows) {
  const auto known = transactions_.find(id);
  if (known == transactions_.end()) return;
  const std::string* with = nullptr;
  const std::string* without = nullptr;
  for (const auto& [participant, shown] : shows) {
    const auto branch = known->second.find(participant);
    if (branch == known->second.end()) continue;
    if (shown) with = &participant;
    if (!shown && !branch->second.left) without = &participant;
  }
  if (with == nullptr || without == nullptr) return;
  violations_->Add("IS", absl::StrCat(id.ToString(), ": a reader sees it at ",
                                      *with, " and not at ", *without));
}

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet
