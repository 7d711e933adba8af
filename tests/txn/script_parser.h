// SPDX-License-Identifier: Apache-2.0
//
// One line of a script, taken apart: words, and fields key=value or
// key="quoted". What src/txn/describe.h writes is read back.

#ifndef TRIVET_TESTS_TXN_SCRIPT_PARSER_H_
#define TRIVET_TESTS_TXN_SCRIPT_PARSER_H_

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "src/txn/peer_table.h"
#include "trivet/txn/transaction.h"
#include "trivet/txn/txn_message.h"
#include "trivet/txn/txn_record.h"

namespace trivet {

struct ScriptLine {
  std::vector<std::string> words;  // In order.
  std::vector<std::pair<std::string, std::string>> fields;

  explicit ScriptLine(const std::string& line);

  bool Has(const std::string& word) const;
  // "" if there is none.
  std::string Word(size_t at) const;
  std::optional<std::string> Field(const std::string& key) const;
};

TxnNumber ParseNumber(const std::string& text);
TxnKey ParseKey(const std::string& text, internal::PeerTable* peers);
Vote ParseVote(const ScriptLine& line);
Decision ParseDecision(const ScriptLine& line);

// The struct whose name is `line`'s word number `at`. nullopt: no such struct.
std::optional<TxnMessage> ParseMessage(const ScriptLine& line, size_t at,
                                       internal::PeerTable* peers);
std::optional<TxnRecord> ParseRecord(const ScriptLine& line, size_t at,
                                     internal::PeerTable* peers);

}  // namespace trivet

#endif  // TRIVET_TESTS_TXN_SCRIPT_PARSER_H_
