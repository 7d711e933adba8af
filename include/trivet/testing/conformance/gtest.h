// SPDX-License-Identifier: Apache-2.0
//
// Each promise of a conformance suite as a test of GoogleTest. The only header
// of trivet that needs GoogleTest, which you link yourself.
//
//   TRIVET_TEST_CONFORMANCE(MyExecutor, ExecutorSuite,
//                           [] { return std::make_unique<MySubject>(); });
//
// defines the tests MyExecutor_ExecutorSuite.NowNeverDecreases and so on. What
// is not checked is skipped, with the reason; so is what is expected to fail:
//
//   TRIVET_TEST_CONFORMANCE(MyRedis, LockBackendSuite, MakeRedis,
//                           {{"FencedAcrossRestart", "it has no disk"}});
//
// Thread safety: none; for namespace scope.

#ifndef TRIVET_TESTING_CONFORMANCE_GTEST_H_
#define TRIVET_TESTING_CONFORMANCE_GTEST_H_

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "trivet/config.h"
#include "trivet/testing/conformance/promise.h"

#define TRIVET_TEST_CONFORMANCE(name, suite, ...)                          \
  [[maybe_unused]] static const bool trivet_conformance_##name##_##suite = \
      ::trivet::testing::RegisterConformance< ::trivet::testing::suite>(   \
          #name "_" #suite, __FILE__, __LINE__, __VA_ARGS__)

namespace trivet {
inline namespace v0_1 {
namespace testing {

class ConformanceTest : public ::testing::Test {
 public:
  using Check = std::function<Finding()>;
  explicit ConformanceTest(Check check) : check_(std::move(check)) {}

  void TestBody() override {
    const Finding finding = check_();
    if (finding.kind == Finding::kNotChecked) GTEST_SKIP() << finding.text;
    if (finding.kind == Finding::kBroken) ADD_FAILURE() << finding.text;
  }

 private:
  const Check check_;
};

// What the macro calls.
template <typename Suite>
bool RegisterConformance(const char* name, const char* file, int line,
                         const SubjectFactory<Suite>& make,
                         const std::vector<ExpectedFailure>& expected = {}) {
  const auto add = [&](std::string_view test, ConformanceTest::Check check) {
    ::testing::RegisterTest(name, std::string(test).c_str(), nullptr, nullptr,
                            file, line,
                            [check = std::move(check)]() -> ConformanceTest* {
                              return new ConformanceTest(check);
                            });
  };
  std::vector<std::string_view> names;
  for (const auto& promise : Suite::Promises()) {
    names.push_back(promise.name);
    add(promise.name, [=] {
      return JudgeFinding(promise.name, TryPromise(promise, make), expected);
    });
  }
  if (!expected.empty()) {
    add("ExpectedFailuresAreOfThisSuite",
        [=] { return JudgeExpectations(names, expected); });
  }
  return true;
}

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_TESTING_CONFORMANCE_GTEST_H_
