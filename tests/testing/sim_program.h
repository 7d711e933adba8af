// SPDX-License-Identifier: Apache-2.0
//
// A simulation program as its user sees it, within a test: scenarios of every
// kind, and what the program prints when it is asked for them.

#ifndef TRIVET_TESTS_TESTING_SIM_PROGRAM_H_
#define TRIVET_TESTS_TESTING_SIM_PROGRAM_H_

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "trivet/host/transport.h"
#include "trivet/testing/fault_options.h"
#include "trivet/testing/history.h"
#include "trivet/testing/sim_host.h"
#include "trivet/testing/sim_main.h"
#include "trivet/testing/simulation.h"
#include "trivet/testing/violations.h"

namespace trivet {

using testing::FaultOptions;
using testing::History;
using testing::HistoryOptions;
using testing::PlantedBugs;
using testing::Scenario;
using testing::SimMain;
using testing::Simulation;
using testing::Violations;

inline std::string_view active_bug;

inline FaultOptions CountingFaults() {
  FaultOptions faults;
  faults.envelope_duplication = 0.01;
  faults.envelope_loss = 0.2;
  faults.timer_late_max = absl::Milliseconds(1);
  return faults;
}

// What it does about a number that was counted twice.
enum class Counter { kIsRight, kIsWrong, kDies };

// Sends twenty numbers. Whoever counts a number twice counts wrong.
inline History Count(const HistoryOptions& options, Counter counter,
                     const FaultOptions& faults = CountingFaults()) {
  uint64_t count = 0;
  std::set<std::string> seen;
  Simulation sim(options, faults);
  sim.AddHost("from");
  sim.AddHost("to").OnReceive("to", [&](const Envelope& envelope) {
    if (seen.insert(envelope.payload).second) {
      ++count;
    } else if (counter == Counter::kIsWrong) {
      ++count;
    } else if (counter == Counter::kDies) {
      std::fputs("counted twice\n", stderr);
      std::abort();
    }
  });
  for (int i = 0; i < 20; ++i) {
    sim.FindHost("from")->transport()->Send({"from", "to", std::to_string(i)});
  }
  sim.RunFor(absl::Seconds(1));
  Violations violations;
  if (count > seen.size()) violations.Add("Once", "a number counted twice");
  History history = sim.Report(violations, "twenty numbers");
  history.counters["numbers"] = seen.size();
  return history;
}

inline History Good(const HistoryOptions& options) {
  return Count(options, Counter::kIsRight);
}
inline History Bad(const HistoryOptions& options) {
  return Count(options, Counter::kIsWrong);
}
// Dies of a fault that strikes.
inline History Frail(const HistoryOptions& options) {
  return Count(options, Counter::kDies);
}
inline History Planted(const HistoryOptions& options) {
  if (active_bug == "dies" && options.seed == 7) std::abort();
  return active_bug == "counts_twice" ? Bad(options) : Good(options);
}
inline History DiesAtSeven(const HistoryOptions& options) {
  if (options.seed == 7) std::abort();
  return Good(options);
}
// As if all were well.
inline History LeavesAtSeven(const HistoryOptions& options) {
  if (options.seed == 7) std::exit(EXIT_SUCCESS);
  return Good(options);
}
inline History HangsAtSeven(const HistoryOptions& options) {
  History history = Good(options);
  const volatile bool forever = options.seed == 7;
  while (forever) {
  }
  return history;
}
// More than the seed decides.
inline History RemembersTheLast(const HistoryOptions& options) {
  static uint64_t last = 0;
  Violations violations;
  if (options.seed == 7 && last == 6) violations.Add("Alone", "it is not");
  last = options.seed;
  Simulation sim(options, {});
  return sim.Report(violations, "a memory");
}
// Says a zero byte.
inline History Zero(const HistoryOptions& options) {
  Violations violations;
  violations.Add("Bytes", std::string_view("a\0b", 3));
  return Simulation(options, {}).Report(violations);
}
// Prints, and what it prints does not end its line.
inline History Mutters(const HistoryOptions& options) {
  std::fputs("half a line, ", stderr);
  if (options.seed == 7) std::abort();
  return Bad(options);
}
// Fails, and cannot live without late timers: there shrinking must not go.
inline History NeedsLateTimers(const HistoryOptions& options) {
  const std::vector<std::string>& off = options.faults.off;
  if (std::count(off.begin(), off.end(), "timer_late_max") > 0) std::abort();
  return Bad(options);
}
// Whoever shrinks it does not live to tell.
inline History KillsWhoShrinks(const HistoryOptions& options) {
  if (!options.faults.empty()) kill(getppid(), SIGKILL);
  return Bad(options);
}
// Slower than the network is by default.
inline History FarAway(const HistoryOptions& options) {
  FaultOptions faults = CountingFaults();
  faults.delay_min = absl::Milliseconds(10);
  faults.delay_max = absl::Milliseconds(20);
  return Count(options, Counter::kIsWrong, faults);
}
inline History AsksForTooMuch(const HistoryOptions& options) {
  FaultOptions faults;
  faults.reply_loss = 1.5;
  return Count(options, Counter::kIsRight, faults);
}

struct Ran {
  int result = 0;
  std::string out;
  std::string err;
};

inline std::vector<Scenario> Scenarios() {
  return {{"good", Good},
          {"bad", Bad},
          {"frail", Frail},
          {"dies", DiesAtSeven},
          {"leaves", LeavesAtSeven},
          {"hangs", HangsAtSeven},
          {"remembers", RemembersTheLast},
          {"zero", Zero},
          {"mutters", Mutters},
          {"needs_late_timers", NeedsLateTimers},
          {"kills_who_shrinks", KillsWhoShrinks},
          {"far_away", FarAway},
          {"too_much", AsksForTooMuch},
          {"planted", Planted}};
}

inline int RunSim(std::vector<std::string> arguments) {
  PlantedBugs bugs;
  bugs.bugs = {{"counts_twice", "planted", 500},
               {"dies", "planted", 500},
               {"harmless", "planted", 20},
               {"always_there", "bad", 500}};
  bugs.activate = [](std::string_view name) {
    static std::string active;
    active = std::string(name);
    active_bug = active;
  };
  arguments.insert(arguments.begin(), "sim");
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const int result = SimMain(static_cast<int>(arguments.size()), argv.data(),
                             Scenarios(), bugs);
  active_bug = {};
  return result;
}

// With what it prints.
inline Ran Sim(std::vector<std::string> arguments) {
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  const int result = RunSim(std::move(arguments));
  std::string out = ::testing::internal::GetCapturedStdout();
  return {result, std::move(out), ::testing::internal::GetCapturedStderr()};
}

// Of this test alone: tests run side by side.
inline std::string PathOf(std::string_view name) {
  return ::testing::TempDir() +
         ::testing::UnitTest::GetInstance()->current_test_info()->name() + "." +
         std::string(name);
}

inline std::string Write(const std::string& text) {
  std::string path = PathOf("sim");
  std::ofstream(path) << text;
  return path;
}

inline std::string Read(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file),
          std::istreambuf_iterator<char>()};
}

// The number behind "seed ".
inline std::string SeedIn(const std::string& text) {
  const size_t at = text.find("seed ") + 5;
  return text.substr(at, text.find_first_not_of("0123456789", at) - at);
}

}  // namespace trivet

#endif  // TRIVET_TESTS_TESTING_SIM_PROGRAM_H_
