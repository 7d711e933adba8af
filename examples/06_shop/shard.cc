// SPDX-License-Identifier: Apache-2.0

#include "shard.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace shop {
namespace {

using trivet::Decision;
using trivet::Durability;
using trivet::LogIndex;
using trivet::TxnId;
using trivet::Vote;

Vote No(std::string why) { return Vote(Vote::kNo, std::move(why)); }

}  // namespace

Shard::Shard(trivet::Executor* executor, trivet::LogStore* journal,
             std::string node, MayServe may_serve)
    : executor_(executor),
      journal_(journal),
      may_serve_(std::move(may_serve)),
      book_(std::move(node)) {}

absl::StatusOr<std::unique_ptr<Shard>> Shard::Open(trivet::Executor* executor,
                                                   trivet::LogStore* journal,
                                                   std::string node,
                                                   MayServe may_serve) {
  std::unique_ptr<Shard> shard(
      new Shard(executor, journal, std::move(node), std::move(may_serve)));
  absl::MutexLock lock(&shard->mu_);
  const absl::StatusOr<trivet::Epoch> epoch =
      journal->Claim(0, [&](LogIndex, std::string_view record) {
        shard->mu_.AssertHeld();
        return shard->book_.Replay(record);
      });
  if (!epoch.ok()) return epoch.status();
  shard->epoch_ = *epoch;
  return shard;
}

void Shard::Write(std::vector<std::string> records, Durability durability,
                  Done done) {
  records_since_snapshot_ += records.size();
  journal_->Append(epoch_, std::move(records), durability,
                   [executor = executor_, done = std::move(done)](
                       absl::StatusOr<LogIndex> last) mutable {
                     executor->Post([done = std::move(done),
                                     status = last.status()]() mutable {
                       std::move(done)(std::move(status));
                     });
                   });
  CompactIfDue();
}

void Shard::CompactIfDue() {
  if (records_since_snapshot_ < std::max<size_t>(20000, 8 * book_.size()))
    return;
  records_since_snapshot_ = 0;
  std::vector<std::string> records = book_.Snapshot();
  const size_t count = records.size();
  journal_->Append(epoch_, std::move(records), Durability::kForced,
                   [journal = journal_, epoch = epoch_,
                    count](absl::StatusOr<LogIndex> last) {
                     if (last.ok()) journal->Trim(epoch, *last - count + 1);
                   });
}

void Shard::ListPrepared(
    absl::AnyInvocable<void(absl::StatusOr<std::vector<TxnId>>) &&> done) {
  std::vector<TxnId> ids;
  {
    absl::MutexLock lock(&mu_);
    ids = book_.Reserved();
  }
  std::move(done)(std::move(ids));
}

void Shard::Prepare(const TxnId& id, std::string work,
                    absl::AnyInvocable<void(Vote) &&> done) {
  const absl::StatusOr<Work> wanted = DecodeWork(work);
  if (!wanted.ok())
    return std::move(done)(No(std::string(wanted.status().message())));
  std::string refusal;
  {
    absl::MutexLock lock(&mu_);
    if (!book_.IsReserved(id)) {  // Else: reserved before a crash.
      for (const Place* place : {&wanted->account, &wanted->stock})
        if (absl::Status may = may_serve_(*place); refusal.empty() && !may.ok())
          refusal = std::string(may.message());
      if (refusal.empty()) refusal = book_.Refusal(*wanted);
      if (refusal.empty())
        return Write({book_.Reserve(id, *wanted)}, Durability::kForced,
                     [done = std::move(done)](absl::Status status) mutable {
                       std::move(done)(status.ok() ? Vote(Vote::kYes)
                                                   : No("the journal failed"));
                     });
    }
  }
  std::move(done)(refusal.empty() ? Vote(Vote::kYes) : No(std::move(refusal)));
}

void Shard::Apply(const TxnId& id, Decision decision, std::string work,
                  Done done) {
  absl::Status status;
  {
    absl::MutexLock lock(&mu_);
    if (decision == Decision::kCommit) {
      std::string record = book_.Commit(id);
      if (!record.empty())
        return Write({std::move(record)}, Durability::kForced, std::move(done));
      // A repeat after a crash: it must have been applied already.
      const absl::StatusOr<Work> wanted = DecodeWork(work);
      if (!wanted.ok() || !book_.IsApplied(*wanted))
        status = absl::DataLossError(
            absl::StrCat(id.ToString(), " was never reserved here"));
    } else if (std::string record = book_.Abort(id); !record.empty()) {
      // Lazy: if a crash takes it, the reservation comes back, nobody knows of
      // it, and ListPrepared gets it aborted once more.
      Write({std::move(record)}, Durability::kLazy, [](absl::Status) {});
    }
  }
  std::move(done)(std::move(status));
}

void Shard::Install(std::vector<NamedRow> rows, Done done) {
  absl::MutexLock lock(&mu_);
  std::vector<std::string> records;
  for (NamedRow& row : rows)
    for (std::string& record : book_.Put(std::move(row)))
      records.push_back(std::move(record));
  Write(std::move(records), Durability::kForced, std::move(done));
}

std::vector<NamedRow> Shard::Rows(Book::Wanted wanted) const {
  absl::MutexLock lock(&mu_);
  return book_.Rows(wanted);
}

void Shard::Drop(const std::vector<std::string>& rows) {
  if (rows.empty()) return;
  absl::MutexLock lock(&mu_);
  std::vector<std::string> records;
  for (const std::string& row : rows) records.push_back(book_.Drop(row));
  // Lazy: whoever opens the shard drops what the directory places elsewhere.
  Write(std::move(records), Durability::kLazy, [](absl::Status) {});
}

bool Shard::IsQuiet(Book::Wanted wanted) const {
  absl::MutexLock lock(&mu_);
  return !book_.AnyReserved(wanted);
}

Shard::Sight Shard::Look(const std::string& row,
                         const std::string& order) const {
  absl::MutexLock lock(&mu_);
  const Row* const found = book_.Find(row);
  return {book_.StandingOf(row, order), found == nullptr ? 0 : found->left};
}

}  // namespace shop
