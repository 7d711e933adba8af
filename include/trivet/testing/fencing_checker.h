// SPDX-License-Identifier: Apache-2.0
//
// FencingChecker: no write is admitted below a higher token.
//
//   auto before = fencing.Latest("jobs");    // when a client begins to ask
//   fencing.Granted("jobs", token, before);  // when it is given a lease
//   fencing.Admitted("jobs", token);         // when the resource takes a write
//   fencing.Refused("jobs", token);          // or does not
//
//   Fence    Of the writes to one lock's resource, tokens never fall.
//   Unique   No two leases of a lock have the same token.
//   Rises    A lease has a larger token than every one that was given before
//            it was asked for. (Of two that are asked for at once, who hears of
//            its grant first says nothing.)
//   Refused  No write is refused but for a larger token that was admitted.
//
// Within a generation of tokens. Where the backend promises kMonotonic, a lock
// has only one: what has another breaks Rises, and a value that two leases have
// is reported whatever their generations.
//
// Thread safety: thread-compatible.

#ifndef TRIVET_TESTING_FENCING_CHECKER_H_
#define TRIVET_TESTING_FENCING_CHECKER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
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

  // The largest token that was given so far; of several generations, of the
  // one that was given last.
  std::optional<FencingToken> Latest(std::string_view lock) const;

  // `before`: Latest() when this lease was asked for.
  void Granted(std::string_view lock, FencingToken token,
               std::optional<FencingToken> before = std::nullopt);
  void Admitted(std::string_view lock, FencingToken token);
  void Refused(std::string_view lock, FencingToken token);

 private:
  // Granted values, and the highest admitted one. By generation, of which
  // kMonotonic knows only one.
  struct Lock {
    std::map<uint64_t, std::set<uint64_t>> granted;
    std::map<uint64_t, FencingToken> highest;
    std::optional<FencingToken> latest;
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
