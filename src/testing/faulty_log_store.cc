// SPDX-License-Identifier: Apache-2.0

#include "trivet/testing/faulty_log_store.h"

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "src/testing/own_faults.h"
#include "trivet/host/executor.h"
#include "trivet/host/log_store.h"
#include "trivet/testing/fault_options.h"
#include "trivet/testing/sim_host.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {

// Gives the answers to appends in the order in which these were issued, however
// long each of them takes.
class FaultyLogStore::InOrder : public std::enable_shared_from_this<InOrder> {
 public:
  struct Answer {
    AppendDone done;
    std::optional<absl::StatusOr<LogIndex>> result;  // Not yet.
  };

  explicit InOrder(Executor* executor) : executor_(executor) {}

  std::shared_ptr<Answer> Expect(AppendDone done) {
    answers_.push_back(
        std::make_shared<Answer>(Answer{std::move(done), std::nullopt}));
    return answers_.back();
  }

  void GiveAfter(absl::Duration span, const std::shared_ptr<Answer>& answer,
                 absl::StatusOr<LogIndex> result) {
    executor_->PostAt(
        executor_->Now() + span,
        [self = shared_from_this(), answer, result = std::move(result)] {
          answer->result = result;
          self->GiveThoseThatAreDue();
        });
  }

 private:
  void GiveThoseThatAreDue() {
    while (!answers_.empty()) {
      const std::shared_ptr<Answer> first = answers_.front();
      std::optional<absl::StatusOr<LogIndex>>& result = first->result;
      if (!result.has_value()) return;
      answers_.pop_front();
      std::move(first->done)(*std::move(result));
    }
  }

  Executor* const executor_;
  std::deque<std::shared_ptr<Answer>> answers_;
};

FaultyLogStore::FaultyLogStore(SimHost* host, std::string name, LogStore* log)
    : host_(host),
      name_(std::move(name)),
      log_(log),
      answers_(std::make_shared<InOrder>(host->executor())) {}

FaultyLogStore::~FaultyLogStore() = default;

absl::StatusOr<Epoch> FaultyLogStore::Claim(Epoch wanted, Visitor visit) {
  if (!host_->PassCrashPoint()) return internal::Crashed();
  const bool takes_effect = host_->Draw("store claim error", name_) % 2 == 0;
  if (host_->Strikes("store claim error", host_->faults().claim_error, name_)) {
    if (takes_effect) {
      log_->Claim(wanted,
                  [](LogIndex, std::string_view) { return absl::OkStatus(); })
          .IgnoreError();
    }
    return absl::UnavailableError("the store failed while claiming");
  }
  absl::StatusOr<Epoch> epoch = log_->Claim(wanted, visit);
  if (epoch.ok()) {
    claimed_ = *epoch;
    failed_ = false;
  }
  if (!host_->PassCrashPoint()) return internal::Crashed();
  return epoch;
}

void FaultyLogStore::Append(Epoch epoch, std::vector<std::string> records,
                            Durability durability, AppendDone done) {
  if (!host_->PassCrashPoint(/*in_append=*/true)) return;
  const FaultOptions& faults = host_->faults();
  const std::shared_ptr<InOrder::Answer> answer =
      answers_->Expect(std::move(done));
  const absl::Duration slow =
      internal::DrawDuration(host_, "store sync", name_, faults.sync_max);
  const bool is_written = host_->Draw("store sync error", name_) % 2 == 0;
  // One of an epoch that is fenced leaves nothing unknown, and is refused.
  const bool strikes =
      !failed_ && epoch == claimed_ && durability == Durability::kForced &&
      host_->Strikes("store sync error", faults.sync_error, name_);
  if (failed_ || strikes) {
    failed_ = true;
    // Only the first of them may have been written: those behind it were not,
    // or there would be a hole.
    if (strikes && is_written) {
      log_->Append(epoch, std::move(records), durability,
                   [](const absl::StatusOr<LogIndex>&) {});
    }
    answers_->GiveAfter(slow, answer,
                        absl::UnavailableError("the store could not sync"));
  } else {
    log_->Append(
        epoch, std::move(records), durability,
        [answers = answers_, answer, slow](absl::StatusOr<LogIndex> last) {
          answers->GiveAfter(slow, answer, std::move(last));
        });
  }
  host_->PassCrashPoint(/*in_append=*/true);
}

void FaultyLogStore::Trim(Epoch epoch, LogIndex first_needed) {
  if (!host_->PassCrashPoint() ||
      host_->Strikes("store trim ignored", host_->faults().trim_ignored,
                     name_)) {
    return;
  }
  log_->Trim(epoch, first_needed);
}

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet
