// SPDX-License-Identifier: Apache-2.0
//
// LogStore: the host's durable, append-only log. What a transaction coordinator
// or participant must still know after a crash, and the place where a deposed
// coordinator is stopped.
//
// Contract:
//
//   Prefix      After a crash the log is a prefix of what was appended, and
//               holds at least every record up to the last kForced append that
//               reported success.
//   Whole       A record is replayed whole or not at all. Checksums and torn
//               tails are the store's concern, not trivet's.
//   Visited     Every record that Claim visits is durable before Claim returns,
//               and later Claims visit it again until it is trimmed. What was
//               merely read back after a crash is not durable: write it anew.
//   Contiguous  What is retained is contiguous up to its end: never a record
//               without its successors.
//   Fenced      Once Claim(e) has succeeded, no append under a smaller epoch
//               succeeds, wherever it comes from, for ever.
//   Unknown     Any append error but kAborted leaves it unknown whether the
//               records are in the log. After one, every later append by this
//               object fails, until the log is claimed again: a failed sync
//               cannot be retried.
//
// A local file keeps this with a file lock and an epoch record; a store with
// compare-and-set (etcd, SQL) with one conditional write per append.
//
// Thread safety: implementations must allow Append and Trim from any thread.

#ifndef TRIVET_HOST_LOG_STORE_H_
#define TRIVET_HOST_LOG_STORE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "trivet/config.h"

namespace trivet {
inline namespace v0_1 {

// The place of a record in one log. The first record ever appended is 1.
using LogIndex = uint64_t;

// Which incarnation of the log's owner is writing. Never reused.
using Epoch = uint64_t;

// How hard an append must try before it reports success.
enum class Durability {
  kForced,  // The records survive power loss once `done` is called.
  kLazy,    // The records may be lost in a crash, in reverse append order.
};

class TRIVET_EXPORT LogStore {
 public:
  using AppendDone = absl::AnyInvocable<void(absl::StatusOr<LogIndex> last) &&>;
  using Visitor =
      absl::FunctionRef<absl::Status(LogIndex index, std::string_view record)>;

  virtual ~LogStore() = default;

  // Makes the caller the log's one writer, then visits every retained record in
  // index order; stops at the first error and returns it. `wanted` is the epoch
  // to claim: a lease's fencing token where several hosts share the log, or 0
  // for "one more than the last". Returns the epoch claimed, which stays
  // claimed even if `visit` fails. May block. kAborted: an epoch at or above
  // `wanted` was claimed before. kDataLoss: the log is damaged somewhere a
  // crash cannot explain.
  virtual absl::StatusOr<Epoch> Claim(Epoch wanted, Visitor visit) = 0;

  // Appends `records` in order, then calls `done` exactly once, on any thread,
  // possibly inside this call, never with a lock of its own held. Appends
  // complete in the order they were issued. kAborted: fenced; the first and
  // only attempt was refused, and nothing will ever be written. An
  // implementation never retries an append. An append may hold any number of
  // records: a role writes all that is live again in one.
  virtual void Append(Epoch epoch, std::vector<std::string> records,
                      Durability durability, AppendDone done) = 0;

  // Allows the store to forget records before `first_needed`, oldest first. A
  // hint: keeping them all is always correct, keeping some with holes is not.
  // One of an epoch below the latest that was claimed is to be ignored,
  // whenever it arrives. REQUIRES: `first_needed` is at most one above the last
  // index that was reported.
  virtual void Trim(Epoch epoch, LogIndex first_needed) = 0;

  // The largest record that Append takes, in bytes. A role is not opened over a
  // log that could not take what its options allow. Whoever wraps a log passes
  // this on.
  virtual size_t RecordSizeMax() const { return SIZE_MAX; }
};

}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_HOST_LOG_STORE_H_
