// SPDX-License-Identifier: Apache-2.0
//
// ToldChecker: what a caller was told holds for ever (CL).
//
//   told commit  nobody aborts it, or has aborted it since the vote that
//                counts, and in the end every participant that did not leave
//                as read-only has committed
//   told abort   nobody commits it
//   told both    never
//   told nobody  nothing has committed, once everything has settled
//
// Thread safety: thread-compatible.

#ifndef TRIVET_TESTING_TOLD_CHECKER_H_
#define TRIVET_TESTING_TOLD_CHECKER_H_

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "trivet/config.h"
#include "trivet/testing/violations.h"
#include "trivet/txn/transaction.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {

class TRIVET_EXPORT ToldChecker {
 public:
  explicit ToldChecker(Violations* violations);

  // A caller was told, by an Outcome, by OutcomeOf or by Untold.
  void Told(const TxnId& id, Decision decision);

  // As AtomicityChecker's. A read-only vote ends what is expected of it, if it
  // is the one that counts.
  void Knows(const TxnId& id, const std::vector<std::string>& participants);
  void Voted(const TxnId& id, std::string_view participant, Vote::Kind vote);
  void Counted(const TxnId& id, std::string_view participant, Vote::Kind vote);
  void Committed(const TxnId& id, std::string_view participant);
  void Aborted(const TxnId& id, std::string_view participant);

  // At the end of a run, when everything has settled. `excused` may name a
  // participant that need not commit: it is gone for good, or its coordinator
  // is, and it still holds the branch prepared; and, as the participant "", a
  // coordinator that could tell nobody, since it is gone.
  using Excused =
      absl::FunctionRef<bool(const TxnId& id, std::string_view participant)>;
  void Finish(Excused excused = [](const TxnId&, std::string_view) {
    return false;
  });

 private:
  struct Transaction {
    std::optional<Decision> told;
    std::set<std::string, std::less<>> participants;
    std::set<std::string, std::less<>> left;
    std::set<std::string, std::less<>> counted;
    std::set<std::string, std::less<>> committed;
    std::set<std::string, std::less<>> aborted;  // Not prepared again since.
  };
  void Report(const TxnId& id, std::string_view what);

  Violations* const violations_;
  std::map<TxnId, Transaction> transactions_;
};

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_TESTING_TOLD_CHECKER_H_
