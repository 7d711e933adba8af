// SPDX-License-Identifier: Apache-2.0
//
// TxnPlan: what a seed decides of a history of transactions before it begins.

#ifndef TRIVET_TESTS_SIM_TXN_PLAN_H_
#define TRIVET_TESTS_SIM_TXN_PLAN_H_

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "src/txn/log_lag.h"
#include "trivet/testing/fault_options.h"

namespace trivet {
namespace sim {

enum class TxnKind {
  kShort,
  kLong,     // So many transactions that logs are compacted.
  kOnFiles,  // Some logs are real file logs, on simulated disks.
};

struct TxnPlan {
  TxnPlan(uint64_t seed, TxnKind kind);
  std::string ToString() const;

  // Of the constructor, as far as the kind of history decides.
  void PutOnFiles(uint64_t seed);
  void MakeLong();

  struct Host {
    std::string name;
    std::string coordinator;  // Empty: none.
    bool shared_log = false;  // One of several that bear its name.
    std::string participant;
  };
  std::vector<Host> hosts;
  std::vector<std::string> coordinators;
  std::vector<std::string> participants;
  std::set<std::string> on_files;  // Roles whose log is on a FileDisk.
  bool faultless = false;          // Then every transaction must commit.
  uint64_t transactions = 0;       // To begin while there are faults,
  uint64_t burst = 2;              // at about this many at a time.
  // Of the records in a log, before the live ones are written again.
  internal::LogLag log_lag;
  bool has_operator = false;  // Who decides what is in doubt, now and then.
  bool drains = false;        // Coordinators do, before they are opened anew.
  uint64_t no_percent = 0;
  uint64_t read_only_percent = 0;
  testing::FaultOptions faults;
};

}  // namespace sim
}  // namespace trivet

#endif  // TRIVET_TESTS_SIM_TXN_PLAN_H_
