// SPDX-License-Identifier: Apache-2.0
//
// SharedLog: a process's port to a log that stands outside of all hosts, as one
// in etcd or SQL does. Appends travel in order, as on one connection: where one
// is lost, the connection is, and none behind it arrives.

#ifndef TRIVET_SRC_TESTING_SHARED_LOG_H_
#define TRIVET_SRC_TESTING_SHARED_LOG_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "src/testing/log_file.h"
#include "src/testing/node.h"
#include "trivet/config.h"
#include "trivet/host/log_store.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

class SharedLog : public LogStore {
 public:
  SharedLog(Process* process, std::string_view name, SharedFile* file);

  absl::StatusOr<Epoch> Claim(Epoch wanted, Visitor visit) override;
  void Append(Epoch epoch, std::vector<std::string> records,
              Durability durability, AppendDone done) override;
  void Trim(Epoch epoch, LogIndex first_needed) override;

  // Destroys what waits for completion: the process is dead.
  void Drop() { pending_.clear(); }

 private:
  struct Pending {
    std::optional<absl::StatusOr<LogIndex>> result;
    AppendDone done;
  };
  // `ordinal`: of the request on its link, and of the reply.
  void Arrive(uint64_t number, uint64_t ordinal, Epoch epoch,
              std::vector<std::string> records, bool lost);
  void Answer(uint64_t number, uint64_t ordinal,
              absl::StatusOr<LogIndex> result);
  void Finish(uint64_t number, absl::StatusOr<LogIndex> result);

  Process* const process_;
  const std::string_view name_;
  const uint64_t hash_;
  SharedFile* const file_;
  std::deque<Pending> pending_;  // The first is number `finished_`.
  uint64_t issued_ = 0;
  uint64_t finished_ = 0;
  int64_t arrival_ = 0;    // Of the latest append issued.
  bool connected_ = true;  // No append was lost, as the far end sees it.
  bool poisoned_ = false;  // An append failed, as this end sees it.
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_TESTING_SHARED_LOG_H_
