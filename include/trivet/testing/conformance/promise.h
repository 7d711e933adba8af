// SPDX-License-Identifier: Apache-2.0
//
// Promise: one line of a host interface's contract, as a function that tries it
// and says what was wrong. A suite is a list of promises about one interface.
//
//   for (const TriedPromise& tried : TryAll<ExecutorSuite>(MakeMine)) {
//     if (tried.finding.kind == Finding::kBroken) { ... tried.finding.text ...
//     }
//   }
//
//   factory --> subject --> promise 1 --> kept | broken: why | not checked: why
//   factory --> subject --> promise 2 --> ...
//
// The factory makes a new subject, with a new implementation in it, for each
// promise. Nothing here needs a test framework; gtest.h beside this makes each
// promise a test of GoogleTest.
//
// Where an implementation cannot keep a line, that is said by name, as an
// ExpectedFailure: then it must fail, so that the list stays true.
//
// Thread safety: none; promises start the threads that they need.

#ifndef TRIVET_TESTING_CONFORMANCE_PROMISE_H_
#define TRIVET_TESTING_CONFORMANCE_PROMISE_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "trivet/config.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {

// What came of trying a promise.
struct TRIVET_EXPORT Finding {
  enum Kind {
    kKept,
    kBroken,      // `text` says what was wrong.
    kNotChecked,  // `text` says what the subject lacks to try it.
  };
  Kind kind = kKept;
  std::string text;

  static Finding Kept() { return {}; }
  static Finding Broken(std::string what) { return {kBroken, std::move(what)}; }
  static Finding NotChecked(std::string why) {
    return {kNotChecked, std::move(why)};
  }
};

template <typename Subject>
struct Promise {
  std::string_view name;
  Finding (*check)(Subject& subject);
};

struct ExpectedFailure {
  std::string promise;
  std::string reason;
};

template <typename Suite>
using SubjectFactory =
    std::function<std::unique_ptr<typename Suite::Subject>()>;

// Tries one promise on a subject of its own. A factory that returns nullptr
// breaks it.
template <typename Subject>
Finding TryPromise(const Promise<Subject>& promise,
                   const std::function<std::unique_ptr<Subject>()>& make) {
  const std::unique_ptr<Subject> subject = make();
  if (subject == nullptr) return Finding::Broken("the factory made nothing");
  return promise.check(*subject);
}

struct TriedPromise {
  std::string_view name;
  Finding finding;
};

template <typename Suite>
std::vector<TriedPromise> TryAll(const SubjectFactory<Suite>& make) {
  std::vector<TriedPromise> tried;
  for (const auto& promise : Suite::Promises()) {
    tried.push_back({promise.name, TryPromise(promise, make)});
  }
  return tried;
}

// What a finding comes to for whom these failures are expected: an expected one
// counts as not checked, for the reason given, and one that does not happen as
// broken.
TRIVET_EXPORT Finding
JudgeFinding(std::string_view promise, Finding finding,
             const std::vector<ExpectedFailure>& expected);

// Broken: a failure is expected of a promise that is none of `promises`.
TRIVET_EXPORT Finding
JudgeExpectations(const std::vector<std::string_view>& promises,
                  const std::vector<ExpectedFailure>& expected);

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_TESTING_CONFORMANCE_PROMISE_H_
