// SPDX-License-Identifier: Apache-2.0

#include "tests/txn/script_runner.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "src/txn/describe.h"
#include "src/txn/log_lag.h"
#include "src/txn/peer_table.h"
#include "src/txn/script.h"
#include "tests/txn/script_parser.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/txn/coordinator_machine.h"
#include "trivet/txn/participant_machine.h"
#include "trivet/txn/transaction.h"
#include "trivet/txn/txn_effects.h"

namespace trivet {
namespace {

using internal::Describe;
using internal::PeerTable;

uint64_t ToInt(const std::string& text) {
  uint64_t value = 0;
  return absl::SimpleAtoi(text, &value) ? value : 0;
}

absl::Duration ToDuration(const std::string& text) {
  absl::Duration duration;
  return absl::ParseDuration(text, &duration) ? duration : absl::ZeroDuration();
}

void Set(const std::string& text, absl::Duration* option) {
  *option = ToDuration(text);
}
void Set(const std::string& text, size_t* option) { *option = ToInt(text); }

// The options that `line` sets, the others as by default.
template <typename Options>
Options ParseOptions(const ScriptLine& line) {
  Options options;
  internal::VisitOptions(options, [&](const char* name, auto& option) {
    if (const auto text = line.Field(name)) Set(*text, &option);
  });
  return options;
}

// What `line` says of a failure, or else `usual`.
absl::Status ParseFailure(const ScriptLine& line, const absl::Status& usual) {
  absl::StatusCode code = usual.code();
  for (int i = 1; i <= 16; ++i) {
    const auto one = static_cast<absl::StatusCode>(i);
    if (line.Field("code") == absl::StatusCodeToString(one)) code = one;
  }
  const auto reason = line.Field("reason");
  return absl::Status(code, reason.value_or(std::string(usual.message())));
}

// One machine and its world: names, time and the log's indexes.
class Script {
 public:
  // What the command led to, line by line.
  std::string Run(const std::string& command) {
    const ScriptLine line(command);
    out_.clear();
    const std::string verb = line.Word(0);
    if (verb == "coordinator" || verb == "participant") {
      Create(line);
    } else if (verb == "record") {
      Recover(line);
    } else if (verb == "peers") {
      Meet(line);
    } else if (verb == "pass") {
      EnsureBuilt();
      Pass(line);
    } else if (verb == "show") {
      EnsureBuilt();
      Show(line);
    } else {
      EnsureBuilt();
      if (verb == "tick") Pass(line);
      if (participant_) {
        StepParticipant(line);
      } else if (coordinator_) {
        StepCoordinator(line);
      }
      PrintWakeup();
    }
    return std::move(out_);
  }

 private:
  // --- Machines ------------------------------------------------------------

  void Create(const ScriptLine& line) {
    role_ = line;
    recovered_.clear();
    coordinator_.reset();
    participant_.reset();
    wakeup_ = MonotonicTime::InfiniteFuture();
    index_ = 0;
  }

  void Recover(const ScriptLine& line) {
    const auto record = ParseRecord(line, 2, &peers_);
    if (!record) return Print("error: no such record");
    index_ = ToInt(line.Word(1));
    recovered_.push_back({index_, *record});
  }

  void Meet(const ScriptLine& line) {
    for (size_t i = 1; i < line.words.size(); ++i) {
      peers_.Intern(line.Word(i));
    }
  }

  void EnsureBuilt() {
    if (coordinator_ || participant_) return;
    RoleIdentity self;
    self.name = role_.Word(1);
    self.self = peers_.Intern(self.name);
    self.epoch = ToInt(role_.Field("epoch").value_or("1"));
    const uint64_t seed = ToInt(role_.Field("seed").value_or("7"));
    internal::LogLag lag;
    if (const auto text = role_.Field("lag")) lag.min = ToInt(*text);
    if (const auto text = role_.Field("lag_riding")) {
      lag.min_riding = ToInt(*text);
    }
    const internal::ShortLogLag short_lag(lag);
    if (role_.Word(0) == "coordinator") {
      coordinator_.emplace(self, ParseOptions<CoordinatorOptions>(role_), seed,
                           recovered_);
    } else {
      participant_.emplace(self, ParseOptions<ParticipantOptions>(role_), seed,
                           recovered_);
    }
  }

  MonotonicTime NextWakeup() const {
    return coordinator_ ? coordinator_->NextWakeup()
                        : participant_->NextWakeup();
  }

  // --- Events --------------------------------------------------------------

  void Pass(const ScriptLine& line) {
    if (line.words.size() > 1) {
      now_ = now_ + ToDuration(line.Word(1).substr(1));
    } else if (NextWakeup() > now_ &&
               NextWakeup() != MonotonicTime::InfiniteFuture()) {
      now_ = NextWakeup();
    }
  }

  Appended ParseAppended(const ScriptLine& line) {
    const uint64_t ticket = ToInt(line.Word(1).substr(1));
    if (line.Has("fenced")) return {ticket, absl::AbortedError("fenced")};
    if (line.Has("failed")) {
      return {ticket, ParseFailure(line, absl::InternalError("disk"))};
    }
    index_ = line.Field("index") ? ToInt(*line.Field("index")) : index_ + 1;
    return {ticket, index_};
  }

  std::optional<Received> ParseReceived(const ScriptLine& line) {
    const auto message = ParseMessage(line, 2, &peers_);
    if (!message) return std::nullopt;
    return Received{peers_.Intern(line.Word(1)), *message};
  }

  void StepCoordinator(const ScriptLine& line) {
    std::optional<CoordinatorMachine::Event> event;
    const std::string verb = line.Word(0);
    if (verb == "tick") event = Ticked{};
    if (verb == "appended") event = ParseAppended(line);
    if (verb == "receive") {
      if (auto received = ParseReceived(line)) event = *std::move(received);
    }
    if (verb == "begin") {
      CoordinatorMachine::Begun begun;
      begun.call = ToInt(line.Word(1));
      begun.deadline = now_ + ToDuration(line.Field("timeout").value_or("5s"));
      for (const auto& [name, work] : line.fields) {
        if (name == "timeout") continue;
        begun.shares.push_back({peers_.Intern(name), work});
      }
      event = std::move(begun);
    }
    if (verb == "abort") {
      event = CoordinatorMachine::AbortRequested{ToInt(line.Word(1))};
    }
    if (verb == "forget") {
      event = CoordinatorMachine::ForgetRequested{
          ParseKey(line.Word(1), &peers_).number};
    }
    if (!event) return Print("error: no such command");
    CoordinatorMachine::Effects effects;
    coordinator_->Step(now_, *std::move(event), &effects);
    out_ += internal::ScriptOf(effects, peers_);
  }

  void StepParticipant(const ScriptLine& line) {
    using Machine = ParticipantMachine;
    std::optional<Machine::Event> event;
    const std::string verb = line.Word(0);
    const TxnKey txn = ParseKey(line.Word(1), &peers_);
    if (verb == "tick") event = Ticked{};
    if (verb == "appended") event = ParseAppended(line);
    if (verb == "receive") {
      if (auto received = ParseReceived(line)) event = *std::move(received);
    }
    if (verb == "voted") event = Machine::Voted{txn, ParseVote(line)};
    if (verb == "returned") {
      event = Machine::ApplyReturned{
          txn, line.Has("failed")
                   ? ParseFailure(line, absl::UnavailableError("busy"))
                   : absl::OkStatus()};
    }
    if (verb == "listed") event = ParseListed(line);
    if (verb == "resolve") {
      event = Machine::ResolveRequested{txn, ParseDecision(line)};
    }
    if (verb == "forget") event = Machine::ForgetRequested{txn};
    if (!event) return Print("error: no such command");
    Machine::Effects effects;
    participant_->Step(now_, *std::move(event), &effects);
    out_ += internal::ScriptOf(effects, peers_);
  }

  ParticipantMachine::Listed ParseListed(const ScriptLine& line) {
    if (line.Has("failed")) {
      return {ParseFailure(line, absl::UnavailableError("busy"))};
    }
    std::vector<TxnKey> keys;
    for (size_t i = 1; i < line.words.size(); ++i) {
      keys.push_back(ParseKey(line.Word(i), &peers_));
    }
    return {keys};
  }

  // --- What they led to ----------------------------------------------------

  void Print(const std::string& line) { absl::StrAppend(&out_, line, "\n"); }

  void PrintWakeup() {
    const MonotonicTime wakeup = NextWakeup();
    if (wakeup == wakeup_) return;
    wakeup_ = wakeup;
    out_ += internal::ScriptOfWakeup(wakeup, now_);
  }

  void Show(const ScriptLine& line) {
    const std::string what = line.Word(1);
    if (coordinator_ && what == "outcome") {
      const auto outcome =
          coordinator_->OutcomeOf(ParseKey(line.Word(2), &peers_).number);
      if (!outcome.ok()) return Print(outcome.status().ToString());
      Print(*outcome ? Describe(**outcome) : "undecided");
    } else if (coordinator_ && what == "untold") {
      for (const TxnNumber number : coordinator_->Untold()) {
        Print(absl::StrCat("untold ", Describe(number)));
      }
    } else if (what == "in-flight") {
      Print(absl::StrCat("in-flight ", coordinator_
                                           ? coordinator_->in_flight()
                                           : participant_->in_flight()));
    } else if (participant_ && what == "remembered") {
      Print(absl::StrCat("remembered ", participant_->remembered()));
    } else if (participant_ && what == "in-doubt") {
      for (const auto& doubt : participant_->InDoubt()) {
        Print(absl::StrCat("in-doubt ", Describe(doubt.txn, peers_), " for ",
                           absl::FormatDuration(now_ - doubt.since)));
      }
    } else if (participant_ && what == "verdicts") {
      for (const auto& verdict : participant_->Verdicts()) {
        Print(absl::StrCat("verdict ", Describe(verdict.txn, peers_), " ",
                           Describe(verdict.decision), " answer=",
                           verdict.answer ? Describe(*verdict.answer) : "?"));
      }
    } else {
      Print("error: nothing to show");
    }
  }

  PeerTable peers_;
  ScriptLine role_{""};
  std::vector<LoggedRecord> recovered_;
  std::optional<CoordinatorMachine> coordinator_;
  std::optional<ParticipantMachine> participant_;
  MonotonicTime now_;
  MonotonicTime wakeup_ = MonotonicTime::InfiniteFuture();
  LogIndex index_ = 0;
  std::string out_;
};

}  // namespace

std::string RunScript(const std::string& script) {
  std::string result;
  std::string led_to;
  Script machine;
  bool expected = false;  // Inside what a block is expected to lead to.
  const auto finish_block = [&] {
    if (expected) absl::StrAppend(&result, led_to);
    led_to.clear();
    expected = false;
  };
  std::vector<std::string> lines = absl::StrSplit(script, '\n');
  if (lines.back().empty()) lines.pop_back();
  for (const std::string& line : lines) {
    if (line == "----") {
      absl::StrAppend(&result, "----\n");
      expected = true;
    } else if (line.empty()) {
      finish_block();
      absl::StrAppend(&result, "\n");
    } else if (!expected) {
      absl::StrAppend(&result, line, "\n");
      if (line[0] != '#') absl::StrAppend(&led_to, machine.Run(line));
    }
  }
  finish_block();
  return result;
}

}  // namespace trivet
