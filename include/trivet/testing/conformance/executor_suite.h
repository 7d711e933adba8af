// SPDX-License-Identifier: Apache-2.0
//
// ExecutorSuite: the contract of host/executor.h, line by line.
//
//   Now       NowNeverDecreases
//   Post      PostRunsATaskOnce, PostNeverRunsInsideTheCall,
//             PostStartsTheTasksOfOneThreadInOrder
//   PostAt    PostAtRunsATaskOnce, PostAtIsNeverEarly, PostAtRunsWhatIsOverdue,
//             WhatNeverRunsIsDestroyed (hook: Destroy)
//   MayBlock  MayBlockIsFalseInsideATask
//   Threads   EveryMethodMayBeCalledInsideATask,
//             EveryMethodMayBeCalledFromAnyThread (real time only)
//
// Not testable from outside: that time counts while the machine is suspended,
// and that other threads than the executor's own may block when MayBlock says
// so.

#ifndef TRIVET_TESTING_CONFORMANCE_EXECUTOR_SUITE_H_
#define TRIVET_TESTING_CONFORMANCE_EXECUTOR_SUITE_H_

#include <vector>

#include "trivet/config.h"
#include "trivet/host/executor.h"
#include "trivet/testing/conformance/pace.h"
#include "trivet/testing/conformance/promise.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {

// An executor, and what can be done to it.
class TRIVET_EXPORT ExecutorSubject {
 public:
  virtual ~ExecutorSubject() = default;

  virtual Executor* executor() = 0;
  virtual Pace pace() const = 0;

  // How many tasks it runs at the same time, at most: as many may overtake one
  // another between their start and the first thing they do.
  virtual int threads() const { return 1; }

  // Hook: ends the executor. False: that is not possible here.
  virtual bool Destroy() { return false; }
};

struct TRIVET_EXPORT ExecutorSuite {
  using Subject = ExecutorSubject;
  static const std::vector<Promise<Subject>>& Promises();
};

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_TESTING_CONFORMANCE_EXECUTOR_SUITE_H_
