// SPDX-License-Identifier: Apache-2.0
//
// Book: the rows of one node and what is reserved of them. Pure memory: every
// change is also a record, and replaying the records gives the same book. A
// Shard writes them into a log; the audit reads them back.
//
//            what happens to a row                      record
//   Reserve  left - reserved >= need? reserved += need  kReserved
//   Commit   left -= need, reserved -= need,            kCommitted
//            the order is remembered
//   Abort    reserved -= need                           kAborted
//
// A hot row is thus never locked while orders commit: as many orders as it can
// pay for are under way on it at once.
//
// Thread safety: thread-compatible.

#ifndef SHOP_BOOK_H_
#define SHOP_BOOK_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "trivet/txn/transaction.h"
#include "work.h"

namespace shop {

struct Row {
  int64_t left = 0;                         // Cents or units; never negative.
  int64_t earned = 0;                       // Cents; of a stock only.
  absl::flat_hash_set<std::string> orders;  // Applied here. Moves with the row.
};
using NamedRow = std::pair<std::string, Row>;

// How an order stands at a row.
enum class Standing { kNoRow, kNothing, kReserved, kApplied };

class Book {
 public:
  using Wanted = absl::FunctionRef<bool(const std::string& row)>;

  explicit Book(std::string node) : node_(std::move(node)) {}

  // Empty if `work` can be reserved, else why not.
  std::string Refusal(const Work& work) const;

  // Each changes the book and returns the record that says so; of Put several,
  // as a record has a limited size. Commit and Abort return "" if nothing was
  // reserved under `id`.
  std::string Reserve(const trivet::TxnId& id, const Work& work);
  std::string Commit(const trivet::TxnId& id);
  std::string Abort(const trivet::TxnId& id);
  std::vector<std::string> Put(NamedRow row);
  std::string Drop(const std::string& row);

  absl::Status Replay(std::string_view record);

  // Records that make the same book from nothing.
  std::vector<std::string> Snapshot() const;

  bool IsReserved(const trivet::TxnId& id) const {
    return reserved_.contains(id);
  }
  std::vector<trivet::TxnId> Reserved() const;
  bool AnyReserved(Wanted wanted) const;
  bool IsApplied(const Work& work) const;  // At every row it has here.
  Standing StandingOf(const std::string& row, const std::string& order) const;

  const Row* Find(const std::string& row) const;
  std::vector<NamedRow> Rows(Wanted wanted) const;
  size_t size() const { return rows_.size(); }

 private:
  struct Entry {
    Row row;
    int64_t reserved = 0;
  };
  struct Share {  // What a work needs of one row of this node.
    const std::string* row;
    int64_t need;
    int64_t earns;
  };
  std::vector<Share> SharesOf(const Work& work) const;
  void Release(const Work& work);

  const std::string node_;
  absl::flat_hash_map<std::string, Entry> rows_;
  absl::flat_hash_map<trivet::TxnId, Work> reserved_;
  absl::flat_hash_set<std::string> orders_under_way_;
  // Replayed, of a row whose last record has not come yet.
  absl::flat_hash_map<std::string, absl::flat_hash_set<std::string>> parts_;
};

}  // namespace shop

#endif  // SHOP_BOOK_H_
