// SPDX-License-Identifier: Apache-2.0
//
// Coordinator: runs transactions over the host's transport and log.
//
//   auto coordinator =
//       Coordinator::Open(&executor, &net, &log, "bank-1", {});
//   absl::StatusOr<Outcome> outcome =
//       (*coordinator)->Run({{"shard-a", debit}, {"shard-b", credit}});
//
// Callbacks run on the executor, one at a time, never inside the call that they
// answer.
//
// Thread safety: thread-safe.
//
// Destruction: every callback that is still owed is called first, by the
// destructor itself: a RunDone whose transaction is unfinished with kCancelled.
// Such a transaction may still commit; whoever opens the log next finishes it
// and lists it in Untold(). When the destructor has returned, no callback runs
// and no host interface is called any more; what host interfaces complete later
// is ignored. It waits only for calls to the host that run on other threads at
// that moment, never for I/O, and may be run inside a callback or inside a call
// to a host interface.

#ifndef TRIVET_TXN_COORDINATOR_H_
#define TRIVET_TXN_COORDINATOR_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "trivet/config.h"
#include "trivet/host/executor.h"
#include "trivet/host/log_store.h"
#include "trivet/host/transport.h"
#include "trivet/txn/coordinator_machine.h"
#include "trivet/txn/transaction.h"
#include "trivet/txn/txn_counters.h"

namespace trivet {
inline namespace v0_1 {

struct RunOptions {
  std::optional<absl::Duration>
      prepare_timeout;  // Instead of the coordinator's.
};

class TRIVET_EXPORT Coordinator {
 public:
  using RunDone = absl::AnyInvocable<void(absl::StatusOr<Outcome>) &&>;

  // Claims `log`, replays it and resumes whatever it left unfinished. Blocks on
  // the log. Does not own its arguments; all must outlive the coordinator.
  //
  // `name` is the coordinator's, not the process's: where several processes
  // stand by for one another they share the name and the log, each passes the
  // fencing token of its lease as options.epoch, and the log stops whoever was
  // deposed. The lease may be wrong at any time; the log may not. A name has 1
  // to 479 bytes.
  //
  // An empty log gets its identity here. One that was lost must not be replaced
  // by an empty one while participants may still be in doubt about it: they
  // will ask for the lost one, and nobody answers in its place.
  //
  // kAborted: a later epoch has claimed the log. kDataLoss: the log holds bytes
  // that are not this coordinator's records, but another's, or a participant's,
  // or nobody's; or it gave out an epoch a second time. kUnimplemented: a newer
  // trivet wrote it. kInvalidArgument: name, options, also together with the
  // log's RecordSizeMax. Otherwise what Claim says.
  static absl::StatusOr<std::unique_ptr<Coordinator>> Open(
      Executor* executor, Transport* transport, LogStore* log, std::string name,
      CoordinatorOptions options);
  ~Coordinator();

  Coordinator(const Coordinator&) = delete;
  Coordinator& operator=(const Coordinator&) = delete;

  // Runs one transaction and reports its outcome on the executor. kAbort is an
  // answer, not an error; so is "unknown". An error means that nothing was
  // begun: kInvalidArgument (no branches or too many, a participant without a
  // name or with a name longer than 512 bytes, two branches of one participant,
  // work too large, a time-out that is not positive), kResourceExhausted,
  // kFailedPrecondition (stopped, or draining); except kCancelled, see above.
  void RunAsync(std::vector<Branch> branches, RunDone done);
  void RunAsync(std::vector<Branch> branches, RunOptions options, RunDone done);

  // The same, blocking the calling thread.
  // REQUIRES: executor->MayBlock().
  absl::StatusOr<Outcome> Run(std::vector<Branch> branches);

  // What became of a transaction: kCommit while that is retained, nullopt while
  // undecided, else kNotFound, which alone is evidence of nothing: keep a
  // request key of your own in the work. For an id of two or more branches
  // whose Outcome was unknown, not forgotten, and asked of a later epoch, it
  // means abort. kInvalidArgument: an id of another coordinator, or of another
  // log than this one's.
  absl::StatusOr<std::optional<Decision>> OutcomeOf(const TxnId& id) const;

  // Commits that are retained because this process told nobody of them, and the
  // way to let one go. Forgetting an undecided id does nothing, nor does
  // forgetting an unknown one.
  std::vector<TxnId> Untold() const;
  void Forget(const TxnId& id);

  // The host calls this with every envelope addressed to this coordinator.
  // Bytes that do not decode are dropped and counted. Never blocks; some of the
  // coordinator's work is done inside.
  void Receive(Envelope envelope);

  // Begins nothing more; `done` when nothing is left in flight: every outcome
  // was reported and every commit was acknowledged by all that voted for it, or
  // the coordinator stopped.
  void Drain(absl::AnyInvocable<void() &&> done);

  // OK, or why the coordinator stopped for good (fenced, or its log failed). A
  // stopped coordinator sends nothing; open it again.
  absl::Status Health() const;

  TxnCounters Counters() const;

 private:
  class Impl;
  explicit Coordinator(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_TXN_COORDINATOR_H_
