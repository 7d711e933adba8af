// SPDX-License-Identifier: Apache-2.0

#include "tests/adapters/file/crash_explorer.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "tests/adapters/file/file_log_test_util.h"
#include "tests/adapters/file/memory_disk.h"
#include "trivet/host/log_store.h"

namespace trivet {
namespace {

std::string Text(const absl::Status& status) {
  return status.ToString(absl::StatusToStringMode::kDefault);
}

}  // namespace

CrashExplorer::CrashExplorer() {
  disk_.OnChange([this](const MemoryDisk::State& state) {
    known_.Update([&] {
      now_.state = state;
      moments_.push_back(now_);
    });
  });
  auto log = CreateOn(&disk_);
  now_.created = log.ok();
  for (int life = 0; life < 3 && broken_.empty(); ++life) {
    if (!log.ok()) {
      broken_ = Text(log.status());
      return;
    }
    Live(log->get(), life);
    log->reset();
    log = OpenOn(&disk_);
  }
  now_.state = disk_.state();
  moments_.push_back(now_);
}

void CrashExplorer::Live(FileLogStore* log, int life) {
  const auto claimed = ClaimAll(log);
  if (!claimed.ok()) {
    broken_ = Text(claimed.status());
    return;
  }
  known_.Update([&] { now_.epoch = claimed->epoch; });
  for (size_t i = 0; i < 12; ++i) {
    std::vector<std::string> records;
    for (size_t r = 0; r <= i % 3; ++r) {
      const std::string filling((i * 137 + r * 61) % 700,
                                static_cast<char>('a' + life));
      records.push_back(std::to_string(issued_.size()) + filling);
      issued_.push_back(records.back());
    }
    const bool forced = i % 4 != 1 && i % 4 != 2;
    const auto last = Append(log, claimed->epoch, std::move(records),
                             forced ? Durability::kForced : Durability::kLazy);
    if (!last.ok() || *last != issued_.size()) {
      broken_ = "append: " + Text(last.status());
      return;
    }
    if (forced) known_.Update([&] { now_.acknowledged = issued_.size(); });
    if (i == 7) {
      const LogIndex first_needed = issued_.size() - 8;
      known_.Update([&] { now_.trimmed = first_needed; });
      log->Trim(claimed->epoch, first_needed);
    }
  }
}

std::string CrashExplorer::Check(const Moment& moment, MemoryDisk* disk) {
  ++states_;
  const auto found = Recover(disk);
  if (!moment.created && absl::IsNotFound(found.status())) return "";
  if (!found.ok()) return Text(found.status());
  if (found->epoch <= moment.epoch) return "an epoch was claimed twice";
  const Records& records = found->records;
  const LogIndex last = records.empty() ? 0 : records.back().first;
  if (last < moment.acknowledged) {
    return "forced up to record " + std::to_string(moment.acknowledged) +
           ", found up to " + std::to_string(last);
  }
  if (last > issued_.size()) return "a record that nobody appended";
  for (size_t i = 0; i < records.size(); ++i) {
    const LogIndex index = records[i].first;
    if (index != records[0].first + i) return "a hole";
    if (records[i].second != issued_[index - 1]) return "a wrong record";
  }
  if (!records.empty() && records[0].first > moment.trimmed) {
    return "dropped what was needed";
  }
  // What was visited is durable, whatever happens next.
  MemoryDisk again(MemoryDisk::PowerLoss(disk->state(), 0));
  const auto found_again = Recover(&again);
  if (!found_again.ok()) return "second time: " + Text(found_again.status());
  if (found_again->records != records) return "visited, and then lost";
  if (found_again->epoch <= found->epoch) return "an epoch was claimed twice";
  return "";
}

std::string CrashExplorer::PowerLosses(uint64_t seeds) {
  for (size_t number = 0; number < moments_.size(); ++number) {
    const Moment& moment = moments_[number];
    for (uint64_t seed = 0; seed < seeds; ++seed) {
      MemoryDisk disk(MemoryDisk::PowerLoss(moment.state, seed));
      const std::string wrong = Check(moment, &disk);
      if (wrong.empty()) continue;
      return "power loss at moment " + std::to_string(number) + ", seed " +
             std::to_string(seed) + ": " + wrong;
    }
  }
  return broken_;
}

std::string CrashExplorer::ProcessCrashes() {
  for (size_t number = 0; number < moments_.size(); ++number) {
    MemoryDisk disk(moments_[number].state);
    const std::string wrong = Check(moments_[number], &disk);
    if (wrong.empty()) continue;
    return "crash at moment " + std::to_string(number) + ": " + wrong;
  }
  return broken_;
}

std::string CrashExplorer::CrashesDuringRecovery() {
  for (size_t number = 0; number < moments_.size(); number += 5) {
    const Moment& moment = moments_[number];
    const uint64_t seed = number % 3;
    std::vector<MemoryDisk::State> during;
    MemoryDisk disk(MemoryDisk::PowerLoss(moment.state, seed));
    disk.OnChange([&](const MemoryDisk::State& s) { during.push_back(s); });
    if (!Recover(&disk).ok()) continue;  // Not created yet.
    for (size_t step = 0; step < during.size(); ++step) {
      MemoryDisk again(MemoryDisk::PowerLoss(during[step], number + step));
      const std::string wrong = Check(moment, &again);
      if (wrong.empty()) continue;
      return "power loss at moment " + std::to_string(number) + ", seed " +
             std::to_string(seed) + ", and again at step " +
             std::to_string(step) + " of the recovery: " + wrong;
    }
  }
  return broken_;
}

}  // namespace trivet
