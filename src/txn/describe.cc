// SPDX-License-Identifier: Apache-2.0

#include "src/txn/describe.h"

#include <string>
#include <variant>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "src/txn/peer_table.h"
#include "trivet/txn/transaction.h"
#include "trivet/txn/txn_message.h"
#include "trivet/txn/txn_record.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {
namespace {

// Says what kind of struct it is, and its fields.
class Describer {
 public:
  explicit Describer(const PeerTable& peers) : peers_(peers) {}

  std::string operator()(const PrepareRequest& m) const {
    return absl::StrCat("PrepareRequest", Id(m.txn), Horizon(m.horizon),
                        " work=", Literal(m.work));
  }
  std::string operator()(const VoteReply& m) const {
    return absl::StrCat("VoteReply", Id(m.txn), " ", Describe(m.vote));
  }
  std::string operator()(const DecisionNotice& m) const {
    return absl::StrCat("DecisionNotice", Id(m.txn), " ", Describe(m.decision));
  }
  std::string operator()(const DecisionAck& m) const {
    return absl::StrCat("DecisionAck", Id(m.txn));
  }
  std::string operator()(const DecisionInquiry& m) const {
    return absl::StrCat("DecisionInquiry", Id(m.txn));
  }
  std::string operator()(const HorizonRequest& m) const {
    return absl::StrCat("HorizonRequest", Coordinator(m.coordinator));
  }
  std::string operator()(const HorizonNotice& m) const {
    return absl::StrCat("HorizonNotice", Coordinator(m.coordinator),
                        Horizon(m.horizon));
  }

  std::string operator()(const LogIdentity& r) const {
    return absl::StrCat("LogIdentity log=", r.id);
  }
  std::string operator()(const CommitDecided& r) const {
    std::string voters;
    for (const PeerId voter : r.yes_voters) {
      absl::StrAppend(&voters, voters.empty() ? "" : ",", peers_.Name(voter));
    }
    return absl::StrCat("CommitDecided", Id(r.txn), " yes-voters=", voters);
  }
  std::string operator()(const Ended& r) const {
    return absl::StrCat("Ended", Id(r.txn));
  }
  std::string operator()(const Forgotten& r) const {
    return absl::StrCat("Forgotten", Id(r.txn));
  }
  std::string operator()(const Prepared& r) const {
    return absl::StrCat("Prepared", Id(r.txn), " work=", Literal(r.work));
  }
  std::string operator()(const Resolved& r) const {
    return absl::StrCat("Resolved", Id(r.txn), " ", Describe(r.decision));
  }
  std::string operator()(const Applied& r) const {
    return absl::StrCat("Applied", Id(r.txn));
  }
  std::string operator()(const HorizonPassed& r) const {
    return absl::StrCat("HorizonPassed", Coordinator(r.coordinator),
                        Horizon(r.horizon));
  }
  std::string operator()(const Heuristic& r) const {
    return absl::StrCat("Heuristic", Id(r.txn), " ", Describe(r.decision));
  }
  std::string operator()(const LogOwner& r) const {
    return absl::StrCat("LogOwner participant=", r.participant);
  }

 private:
  std::string Id(const TxnKey& txn) const {
    return absl::StrCat(" id=", Describe(txn, peers_));
  }
  std::string Coordinator(PeerId coordinator) const {
    return absl::StrCat(" coordinator=", peers_.Name(coordinator));
  }
  static std::string Horizon(TxnNumber horizon) {
    return absl::StrCat(" horizon=", Describe(horizon));
  }

  const PeerTable& peers_;
};

}  // namespace

std::string Literal(const std::string& text) {
  return absl::StrCat("\"", absl::CEscape(text), "\"");
}

std::string Describe(Decision decision) {
  return decision == Decision::kCommit ? "commit" : "abort";
}

std::string Describe(TxnNumber number) {
  return absl::StrCat(number.epoch, ".", number.sequence);
}

std::string Describe(const Vote& vote) {
  if (vote.kind == Vote::kYes) return "yes";
  if (vote.kind == Vote::kReadOnly) return "read-only";
  return vote.reason.empty() ? "no"
                             : absl::StrCat("no reason=", Literal(vote.reason));
}

std::string Describe(const TxnKey& txn, const PeerTable& peers) {
  return TxnId{peers.Name(txn.coordinator), txn.number}.ToString();
}

std::string Describe(const TxnMessage& message, const PeerTable& peers) {
  return std::visit(Describer(peers), message);
}

std::string Describe(const TxnRecord& record, const PeerTable& peers) {
  return std::visit(Describer(peers), record);
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
