// SPDX-License-Identifier: Apache-2.0
//
// Every way in which a SmallWorld can go wrong with few faults: each crash
// point, each pair of them, each with each message lost or doubled, each Apply
// that fails, and each moment at which somebody wants an abort or decides.
//
// Thread safety: thread-compatible.

#ifndef TRIVET_TESTS_TXN_ENUMERATION_H_
#define TRIVET_TESTS_TXN_ENUMERATION_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "tests/txn/small_world.h"

namespace trivet {

class Enumeration {
 public:
  // Of the pairs of crashes with a message fault as well, those of every
  // `stride`-th first crash are tried; 1: all. Of those with an act, one in
  // kActStride of them.
  Enumeration(size_t stride, const SmallWorld::Age& age)
      : stride_(stride), age_(age) {}

  // All runs of a world with these votes, until one shows a violation, which is
  // returned with its faults. Empty: none did.
  std::string Explore(const SmallWorld::Votes& votes);

  uint64_t runs() const { return runs_; }

 private:
  static constexpr size_t kActStride = 20;

  struct Ran {
    size_t events = 0;
    size_t messages = 0;
    size_t applies = 0;
  };
  // A run, and one that counts. They do nothing once there was a violation.
  Ran Run(const SmallFaults& faults);
  Ran Try(const SmallFaults& faults);

  // All that may go wrong besides crashes, one at a time.
  static std::vector<SmallFaults> Others(const Ran& plain);

  // Visits pairs of crashes, with every `stride`-th first one.
  void ForEachPair(const SmallFaults& faults, size_t stride);

  // Visits `faults` with one crash more, at each point from event `from` on.
  void ForEachCrash(const SmallFaults& faults, size_t from,
                    absl::FunctionRef<void(const SmallFaults&)> visit);

  const size_t stride_;
  const SmallWorld::Age age_;
  SmallWorld::Votes votes_{};
  size_t firsts_ = 0;
  uint64_t runs_ = 0;
  std::string violation_;
};

}  // namespace trivet

#endif  // TRIVET_TESTS_TXN_ENUMERATION_H_
