// SPDX-License-Identifier: Apache-2.0
//
// What a history of the model must not show.

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <variant>

#include "absl/strings/str_cat.h"
#include "tests/txn/model.h"
#include "trivet/txn/transaction.h"
#include "trivet/txn/txn_message.h"

namespace trivet {

void Model::Violate(const std::string& what, TxnNumber number) {
  if (!violation_.empty()) return;
  violation_ =
      absl::StrCat(what, " (", number.epoch, ".", number.sequence, ")");
}

// A driver refuses a log whose records do not say that they are its own.
void Model::OnClaimed(size_t place, const std::vector<LoggedRecord>& visited) {
  const std::string& name = names_.Name(PeerAt(place));
  bool owned = visited.empty();
  for (const LoggedRecord& logged : visited) {
    const auto* owner = std::get_if<LogOwner>(&logged.record);
    owned = owned || (owner != nullptr && owner->participant == name);
  }
  if (!owned) Violate("OW: nobody's log", {});
}

void Model::OnSent(PeerId from, PeerId to, const TxnMessage& message) {
  if (const auto* request = std::get_if<PrepareRequest>(&message)) {
    History& history = histories_[request->txn.number];
    std::string& work = history.work[PlaceOf(to)];
    if (!work.empty() && work != request->work) {
      Violate("ID: used twice", request->txn.number);
    }
    work = request->work;
  }
  if (const auto* reply = std::get_if<VoteReply>(&message)) {
    History& history = histories_[reply->txn.number];
    if (reply->vote.kind == Vote::kYes) history.yes.insert(PlaceOf(from));
  }
}

void Model::OnTold(TxnNumber number, std::optional<Decision> decision) {
  History& history = histories_[number];
  if (!decision) {
    history.told_unknown = true;
    return;
  }
  if (history.told && history.told != decision) {
    Violate("CL: the caller was told both", number);
  }
  history.told = decision;
  if (decision == Decision::kAbort) {
    for (const size_t p : history.committed) {
      if (history.ruled.count(p) == 0) {
        Violate("CL: told abort after a commit", number);
      }
    }
    return;
  }
  ++commits_;
  for (const auto& [p, work] : history.work) {
    if (history.yes.count(p) + history.read_only.count(p) == 0) {
      Violate("AC3: commit without every vote", number);
    }
    if (history.undone.count(p) > 0 && history.ruled.count(p) == 0 &&
        history.read_only.count(p) == 0) {
      Violate("CL: told commit after an abort", number);
    }
  }
}

void Model::OnPrepare(size_t place, const HostCall& call) {
  const TxnNumber number = call.txn.number;
  if (resources_[place].committed.count(number) > 0) {
    Violate("P4: prepared again after a commit", number);
  }
}

void Model::OnApplied(size_t place, const HostCall& call) {
  const TxnNumber number = call.txn.number;
  Resource& resource = resources_[place];
  History& history = histories_[number];
  const bool ruled = history.ruled.count(place) > 0;
  if (call.decision == Decision::kCommit) {
    const auto prepared = resource.prepared.find(number);
    const bool again = resource.committed.count(number) > 0;
    if (ruled) {
      // An abort may have been carried out just before the crash after which
      // the operator decided; there is no undoing that.
    } else if (!again && prepared == resource.prepared.end()) {
      Violate("AC2: commit of what is not prepared", number);
    } else if (!again && prepared->second != call.work) {
      Violate("AC2: commit of other work", number);
    }
    if (!ruled && history.undone.count(place) > 0) {
      Violate("AC2: undone before", number);
    }
    if (!ruled && history.told == Decision::kAbort) {
      Violate("CL: commit after abort was told", number);
    }
    for (const size_t p : history.undone) {
      if (!ruled && history.ruled.count(p) + history.read_only.count(p) == 0) {
        Violate("AC1: commit while another aborted", number);
      }
    }
    resource.prepared.erase(number);
    resource.committed.insert(number);
    history.committed.insert(place);
    return;
  }
  resource.prepared.erase(number);
  if (!ruled && resource.committed.count(number) > 0) {
    Violate("AC2: abort of what was committed", number);
  }
  if (history.yes.count(place) == 0) return;  // Nobody counts on it.
  history.undone.insert(place);
  if (ruled || history.read_only.count(place) > 0) return;
  if (history.told == Decision::kCommit) {
    Violate("CL: abort after commit was told", number);
  }
  for (const size_t p : history.committed) {
    if (history.ruled.count(p) == 0) {
      Violate("AC1: abort while another committed", number);
    }
  }
}

// Everything has come to an end: whoever voted yes to a commit has committed.
void Model::CheckEnd() {
  for (const auto& [number, history] : histories_) {
    const bool committed =
        history.told == Decision::kCommit ||
        std::any_of(history.committed.begin(), history.committed.end(),
                    [&h = history](size_t p) { return h.ruled.count(p) == 0; });
    if (!committed) continue;
    for (const size_t p : history.yes) {
      if (history.committed.count(p) + history.ruled.count(p) +
              history.read_only.count(p) ==
          0) {
        Violate("DU: a yes-voter lost its commit", number);
      }
    }
  }
}

}  // namespace trivet
