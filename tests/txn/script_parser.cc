// SPDX-License-Identifier: Apache-2.0

#include "tests/txn/script_parser.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_split.h"
#include "src/txn/peer_table.h"
#include "trivet/txn/transaction.h"
#include "trivet/txn/txn_message.h"
#include "trivet/txn/txn_record.h"

namespace trivet {

using internal::PeerTable;

namespace {

std::string Unquoted(const std::string& text) {
  if (text.size() < 2 || text.front() != '"') return text;
  std::string plain;
  absl::CUnescape(text.substr(1, text.size() - 2), &plain);
  return plain;
}

TxnKey Id(const ScriptLine& line, PeerTable* peers) {
  return ParseKey(line.Field("id").value_or("?/0.0"), peers);
}

PeerId Coordinator(const ScriptLine& line, PeerTable* peers) {
  return peers->Intern(line.Field("coordinator").value_or("?"));
}

TxnNumber Horizon(const ScriptLine& line) {
  return ParseNumber(line.Field("horizon").value_or("0.0"));
}

}  // namespace

ScriptLine::ScriptLine(const std::string& line) {
  size_t at = 0;
  while (at < line.size()) {
    if (line[at] == ' ') {
      ++at;
      continue;
    }
    size_t end = at;
    bool quoted = false;
    for (; end < line.size() && (quoted || line[end] != ' '); ++end) {
      if (line[end] == '"') quoted = !quoted;
      if (line[end] == '\\') ++end;  // What follows is no quote.
    }
    end = std::min(end, line.size());
    const std::string token = line.substr(at, end - at);
    at = end;
    const size_t equals = token.find('=');
    if (equals == std::string::npos) {
      words.push_back(token);
    } else {
      fields.emplace_back(token.substr(0, equals),
                          Unquoted(token.substr(equals + 1)));
    }
  }
}

bool ScriptLine::Has(const std::string& word) const {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::string ScriptLine::Word(size_t at) const {
  return at < words.size() ? words[at] : "";
}

std::optional<std::string> ScriptLine::Field(const std::string& key) const {
  for (const auto& [name, value] : fields) {
    if (name == key) return value;
  }
  return std::nullopt;
}

TxnNumber ParseNumber(const std::string& text) {
  const auto id = TxnId::Parse("?/" + text);
  return id.ok() ? id->number : TxnNumber();
}

TxnKey ParseKey(const std::string& text, PeerTable* peers) {
  const auto id = TxnId::Parse(text);
  if (!id.ok()) return {};
  return {peers->Intern(id->coordinator), id->number};
}

Vote ParseVote(const ScriptLine& line) {
  if (line.Has("yes")) return Vote::kYes;
  if (line.Has("read-only")) return Vote::kReadOnly;
  return {Vote::kNo, line.Field("reason").value_or("")};
}

Decision ParseDecision(const ScriptLine& line) {
  return line.Has("commit") ? Decision::kCommit : Decision::kAbort;
}

std::optional<TxnMessage> ParseMessage(const ScriptLine& line, size_t at,
                                       PeerTable* peers) {
  const std::string name = line.Word(at);
  const std::string work = line.Field("work").value_or("");
  if (name == "PrepareRequest") {
    return PrepareRequest{Id(line, peers), Horizon(line), work};
  }
  if (name == "VoteReply") return VoteReply{Id(line, peers), ParseVote(line)};
  if (name == "DecisionNotice") {
    return DecisionNotice{Id(line, peers), ParseDecision(line)};
  }
  if (name == "DecisionAck") return DecisionAck{Id(line, peers)};
  if (name == "DecisionInquiry") return DecisionInquiry{Id(line, peers)};
  if (name == "HorizonRequest") return HorizonRequest{Coordinator(line, peers)};
  if (name == "HorizonNotice") {
    return HorizonNotice{Coordinator(line, peers), Horizon(line)};
  }
  return std::nullopt;
}

std::optional<TxnRecord> ParseRecord(const ScriptLine& line, size_t at,
                                     PeerTable* peers) {
  const std::string name = line.Word(at);
  const std::string work = line.Field("work").value_or("");
  if (name == "LogIdentity") return LogIdentity{line.Field("log").value_or("")};
  if (name == "LogOwner") {
    return LogOwner{line.Field("participant").value_or("")};
  }
  if (name == "CommitDecided") {
    CommitDecided record{Id(line, peers), {}};
    for (const std::string& voter : std::vector<std::string>(absl::StrSplit(
             line.Field("yes-voters").value_or(""), ',', absl::SkipEmpty()))) {
      record.yes_voters.push_back(peers->Intern(voter));
    }
    return record;
  }
  if (name == "Ended") return Ended{Id(line, peers)};
  if (name == "Forgotten") return Forgotten{Id(line, peers)};
  if (name == "Prepared") return Prepared{Id(line, peers), work};
  if (name == "Resolved") {
    return Resolved{Id(line, peers), ParseDecision(line)};
  }
  if (name == "Applied") return Applied{Id(line, peers)};
  if (name == "HorizonPassed") {
    return HorizonPassed{Coordinator(line, peers), Horizon(line)};
  }
  if (name == "Heuristic") {
    return Heuristic{Id(line, peers), ParseDecision(line)};
  }
  return std::nullopt;
}

}  // namespace trivet
