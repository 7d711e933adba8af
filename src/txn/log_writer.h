// SPDX-License-Identifier: Apache-2.0
//
// A driver's way to its log: claims it at the start, and then turns the log
// writes of a machine into appends and their completions into events.
//
//   LogWrite #7 #8 #9  --one Append-->  LogStore  --done(last = 42)-->
//                                       Appended #7 at 40, #8 at 41, #9 at 42
//
// Thread safety: LogWriter is thread-compatible; a completion comes on whatever
// thread the store answers on.

#ifndef TRIVET_SRC_TXN_LOG_WRITER_H_
#define TRIVET_SRC_TXN_LOG_WRITER_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "src/txn/peer_table.h"
#include "src/txn/shared_peers.h"
#include "trivet/config.h"
#include "trivet/host/log_store.h"
#include "trivet/txn/txn_effects.h"
#include "trivet/txn/txn_record.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

// kInvalidArgument: `field`, as in "CoordinatorOptions.max_branches", has a
// value for which `log` would have to take larger records than it does.
TRIVET_EXPORT absl::Status CheckRecordSize(const LogStore& log,
                                           std::string_view field, size_t value,
                                           size_t record_size);

struct ClaimedLog {
  Epoch epoch = 0;
  std::vector<LoggedRecord> records;
};

// Claims `log` and decodes what is in it. `owner`, as in `coordinator "bank"`,
// is for the errors; a record of which `belongs` is false is kDataLoss.
TRIVET_EXPORT absl::StatusOr<ClaimedLog> ClaimLog(
    LogStore* log, Epoch wanted, std::string_view owner,
    bool (*belongs)(const TxnRecord& record), PeerTable* peers);

// The error of a log whose records cannot all be `owner`'s.
TRIVET_EXPORT absl::Status UnfitLog(std::string_view owner,
                                    const absl::Status& why);

class TRIVET_EXPORT LogWriter {
 public:
  using Completed = absl::AnyInvocable<void(std::vector<Appended>) &&>;

  // Does not own `log`. `epoch` is what Claim returned.
  LogWriter(LogStore* log, Epoch epoch) : log_(log), epoch_(epoch) {}

  // Appends `writes`, of which there is at least one, with one append, forced
  // if any of them is. `completed` gets one Appended for each, in order.
  void Write(const std::vector<LogWrite>& writes, const SharedPeers& peers,
             Completed completed);

  void Trim(LogIndex first_needed) { log_->Trim(epoch_, first_needed); }

 private:
  LogStore* const log_;
  const Epoch epoch_;
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_TXN_LOG_WRITER_H_
