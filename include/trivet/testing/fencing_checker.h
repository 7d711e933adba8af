// SPDX-License-Identifier: Apache-2.0
//
// FencingChecker: no write is admitted below a higher token.
//
//   fencing.Granted("jobs", token);   // each time a client is given a lease
//   fencing.Admitted("jobs", token);  // each time the resource takes a write
//
//   Fence   Of the writes to one lock's resource, tokens never fall.
//   Unique  No two leases of a lock have the same token.
//
// Both within a generation of tokens. Where the backend promises kMonotonic, a
// lock has only one: a second one is reported as what it broke, and a value
// that two leases have is reported whatever their generations.
//
// Thread safety: thread-compatible.

#ifndef TRIVET_TESTING_FENCING_CHECKER_H_
#define TRIVET_TESTING_FENCING_CHECKER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "trivet/config.h"
#include "trivet/lock/fencing_token.h"
#include "trivet/testing/violations.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {

class TRIVET_EXPORT FencingChecker {
 public:
  // `fence`: what the backend's Traits() promise.
  explicit FencingChecker(
      Violations* violations,
      FenceStrength fence = FenceStrength::kMonotonicUnlessDataLost)
      : violations_(violations), fence_(fence) {}

  void Granted(std::string_view lock, FencingToken token);
  void Admitted(std::string_view lock, FencingToken token);

 private:
  // Granted values, and the highest admitted one. By generation, of which
  // kMonotonic knows only one.
  struct Lock {
    std::map<uint64_t, std::set<uint64_t>> granted;
    std::map<uint64_t, FencingToken> highest;
  };
  uint64_t GenerationOf(FencingToken token) const {
    return fence_ == FenceStrength::kMonotonic ? 0 : token.generation;
  }

  Violations* const violations_;
  const FenceStrength fence_;
  std::map<std::string, Lock, std::less<>> locks_;
};

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_TESTING_FENCING_CHECKER_H_
