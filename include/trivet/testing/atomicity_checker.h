// SPDX-License-Identifier: Apache-2.0
//
// AtomicityChecker: nobody commits while another aborts.
//
//   AC1  No participant commits what another one aborts.
//   AC2  What was committed or aborted is never undone, and nothing is
//        committed that was not prepared.
//   AC3  Nothing commits unless every participant voted yes or read-only.
//   P4   Nobody is asked to prepare what it has committed.
//
// Tell it what each Resource really does. A participant that voted read-only
// has left: what it does with the id later binds nobody.
//
// Thread safety: thread-compatible.

#ifndef TRIVET_TESTING_ATOMICITY_CHECKER_H_
#define TRIVET_TESTING_ATOMICITY_CHECKER_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "trivet/config.h"
#include "trivet/testing/violations.h"
#include "trivet/txn/transaction.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {

class TRIVET_EXPORT AtomicityChecker {
 public:
  explicit AtomicityChecker(Violations* violations);

  // The participants of a transaction, from whoever sees its id first. Said
  // again, it changes nothing.
  void Knows(const TxnId& id, const std::vector<std::string>& participants);

  // Resource::Prepare was called, and voted. Nothing is kept after a no.
  void Asked(const TxnId& id, std::string_view participant);
  void Voted(const TxnId& id, std::string_view participant, Vote::Kind vote);

  // A vote has reached the coordinator that began the transaction: of each
  // participant the first one counts. Who voted read-only, crashed, and was
  // asked again may vote otherwise. Where this is told, it is bound by the vote
  // that counted, which must be one that its resource gave (a no needs none);
  // where it is not, a read-only vote excuses it for good.
  void Counted(const TxnId& id, std::string_view participant, Vote::Kind vote);

  // Resource::Apply changed something: it was prepared, and is no more. An
  // abort of what is unknown changes nothing, and is not told.
  void Committed(const TxnId& id, std::string_view participant);
  void Aborted(const TxnId& id, std::string_view participant);

 private:
  struct Branch {
    bool voted_yes = false;
    bool voted_read_only = false;
    bool left = false;  // By a read-only vote, for all that is known.
    std::optional<Vote::Kind> counted;
    bool prepared = false;
    bool committed = false;
    bool aborted = false;  // And not prepared again since.
  };
  using Branches = std::map<std::string, Branch, std::less<>>;

  void Report(std::string_view property, const TxnId& id,
              std::string_view participant, std::string_view what);
  Branch& Find(const TxnId& id, std::string_view participant);

  Violations* const violations_;
  std::map<TxnId, Branches> transactions_;
};

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_TESTING_ATOMICITY_CHECKER_H_
