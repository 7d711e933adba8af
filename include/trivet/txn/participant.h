// SPDX-License-Identifier: Apache-2.0
//
// Participant: lets one resource take part in transactions.
//
//   auto shard = Participant::Open(&executor, &net, &log, &tables, "shard-a",
//                                  {});
//   // and from wherever envelopes arrive:
//   (*shard)->Receive(std::move(envelope));
//
// Thread safety: thread-safe.
//
// Destruction: when the destructor has returned, no host interface is called
// any more, the resource included; what host interfaces complete later is
// ignored. It waits only for calls to the host that run on other threads at
// that moment, never for I/O, and may be run inside a call to the resource or
// to another host interface. What it leaves unfinished is finished by the next
// Open on the log.

#ifndef TRIVET_TXN_PARTICIPANT_H_
#define TRIVET_TXN_PARTICIPANT_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "trivet/config.h"
#include "trivet/host/executor.h"
#include "trivet/host/log_store.h"
#include "trivet/host/transport.h"
#include "trivet/txn/participant_machine.h"
#include "trivet/txn/resource.h"
#include "trivet/txn/transaction.h"
#include "trivet/txn/txn_counters.h"

namespace trivet {
inline namespace v0_1 {

class TRIVET_EXPORT Participant {
 public:
  // Claims `log`, replays it, inquires after what is in doubt and applies again
  // what may not have been applied. Blocks on the log. Does not own its
  // arguments; all must outlive the participant. `name` has 1 to 512 bytes.
  //
  // A log that was lost must not be replaced by an empty one: what it had voted
  // for is forgotten then. If a coordinator notices, the participant stops.
  //
  // An empty log becomes this participant's. kAborted: a later epoch has
  // claimed the log. kDataLoss: the log holds bytes that are not this
  // participant's records, but another's, or a coordinator's, or nobody's.
  // kUnimplemented: a newer trivet wrote it. kInvalidArgument: name, options,
  // also together with the log's RecordSizeMax. Otherwise what Claim says.
  static absl::StatusOr<std::unique_ptr<Participant>> Open(
      Executor* executor, Transport* transport, LogStore* log,
      Resource* resource, std::string name, ParticipantOptions options);
  ~Participant();

  Participant(const Participant&) = delete;
  Participant& operator=(const Participant&) = delete;

  // The host calls this with every envelope addressed to this participant.
  // Bytes that do not decode, and messages that speak for a coordinator of
  // another address than the sender's, are dropped and counted. Never blocks;
  // some of the participant's work is done inside.
  void Receive(Envelope envelope);

  // Transactions waiting for a coordinator. The operator's view of 2PC's one
  // weakness: while one is listed, its resource stays pinned.
  struct Doubt {
    TxnId id;
    absl::Duration age;  // Since this process voted, or was started.
  };
  std::vector<Doubt> InDoubt() const;

  // Decides in the coordinator's place: a heuristic outcome, which may turn out
  // mixed, and is then reported until forgotten by another call. For operators,
  // when the coordinator's log is gone for good. kNotFound: not in doubt.
  //
  // OK means that it was taken up; it is applied once it is durable. Another
  // call for the same id forgets it, whatever its `decision`;
  // kFailedPrecondition as long as the coordinator has not answered, who may
  // come back and must not be misled. Also kFailedPrecondition: stopped.
  absl::Status Resolve(const TxnId& id, Decision decision);

  // What operators decided and have not forgotten.
  struct Verdict {
    TxnId id;
    Decision decision = Decision::kAbort;  // The operator's.
    std::optional<Decision> answer;        // The coordinator's, once known: if
  };                                       // it differs, the outcome is mixed.
  std::vector<Verdict> Verdicts() const;

  // OK, or why the participant stopped for good (fenced, its log failed, or a
  // log of its own was lost earlier). A stopped participant sends nothing and
  // calls its resource no more; open it again.
  absl::Status Health() const;

  TxnCounters Counters() const;

 private:
  class Impl;
  explicit Participant(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_TXN_PARTICIPANT_H_
