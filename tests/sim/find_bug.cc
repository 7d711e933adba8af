// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/find_bug.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "src/internal/mutant.h"
#include "tests/sim/bugs.h"
#include "tests/sim/sweep.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

std::string_view active_mutant;

}  // namespace internal
}  // namespace v0_1

namespace sim {
namespace {

const Bug* Find(const std::string& name) {
  for (const Bug& bug : Bugs()) {
    if (bug.name == name) return &bug;
  }
  return nullptr;
}

// What `run` writes to stderr until it ends or dies, in a process of its own:
// an invariant that stops the bug ends the process.
std::string OutputOfChild(const Sweep& sweep) {
  int ends[2];
  if (pipe(ends) != 0) return "";
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    close(ends[1]);
    SweepTotals totals;
    const std::optional<Failure> failure = Run(sweep, &totals);
    if (failure.has_value()) {
      std::fprintf(stderr, "%s\nfailed in --suite=%s --seed=%llu\n",
                   failure->history.violations.list().front().c_str(),
                   sweep.suite.c_str(),
                   static_cast<unsigned long long>(failure->seed));
    }
    _exit(EXIT_SUCCESS);
  }
  close(ends[1]);
  std::string output;
  char buffer[4096];
  ssize_t got = 0;
  while ((got = read(ends[0], buffer, sizeof(buffer))) > 0) {
    output.append(buffer, static_cast<size_t>(got));
  }
  close(ends[0]);
  waitpid(child, nullptr, 0);
  return output;
}

}  // namespace

int FindBug(const std::string& name, Sweep sweep) {
  const Bug* const bug = Find(name);
  if (bug == nullptr) {
    std::fprintf(stderr, "there is no bug %s\n", name.c_str());
    return 2;
  }
  internal::active_mutant = bug->name;
  sweep.suite = std::string(bug->suite);
  sweep.histories = std::max(sweep.histories, bug->histories_max);
  const std::string output = OutputOfChild(sweep);
  // Its last line names the seed, whether it died or failed.
  const size_t seed_at = output.rfind("--seed=");
  if (seed_at == std::string::npos) {
    std::printf("NOT FOUND: %s, in %llu histories\n%s\n", name.c_str(),
                static_cast<unsigned long long>(sweep.histories),
                output.c_str());
    return EXIT_FAILURE;
  }
  const unsigned long long seed =
      std::strtoull(output.c_str() + seed_at + 7, nullptr, 10);
  // A history that fails without the bug as well has not found it.
  internal::active_mutant = {};
  const std::string without = OutputOfChild({sweep.suite, seed, 1});
  if (!without.empty()) {
    std::printf("NOT FOUND: %s; without it seed %llu fails too\n%s\n",
                name.c_str(), seed, without.c_str());
    return EXIT_FAILURE;
  }
  std::printf("found %s after %llu histories (seed %llu)\n%s", name.c_str(),
              seed - sweep.seed + 1, seed, output.c_str());
  return EXIT_SUCCESS;
}

}  // namespace sim
}  // namespace trivet
