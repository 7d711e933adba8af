// SPDX-License-Identifier: Apache-2.0
//
// VersionedStoreSuite: the contract of host/versioned_store.h, line by line.
//
//   Version 0       NeverWrittenIsVersionZeroAndEmpty
//   Linearizable    AWriteIsReadByWhoeverAsksAfterIt, ARaceHasOneWinner,
//                   ReadsNeverGoBack,
//                   AnotherClientReadsWhatWasWritten (hook: rival)
//   Increases       VersionsIncrease,
//                   VersionsIncreaseForEver (hook: Restart)
//   CompareAndSet   WritesAtTheExpectedVersionOnly, ARefusalWritesNothing
//   Each key        RegistersAreIndependent, KeysAndValuesAreAnyBytes
//   Done            EveryCallIsAnsweredOnce
//
// Not testable from outside: what an error other than kAborted leaves behind,
// since that is unknown by contract.

#ifndef TRIVET_TESTING_CONFORMANCE_VERSIONED_STORE_SUITE_H_
#define TRIVET_TESTING_CONFORMANCE_VERSIONED_STORE_SUITE_H_

#include <vector>

#include "trivet/config.h"
#include "trivet/host/versioned_store.h"
#include "trivet/testing/conformance/pace.h"
#include "trivet/testing/conformance/promise.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {

// A store, new and empty, and what can be done to it.
class TRIVET_EXPORT VersionedStoreSubject {
 public:
  virtual ~VersionedStoreSubject() = default;

  virtual VersionedStore* store() = 0;
  virtual Pace pace() const = 0;

  // Hook: ends the store and its process as badly as it must be able to end,
  // with nothing under way, and opens it again. False: not possible here.
  virtual bool Restart() { return false; }

  // Hook: a port to the same store as a second host has it. nullptr: there is
  // one port at a time.
  virtual VersionedStore* rival() { return nullptr; }
};

struct TRIVET_EXPORT VersionedStoreSuite {
  using Subject = VersionedStoreSubject;
  static const std::vector<Promise<Subject>>& Promises();
};

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_TESTING_CONFORMANCE_VERSIONED_STORE_SUITE_H_
