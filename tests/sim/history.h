// SPDX-License-Identifier: Apache-2.0
//
// A history: one run of real drivers in a simulated world, from one seed, with
// every checker watching.

#ifndef TRIVET_TESTS_SIM_HISTORY_H_
#define TRIVET_TESTS_SIM_HISTORY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "trivet/testing/simulation.h"
#include "trivet/testing/violations.h"

namespace trivet {
namespace sim {

struct HistoryOptions {
  uint64_t seed = 0;
  bool trace = false;           // Fill in History::trace.
  std::vector<uint64_t> muted;  // Faults to leave out, by id.
};

struct History {
  testing::Violations violations;
  std::string configuration;
  std::vector<testing::Simulation::Fault> faults;
  std::string trace;
  uint64_t hash = 0;
  uint64_t events = 0;
  // What there was to check: transactions begun and committed, or leases
  // granted and writes admitted.
  uint64_t begun = 0;
  uint64_t ended_well = 0;
};

// N coordinators and participants, one coordinator perhaps a fail-over pair
// over a shared log. The last part is free of faults; then the power goes
// everywhere, and everything is read from disk again.
History RunTxnHistory(const HistoryOptions& options);

// The same with so many transactions that logs are compacted.
History RunLongTxnHistory(const HistoryOptions& options);

// With some of the logs on real files, on simulated disks.
History RunTxnOnFilesHistory(const HistoryOptions& options);

// Clients that take, use, lose and release leases, over a lock service with a
// clock of its own or over registers with compare-and-set.
History RunLockHistory(const HistoryOptions& options);

}  // namespace sim
}  // namespace trivet

#endif  // TRIVET_TESTS_SIM_HISTORY_H_
