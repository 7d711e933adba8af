// SPDX-License-Identifier: Apache-2.0

#include "src/adapters/file/log_writer.h"

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "src/adapters/file/log_files.h"
#include "src/internal/mutant.h"
#include "trivet/adapters/file/file_log_store.h"
#include "trivet/host/log_store.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {
namespace {

absl::Status Fenced(Epoch epoch, Epoch claimed) {
  const std::string claim =
      claimed == 0 ? "no epoch is claimed"
                   : "the claimed epoch is " + std::to_string(claimed);
  return absl::AbortedError("fenced: the append is of epoch " +
                            std::to_string(epoch) + ", " + claim);
}

}  // namespace

absl::StatusOr<LogFiles::Retained> LogWriter::Claim(Epoch wanted) {
  const Epoch last = files_->last_epoch();
  if (wanted == 0 && last == UINT64_MAX) {
    return absl::ResourceExhaustedError("the last epoch there is was claimed");
  }
  if (wanted != 0 && wanted <= last) {
    return absl::AbortedError("epoch " + std::to_string(wanted) +
                              " is wanted, " + std::to_string(last) +
                              " was claimed before");
  }
  const Epoch epoch = wanted != 0 ? wanted : last + 1;
  auto retained = files_->Claim(epoch);
  stopped_ = retained.status();
  // A claim that failed halfway may have become durable: it fences too.
  if (files_->last_epoch() == epoch) epoch_ = epoch;
  return retained;
}

void LogWriter::Take(Epoch epoch, const std::vector<std::string>& records,
                     Durability durability, Batch* batch) {
  batch->results.push_back(Add(epoch, records));
  if (!batch->results.back().ok()) return;
  batch->some = true;
  if (durability == Durability::kForced) batch->forced = true;
}

absl::StatusOr<LogIndex> LogWriter::Add(
    Epoch epoch, const std::vector<std::string>& records) {
  const bool fenced = epoch != epoch_ || epoch_ == 0;
  if (fenced && !TRIVET_MUTANT(file_log_append_not_fenced)) {
    return Fenced(epoch, epoch_);
  }
  if (!stopped_.ok()) {
    return absl::UnavailableError(
        "the log stopped at an earlier error and has to be claimed again: " +
        std::string(stopped_.message()));
  }
  for (const std::string& record : records) {
    if (record.size() <= record_size_max_) continue;
    // Stops the log like any error: what is appended after it must not
    // stand without it.
    stopped_ = absl::InvalidArgumentError(
        "record of " + std::to_string(record.size()) +
        " bytes; FileLogOptions.record_size_max is " +
        std::to_string(record_size_max_));
    return stopped_;
  }
  for (const std::string& record : records) {
    absl::Status added = files_->Add(record);
    if (!added.ok()) {
      stopped_ = added;
      return added;
    }
  }
  ++counts_.appends;
  counts_.records += records.size();
  return files_->next_index() - 1;
}

void LogWriter::Flush(Batch* batch) {
  if (batch->some) batch->written = files_->Flush();
}

void LogWriter::Finish(Batch* batch) {
  if (!batch->some) return;
  absl::Status& written = batch->written;
  if (written.ok()) written = batch->forced ? files_->Sync() : files_->Flush();
  // The mark stands before the callbacks: what was told to be durable is
  // protected against being taken for a torn tail. Its failure is for the
  // next append to report; these records are durable.
  const absl::Status marked =
      written.ok() && batch->forced ? files_->Mark() : written;
  if (!marked.ok() && stopped_.ok()) stopped_ = marked;
  if (written.ok()) return;
  for (absl::StatusOr<LogIndex>& result : batch->results) {
    if (result.ok()) result = written;
  }
}

void LogWriter::Trim(Epoch epoch, LogIndex first_needed) {
  if (first_needed == 0 || epoch != epoch_ || !stopped_.ok()) return;
  stopped_ = files_->Trim(first_needed);
}

FileLogStats LogWriter::stats() const {
  FileLogStats stats = counts_;
  stats.syncs = files_->syncs();
  stats.segments = files_->segments();
  return stats;
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
