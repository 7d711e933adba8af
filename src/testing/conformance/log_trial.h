// SPDX-License-Identifier: Apache-2.0
//
// LogTrial: a Trial whose steps are what an owner of a log does.
//
//   LogTrial trial(&subject);
//   const Epoch epoch = trial.Claim();
//   trial.Force(epoch, {"a", "b"});
//   trial.Reopen();
//   trial.Claim();
//   trial.ExpectRecords({"a", "b"});
//   return trial.Result();

#ifndef TRIVET_SRC_TESTING_CONFORMANCE_LOG_TRIAL_H_
#define TRIVET_SRC_TESTING_CONFORMANCE_LOG_TRIAL_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "src/testing/conformance/trial.h"
#include "trivet/config.h"
#include "trivet/host/log_store.h"
#include "trivet/testing/conformance/log_store_suite.h"
#include "trivet/testing/conformance/promise.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

class LogTrial : public Trial {
 public:
  using End = testing::LogStoreSubject::End;

  // An append that was issued. The completion shares it, since it may come
  // late.
  struct Pending {
    std::optional<absl::StatusOr<LogIndex>> last;
    int completions = 0;
    size_t turn = 0;  // Which completion of this trial it was, from 1.
  };
  using Append = std::shared_ptr<Pending>;

  explicit LogTrial(testing::LogStoreSubject* subject)
      : Trial(subject->pace()), subject_(subject) {}
  ~LogTrial() {
    pace().Update([this] { *alive_ = false; });
  }

  // Claims, and notes what is visited: always from scratch. It must be
  // contiguous, whatever else.
  absl::StatusOr<Epoch> TryClaim(Epoch wanted);
  Epoch Claim(Epoch wanted = 0);  // Must succeed.

  struct Record {
    LogIndex index;
    std::string text;
  };
  const std::vector<Record>& visited() const { return visited_; }
  LogIndex visited_last() const {
    return visited_.empty() ? 0 : visited_.back().index;
  }
  bool Visited(LogIndex index, std::string_view text) const;
  void ExpectRecords(const std::vector<std::string>& records);
  // Of `before` all, and then a prefix of `attempted`: at least `least`.
  void ExpectPrefix(const std::vector<std::string>& before,
                    const std::vector<std::string>& attempted, size_t least);

  // `then` runs inside the completion, unless the trial is over by then.
  Append Start(Epoch epoch, std::vector<std::string> records,
               Durability durability, std::function<void()> then = nullptr);
  absl::StatusOr<LogIndex> Wait(const Append& append);
  bool IsComplete(const Append& append) const;

  // Appends, and waits until that is done, which must be a success.
  LogIndex Force(Epoch epoch, std::vector<std::string> records);
  LogIndex Lazy(Epoch epoch, std::vector<std::string> records);
  void ExpectFenced(Epoch epoch);

  // All further calls go through `log`, the subject's own if nullptr.
  void Use(LogStore* log) { other_ = log; }

  bool Stop(End how) { return subject_->Stop(how); }
  void Start() { subject_->Start(); }
  void Reopen();

 private:
  LogStore* log() { return other_ != nullptr ? other_ : subject_->log(); }

  testing::LogStoreSubject* const subject_;
  LogStore* other_ = nullptr;
  std::vector<Record> visited_;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  const std::shared_ptr<size_t> turns_ = std::make_shared<size_t>(0);
};

// The promises about what outlives an owner: a part of LogStoreSuite.
const std::vector<testing::Promise<testing::LogStoreSubject>>&
LogSurvivalPromises();

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_TESTING_CONFORMANCE_LOG_TRIAL_H_
