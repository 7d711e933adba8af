// SPDX-License-Identifier: Apache-2.0
//
// What a liar is caught by: the names of the promises that it breaks.

#ifndef TRIVET_TESTS_CONFORMANCE_BROKEN_BY_H_
#define TRIVET_TESTS_CONFORMANCE_BROKEN_BY_H_

#include <string>
#include <vector>

#include "trivet/testing/conformance/promise.h"

namespace trivet {

template <typename Suite>
std::vector<std::string> BrokenBy(const testing::SubjectFactory<Suite>& make) {
  std::vector<std::string> broken;
  for (const testing::TriedPromise& tried : testing::TryAll<Suite>(make)) {
    if (tried.finding.kind == testing::Finding::kBroken) {
      broken.emplace_back(tried.name);
    }
  }
  return broken;
}

}  // namespace trivet

#endif  // TRIVET_TESTS_CONFORMANCE_BROKEN_BY_H_
