// SPDX-License-Identifier: Apache-2.0

#include "src/testing/conformance/log_trial.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "trivet/host/log_store.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

absl::StatusOr<Epoch> LogTrial::TryClaim(Epoch wanted) {
  visited_.clear();
  absl::StatusOr<Epoch> claimed =
      log()->Claim(wanted, [this](LogIndex index, std::string_view text) {
        Expect(visited_.empty() || index == visited_.back().index + 1,
               "what is visited is not contiguous");
        Expect(index > 0, "an index is 0");
        visited_.push_back({index, std::string(text)});
        return absl::OkStatus();
      });
  return claimed;
}

Epoch LogTrial::Claim(Epoch wanted) {
  const absl::StatusOr<Epoch> claimed = TryClaim(wanted);
  if (!Expect(claimed.ok(),
              "a claim failed: " + std::string(claimed.status().message()))) {
    return 0;
  }
  Expect(*claimed > 0 && (wanted == 0 || *claimed == wanted),
         "another epoch was claimed than was wanted");
  return *claimed;
}

bool LogTrial::Visited(LogIndex index, std::string_view text) const {
  return std::any_of(visited_.begin(), visited_.end(), [&](const Record& one) {
    return one.index == index && one.text == text;
  });
}

void LogTrial::ExpectRecords(const std::vector<std::string>& records) {
  Expect(visited_.size() >= records.size(), "a record is missing");
  Expect(visited_.size() <= records.size(),
         "a record is there that should not be");
  if (visited_.size() != records.size()) return;
  for (size_t i = 0; i < records.size(); ++i) {
    Expect(visited_[i].text == records[i], "a record is not as it was");
  }
}

void LogTrial::ExpectPrefix(const std::vector<std::string>& before,
                            const std::vector<std::string>& attempted,
                            size_t least) {
  std::vector<std::string> all = before;
  all.insert(all.end(), attempted.begin(), attempted.end());
  Expect(visited_.size() >= before.size() + least,
         "a record is gone that was durable");
  if (!Expect(visited_.size() <= all.size(),
              "a record is there that nobody appended")) {
    return;
  }
  for (size_t i = 0; i < visited_.size(); ++i) {
    Expect(visited_[i].text == all[i],
           "what is left is not a prefix of what was appended, record by "
           "record");
  }
}

LogTrial::Append LogTrial::Start(Epoch epoch, std::vector<std::string> records,
                                 Durability durability,
                                 std::function<void()> then) {
  auto append = std::make_shared<Pending>();
  log()->Append(epoch, std::move(records), durability,
                [append, alive = alive_, turns = turns_, pace = pace(),
                 then = std::move(then)](absl::StatusOr<LogIndex> last) {
                  bool is_alive = false;
                  pace.Update([&] { is_alive = *alive; });
                  if (then && is_alive) then();
                  pace.Update([&] {
                    append->last = std::move(last);
                    ++append->completions;
                    append->turn = ++*turns;
                  });
                });
  return append;
}

absl::StatusOr<LogIndex> LogTrial::Wait(const Append& append) {
  absl::StatusOr<LogIndex> last = absl::DeadlineExceededError("no answer");
  Await([&] { return append->last.has_value(); },
        "an append was never completed");
  pace().Update([&] {
    if (append->last.has_value()) last = *append->last;
  });
  return last;
}

bool LogTrial::IsComplete(const Append& append) const {
  bool complete = false;
  pace().Update([&] { complete = append->last.has_value(); });
  return complete;
}

LogIndex LogTrial::Force(Epoch epoch, std::vector<std::string> records) {
  const auto last = Wait(Start(epoch, std::move(records), Durability::kForced));
  Expect(last.ok(),
         "an append failed: " + std::string(last.status().message()));
  return last.value_or(0);
}

LogIndex LogTrial::Lazy(Epoch epoch, std::vector<std::string> records) {
  const auto last = Wait(Start(epoch, std::move(records), Durability::kLazy));
  Expect(last.ok(),
         "an append failed: " + std::string(last.status().message()));
  return last.value_or(0);
}

void LogTrial::ExpectFenced(Epoch epoch) {
  for (const Durability durability : {Durability::kForced, Durability::kLazy}) {
    const absl::Status status =
        Wait(Start(epoch, {"of a fenced writer"}, durability)).status();
    Expect(!status.ok(), "an append under a smaller epoch succeeded");
    Expect(absl::IsAborted(status),
           "an append under a smaller epoch is not "
           "kAborted, but: " +
               std::string(status.message()));
  }
}

void LogTrial::Reopen() {
  Expect(Stop(End::kClose), "the log cannot be closed");
  Start();
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
