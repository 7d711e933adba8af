// SPDX-License-Identifier: Apache-2.0
//
// What is reported of promises: nothing is skipped in silence, and a list of
// expected failures must be true.

#include "trivet/testing/conformance/gtest.h"  // Alone, and twice.
#include "trivet/testing/conformance/gtest.h"

// Then what else is needed.
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/conformance/broken_by.h"
#include "trivet/testing/conformance/pace.h"
#include "trivet/testing/conformance/promise.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {

// A suite of a user's own: about numbers.
struct NumberSuite {
  using Subject = int;
  static const std::vector<Promise<int>>& Promises() {
    static const auto* const promises = new std::vector<Promise<int>>{
        {"IsPositive",
         [](int& n) {
           return n > 0 ? Finding::Kept() : Finding::Broken("it is not");
         }},
        {"IsEven",
         [](int& n) {
           return n % 2 == 0 ? Finding::Kept() : Finding::Broken("it is odd");
         }},
        {"IsPretty", [](int&) { return Finding::NotChecked("no taste"); }},
    };
    return *promises;
  }
};

TRIVET_TEST_CONFORMANCE(Two, NumberSuite,
                        [] { return std::make_unique<int>(2); });
TRIVET_TEST_CONFORMANCE(Three, NumberSuite,
                        [] { return std::make_unique<int>(3); },
                        {{"IsEven", "three is a prime"}});

}  // namespace testing
}  // namespace v0_1

namespace {

using testing::ExpectedFailure;
using testing::Finding;
using testing::JudgeExpectations;
using testing::JudgeFinding;
using testing::NumberSuite;
using testing::Pace;

TEST(Promises, AreTriedEachOnASubjectOfItsOwn) {
  int made = 0;
  const auto make = [&] { return std::make_unique<int>(++made); };
  const auto tried = testing::TryAll<NumberSuite>(make);
  ASSERT_EQ(tried.size(), 3U);
  EXPECT_EQ(tried[0].finding.kind, Finding::kKept);
  EXPECT_EQ(tried[1].finding.kind, Finding::kKept);  // 2 is even.
  EXPECT_EQ(tried[2].finding.kind, Finding::kNotChecked);
  EXPECT_EQ(tried[2].finding.text, "no taste");
  EXPECT_EQ(tried[2].name, "IsPretty");
}

TEST(Promises, AFactoryThatMakesNothingBreaksThemAll) {
  EXPECT_THAT(BrokenBy<NumberSuite>([] { return nullptr; }),
              ::testing::ElementsAre("IsPositive", "IsEven", "IsPretty"));
}

TEST(ExpectedFailures, AreReportedAndMustHappen) {
  const std::vector<ExpectedFailure> expected = {{"A", "its disk is slow"}};
  const Finding broken = JudgeFinding("A", Finding::Broken("late"), expected);
  EXPECT_EQ(broken.kind, Finding::kNotChecked);
  EXPECT_EQ(broken.text, "expected to fail, because its disk is slow: late");
  EXPECT_EQ(JudgeFinding("A", Finding::Kept(), expected).kind,
            Finding::kBroken);
  EXPECT_EQ(JudgeFinding("A", Finding::NotChecked("?"), expected).kind,
            Finding::kBroken);
  for (const Finding::Kind kind :
       {Finding::kKept, Finding::kBroken, Finding::kNotChecked}) {
    EXPECT_EQ(JudgeFinding("B", Finding{kind, "x"}, expected).kind, kind);
  }
}

TEST(ExpectedFailures, AreOfPromisesThatThereAre) {
  EXPECT_EQ(JudgeExpectations({"A", "B"}, {{"B", "?"}}).kind, Finding::kKept);
  const Finding unknown = JudgeExpectations({"A", "B"}, {{"C", "?"}});
  EXPECT_EQ(unknown.kind, Finding::kBroken);
  EXPECT_EQ(unknown.text, "no promise is called C");
}

TEST(VirtualPace, WaitsNoLongerThanPatience) {
  absl::Duration passed;
  const Pace pace([&](absl::Duration span) { passed += span; });
  EXPECT_TRUE(pace.is_virtual());
  EXPECT_TRUE(pace.Await([] { return true; }));
  EXPECT_EQ(passed, absl::ZeroDuration());
  EXPECT_TRUE(pace.Await([&] { return passed >= absl::Seconds(5); }));
  EXPECT_LT(passed, absl::Seconds(5.2));
  EXPECT_FALSE(pace.Await([] { return false; }));
  EXPECT_LT(passed, absl::Seconds(5.2) + pace.patience() + absl::Seconds(1));
  const absl::Duration before = passed;
  pace.Pass(absl::Hours(1));
  EXPECT_EQ(passed, before + absl::Hours(1));
}

TEST(RealPace, SeesWhatAnotherThreadDoes) {
  const Pace pace;
  bool done = false;
  std::thread other([&, copy = pace] { copy.Update([&] { done = true; }); });
  EXPECT_TRUE(pace.Await([&] { return done; }));
  other.join();
  EXPECT_FALSE(pace.AwaitFor(absl::Milliseconds(1), [] { return false; }));
}

}  // namespace
}  // namespace trivet
