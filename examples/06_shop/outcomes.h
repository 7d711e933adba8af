// SPDX-License-Identifier: Apache-2.0
//
// What became of each order: the shop's word to its customers. An outcome is
// reported only once it is durable here.
//
// This is the resource that the coordinator's lease protects, so it stands
// behind a FencingGate: a coordinator that was deposed and does not know it has
// an older token than the last one seen, and its outcomes are refused. The
// highest token is kept with the data: every record carries the one that wrote
// it.
//
// Thread safety: thread-safe.

#ifndef SHOP_OUTCOMES_H_
#define SHOP_OUTCOMES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "trivet/host/log_store.h"
#include "trivet/lock/fencing_token.h"

namespace shop {

enum class Verdict : char {
  kSold = 'S',
  kNoMoney = 'M',
  kNoStock = 'K',
};

// What the log says, in memory. Also how the audit reads it.
struct OutcomesRead {
  absl::flat_hash_map<std::string, Verdict> verdicts;  // By order.
  trivet::FencingToken highest;
  int64_t runs = 0;     // Processes that worked on this directory.
  int64_t looks = 0;    // Of readers, at orders under way,
  int64_t halves = 0;   // and how often one saw one half of an order.
  std::string problem;  // Two different verdicts on one order; or empty.

  absl::Status Replay(std::string_view record);
};

class Outcomes {
 public:
  using Done = absl::AnyInvocable<void(absl::Status) &&>;

  // Claims and replays `log`, and notes one more run. Does not own it.
  static absl::StatusOr<std::unique_ptr<Outcomes>> Open(trivet::LogStore* log);

  // A coordinator begins, and shuts the gate behind its predecessors.
  void Lead(trivet::FencingToken token, Done done);

  // kFailedPrecondition: a later coordinator has written. Otherwise `done` is
  // called with OK when the verdict is durable; never inside the call if so.
  void Record(trivet::FencingToken token, const std::string& order,
              Verdict verdict, Done done);

  // The reader's findings since the last call; forced if there is a bad one.
  void NoteLooks(int64_t looks, int64_t halves);

  absl::flat_hash_map<std::string, Verdict> verdicts() const;
  int64_t runs() const;

 private:
  explicit Outcomes(trivet::LogStore* log) : log_(log) {}
  void Append(std::string record, trivet::Durability durability, Done done)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  trivet::LogStore* const log_;
  mutable absl::Mutex mu_;
  trivet::Epoch epoch_ ABSL_GUARDED_BY(mu_) = 0;
  trivet::FencingGate gate_ ABSL_GUARDED_BY(mu_);
  OutcomesRead read_ ABSL_GUARDED_BY(mu_);
};

}  // namespace shop

#endif  // SHOP_OUTCOMES_H_
