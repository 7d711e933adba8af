// SPDX-License-Identifier: Apache-2.0
//
// LockBackendSuite: the contract of lock/lock_backend.h, line by line.
//
//   Exclusive    Exclusive, ExclusiveAfterRelease, Ends
//   Fenced       FencedAcrossRelease, FencedAcrossExpiry, FencedWithinALease
//                (not where Traits().fence is kNone),
//                FencedAcrossRestart (hook: Restart)
//   Idempotent   Idempotent, IdempotentRepeatKeepsItsWord
//   Owned        OwnedRenewal, OwnedRelease, OwnedAfterLoss,
//                ReleaseOfWhatHasEnded
//   Not before   NotBefore, NotBeforeAfterRenewal, NotBeforeAfterShorterRenewal
//   In line      InLine, InLineOnlyForATtl     (where Traits().fair)
//   Names        AnyName
//   done         AnsweredOnce, AnsweredBeforeTheDestructorReturns (hook:
//                Destroy), EveryMethodMayBeCalledInsideDone
//   Hints        Notifies, NotifiesAtMostOnce, NotifiesNobodyWhoReleased
//                (where Traits().notifies)
//
// Not testable from outside: that a backend has no timers or retries of its
// own, and what an error leaves behind.

#ifndef TRIVET_TESTING_CONFORMANCE_LOCK_BACKEND_SUITE_H_
#define TRIVET_TESTING_CONFORMANCE_LOCK_BACKEND_SUITE_H_

#include <vector>

#include "absl/time/time.h"
#include "trivet/config.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/lock/lock_backend.h"
#include "trivet/testing/conformance/pace.h"
#include "trivet/testing/conformance/promise.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {

// A backend on which no lock was ever taken, and what can be done to it.
class TRIVET_EXPORT LockBackendSubject {
 public:
  virtual ~LockBackendSubject() = default;

  virtual LockBackend* backend() = 0;
  virtual Pace pace() const = 0;

  // On the clock that deadlines are measured by.
  virtual MonotonicTime Now() const = 0;

  // Of the leases that are taken, within what Traits() allow. Promises wait for
  // a few of these to pass, so a real-time subject chooses one as short as its
  // store allows, but at least ten times as long as a request may take: if
  // something took longer, a promise that seems broken is not checked.
  virtual absl::Duration ttl() const { return absl::Seconds(10); }

  // Hook: ends the backend and its store, with nothing under way, and opens
  // them again. False: not possible here.
  virtual bool Restart() { return false; }

  // Hook: destroys the backend. False: not possible here.
  virtual bool Destroy() { return false; }
};

struct TRIVET_EXPORT LockBackendSuite {
  using Subject = LockBackendSubject;
  static const std::vector<Promise<Subject>>& Promises();
};

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_TESTING_CONFORMANCE_LOCK_BACKEND_SUITE_H_
