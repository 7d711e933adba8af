// SPDX-License-Identifier: Apache-2.0

#include "src/txn/log_writer.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "src/internal/strings.h"
#include "src/txn/codec.h"
#include "src/txn/peer_table.h"
#include "src/txn/shared_peers.h"
#include "trivet/host/log_store.h"
#include "trivet/txn/txn_effects.h"
#include "trivet/txn/txn_record.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

absl::Status CheckRecordSize(const LogStore& log, std::string_view field,
                             size_t value, size_t record_size) {
  if (record_size <= log.RecordSizeMax()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      Sv(field), " is ", value, ", which takes records of ", record_size,
      " bytes; RecordSizeMax of the log is ", log.RecordSizeMax()));
}

absl::StatusOr<ClaimedLog> ClaimLog(LogStore* log, Epoch wanted,
                                    std::string_view owner,
                                    bool (*belongs)(const TxnRecord& record),
                                    PeerTable* peers) {
  ClaimedLog claimed;
  const auto visit = [&](LogIndex index, std::string_view bytes) {
    absl::StatusOr<TxnRecord> record = DecodeRecord(bytes, peers);
    if (!record.ok()) {
      return absl::Status(
          record.status().code(),
          absl::StrCat("record ", index, ": ", record.status().message()));
    }
    if (!belongs(*record)) {
      return absl::DataLossError(absl::StrCat(
          "record ", index, " is of the other role; is this another's log?"));
    }
    claimed.records.push_back({index, *std::move(record)});
    return absl::OkStatus();
  };
  const absl::StatusOr<Epoch> epoch = log->Claim(wanted, visit);
  if (!epoch.ok()) {
    return absl::Status(epoch.status().code(),
                        absl::StrCat("claiming the log of ", Sv(owner), ": ",
                                     epoch.status().message()));
  }
  claimed.epoch = *epoch;
  return claimed;
}

absl::Status UnfitLog(std::string_view owner, const absl::Status& why) {
  return absl::Status(
      why.code(), absl::StrCat("the log of ", Sv(owner), ": ", why.message()));
}

void LogWriter::Write(const std::vector<LogWrite>& writes,
                      const SharedPeers& peers, Completed completed) {
  std::vector<std::string> records;
  std::vector<uint64_t> tickets;
  records.reserve(writes.size());
  tickets.reserve(writes.size());
  Durability durability = Durability::kLazy;
  peers.Read([&](const PeerTable& table) {
    for (const LogWrite& write : writes) {
      records.push_back(EncodeRecord(write.record, table));
      tickets.push_back(write.ticket);
      if (write.durability == Durability::kForced) {
        durability = Durability::kForced;
      }
    }
  });
  log_->Append(epoch_, std::move(records), durability,
               [tickets = std::move(tickets), completed = std::move(completed)](
                   const absl::StatusOr<LogIndex>& last) mutable {
                 std::vector<Appended> appended;
                 appended.reserve(tickets.size());
                 size_t after = tickets.size();
                 for (const uint64_t ticket : tickets) {
                   --after;
                   if (last.ok()) {
                     appended.push_back({ticket, *last - after});
                   } else {
                     appended.push_back({ticket, last.status()});
                   }
                 }
                 std::move(completed)(std::move(appended));
               });
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
