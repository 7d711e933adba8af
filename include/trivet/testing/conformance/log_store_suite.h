// SPDX-License-Identifier: Apache-2.0
//
// LogStoreSuite: the contract of host/log_store.h, line by line.
//
//   Prefix      PrefixKeepsWhatWasForced, PrefixKeepsWhatCameBeforeAForcedOne,
//               PrefixOfWhatWasAppended*
//   Whole       WholeWhateverTheBytes, WholeOrNotAtAll*
//   Visited     VisitedAgainUntilTrimmed, VisitedIsDurable*
//   Contiguous  ContiguousThroughTrims, ContiguousTrimKeepsWhatIsNeeded,
//               ContiguousDeposedTrimIsIgnored, ContiguousThroughPowerLoss*
//   Fenced      FencedBelowTheLatestClaim, FencedWhileUnderWay,
//               FencedAfterReopening, FencedAfterPowerLoss*,
//               FencedWhereverItComesFrom (rival)
//   Unknown     UnknownUntilTheNextClaim (FailNextAppend)
//   Claim       ClaimOfANewLogVisitsNothing, ClaimOfZeroIsOneMoreThanTheLast,
//               ClaimTakesTheEpochWanted, ClaimRefusesAnEpochClaimedBefore,
//               ClaimStopsAtTheFirstError, ClaimStaysIfTheVisitFails
//   Append      AppendCountsFromOne, AppendCompletesOnceAndInOrder,
//               AppendHoldsNoLockWhenItIsDone, AppendTakesAnyNumberOfRecords,
//               AppendMayBeCalledFromAnyThread (real time only)
//   RecordSizeMax  RecordSizeMaxIsTaken
//
// In brackets what a subject has to be able to do, or the promise is not
// checked; *: a loss of power.
//
// Not testable from outside: that no append is ever retried, that checksums
// find damage (kDataLoss), and what else may have failed. Trim being a hint,
// nothing is asked of what it forgets.

#ifndef TRIVET_TESTING_CONFORMANCE_LOG_STORE_SUITE_H_
#define TRIVET_TESTING_CONFORMANCE_LOG_STORE_SUITE_H_

#include <vector>

#include "trivet/config.h"
#include "trivet/host/log_store.h"
#include "trivet/testing/conformance/pace.h"
#include "trivet/testing/conformance/promise.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {

// One log, and what can be done to whoever writes it.
class TRIVET_EXPORT LogStoreSubject {
 public:
  // How the writer ends.
  enum class End {
    kClose,      // In order: nothing is under way.
    kPowerLoss,  // What need not survive is lost, the more the better.
  };

  virtual ~LogStoreSubject() = default;

  // An open log, empty and never claimed at first; nullptr while it is ended.
  virtual LogStore* log() = 0;
  virtual Pace pace() const = 0;

  // Ends the writer. False: not possible here; kClose must be. With kPowerLoss
  // it may be called inside a `done`, and takes effect at once: nothing becomes
  // durable after it. What is under way may never be called back.
  virtual bool Stop(End how) = 0;

  // Opens the log again after Stop. Not called inside a `done`.
  virtual void Start() = 0;

  // Hook: a port to the same log as a second host has it, open together with
  // the first. nullptr: there is one port at a time.
  virtual LogStore* rival() { return nullptr; }

  // Hook: the next append fails, with anything but kAborted. False: not
  // possible here.
  virtual bool FailNextAppend() { return false; }
};

struct TRIVET_EXPORT LogStoreSuite {
  using Subject = LogStoreSubject;
  static const std::vector<Promise<Subject>>& Promises();
};

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_TESTING_CONFORMANCE_LOG_STORE_SUITE_H_
