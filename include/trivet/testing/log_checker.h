// SPDX-License-Identifier: Apache-2.0
//
// LogChecker: one live epoch, and nothing lost that was promised (FN).
//
// Watches one log from the outside, through the LogStores of all hosts that
// write it, each wrapped in a CheckedLog:
//
//   LogChecker checker("bank", &violations);       // outlives all processes
//   CheckedLog log(host.shared_log("bank"), &checker);
//   Coordinator::Open(host.executor(), host.transport(), &log, ...);
//
//   FN          No append succeeds under an epoch below a claimed one, unless
//               it came before the claim and was visited by it, as the very
//               records. Epochs only rise, also where a visit failed.
//   Prefix      A claim visits every record up to the last successful forced
//               append, and to the last that an earlier claim visited,
//               unchanged, except what was allowed to be trimmed: by the live
//               epoch, and of what was there.
//   Contiguous  A claim begins no later than at the first record that nobody
//               allowed to forget.
//   Order       Appends complete in the order they were issued.
//
// Thread safety: thread-compatible.

#ifndef TRIVET_TESTING_LOG_CHECKER_H_
#define TRIVET_TESTING_LOG_CHECKER_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "trivet/config.h"
#include "trivet/host/log_store.h"
#include "trivet/testing/violations.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {

class TRIVET_EXPORT LogChecker {
 public:
  LogChecker(std::string name, Violations* violations);

  void Claimed(Epoch epoch, LogIndex first,
               const std::vector<std::string>& visited);

  // A claim failed after it had visited these records: they are there for ever,
  // and if it was `visit` that failed, the epoch stays claimed. 0: it is not
  // known which, but one above all others; none: not known whether.
  void ClaimFailed(std::optional<Epoch> epoch, LogIndex first,
                   const std::vector<std::string>& visited);
  void Appended(Epoch epoch, const std::vector<uint64_t>& records,
                Durability durability, LogIndex last);
  void Trimmed(Epoch epoch, LogIndex first_needed);
  void OutOfOrder();

  // The largest epoch claimed, and what the latest claim visited.
  Epoch epoch() const { return epoch_; }
  const std::vector<std::string>& visited() const { return visited_; }

  // The first record that nobody has allowed to forget.
  LogIndex trimmed() const { return trimmed_; }

  // Any hash of a record that is the same every time.
  static uint64_t Hash(std::string_view record);

 private:
  void Rise(Epoch epoch);
  void See(LogIndex first, const std::vector<std::string>& visited);
  void CheckDeposed(Epoch epoch, const std::vector<uint64_t>& records,
                    LogIndex last);
  void Report(std::string_view property, std::string_view what);

  const std::string name_;
  Violations* const violations_;
  Epoch epoch_ = 0;  // The largest claimed,
  // and the last record that its claim visited; none: it did not visit all.
  std::optional<LogIndex> claimed_last_ = 0;
  LogIndex trimmed_ = 1;   // The smallest that must be kept.
  LogIndex promised_ = 0;  // The last that must be there for ever.
  LogIndex last_ = 0;      // The last that was reported.
  std::map<LogIndex, uint64_t> hashes_;  // Of records that were reported.
  std::vector<std::string> visited_;
};

// Passes everything on, and tells the checker.
class TRIVET_EXPORT CheckedLog : public LogStore {
 public:
  // Does not own its arguments. `checker` must outlive every completion.
  CheckedLog(LogStore* log, LogChecker* checker);
  ~CheckedLog() override;

  absl::StatusOr<Epoch> Claim(Epoch wanted, Visitor visit) override;
  void Append(Epoch epoch, std::vector<std::string> records,
              Durability durability, AppendDone done) override;
  void Trim(Epoch epoch, LogIndex first_needed) override;
  size_t RecordSizeMax() const override { return log_->RecordSizeMax(); }

 private:
  LogStore* const log_;
  LogChecker* const checker_;
  uint64_t issued_ = 0;
  std::shared_ptr<uint64_t> completed_;
};

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_TESTING_LOG_CHECKER_H_
