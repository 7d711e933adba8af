// SPDX-License-Identifier: Apache-2.0
//
// Sweep: many histories, one after the other, until one fails.

#ifndef TRIVET_TESTS_SIM_SWEEP_H_
#define TRIVET_TESTS_SIM_SWEEP_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/history.h"

namespace trivet {
namespace sim {

struct Sweep {
  std::string suite;  // "txn", "long_txn" or "lock".
  uint64_t seed = 0;
  uint64_t histories = 1;
};

// What a sweep went through.
struct SweepTotals {
  uint64_t histories = 0;
  uint64_t events = 0;
  std::map<std::string, uint64_t> faults;  // By kind.
  uint64_t begun = 0;
  uint64_t ended_well = 0;
  uint64_t hash = 0;

  std::string ToString() const;
};

struct Failure {
  uint64_t seed = 0;
  History history;
};

// nullptr: there is no such suite.
using HistoryRunner = History (*)(const HistoryOptions&);
HistoryRunner RunnerOf(const std::string& suite);

// Runs until the first failure. Should the process die in the middle, it says
// first in which history that was.
std::optional<Failure> Run(const Sweep& sweep, SweepTotals* totals);

// The same history with as few faults as still fail it.
Failure Shrink(const std::string& suite, Failure failure);

// Seed, configuration, violations, the faults that fired, and how to run it
// again.
std::string Describe(const std::string& suite, const Failure& failure);

}  // namespace sim
}  // namespace trivet

#endif  // TRIVET_TESTS_SIM_SWEEP_H_
