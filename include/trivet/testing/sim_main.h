// SPDX-License-Identifier: Apache-2.0
//
// SimMain: the whole program that looks for failing histories of your service,
// makes them small, and runs them again.
//
//   History RunMailbox(const HistoryOptions& options) {
//     Violations violations;
//     Simulation sim(options, FaultOptions::Swarm(options.seed));
//     // ... add hosts, run, check ...
//     return sim.Report(violations);
//   }
//   int main(int argc, char** argv) {
//     return SimMain(argc, argv, {{"mailbox", RunMailbox}});
//   }
//
//   sim mailbox --seeds 1-5000              runs them; the lowest that fails
//       --jobs N                            in N processes; the same result
//       --shrink                            with as few faults as still fail it
//       --trace                             and everything that happened
//       --out FILE                          kept, to be replayed
//       --limit TIME                        whoever takes longer hangs
//       --here                              one, here: for a debugger
//       --scripts FOLDER                    and what each coordinator and each
//                                           participant was told and did
//   sim --replay FILE                       those of the file again
//   sim --list                              the scenarios, one a line
//   sim --bug NAME                          a planted bug is found
//   sim --bug NAME --replay FILE            and seen again
//   sim --list-bugs
//   sim --help
//
// Histories run in child processes: one that dies, or that never ends, is a
// failure like others, reported and shrunk with its seed and its faults.
//
// A program whose every choice follows from the seed is all that is asked for:
// see simulation.h. An example is in examples/07_simulate_your_service.

#ifndef TRIVET_TESTING_SIM_MAIN_H_
#define TRIVET_TESTING_SIM_MAIN_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "trivet/config.h"
#include "trivet/testing/history.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {

// One world to be tried. `run` is called for one history after the other, in
// child processes, and keeps nothing from one to the next. Such a child is a
// copy of the program and ends like one: also what stands in static objects and
// behind std::atexit() has its end there. What histories print on stderr is
// shown when their child has ended, of very much the end.
struct TRIVET_EXPORT Scenario {
  std::string name;  // One word, without '#' and '/'.
  std::function<History(const HistoryOptions& options)> run;
};

// Mistakes planted on purpose: a checker that has caught nothing is not
// trusted. --bug switches one on, and succeeds if histories fail by it, and the
// same history passes without it.
struct TRIVET_EXPORT PlantedBugs {
  struct Bug {
    std::string name;
    std::string scenario;        // That finds it,
    uint64_t histories_max = 0;  // within so many, from seed 0 on.
  };
  std::vector<Bug> bugs;
  std::function<void(std::string_view name)> activate;  // "": none.
};

// Returns what main() is to return: 0 if all is well; 1 if something was found,
// which then stands on stdout with its seed, configuration, violations and
// faults; 2 if the command line, a file or a process cannot be used, with the
// reason on stderr; 3 if all is well, but faults that a replay file names do
// not strike any more, so that it shows nothing. Only a search for a planted
// bug, --bug without --replay, has 0 and 1 the other way round. REQUIRES: the
// process has only one thread.
TRIVET_EXPORT int SimMain(int argc, char** argv,
                          const std::vector<Scenario>& scenarios,
                          const PlantedBugs& bugs = {});

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_TESTING_SIM_MAIN_H_
