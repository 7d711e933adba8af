// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "src/testing/sweep.h"
#include "trivet/testing/fault_options.h"
#include "trivet/testing/history.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {
namespace {

using testing::FaultFilter;
using testing::History;
using testing::SimFault;

class Shrinker {
 public:
  Shrinker(const Sweep& sweep, SweepResult result)
      : sweep_(sweep), trace_(sweep.trace), property_(PropertyOf(result)) {
    sweep_.trace = false;  // Only of the last.
    best_.faults = sweep.faults;
    best_.result = std::move(result);
  }

  Shrunk Run() && {
    TurnClassesOff(/*faults_max=*/SIZE_MAX);
    LeaveFaultsOut();
    NameThoseThatAreLeft();
    TurnClassesOff(best().faults.size());  // Those that are left idle.
    if (trace_) Trace();
    return std::move(best_);
  }

 private:
  const History& best() const { return best_.result.history; }

  // Runs the history with `faults`, in a process of its own; keeps the result
  // if it fails the same way and `is_better` says so.
  template <typename IsBetter>
  bool Try(FaultFilter faults, IsBetter is_better) {
    if (best_.runs == kShrinkRunsMax) best_.complete = false;
    if (!best_.complete) return false;
    ++best_.runs;
    sweep_.faults = faults;
    absl::StatusOr<SweepResult> result = internal::Run(sweep_);
    if (!result.ok()) {
      best_.complete = false;
      return false;
    }
    if (PropertyOf(*result) != property_ || !is_better(result->history)) {
      return false;
    }
    best_.faults = std::move(faults);
    best_.result = *std::move(result);
    return true;
  }

  // Once more what is left, however many runs that took.
  void Trace() {
    ++best_.runs;
    sweep_.faults = best_.faults;
    sweep_.trace = true;
    absl::StatusOr<SweepResult> result = internal::Run(sweep_);
    if (result.ok() && PropertyOf(*result) == property_) {
      best_.result = *std::move(result);
    }
  }

  // One class at a time. What can be without one is easier to think about, even
  // if more faults of the others strike then.
  void TurnClassesOff(size_t faults_max) {
    std::vector<std::string> classes = best().classes;
    // One that ended its process has not said which it had.
    if (best_.result.died) classes = testing::FaultOptions::AllClasses();
    for (const std::string& name : classes) {
      FaultFilter fewer = best_.faults;
      fewer.off.push_back(name);
      Try(std::move(fewer), [faults_max](const History& history) {
        return history.faults.size() <= faults_max;
      });
    }
  }

  // Halves, quarters, and so on. Whoever leaves out a fault makes another
  // history from there on, so only a smaller one counts.
  void LeaveFaultsOut() {
    const auto& faults = best().faults;
    size_t part = std::max<size_t>(faults.size() / 2, 1);
    while (best_.complete && !faults.empty()) {
      bool smaller = false;
      for (size_t first = 0; best_.complete && first < faults.size();) {
        const size_t before = faults.size();
        const size_t end = std::min(first + part, before);
        FaultFilter fewer = best_.faults;
        for (size_t i = first; i < end; ++i) {
          Leave(faults[i].id, &fewer);
        }
        if (Try(std::move(fewer), [before](const History& history) {
              return history.faults.size() < before;
            })) {
          smaller = true;
        } else {
          first = end;
        }
      }
      if (part == 1 && !smaller) return;
      part = std::max<size_t>(part / 2, 1);
    }
  }

  static void Leave(const std::string& id, FaultFilter* faults) {
    if (!faults->kept.has_value()) {
      faults->muted.push_back(id);
      return;
    }
    auto& kept = *faults->kept;
    kept.erase(std::remove(kept.begin(), kept.end(), id), kept.end());
  }

  // A list of the few that strike says more than one of the many that do not,
  // and means the same: the history is the same up to each next fault.
  void NameThoseThatAreLeft() {
    FaultFilter named;
    named.off = best_.faults.off;
    named.kept.emplace();
    for (const SimFault& fault : best().faults) {
      named.kept->push_back(fault.id);
    }
    Try(std::move(named),
        [this](const History& history) { return history.hash == best().hash; });
  }

  Sweep sweep_;
  const bool trace_;
  const std::string property_;
  Shrunk best_;
};

}  // namespace

std::string PropertyOf(const SweepResult& result) {
  if (!result.seed.has_value()) return "";
  const std::string& first = result.history.violations.list().front();
  return result.died && !result.late ? first : first.substr(0, first.find(':'));
}

Shrunk Shrink(const Sweep& sweep, SweepResult result) {
  return Shrinker(sweep, std::move(result)).Run();
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
