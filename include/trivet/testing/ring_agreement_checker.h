// SPDX-License-Identifier: Apache-2.0
//
// RingAgreementChecker: hosts with the same members have the same owner for
// every key, in whatever order they heard of the changes.
//
//   RingAgreementChecker agreement(&violations);
//   // whenever a host begins to use a ring:
//   agreement.Uses("cache-1", members, ring);
//
//   Members      A ring has the members that it was made for.
//   Fingerprint  Rings of the same members have the same fingerprint.
//   Owner        Rings of the same fingerprint have the same owner for every
//                token, not only for those that somebody looked up; and what is
//                looked up, on both sides of where owners change and at tokens
//                that are others each time, is what Diff says.
//
// What is wrong alike on all hosts agrees: for that compare with another
// implementation, as trivet's own tests do. All rings must have equal options.
//
// Thread safety: thread-compatible.

#ifndef TRIVET_TESTING_RING_AGREEMENT_CHECKER_H_
#define TRIVET_TESTING_RING_AGREEMENT_CHECKER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "trivet/config.h"
#include "trivet/ring/hash_ring.h"
#include "trivet/ring/placement.h"
#include "trivet/ring/ring_diff.h"
#include "trivet/testing/violations.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {

class TRIVET_EXPORT RingAgreementChecker {
 public:
  explicit RingAgreementChecker(Violations* violations)
      : violations_(violations) {}

  // `host` looks keys up in `ring` from now on, which it made for `members`, in
  // any order.
  void Uses(std::string_view host, std::vector<RingNode> members,
            const HashRing& ring);

  // The same where a text is known that is the same for the same members, and
  // for no others. Members is not checked.
  void Uses(std::string_view host, std::string_view members,
            const HashRing& ring);

 private:
  // The first ring of its kind, which those that follow are compared with.
  struct First {
    std::string host;
    HashRing ring;
    std::vector<RangeTransfer> owned;  // Who owns what, all of the circle.
  };
  void Compare(const First& same, std::string_view host, const HashRing& ring);

  Violations* const violations_;
  std::map<std::string, First, std::less<>> by_members_;
  std::map<uint64_t, First> by_fingerprint_;
  uint64_t drawn_ = 0;
};

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_TESTING_RING_AGREEMENT_CHECKER_H_
