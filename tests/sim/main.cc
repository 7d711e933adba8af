// SPDX-License-Identifier: Apache-2.0
//
// trivet_sim: runs histories, and reruns those that failed.
//
//   trivet_sim --suite=txn --seed=1 --histories=5000
//   trivet_sim --suite=txn --seed=4711 --shrink --trace
//   trivet_sim --replay=tests/sim/seeds.txt
//
// trivet_sim_mutants is the same program over sources with planted bugs:
//
//   trivet_sim_mutants --bug=vote_before_force
//
// succeeds if the bug is found in time; without --bug it must find nothing.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "tests/sim/history.h"
#include "tests/sim/sweep.h"
#ifdef TRIVET_MUTANTS
#include "tests/sim/find_bug.h"
#endif

namespace trivet {
namespace sim {
namespace {

struct Flags {
  Sweep sweep;
  std::string replay;
  std::string bug;
  bool shrink = false;
  bool trace = false;
};

bool Parse(int argc, char** argv, Flags* flags) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    const size_t equals = arg.find('=');
    const std::string_view name = arg.substr(0, equals);
    const std::string value(
        equals == std::string_view::npos ? "" : arg.substr(equals + 1));
    if (name == "--suite") {
      flags->sweep.suite = value;
    } else if (name == "--seed") {
      if (!absl::SimpleAtoi(value, &flags->sweep.seed)) return false;
    } else if (name == "--histories") {
      if (!absl::SimpleAtoi(value, &flags->sweep.histories)) return false;
    } else if (name == "--replay") {
      flags->replay = value;
#ifdef TRIVET_MUTANTS
    } else if (name == "--bug") {
      flags->bug = value;
#endif
    } else if (name == "--shrink") {
      flags->shrink = true;
    } else if (name == "--trace") {
      flags->trace = true;
    } else {
      return false;
    }
  }
  return true;
}

int RunSweep(const Flags& flags) {
  SweepTotals totals;
  std::optional<Failure> failure = Run(flags.sweep, &totals);
  if (!failure.has_value()) {
    std::printf("%s: %s", flags.sweep.suite.c_str(), totals.ToString().c_str());
    return EXIT_SUCCESS;
  }
  if (flags.shrink) {
    failure = Shrink(flags.sweep.suite, *std::move(failure));
  } else if (flags.trace) {
    HistoryOptions options;
    options.seed = failure->seed;
    options.trace = true;
    failure->history = RunnerOf(flags.sweep.suite)(options);
  }
  if (flags.trace) std::fputs(failure->history.trace.c_str(), stdout);
  std::fputs(Describe(flags.sweep.suite, *failure).c_str(), stdout);
  return EXIT_FAILURE;
}

// Lines of "suite seed", with comments from a '#' on.
int Replay(const Flags& flags) {
  std::ifstream file(flags.replay);
  if (!file) {
    std::fprintf(stderr, "cannot read %s\n", flags.replay.c_str());
    return EXIT_FAILURE;
  }
  int result = EXIT_SUCCESS;
  uint64_t number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    std::istringstream words(line.substr(0, line.find('#')));
    Flags one = flags;
    std::string rest;
    if (!(words >> one.sweep.suite)) continue;
    if (!(words >> one.sweep.seed) || words >> rest) {
      std::fprintf(stderr, "%s:%llu: not 'suite seed': %s\n",
                   flags.replay.c_str(),
                   static_cast<unsigned long long>(number), line.c_str());
      return EXIT_FAILURE;
    }
    if (RunnerOf(one.sweep.suite) == nullptr) continue;  // Not in this build.
    one.sweep.histories = 1;
    if (RunSweep(one) != EXIT_SUCCESS) result = EXIT_FAILURE;
  }
  return result;
}

int Main(int argc, char** argv) {
  Flags flags;
  const bool parsed = Parse(argc, argv, &flags);
#ifdef TRIVET_MUTANTS
  if (parsed && !flags.bug.empty()) return FindBug(flags.bug, flags.sweep);
#endif
  if (parsed && !flags.replay.empty()) return Replay(flags);
  if (!parsed || RunnerOf(flags.sweep.suite) == nullptr) {
    std::fprintf(
        stderr,
        "usage: %s --suite=txn|long_txn|lock [--seed=N] [--histories=N] "
        "[--shrink] [--trace] [--bug=NAME] | --replay=FILE\n",
        argv[0]);
    return 2;
  }
  return RunSweep(flags);
}

}  // namespace
}  // namespace sim
}  // namespace trivet

int main(int argc, char** argv) { return trivet::sim::Main(argc, argv); }
