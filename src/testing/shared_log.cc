// SPDX-License-Identifier: Apache-2.0

#include "src/testing/shared_log.h"

#include <algorithm>
#include <cstdint>
#include <optional>
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
#include "trivet/testing/sim_host.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

SharedLog::SharedLog(Process* process, std::string_view name, SharedFile* file)
    : process_(process), name_(name), hash_(NameHash(name)), file_(file) {}

absl::StatusOr<Epoch> SharedLog::Claim(Epoch wanted, Visitor visit) {
  Node* const node = process_->node();
  World* const world = process_->world();
  Node* const outside = world->Find(testing::SimHost::kWorld);
  if (!process_->alive() || !node->PassCrashPoint()) {
    return absl::UnavailableError("the process has crashed");
  }
  if (world->IsCut(world->LinkBetween(*node, *outside))) {
    return absl::UnavailableError("the log cannot be reached");
  }
  if (wanted == 0) wanted = file_->epoch + 1;
  if (wanted <= file_->epoch) {
    return absl::AbortedError(absl::StrCat("epoch ", wanted, " of log ",
                                           Sv(name_), " is not above ",
                                           file_->epoch));
  }
  file_->epoch = wanted;
  if (world->IsCut(world->LinkBetween(*outside, *node)) ||
      world->Strikes(Chance::kClaimError, world->faults().claim_error, hash_,
                     file_->claims++, node->name(), name_)) {
    return absl::UnavailableError("no answer to the claim");
  }
  world->trace().Add(world->now(), Happening::kClaim, node->name(), name_,
                     wanted, file_->records.size());
  connected_ = true;
  poisoned_ = false;
  absl::Status seen = file_->Visit(visit);
  if (!seen.ok()) return seen;
  if (!process_->alive() || !node->PassCrashPoint()) {
    return absl::UnavailableError("the process has crashed");
  }
  return wanted;
}

void SharedLog::Append(Epoch epoch, std::vector<std::string> records,
                       Durability, AppendDone done) {
  if (!process_->alive() ||
      !process_->node()->PassCrashPoint(/*in_append=*/true)) {
    return;
  }
  World* const world = process_->world();
  const uint64_t number = issued_++;
  pending_.push_back({std::nullopt, std::move(done)});
  if (poisoned_) {
    world->AtProcess(world->now(), process_, [this, number] {
      Finish(number, absl::UnavailableError("an earlier append failed"));
    });
    return;
  }
  const int64_t timeout =
      absl::ToInt64Nanoseconds(world->faults().call_timeout);
  world->AtProcess(world->now() + timeout, process_, [this, number] {
    Finish(number, absl::UnavailableError("no answer to the append"));
  });

  Link& link = world->LinkBetween(*process_->node(),
                                  *world->Find(testing::SimHost::kWorld));
  const uint64_t ordinal = link.calls++;
  const bool lost =
      world->IsCut(link) ||
      world->Strikes(Chance::kRequestLoss, world->faults().request_loss,
                     link.hash, ordinal, link.from, link.to);
  arrival_ = std::max(
      arrival_,
      world->now() + world->Delay(Chance::kRequestDelay, link, ordinal));
  world->At(arrival_, [this, number, ordinal, epoch, lost,
                       records = std::move(records)]() mutable {
    Arrive(number, ordinal, epoch, std::move(records), lost);
  });
}

// At the far end, whether or not the sender still lives.
void SharedLog::Arrive(uint64_t number, uint64_t ordinal, Epoch epoch,
                       std::vector<std::string> records, bool lost) {
  World* const world = process_->world();
  Node* const node = process_->node();
  Node* const outside = world->Find(testing::SimHost::kWorld);
  if (lost || world->IsCut(world->LinkBetween(*node, *outside))) {
    connected_ = false;
  }
  if (!connected_) return;
  if (epoch != file_->epoch) {
    world->trace().Add(world->now(), Happening::kFenced, node->name(), name_,
                       epoch, file_->epoch);
    if (TRIVET_MUTANT(fenced_append_reported_done)) {
      return Answer(number, ordinal, file_->last());
    }
    Answer(
        number, ordinal,
        absl::AbortedError(absl::StrCat("epoch ", epoch, " of log ", Sv(name_),
                                        " was fenced by ", file_->epoch)));
    return;
  }
  world->trace().Add(world->now(), Happening::kAppend, node->name(), name_,
                     file_->last() + 1, records.size());
  file_->Add(std::move(records));
  Answer(number, ordinal, file_->last());
}

void SharedLog::Answer(uint64_t number, uint64_t ordinal,
                       absl::StatusOr<LogIndex> result) {
  World* const world = process_->world();
  const Link& link = world->LinkBetween(*world->Find(testing::SimHost::kWorld),
                                        *process_->node());
  if (world->IsCut(link) ||
      world->Strikes(Chance::kReplyLoss, world->faults().reply_loss, link.hash,
                     ordinal, link.from, link.to)) {
    return;
  }
  world->At(world->now() + world->Delay(Chance::kReplyDelay, link, ordinal),
            [this, number, result = std::move(result), &link]() mutable {
              World* const w = process_->world();
              if (w->IsCut(link) || !process_->alive() ||
                  process_->node()->IsAsleep()) {
                return;
              }
              w->AtProcess(
                  w->now(), process_,
                  [this, number, result = std::move(result)]() mutable {
                    Finish(number, std::move(result));
                  });
            });
}

// Reports in the order of issue. Behind a failed append nothing has succeeded:
// what an answer said that came too late is unknown too, unless it is a
// refusal.
void SharedLog::Finish(uint64_t number, absl::StatusOr<LogIndex> result) {
  if (number < finished_ || pending_[number - finished_].result.has_value()) {
    return;
  }
  pending_[number - finished_].result = std::move(result);
  while (!pending_.empty()) {
    Pending& first = pending_.front();
    if (!first.result.has_value()) return;
    absl::StatusOr<LogIndex> told = *std::move(first.result);
    AppendDone done = std::move(first.done);
    pending_.pop_front();
    ++finished_;
    if (poisoned_ && told.ok()) {
      told = absl::UnavailableError("an earlier append failed");
    }
    // A refusal leaves nothing unknown.
    if (!told.ok() && !absl::IsAborted(told.status())) poisoned_ = true;
    std::move(done)(std::move(told));
  }
}

void SharedLog::Trim(Epoch epoch, LogIndex first_needed) {
  if (TakesTrim(process_, name_, hash_, epoch, first_needed, file_)) {
    file_->CutBefore(first_needed);
  }
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
