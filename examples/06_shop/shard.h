// SPDX-License-Identifier: Apache-2.0
//
// Shard: a Book that survives a crash, as a Resource for transactions.
//
// Every change of the book is a record in the shard's own log, the journal. A
// reservation is durable before the shard votes yes, an application before it
// answers OK; the journal batches what waits into one sync. When the journal
// has grown, the whole book is written into it once more and the rest trimmed.
//
// Thread safety: thread-safe.

#ifndef SHOP_SHARD_H_
#define SHOP_SHARD_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "book.h"
#include "trivet/host/executor.h"
#include "trivet/host/log_store.h"
#include "trivet/txn/resource.h"

namespace shop {

class Shard : public trivet::Resource {
 public:
  using Done = absl::AnyInvocable<void(absl::Status) &&>;

  // OK if the row of this place may take new work now, on exactly these nodes.
  using MayServe = std::function<absl::Status(const Place&)>;

  // Claims and replays `journal`. Does not own the pointers.
  static absl::StatusOr<std::unique_ptr<Shard>> Open(trivet::Executor* executor,
                                                     trivet::LogStore* journal,
                                                     std::string node,
                                                     MayServe may_serve);

  // Resource: see there.
  void ListPrepared(
      absl::AnyInvocable<void(absl::StatusOr<std::vector<trivet::TxnId>>) &&>
          done) override;
  void Prepare(const trivet::TxnId& id, std::string work,
               absl::AnyInvocable<void(trivet::Vote) &&> done) override;
  void Apply(const trivet::TxnId& id, trivet::Decision decision,
             std::string work, Done done) override;

  // Moving rows. Install is durable when `done` is called with OK.
  void Install(std::vector<NamedRow> rows, Done done);
  std::vector<NamedRow> Rows(Book::Wanted wanted) const;
  void Drop(const std::vector<std::string>& rows);

  // Whether nothing is reserved of the wanted rows.
  bool IsQuiet(Book::Wanted wanted) const;

  // For readers: how `order` stands at `row`, and what is left of the row.
  struct Sight {
    Standing standing = Standing::kNoRow;
    int64_t left = 0;
  };
  Sight Look(const std::string& row, const std::string& order) const;

 private:
  Shard(trivet::Executor* executor, trivet::LogStore* journal, std::string node,
        MayServe may_serve);

  // Appends under the mutex, so that the journal's order is the book's. `done`
  // runs on the executor, never inside the call.
  void Write(std::vector<std::string> records, trivet::Durability durability,
             Done done) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CompactIfDue() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  trivet::Executor* const executor_;
  trivet::LogStore* const journal_;
  const MayServe may_serve_;
  mutable absl::Mutex mu_;
  Book book_ ABSL_GUARDED_BY(mu_);
  trivet::Epoch epoch_ ABSL_GUARDED_BY(mu_) = 0;
  size_t records_since_snapshot_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace shop

#endif  // SHOP_SHARD_H_
