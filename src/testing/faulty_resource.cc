// SPDX-License-Identifier: Apache-2.0

#include "trivet/testing/faulty_resource.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "src/internal/invariant.h"
#include "src/testing/own_faults.h"
#include "trivet/host/executor.h"
#include "trivet/testing/fault_options.h"
#include "trivet/testing/sim_host.h"
#include "trivet/txn/resource.h"
#include "trivet/txn/transaction.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {
namespace {

absl::Status Failed() {
  return absl::UnavailableError("the resource has failed");
}

}  // namespace

FaultyResource::FaultyResource(SimHost* host, std::string name,
                               Resource* resource, double error)
    : host_(host),
      executor_(host->executor()),
      name_(std::move(name)),
      resource_(resource),
      error_(error) {
  TRIVET_INVARIANT(error >= 0 && error <= 1, "FaultyResource: error in 0..1");
}

// Called later, in a task of its own, at whose begin the process may crash:
// your resource has done it, and nobody has heard of it.
template <typename T>
absl::AnyInvocable<void(T) &&> FaultyResource::Slowly(
    absl::AnyInvocable<void(T) &&> done) {
  const absl::Duration slow = internal::DrawDuration(
      host_, "resource answer", name_, host_->faults().sync_max);
  return
      [executor = executor_, slow, done = std::move(done)](T answer) mutable {
        executor->PostAt(
            executor->Now() + slow,
            [done = std::move(done), answer = std::move(answer)]() mutable {
              std::move(done)(std::move(answer));
            });
      };
}

void FaultyResource::ListPrepared(
    absl::AnyInvocable<void(absl::StatusOr<std::vector<TxnId>>) &&> done) {
  if (!host_->PassCrashPoint()) return;
  auto answer = Slowly(std::move(done));
  if (host_->Strikes("resource list error", error_, name_)) {
    std::move(answer)(Failed());
    return;
  }
  resource_->ListPrepared(std::move(answer));
}

void FaultyResource::Prepare(const TxnId& id, std::string work,
                             absl::AnyInvocable<void(Vote) &&> done) {
  if (!host_->PassCrashPoint()) return;
  auto answer = Slowly(std::move(done));
  if (!host_->Strikes("resource refusal", error_, name_)) {
    resource_->Prepare(id, std::move(work), std::move(answer));
    return;
  }
  // A no says that nothing stays prepared, also not from before a crash. Where
  // that fails, it is asked after all: in a task of its own, because a resource
  // that is destroyed may be who answers.
  resource_->Apply(
      id, Decision::kAbort, /*work=*/"",
      [resource = resource_, executor = executor_, id = id,
       work = std::move(work),
       answer = std::move(answer)](const absl::Status& aborted) mutable {
        if (aborted.ok()) {
          std::move(answer)(Vote{Vote::kNo, "the resource has failed"});
          return;
        }
        executor->PostAt(executor->Now(),
                         [resource, id = std::move(id), work = std::move(work),
                          answer = std::move(answer)]() mutable {
                           resource->Prepare(id, std::move(work),
                                             std::move(answer));
                         });
      });
}

void FaultyResource::Apply(const TxnId& id, Decision decision, std::string work,
                           absl::AnyInvocable<void(absl::Status) &&> done) {
  if (!host_->PassCrashPoint()) return;
  auto answer = Slowly(std::move(done));
  const bool is_done = host_->Draw("resource apply error", name_) % 2 != 0;
  if (!host_->Strikes("resource apply error", error_, name_)) {
    resource_->Apply(id, decision, std::move(work), std::move(answer));
    return;
  }
  if (!is_done) {
    std::move(answer)(Failed());  // And was not done.
    return;
  }
  resource_->Apply(id, decision, std::move(work),
                   [answer = std::move(answer)](const absl::Status&) mutable {
                     std::move(answer)(Failed());
                   });
}

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet
