// SPDX-License-Identifier: Apache-2.0
//
// RingAgreementChecker: hosts with the same members have the same owner for
// every key, in whatever order they heard of the changes.
//
//   RingAgreementChecker agreement(&violations);
//   // whenever a host begins to use a ring:
//   agreement.Uses("cache-1", "a:1 b:2", ring);
//
//   Fingerprint  Rings of the same members have the same fingerprint.
//   Owner        Rings of the same fingerprint have the same owner for every
//                token, not only for those that somebody looked up.
//
// All rings must have equal options.
//
// Thread safety: thread-compatible.

#ifndef TRIVET_TESTING_RING_AGREEMENT_CHECKER_H_
#define TRIVET_TESTING_RING_AGREEMENT_CHECKER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "trivet/config.h"
#include "trivet/ring/hash_ring.h"
#include "trivet/testing/violations.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {

class TRIVET_EXPORT RingAgreementChecker {
 public:
  explicit RingAgreementChecker(Violations* violations)
      : violations_(violations) {}

  // `host` looks keys up in `ring` from now on, which it made for `members`:
  // any text that is the same for the same members, and for no others.
  void Uses(std::string_view host, std::string_view members,
            const HashRing& ring);

 private:
  // The first ring of its kind, which those that follow are compared with.
  struct First {
    std::string host;
    HashRing ring;
  };
  Violations* const violations_;
  std::map<std::string, First, std::less<>> by_members_;
  std::map<uint64_t, First> by_fingerprint_;
};

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_TESTING_RING_AGREEMENT_CHECKER_H_
