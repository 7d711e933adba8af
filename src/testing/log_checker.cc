// SPDX-License-Identifier: Apache-2.0

#include "trivet/testing/log_checker.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "src/internal/strings.h"
#include "src/testing/dice.h"
#include "trivet/host/log_store.h"
#include "trivet/testing/violations.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {

LogChecker::LogChecker(std::string name, Violations* violations)
    : name_(std::move(name)), violations_(violations) {}

uint64_t LogChecker::Hash(std::string_view record) {
  return internal::NameHash(record);
}

void LogChecker::Claimed(Epoch epoch, LogIndex first,
                         const std::vector<std::string>& visited) {
  Rise(epoch);
  const LogIndex last = visited.empty() ? 0 : first + visited.size() - 1;
  if (last < promised_ && promised_ >= trimmed_) {
    Report("Prefix", absl::StrCat("record ", promised_,
                                  " was promised, and a claim visits only ",
                                  first, " to ", last));
  }
  See(first, visited);
  claimed_last_ = promised_;
  visited_ = visited;
}

void LogChecker::ClaimFailed(std::optional<Epoch> epoch, LogIndex first,
                             const std::vector<std::string>& visited) {
  See(first, visited);
  if (!epoch.has_value()) return;
  Rise(*epoch == 0 ? epoch_ + 1 : *epoch);
  claimed_last_.reset();
}

void LogChecker::Rise(Epoch epoch) {
  if (epoch <= epoch_) {
    Report("FN", absl::StrCat("epoch ", epoch, " was claimed after ", epoch_));
  }
  epoch_ = std::max(epoch_, epoch);
}

void LogChecker::See(LogIndex first, const std::vector<std::string>& visited) {
  if (visited.empty()) return;
  if (first > std::min(trimmed_, promised_ + 1)) {
    Report("Contiguous",
           absl::StrCat("a claim begins at ", first,
                        ", and nobody allowed to forget ", trimmed_));
  }
  for (size_t i = 0; i < visited.size(); ++i) {
    const uint64_t hash = Hash(visited[i]);
    const auto known = hashes_.find(first + i);
    if (first + i <= promised_ && known != hashes_.end() &&
        known->second != hash) {
      Report("Prefix", absl::StrCat("record ", first + i, " has changed"));
    }
    hashes_[first + i] = hash;
  }
  promised_ = std::max(promised_, first + visited.size() - 1);
  last_ = std::max(last_, promised_);
}

void LogChecker::Appended(Epoch epoch, const std::vector<uint64_t>& records,
                          Durability durability, LogIndex last) {
  if (epoch < epoch_) return CheckDeposed(epoch, records, last);
  for (size_t i = 0; i < records.size(); ++i) {
    hashes_[last - records.size() + 1 + i] = records[i];
  }
  last_ = std::max(last_, last);
  if (durability == Durability::kForced) promised_ = std::max(promised_, last);
}

// It may hear late of what it appended before the claim, which visited it then.
void LogChecker::CheckDeposed(Epoch epoch, const std::vector<uint64_t>& records,
                              LogIndex last) {
  if (claimed_last_.has_value() && last > *claimed_last_) {
    Report("FN", absl::StrCat("epoch ", epoch, " appended record ", last,
                              " though epoch ", epoch_,
                              " was claimed when there were ", *claimed_last_));
    return;
  }
  for (size_t i = 0; i < records.size(); ++i) {
    const LogIndex index = last - records.size() + 1 + i;
    if (index < trimmed_) continue;
    const auto known = hashes_.find(index);
    const bool visited = known == hashes_.end() ? !claimed_last_.has_value()
                                                : known->second == records[i];
    if (!visited) {
      Report("FN", absl::StrCat("epoch ", epoch, " appended record ", index,
                                ", where the claim of epoch ", epoch_,
                                " had visited another one"));
    }
  }
}

// Whoever was deposed allows nothing, whenever the store hears of it.
void LogChecker::Trimmed(Epoch epoch, LogIndex first_needed) {
  if (epoch < epoch_) return;
  trimmed_ = std::max(trimmed_, std::min(first_needed, last_ + 1));
  hashes_.erase(hashes_.begin(), hashes_.lower_bound(trimmed_));
}

void LogChecker::OutOfOrder() {
  Report("Order", "an append completed before an earlier one");
}

void LogChecker::Report(std::string_view property, std::string_view what) {
  violations_->Add(property,
                   absl::StrCat("log ", name_, ": ", internal::Sv(what)));
}

CheckedLog::CheckedLog(LogStore* log, LogChecker* checker)
    : log_(log), checker_(checker), completed_(std::make_shared<uint64_t>(0)) {}

CheckedLog::~CheckedLog() = default;

absl::StatusOr<Epoch> CheckedLog::Claim(Epoch wanted, Visitor visit) {
  LogIndex first = 0;
  std::vector<std::string> visited;
  bool visit_failed = false;
  absl::StatusOr<Epoch> epoch = log_->Claim(
      wanted, [&](LogIndex index, std::string_view record) -> absl::Status {
        if (visited.empty()) first = index;
        visited.emplace_back(record);
        absl::Status seen = visit(index, record);
        visit_failed = !seen.ok();
        return seen;
      });
  if (visit_failed) {
    checker_->ClaimFailed(wanted, first, visited);
  } else if (!epoch.ok()) {
    checker_->ClaimFailed(std::nullopt, first, visited);
  } else {
    checker_->Claimed(*epoch, first, visited);
  }
  return epoch;
}

void CheckedLog::Append(Epoch epoch, std::vector<std::string> records,
                        Durability durability, AppendDone done) {
  std::vector<uint64_t> hashes;
  hashes.reserve(records.size());
  for (const std::string& record : records) {
    hashes.push_back(LogChecker::Hash(record));
  }
  log_->Append(epoch, std::move(records), durability,
               [checker = checker_, number = issued_++, completed = completed_,
                epoch, hashes = std::move(hashes), durability,
                done = std::move(done)](absl::StatusOr<LogIndex> last) mutable {
                 if (number != (*completed)++) checker->OutOfOrder();
                 if (last.ok())
                   checker->Appended(epoch, hashes, durability, *last);
                 std::move(done)(std::move(last));
               });
}

void CheckedLog::Trim(Epoch epoch, LogIndex first_needed) {
  checker_->Trimmed(epoch, first_needed);
  log_->Trim(epoch, first_needed);
}

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet
