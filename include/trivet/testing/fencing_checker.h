// SPDX-License-Identifier: Apache-2.0
//
// FencingChecker: no write is admitted below a higher token.
//
//   fencing.Granted("jobs", token);   // each time a client is given a lease
//   fencing.Admitted("jobs", token);  // each time the resource takes a write
//
//   Order   Of the writes to one lock's resource, tokens never fall.
//   Unique  No two leases of a lock have the same token.
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
#include <utility>

#include "trivet/config.h"
#include "trivet/lock/fencing_token.h"
#include "trivet/testing/violations.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {

class TRIVET_EXPORT FencingChecker {
 public:
  explicit FencingChecker(Violations* violations) : violations_(violations) {}

  void Granted(std::string_view lock, FencingToken token);
  void Admitted(std::string_view lock, FencingToken token);

 private:
  struct Lock {
    std::set<std::pair<uint64_t, uint64_t>> granted;
    std::map<uint64_t, uint64_t> highest;  // Admitted, by generation.
  };
  Violations* const violations_;
  std::map<std::string, Lock, std::less<>> locks_;
};

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_TESTING_FENCING_CHECKER_H_
