// SPDX-License-Identifier: Apache-2.0

#include "src/testing/local_log.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "src/internal/mutant.h"
#include "src/internal/strings.h"
#include "src/testing/dice.h"
#include "src/testing/log_file.h"
#include "src/testing/node.h"
#include "src/testing/trace.h"
#include "src/testing/world.h"
#include "trivet/host/log_store.h"
#include "trivet/testing/fault_options.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {
namespace {

absl::Status CannotRead() {
  return absl::UnavailableError("the disk cannot be read");
}

}  // namespace

LocalLog::LocalLog(Process* process, std::string_view name, LocalFile* file)
    : process_(process),
      name_(name),
      hash_(Combine(process->node()->hash(), NameHash(name))),
      file_(file) {}

absl::StatusOr<Epoch> LocalLog::Claim(Epoch wanted, Visitor visit) {
  Node* const node = process_->node();
  World* const world = process_->world();
  if (!process_->alive() || !node->PassCrashPoint()) {
    return absl::UnavailableError("the process has crashed");
  }
  if (wanted == 0) wanted = file_->epoch + 1;
  if (wanted <= file_->epoch) {
    return absl::AbortedError(absl::StrCat("epoch ", wanted, " of log ",
                                           Sv(name_), " is not above ",
                                           file_->epoch));
  }
  const uint64_t ordinal = file_->claims++;
  const bool fails =
      world->Strikes(Chance::kClaimError, world->faults().claim_error, hash_,
                     ordinal, node->name(), name_);
  const uint64_t half =
      world->dice().Draw(Chance::kClaimError, ~hash_, ordinal);
  if (!fails || half % 2 == 0) file_->epoch = wanted;
  if (fails) return absl::UnavailableError("the disk failed while claiming");
  if (!node->PassCrashPoint()) {
    return absl::UnavailableError("the process has crashed");
  }
  // Visited is durable. What a crash left in the page cache is not: it is
  // written anew, or a power loss takes back what somebody was told after it.
  if (!TRIVET_MUTANT(claim_trusts_unsynced)) file_->synced = file_->last();
  file_->told = file_->last();
  poisoned_ = full_ = false;
  world->trace().Add(world->now(), Happening::kClaim, node->name(), name_,
                     wanted, file_->records.size());
  const bool unreadable =
      world->Strikes(Chance::kReadError, world->faults().read_error, hash_,
                     ordinal, node->name(), name_);
  const LogIndex end =
      file_->first + static_cast<uint64_t>(world->dice().UpTo(
                         static_cast<int64_t>(file_->records.size()),
                         Chance::kReadError, ~hash_, ordinal));
  absl::Status seen = file_->Visit(
      [&](LogIndex index, std::string_view record) -> absl::Status {
        if (unreadable && index >= end) return CannotRead();
        return visit(index, record);
      });
  if (unreadable && seen.ok()) seen = CannotRead();
  if (!seen.ok()) return seen;
  return wanted;
}

void LocalLog::Append(Epoch epoch, std::vector<std::string> records,
                      Durability durability, AppendDone done) {
  if (!process_->alive()) return;
  World* const world = process_->world();
  const bool forced = durability == Durability::kForced;
  const uint64_t ordinal = file_->appends++;
  absl::Status refused = Add(epoch, std::move(records), ordinal);
  int64_t ready = std::max(ready_, world->now());
  if (forced && refused.ok()) {
    ready = std::max(ready, world->now() + SyncTime(ordinal));
  }
  ++untold_;
  Issue({ordinal, file_->last(), forced, std::move(refused), std::move(done)},
        ready);
  process_->node()->PassCrashPoint(/*in_append=*/true);
}

// To the page cache.
absl::Status LocalLog::Add(Epoch epoch, std::vector<std::string> records,
                           uint64_t ordinal) {
  World* const world = process_->world();
  const std::string_view who = process_->node()->name();
  if (epoch != file_->epoch) {
    world->trace().Add(world->now(), Happening::kFenced, who, name_, epoch,
                       file_->epoch);
    return absl::AbortedError(absl::StrCat("epoch ", epoch, " of log ",
                                           Sv(name_), " was fenced by ",
                                           file_->epoch));
  }
  if (poisoned_ || full_) {
    return absl::UnavailableError("an earlier append to the log failed");
  }
  full_ = world->Strikes(Chance::kDiskFull, world->faults().disk_full, hash_,
                         ordinal, who, name_);
  if (full_) {
    records.resize(static_cast<size_t>(
        world->dice().UpTo(static_cast<int64_t>(records.size()),
                           Chance::kDiskFull, ~hash_, ordinal)));
  }
  world->trace().Add(world->now(), Happening::kAppend, who, name_,
                     file_->last() + 1, records.size());
  file_->Add(std::move(records));
  if (full_) return absl::ResourceExhaustedError("the disk is full");
  return absl::OkStatus();
}

int64_t LocalLog::SyncTime(uint64_t ordinal) {
  World* const world = process_->world();
  const testing::FaultOptions& faults = world->faults();
  const bool slow = world->Strikes(Chance::kSlowSync, faults.slow_sync, hash_,
                                   ordinal, process_->node()->name(), name_);
  return 1 +
         world->dice().UpTo(absl::ToInt64Nanoseconds(slow ? faults.slow_sync_max
                                                          : faults.sync_max),
                            Chance::kSync, hash_, ordinal);
}

void LocalLog::Issue(Pending pending, int64_t ready) {
  World* const world = process_->world();
  const bool inline_done =
      !pending.forced && pending.refused.ok() && untold_ == 1 &&
      world->dice().Draw(Chance::kInlineDone, hash_, pending.ordinal) % 2 == 0;
  if (inline_done) {
    Tell(std::move(pending));
    return;
  }
  pending_.push_back(std::move(pending));
  ready_ = ready;
  // When the process dies it is decided what there is of this, and nobody is
  // told any more.
  world->At(ready, [this, life = file_->lives] {
    if (life == file_->lives) FinishOnDevice();
  });
}

void LocalLog::FinishOnDevice() {
  World* const world = process_->world();
  Pending pending = std::move(pending_.front());
  pending_.pop_front();
  if (pending.refused.ok() && pending.forced && !poisoned_ &&
      world->Strikes(Chance::kSyncError, world->faults().sync_error, hash_,
                     pending.ordinal, process_->node()->name(), name_)) {
    poisoned_ = true;
  }
  if (pending.refused.ok() && poisoned_) {
    pending.refused = absl::UnavailableError("the log could not be synced");
  }
  if (pending.refused.ok() && pending.forced) {
    file_->synced = std::max(file_->synced, pending.last);
    world->trace().Add(world->now(), Happening::kSynced,
                       process_->node()->name(), name_, pending.last, 0);
  }
  world->AtProcess(world->now(), process_,
                   [this, pending = std::move(pending)]() mutable {
                     Tell(std::move(pending));
                   });
}

void LocalLog::Tell(Pending pending) {
  --untold_;
  if (!pending.refused.ok()) {
    std::move(pending.done)(std::move(pending.refused));
    return;
  }
  file_->told = std::max(file_->told, pending.last);
  std::move(pending.done)(pending.last);
}

void LocalLog::Trim(Epoch epoch, LogIndex first_needed) {
  if (TakesTrim(process_, name_, hash_, epoch, first_needed, file_)) {
    file_->CutBefore(std::min(first_needed, file_->synced + 1));
  }
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
