// SPDX-License-Identifier: Apache-2.0
//
// FaultyLogStore: a LogStore of your own, with a simulation's faults around it.
// Inside a process of a SimHost:
//
//   MyLogStore mine(...);
//   FaultyLogStore log(&host, "bank", &mine);
//   Coordinator::Open(host.executor(), host.transport(), &log, ...);
//
// Of FaultOptions it takes sync_error, claim_error, trim_ignored, sync_max and
// crash_in_append.
// An append that fails may have been written all the same; after it every
// append fails until the next claim, as LogStore says. Appends complete in
// order. Every call is a moment at which the process may crash, before and
// after it was passed on. What a crash leaves of your store is its own affair:
// see SimHost::log() for a log that forgets what was not synced.
//
// Thread safety: none, as in every Simulation.

#ifndef TRIVET_TESTING_FAULTY_LOG_STORE_H_
#define TRIVET_TESTING_FAULTY_LOG_STORE_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "trivet/config.h"
#include "trivet/host/log_store.h"
#include "trivet/testing/sim_host.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {

class TRIVET_EXPORT FaultyLogStore : public LogStore {
 public:
  // Part of the process that runs on `host` now. Does not own its arguments;
  // `log` must live as long as the process. `name` stands in the faults' ids.
  FaultyLogStore(SimHost* host, std::string name, LogStore* log);
  ~FaultyLogStore() override;

  absl::StatusOr<Epoch> Claim(Epoch wanted, Visitor visit) override;
  void Append(Epoch epoch, std::vector<std::string> records,
              Durability durability, AppendDone done) override;
  void Trim(Epoch epoch, LogIndex first_needed) override;
  size_t RecordSizeMax() const override { return log_->RecordSizeMax(); }

 private:
  class InOrder;

  SimHost* const host_;
  const std::string name_;
  LogStore* const log_;
  Epoch claimed_ = 0;    // Through this port, last.
  bool failed_ = false;  // An append did, since then.
  const std::shared_ptr<InOrder> answers_;
};

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_TESTING_FAULTY_LOG_STORE_H_
