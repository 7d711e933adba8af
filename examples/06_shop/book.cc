// SPDX-License-Identifier: Apache-2.0

#include "book.h"

#include <algorithm>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace shop {
namespace {

enum Type : char {
  kPart = 'P',       // Some orders of the row that follows.
  kRow = 'W',        // The row; replaces what was there.
  kDropped = 'D',    // The row lives elsewhere now.
  kReserved = 'R',   // Transaction and work.
  kCommitted = 'C',  // Transaction.
  kAborted = 'A',    // Transaction.
};

constexpr size_t kOrdersPerRecord = 4096;

std::string Record(Type type, std::string_view text) {
  std::string record(1, type);
  PutString(text, &record);
  return record;
}

std::string ReservedRecord(const trivet::TxnId& id, const Work& work) {
  std::string record = Record(kReserved, id.ToString());
  PutString(Encode(work), &record);
  return record;
}

// A row is its last record; what does not fit goes ahead in parts, which mean
// nothing without it. So half a row is never read back after a crash.
void AppendRow(const std::string& key, const Row& row,
               std::vector<std::string>* records) {
  auto order = row.orders.begin();
  size_t left = row.orders.size();
  const auto put_orders = [&](std::string* record) {
    const size_t count = std::min(left, kOrdersPerRecord);
    PutInt(static_cast<int64_t>(count), record);
    for (size_t i = 0; i < count; ++i) PutString(*order++, record);
    left -= count;
  };
  while (left > kOrdersPerRecord) {
    std::string record = Record(kPart, key);
    put_orders(&record);
    records->push_back(std::move(record));
  }
  std::string record = Record(kRow, key);
  PutInt(row.left, &record);
  PutInt(row.earned, &record);
  put_orders(&record);
  records->push_back(std::move(record));
}

void TakeOrders(Reader* in, absl::flat_hash_set<std::string>* orders) {
  for (size_t left = in->Count(); left > 0; --left)
    orders->insert(in->String());
}

}  // namespace

std::vector<Book::Share> Book::SharesOf(const Work& work) const {
  std::vector<Share> shares;
  if (work.account.Names(node_))
    shares.push_back({&work.account.row, work.cents, 0});
  if (work.stock.Names(node_))
    shares.push_back({&work.stock.row, work.units, work.cents});
  return shares;
}

std::string Book::Refusal(const Work& work) const {
  std::string later;
  for (const Share& share : SharesOf(work)) {
    const auto found = rows_.find(*share.row);
    if (found == rows_.end()) return absl::StrCat("no row ", *share.row);
    const auto& [row, reserved] = found->second;
    // First of all: an order that is in must not be judged again.
    if (row.orders.contains(work.order)) return kAppliedReason;
    if (orders_under_way_.contains(work.order)) return "under way already";
    if (row.left < share.need)
      return IsAccount(*share.row) ? kNoMoneyReason : kNoStockReason;
    // Others may yet give back what they hold, so this is not the last word.
    if (row.left - reserved < share.need) later = "the rest is reserved";
  }
  return later;
}

std::string Book::Reserve(const trivet::TxnId& id, const Work& work) {
  for (const Share& share : SharesOf(work))
    rows_[*share.row].reserved += share.need;
  orders_under_way_.insert(work.order);
  reserved_.insert_or_assign(id, work);
  return ReservedRecord(id, work);
}

void Book::Release(const Work& work) {
  for (const Share& share : SharesOf(work))
    rows_[*share.row].reserved -= share.need;
  orders_under_way_.erase(work.order);
}

std::string Book::Commit(const trivet::TxnId& id) {
  const auto found = reserved_.find(id);
  if (found == reserved_.end()) return "";
  const Work& work = found->second;
  for (const Share& share : SharesOf(work)) {
    Row& row = rows_[*share.row].row;
    row.left -= share.need;
    row.earned += share.earns;
    row.orders.insert(work.order);
  }
  Release(work);
  reserved_.erase(found);
  return Record(kCommitted, id.ToString());
}

std::string Book::Abort(const trivet::TxnId& id) {
  const auto found = reserved_.find(id);
  if (found == reserved_.end()) return "";
  Release(found->second);
  reserved_.erase(found);
  return Record(kAborted, id.ToString());
}

std::vector<std::string> Book::Put(NamedRow row) {
  std::vector<std::string> records;
  AppendRow(row.first, row.second, &records);
  rows_[row.first].row = std::move(row.second);
  return records;
}

std::string Book::Drop(const std::string& row) {
  rows_.erase(row);
  return Record(kDropped, row);
}

absl::Status Book::Replay(std::string_view record) {
  const absl::Status bad = absl::DataLossError(
      absl::StrCat("a record of ", node_, " makes no sense"));
  if (record.empty()) return bad;
  const char type = record.front();
  Reader in(record.substr(1));
  const std::string text = in.String();
  if (!in.ok()) return bad;

  if (type == kPart) {
    TakeOrders(&in, &parts_[text]);
    return in.AtEnd() ? absl::OkStatus() : bad;
  }
  if (type == kRow) {
    Row row;
    row.left = in.Int();
    row.earned = in.Int();
    row.orders = std::move(parts_[text]);
    parts_.erase(text);
    TakeOrders(&in, &row.orders);
    rows_[text].row = std::move(row);
    return in.AtEnd() ? absl::OkStatus() : bad;
  }
  if (type == kDropped) {
    Drop(text);
    return absl::OkStatus();
  }
  const absl::StatusOr<trivet::TxnId> id = trivet::TxnId::Parse(text);
  if (!id.ok()) return bad;
  if (type == kReserved) {
    const absl::StatusOr<Work> work = DecodeWork(in.String());
    if (!work.ok()) return work.status();
    if (!IsReserved(*id)) Reserve(*id, *work);
  } else if (type == kCommitted) {
    Commit(*id);
  } else if (type == kAborted) {
    Abort(*id);
  } else {
    return bad;
  }
  return absl::OkStatus();
}

std::vector<std::string> Book::Snapshot() const {
  std::vector<std::string> records;
  records.reserve(rows_.size() + reserved_.size());
  for (const auto& [key, entry] : rows_) AppendRow(key, entry.row, &records);
  for (const auto& [id, work] : reserved_)
    records.push_back(ReservedRecord(id, work));
  return records;
}

std::vector<trivet::TxnId> Book::Reserved() const {
  std::vector<trivet::TxnId> ids;
  for (const auto& [id, work] : reserved_) ids.push_back(id);
  return ids;
}

bool Book::AnyReserved(Wanted wanted) const {
  return std::any_of(reserved_.begin(), reserved_.end(), [&](const auto& held) {
    for (const Share& share : SharesOf(held.second))
      if (wanted(*share.row)) return true;
    return false;
  });
}

bool Book::IsApplied(const Work& work) const {
  for (const Share& share : SharesOf(work)) {
    const Row* const row = Find(*share.row);
    if (row != nullptr && !row->orders.contains(work.order)) return false;
  }
  return true;
}

Standing Book::StandingOf(const std::string& row,
                          const std::string& order) const {
  const Row* const found = Find(row);
  if (found == nullptr) return Standing::kNoRow;
  if (found->orders.contains(order)) return Standing::kApplied;
  return orders_under_way_.contains(order) ? Standing::kReserved
                                           : Standing::kNothing;
}

const Row* Book::Find(const std::string& row) const {
  const auto found = rows_.find(row);
  return found == rows_.end() ? nullptr : &found->second.row;
}

std::vector<NamedRow> Book::Rows(Wanted wanted) const {
  std::vector<NamedRow> rows;
  for (const auto& [key, entry] : rows_)
    if (wanted(key)) rows.push_back({key, entry.row});
  return rows;
}

}  // namespace shop
