// SPDX-License-Identifier: Apache-2.0
//
// Resource: what a transaction changes. The host implements it; there is one in
// examples/03_transfer_money.
//
//   participant                     resource
//        | -- Prepare(id, work) ------> |   reserve, write down, sync
//        | <------------------ kYes --- |
//        |        ...                   |   keep it whatever happens
//        | -- Apply(id, decision) ----> |   do it, or undo it
//        | <-------------------- OK --- |

#ifndef TRIVET_TXN_RESOURCE_H_
#define TRIVET_TXN_RESOURCE_H_

#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "trivet/config.h"
#include "trivet/txn/transaction.h"

namespace trivet {
inline namespace v0_1 {

// The thing being changed: the host's tables, files, balances.
//
// Called by the Participant, never with a lock of its own held. Calls for one
// transaction never overlap; calls for different ones may, from any thread.
// `done` is called exactly once, on any thread, possibly inside the call. A yes
// and an OK mean: durable.
//
// A call must not block, or every transaction of the participant waits: start
// the work and return. `done` must not be called with a lock held that a call
// needs, because it may lead to further calls. It may be called, or destroyed,
// when the participant is gone already; the resource itself calls or destroys
// every `done` before its own destructor returns.
class TRIVET_EXPORT Resource {
 public:
  virtual ~Resource() = default;

  // Lists what it holds prepared for this participant. Called at Open and now
  // and then: what the participant knows nothing of (prepared, then crashed
  // before it could be written down) is aborted. An error is asked again later.
  virtual void ListPrepared(
      absl::AnyInvocable<void(absl::StatusOr<std::vector<TxnId>>) &&> done) = 0;

  // Gets ready to go either way, then votes. A yes promises that Apply will
  // succeed with either decision, even after a restart of this process. After a
  // no, nothing stays prepared and Apply is not called. May be called again for
  // an id whose first answer was lost in a crash: then it adopts or replaces
  // what it holds prepared for the id.
  virtual void Prepare(const TxnId& id, std::string work,
                       absl::AnyInvocable<void(Vote) &&> done) = 0;

  // Carries out the decision. May be called again after a crash, with the work
  // that was prepared, and must then change nothing. Aborting an unknown id is
  // OK; `work` is empty then. An error is retried with backoff.
  virtual void Apply(const TxnId& id, Decision decision, std::string work,
                     absl::AnyInvocable<void(absl::Status) &&> done) = 0;
};

}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_TXN_RESOURCE_H_
