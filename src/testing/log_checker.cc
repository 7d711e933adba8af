// SPDX-License-Identifier: Apache-2.0

#include "trivet/testing/log_checker.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
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
  if (epoch <= epoch_) {
    Report("FN", absl::StrCat("epoch ", epoch, " was claimed after ", epoch_));
  }
  const LogIndex last = visited.empty() ? 0 : first + visited.size() - 1;
  if (last < promised_ && promised_ >= trimmed_) {
    Report("Prefix", absl::StrCat("record ", promised_,
                                  " was promised, and a claim visits only ",
                                  first, " to ", last));
  }
  if (!visited.empty() && first > std::min(trimmed_, promised_ + 1)) {
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
  epoch_ = std::max(epoch_, epoch);
  claimed_last_ = std::max(last, promised_);
  promised_ = claimed_last_;
  visited_ = visited;
}

void LogChecker::Appended(Epoch epoch, const std::vector<uint64_t>& records,
                          Durability durability, LogIndex last) {
  if (epoch < epoch_ && last > claimed_last_) {
    Report("FN", absl::StrCat("epoch ", epoch, " appended record ", last,
                              " though epoch ", epoch_,
                              " was claimed when there were ", claimed_last_));
  }
  if (epoch < epoch_) return;
  for (size_t i = 0; i < records.size(); ++i) {
    hashes_[last - records.size() + 1 + i] = records[i];
  }
  if (durability == Durability::kForced) promised_ = std::max(promised_, last);
}

void LogChecker::Trimmed(LogIndex first_needed) {
  trimmed_ = std::max(trimmed_, first_needed);
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
  bool whole = true;
  absl::StatusOr<Epoch> epoch = log_->Claim(
      wanted, [&](LogIndex index, std::string_view record) -> absl::Status {
        if (visited.empty()) first = index;
        visited.emplace_back(record);
        absl::Status seen = visit(index, record);
        whole = whole && seen.ok();
        return seen;
      });
  if (epoch.ok() && whole) checker_->Claimed(*epoch, first, visited);
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
  checker_->Trimmed(first_needed);
  log_->Trim(epoch, first_needed);
}

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet
