// SPDX-License-Identifier: Apache-2.0
//
// IsolationChecker: no reader sees one half of a transaction (IS), provided
// that the resources keep their locks: from the yes of Resource::Prepare until
// Resource::Apply has done what it does. trivet promises no more than that, and
// no less: a resource that shows what is only prepared, or lets go too early,
// shows halves whatever trivet does.
//
//   IsolationChecker isolation(&violations);
//   isolation.Knows(id, {"shard-a", "shard-b"});
//   // A reader that waits for locks, and holds them all at one moment:
//   isolation.Read(id, {{"shard-a", true}, {"shard-b", true}});
//
// Thread safety: thread-compatible.

#ifndef TRIVET_TESTING_ISOLATION_CHECKER_H_
#define TRIVET_TESTING_ISOLATION_CHECKER_H_

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "trivet/config.h"
#include "trivet/testing/violations.h"
#include "trivet/txn/transaction.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {

class TRIVET_EXPORT IsolationChecker {
 public:
  explicit IsolationChecker(Violations* violations);

  // As AtomicityChecker's. Who left as read-only has nothing to show.
  void Knows(const TxnId& id, const std::vector<std::string>& participants);
  void Voted(const TxnId& id, std::string_view participant, Vote::Kind vote);
  void Counted(const TxnId& id, std::string_view participant, Vote::Kind vote);

  // A reader looked for what the transaction does at these participants, under
  // locks that it held all at one moment: does it show? Of participants that it
  // did not read, or that have no part in it, nothing is expected.
  void Read(const TxnId& id, const std::map<std::string, bool>& shows);

 private:
  struct Branch {
    bool left = false;     // Voted read-only,
    bool counted = false;  // and whether that binds is known.
  };
  Violations* const violations_;
  std::map<TxnId, std::map<std::string, Branch, std::less<>>> transactions_;
};

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_TESTING_ISOLATION_CHECKER_H_
