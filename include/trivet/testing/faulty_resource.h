// SPDX-License-Identifier: Apache-2.0
//
// FaultyResource: a Resource of your own, with a simulation's faults around it.
// Inside a process of a SimHost:
//
//   MyResource mine(...);
//   FaultyResource resource(&host, "shard-a", &mine, /*error=*/0.05);
//   Participant::Open(host.executor(), ..., &resource, ...);
//
// With probability `error` a Prepare is voted no, a ListPrepared fails, and an
// Apply fails, of which nobody knows then whether it was done: what Resource
// allows, and what your participant must live with. Every call is a moment at
// which the process may crash, before and after your resource has done it, and
// every answer takes up to FaultOptions::sync_max.
//
// Thread safety: none, as in every Simulation.

#ifndef TRIVET_TESTING_FAULTY_RESOURCE_H_
#define TRIVET_TESTING_FAULTY_RESOURCE_H_

#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "trivet/config.h"
#include "trivet/host/executor.h"
#include "trivet/testing/sim_host.h"
#include "trivet/txn/resource.h"
#include "trivet/txn/transaction.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {

class TRIVET_EXPORT FaultyResource : public Resource {
 public:
  // Part of the process that runs on `host` now. Does not own its arguments;
  // `resource` must live as long as the process. `name` stands in the faults'
  // ids. REQUIRES: `error` is in 0..1.
  FaultyResource(SimHost* host, std::string name, Resource* resource,
                 double error);

  void ListPrepared(
      absl::AnyInvocable<void(absl::StatusOr<std::vector<TxnId>>) &&> done)
      override;
  void Prepare(const TxnId& id, std::string work,
               absl::AnyInvocable<void(Vote) &&> done) override;
  void Apply(const TxnId& id, Decision decision, std::string work,
             absl::AnyInvocable<void(absl::Status) &&> done) override;

 private:
  template <typename T>
  absl::AnyInvocable<void(T) &&> Slowly(absl::AnyInvocable<void(T) &&> done);

  SimHost* const host_;
  Executor* const executor_;
  const std::string name_;
  Resource* const resource_;
  const double error_;
};

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_TESTING_FAULTY_RESOURCE_H_
