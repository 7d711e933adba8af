// SPDX-License-Identifier: Apache-2.0

#include "src/txn/script.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "src/internal/transcript.h"
#include "src/txn/describe.h"
#include "src/txn/log_lag.h"
#include "src/txn/peer_table.h"
#include "trivet/host/log_store.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/txn/coordinator_machine.h"
#include "trivet/txn/participant_machine.h"
#include "trivet/txn/transaction.h"
#include "trivet/txn/txn_effects.h"
#include "trivet/txn/txn_message.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {
namespace {

std::string Failure(const absl::Status& status) {
  return absl::StrCat("failed code=", absl::StatusCodeToString(status.code()),
                      " reason=", Literal(std::string(status.message())));
}

// Says which event it is, as a command.
class Commander {
 public:
  Commander(MonotonicTime now, PeerId self, const PeerTable& peers)
      : now_(now), self_(self), peers_(peers) {}

  // --- Of both roles
  std::string operator()(const Ticked&) const { return "tick"; }
  std::string operator()(const Received& e) const {
    return absl::StrCat("receive ", peers_.Name(e.from), " ",
                        Describe(e.message, peers_));
  }
  std::string operator()(const Appended& e) const {
    return absl::StrCat("appended #", e.ticket, " ",
                        e.index.ok() ? absl::StrCat("index=", *e.index)
                                     : Failure(e.index.status()));
  }

  // --- Of a coordinator
  std::string operator()(const CoordinatorMachine::Begun& e) const {
    std::string command = absl::StrCat(
        "begin ", e.call, " timeout=", absl::FormatDuration(e.deadline - now_));
    for (const CoordinatorMachine::Share& share : e.shares) {
      absl::StrAppend(&command, " ", peers_.Name(share.participant), "=",
                      Literal(share.work));
    }
    return command;
  }
  std::string operator()(const CoordinatorMachine::AbortRequested& e) const {
    return absl::StrCat("abort ", e.call);
  }
  std::string operator()(const CoordinatorMachine::ForgetRequested& e) const {
    return absl::StrCat("forget ", Id({self_, e.number}));
  }

  // --- Of a participant
  std::string operator()(const ParticipantMachine::Voted& e) const {
    return absl::StrCat("voted ", Id(e.txn), " ", Describe(e.vote));
  }
  std::string operator()(const ParticipantMachine::ApplyReturned& e) const {
    return absl::StrCat("returned ", Id(e.txn), e.status.ok() ? "" : " ",
                        e.status.ok() ? "" : Failure(e.status));
  }
  std::string operator()(const ParticipantMachine::Listed& e) const {
    if (!e.prepared.ok()) {
      return absl::StrCat("listed ", Failure(e.prepared.status()));
    }
    std::string command = "listed";
    for (const TxnKey& txn : *e.prepared) {
      absl::StrAppend(&command, " ", Id(txn));
    }
    return command;
  }
  std::string operator()(const ParticipantMachine::ResolveRequested& e) const {
    return absl::StrCat("resolve ", Id(e.txn), " ", Describe(e.decision));
  }
  std::string operator()(const ParticipantMachine::ForgetRequested& e) const {
    return absl::StrCat("forget ", Id(e.txn));
  }

 private:
  std::string Id(const TxnKey& txn) const { return Describe(txn, peers_); }

  const MonotonicTime now_;
  const PeerId self_;
  const PeerTable& peers_;
};

std::string OfBothRoles(const TxnEffects& effects, const PeerTable& peers) {
  std::string text;
  for (const LogWrite& write : effects.writes) {
    absl::StrAppend(
        &text, "write #", write.ticket,
        write.durability == Durability::kForced ? " forced [" : " lazy [",
        Describe(write.record, peers), "]\n");
  }
  for (const Outgoing& message : effects.messages) {
    absl::StrAppend(&text, "send ", peers.Name(message.to), " ",
                    Describe(message.message, peers), "\n");
  }
  if (effects.trim_before != 0) {
    absl::StrAppend(&text, "trim-before ", effects.trim_before, "\n");
  }
  if (effects.stopped.has_value()) {
    absl::StrAppend(&text, "stopped ", effects.stopped->ToString(), "\n");
  }
  return text;
}

// What a machine that is built now has, if that is less than a host's.
std::string ShortLag() {
  const LogLag lag = LogLag::Current();
  if (lag.min == LogLag().min && lag.min_riding == LogLag().min_riding) {
    return "";
  }
  return absl::StrCat(" lag=", lag.min, " lag_riding=", lag.min_riding);
}

std::string TextOf(absl::Duration value) { return absl::FormatDuration(value); }
std::string TextOf(size_t value) { return absl::StrCat(value); }

// " resend_min=50ms": those that are not as by default.
template <typename Options>
std::string ChangedOptions(const Options& options) {
  const Options unchanged;
  std::vector<std::string> defaults;
  VisitOptions(unchanged, [&](const char*, const auto& value) {
    defaults.push_back(TextOf(value));
  });
  std::string text;
  size_t at = 0;
  VisitOptions(options, [&](const char* name, const auto& value) {
    if (TextOf(value) == defaults[at++]) return;
    absl::StrAppend(&text, " ", name, "=", TextOf(value));
  });
  return text;
}

}  // namespace

std::string ScriptOf(const CoordinatorMachine::Effects& effects,
                     const PeerTable& peers) {
  std::string text = OfBothRoles(effects, peers);
  for (const CoordinatorMachine::Finished& finished : effects.finished) {
    absl::StrAppend(
        &text, "finished ", finished.call, " ", Describe(finished.number), " ",
        finished.decision ? Describe(*finished.decision) : "unknown",
        finished.reason.empty() ? "" : " " + Literal(finished.reason), "\n");
  }
  for (const CoordinatorMachine::Refused& refused : effects.refused) {
    absl::StrAppend(&text, "refused ", refused.call, " ",
                    refused.status.ToString(), "\n");
  }
  return text;
}

std::string ScriptOf(const ParticipantMachine::Effects& effects,
                     const PeerTable& peers) {
  std::string text = effects.list_prepared ? "list-prepared\n" : "";
  for (const ParticipantMachine::Prepare& prepare : effects.prepares) {
    absl::StrAppend(&text, "prepare id=", Describe(prepare.txn, peers),
                    " work=", Literal(prepare.work), "\n");
  }
  for (const ParticipantMachine::Apply& apply : effects.applies) {
    absl::StrAppend(&text, "apply id=", Describe(apply.txn, peers), " ",
                    Describe(apply.decision), " work=", Literal(apply.work),
                    "\n");
  }
  return text + OfBothRoles(effects, peers);
}

std::string ScriptOfWakeup(MonotonicTime wakeup, MonotonicTime now) {
  if (wakeup == MonotonicTime::InfiniteFuture()) return "wakeup none\n";
  const double millis = absl::ToDoubleMilliseconds(wakeup - now);
  return absl::StrCat("wakeup +", std::llround(millis), "ms\n");
}

std::string ScriptOf(const CoordinatorMachine::Event& event, MonotonicTime now,
                     PeerId self, const PeerTable& peers) {
  return std::visit(Commander(now, self, peers), event);
}

std::string ScriptOf(const ParticipantMachine::Event& event, MonotonicTime now,
                     PeerId self, const PeerTable& peers) {
  return std::visit(Commander(now, self, peers), event);
}

// --- ScriptWriter -----------------------------------------------------------

template <typename Options>
std::unique_ptr<ScriptWriter> ScriptWriter::StartAs(
    const char* role, const RoleIdentity& self, const Options& options,
    uint64_t jitter_seed, const std::vector<LoggedRecord>& recovered,
    const PeerTable& peers) {
  std::unique_ptr<Transcript> transcript = NewTranscript(AddressOf(self.name));
  if (transcript == nullptr) return nullptr;
  std::unique_ptr<ScriptWriter> writer(
      new ScriptWriter(std::move(transcript), self.self));
  std::string text = absl::StrCat(
      role, " ", self.name, " epoch=", self.epoch, " seed=", jitter_seed,
      ShortLag(), ChangedOptions(options), "\n", writer->NewNames(peers));
  for (const LoggedRecord& logged : recovered) {
    absl::StrAppend(&text, "record ", logged.index, " ",
                    Describe(logged.record, peers), "\n");
  }
  writer->transcript_->Add(text);
  return writer;
}

std::unique_ptr<ScriptWriter> ScriptWriter::Start(
    const RoleIdentity& self, const CoordinatorOptions& options,
    uint64_t jitter_seed, const std::vector<LoggedRecord>& recovered,
    const PeerTable& peers) {
  return StartAs("coordinator", self, options, jitter_seed, recovered, peers);
}

std::unique_ptr<ScriptWriter> ScriptWriter::Start(
    const RoleIdentity& self, const ParticipantOptions& options,
    uint64_t jitter_seed, const std::vector<LoggedRecord>& recovered,
    const PeerTable& peers) {
  return StartAs("participant", self, options, jitter_seed, recovered, peers);
}

// Those since the last time. A machine goes through peers in the order in which
// its driver has met them, which need not be that of its events.
std::string ScriptWriter::NewNames(const PeerTable& peers) {
  if (named_ == peers.size()) return "";
  std::string text = "peers";
  for (; named_ < peers.size(); ++named_) {
    absl::StrAppend(&text, " ", peers.Name(static_cast<PeerId>(named_)));
  }
  return text + "\n";
}

void ScriptWriter::AddCommand(MonotonicTime now, std::string command,
                              const PeerTable& peers) {
  const bool is_first = now_ == MonotonicTime::InfinitePast();
  const absl::Duration passed = is_first ? absl::ZeroDuration() : now - now_;
  now_ = now;
  const std::string passes = absl::StrCat(" +", absl::FormatDuration(passed));
  std::string before;
  if (command == "tick") {
    command += passes;
  } else if (passed > absl::ZeroDuration()) {
    before = absl::StrCat("pass", passes, "\n");
  }
  transcript_->Add(absl::StrCat("\n# ", transcript_->Now(), "\n", before,
                                NewNames(peers), command, "\n----\n"));
}

void ScriptWriter::AddEffects(const std::string& effects,
                              MonotonicTime wakeup) {
  std::string text = effects;
  if (wakeup != wakeup_) text += ScriptOfWakeup(wakeup, now_);
  wakeup_ = wakeup;
  transcript_->Add(text);
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
