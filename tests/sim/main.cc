// SPDX-License-Identifier: Apache-2.0
//
// trivet_sim: runs histories of trivet's own drivers, and reruns those that
// failed. trivet_sim_mutants is the same over sources with planted bugs.
//
//   trivet_sim txn --seeds 1-5000 --jobs 2
//   trivet_sim txn --seeds 4711 --shrink --trace
//   trivet_sim --replay tests/sim/seeds.txt
//   trivet_sim_mutants --bug vote_before_force

#include <vector>

#include "tests/sim/history.h"
#include "trivet/testing/sim_main.h"
#ifdef TRIVET_MUTANTS
#include "tests/sim/bugs.h"
#endif

namespace trivet {
namespace sim {
namespace {

std::vector<testing::Scenario> Scenarios() {
  return {
#ifdef TRIVET_SIM_TXN
      {"txn", RunTxnHistory},
      {"long_txn", RunLongTxnHistory},
      {"txn_on_files", RunTxnOnFilesHistory},
#endif
#ifdef TRIVET_SIM_LOCK
      {"lock", RunLockHistory},
#endif
#ifdef TRIVET_SIM_RING
      {"ring", RunRingHistory},
#endif
  };
}

}  // namespace
}  // namespace sim
}  // namespace trivet

int main(int argc, char** argv) {
#ifdef TRIVET_MUTANTS
  const trivet::testing::PlantedBugs bugs = trivet::sim::Bugs();
#else
  const trivet::testing::PlantedBugs bugs;
#endif
  return trivet::testing::SimMain(argc, argv, trivet::sim::Scenarios(), bugs);
}
