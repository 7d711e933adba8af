// SPDX-License-Identifier: Apache-2.0
//
// LocalLog: a process's port to a log on its host's disk.

#ifndef TRIVET_SRC_TESTING_LOCAL_LOG_H_
#define TRIVET_SRC_TESTING_LOCAL_LOG_H_

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "src/testing/log_file.h"
#include "src/testing/node.h"
#include "trivet/config.h"
#include "trivet/host/log_store.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

class LocalLog : public LogStore {
 public:
  LocalLog(Process* process, std::string_view name, LocalFile* file);

  absl::StatusOr<Epoch> Claim(Epoch wanted, Visitor visit) override;
  void Append(Epoch epoch, std::vector<std::string> records,
              Durability durability, AppendDone done) override;
  void Trim(Epoch epoch, LogIndex first_needed) override;

  // Destroys what waits for completion: the process is dead.
  void Drop() { pending_.clear(); }

 private:
  struct Pending {
    uint64_t ordinal;
    LogIndex last;
    bool forced;
    absl::Status refused;  // Fenced, or poisoned, when it was issued.
    AppendDone done;
  };
  absl::Status Add(Epoch epoch, std::vector<std::string> records,
                   uint64_t ordinal);
  int64_t SyncTime(uint64_t ordinal);
  void Issue(Pending pending, int64_t ready);
  void FinishOnDevice();  // The oldest one: the disk has done its part.
  void Tell(Pending pending);

  Process* const process_;
  const std::string_view name_;
  const uint64_t hash_;
  LocalFile* const file_;
  std::deque<Pending> pending_;  // With the device.
  uint64_t untold_ = 0;          // Issued, and not reported yet.
  int64_t ready_ = 0;            // When the device is done with all of them.
  bool poisoned_ = false;        // A sync failed, and no claim has come since.
  bool full_ = false;            // The disk was, at some append since.
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_TESTING_LOCAL_LOG_H_
