// SPDX-License-Identifier: Apache-2.0
//
// ExclusionChecker: at no moment do two holders both believe that they hold a
// lock. That is promised as long as clocks keep within the rate bound.
//
//   exclusion.Believes("jobs", "worker-1", [&] {
//     return lease.CheckHeld().ok();
//   });
//   sim.OnEvent([&] { exclusion.Check(); });
//
// Thread safety: thread-compatible.

#ifndef TRIVET_TESTING_EXCLUSION_CHECKER_H_
#define TRIVET_TESTING_EXCLUSION_CHECKER_H_

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "trivet/config.h"
#include "trivet/testing/violations.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {

class TRIVET_EXPORT ExclusionChecker {
 public:
  explicit ExclusionChecker(Violations* violations) : violations_(violations) {}

  // `held` is asked at every Check() until Forget() of the same holder.
  void Believes(std::string_view lock, std::string_view holder,
                std::function<bool()> held);

  // Before what `held` looks at is gone: released, crashed.
  void Forget(std::string_view lock, std::string_view holder);

  void Check();

 private:
  struct Holder {
    std::string name;
    std::function<bool()> held;
  };
  Violations* const violations_;
  std::map<std::string, std::vector<Holder>, std::less<>> locks_;
};

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_TESTING_EXCLUSION_CHECKER_H_
