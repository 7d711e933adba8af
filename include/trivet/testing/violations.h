// SPDX-License-Identifier: Apache-2.0
//
// Violations: what checkers have found. Checkers watch a run from outside,
// each for one property, and share one list.
//
//   Violations violations;
//   AtomicityChecker atomicity(&violations);
//   // ... run ...
//   if (!violations.empty()) std::fputs(violations.ToString().c_str(), stderr);
//
// Thread safety: thread-compatible, as all checkers.

#ifndef TRIVET_TESTING_VIOLATIONS_H_
#define TRIVET_TESTING_VIOLATIONS_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "trivet/config.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {

class TRIVET_EXPORT Violations {
 public:
  // `property` is its short name, "AC1". Only the first hundred are kept.
  void Add(std::string_view property, std::string_view what);

  bool empty() const { return count_ == 0; }
  size_t count() const { return count_; }
  const std::vector<std::string>& list() const { return list_; }
  std::string ToString() const;  // One line each.

 private:
  size_t count_ = 0;
  std::vector<std::string> list_;
};

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_TESTING_VIOLATIONS_H_
