// SPDX-License-Identifier: Apache-2.0
//
// The scenarios of trivet_sim: real drivers in a simulated world, from one
// seed, with every checker watching.

#ifndef TRIVET_TESTS_SIM_HISTORY_H_
#define TRIVET_TESTS_SIM_HISTORY_H_

#include "trivet/testing/history.h"

namespace trivet {
namespace sim {

using testing::History;
using testing::HistoryOptions;

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

// Hosts that tell each other of changes of a ring's members.
History RunRingHistory(const HistoryOptions& options);

}  // namespace sim
}  // namespace trivet

#endif  // TRIVET_TESTS_SIM_HISTORY_H_
