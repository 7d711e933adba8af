// SPDX-License-Identifier: Apache-2.0
//
// What a simulated log is on its disk, without the process that writes it.

#ifndef TRIVET_SRC_TESTING_LOG_FILE_H_
#define TRIVET_SRC_TESTING_LOG_FILE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "trivet/config.h"
#include "trivet/host/log_store.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

class Process;

// The records of one log, and the epoch that may write it.
struct SharedFile {
  Epoch epoch = 0;
  LogIndex first = 1;
  std::deque<std::string> records;
  uint64_t claims = 0;  // Ordinals, for chance.
  uint64_t appends = 0;
  uint64_t trims = 0;

  LogIndex last() const { return first + records.size() - 1; }

  void Add(std::vector<std::string> more) {
    for (std::string& record : more) records.push_back(std::move(record));
  }
  void CutAfter(LogIndex index) {
    while (last() > index) records.pop_back();
  }
  void CutBefore(LogIndex index) {
    while (!records.empty() && first < index) {
      records.pop_front();
      ++first;
    }
  }
  absl::Status Visit(LogStore::Visitor visit) const {
    for (size_t i = 0; i < records.size(); ++i) {
      absl::Status seen = visit(first + i, records[i]);
      if (!seen.ok()) return seen;
    }
    return absl::OkStatus();
  }
};

// A file on a disk with a page cache.
//
//   first ........ synced ........ told ........ last
//   survives a loss of power
//   <-------------------------------> survives a crash, as told
//                  any prefix of the rest survives either
struct LocalFile : SharedFile {
  LogIndex synced = 0;
  LogIndex told = 0;   // Reported to the process.
  uint64_t lives = 0;  // Of processes; what was under way for an earlier one
                       // was decided when it died.
};

// Whether a Trim through a port of `process` to `log`, whose chances are drawn
// by `hash`, may cut `file`; notes it if so. Not if the process is dead or
// deposed, nor if the log ignores the hint.
bool TakesTrim(Process* process, std::string_view log, uint64_t hash,
               Epoch epoch, LogIndex first_needed, SharedFile* file);

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_TESTING_LOG_FILE_H_
