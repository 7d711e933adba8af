// SPDX-License-Identifier: Apache-2.0

#include "trivet/testing/fault_options.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "src/testing/dice.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {
namespace {

// Every field, by the name it is printed under.
struct Probability {
  const char* name;
  double FaultOptions::*field;
  double mild;  // Swarm's choices.
  double rough;
};
constexpr std::array<Probability, 33> kProbabilities = {{
    {"envelope_loss", &FaultOptions::envelope_loss, 0.01, 0.1},
    {"envelope_duplication", &FaultOptions::envelope_duplication, 0.02, 0.2},
    {"envelope_corruption", &FaultOptions::envelope_corruption, 0.005, 0.05},
    {"delay_tail", &FaultOptions::delay_tail, 0.005, 0.05},
    {"request_loss", &FaultOptions::request_loss, 0.005, 0.05},
    {"reply_loss", &FaultOptions::reply_loss, 0.005, 0.05},
    {"partition", &FaultOptions::partition, 0.03, 0.15},
    {"crash", &FaultOptions::crash, 0.001, 0.006},
    {"power_loss", &FaultOptions::power_loss, 0.3, 0.7},
    {"pause", &FaultOptions::pause, 0.03, 0.15},
    {"clock_rate_spread", &FaultOptions::clock_rate_spread, 0.0005, 0.004},
    {"sync_error", &FaultOptions::sync_error, 0.005, 0.03},
    {"claim_error", &FaultOptions::claim_error, 0.05, 0.3},
    {"trim_ignored", &FaultOptions::trim_ignored, 0.2, 0.8},
    {"envelope_reordering", &FaultOptions::envelope_reordering, 0.02, 0.2},
    {"partition_one_way", &FaultOptions::partition_one_way, 0.03, 0.1},
    {"partition_flapping", &FaultOptions::partition_flapping, 0.03, 0.1},
    {"crash_in_append", &FaultOptions::crash_in_append, 0.005, 0.02},
    {"crash_in_recovery", &FaultOptions::crash_in_recovery, 0.01, 0.04},
    {"host_loss", &FaultOptions::host_loss, 0.01, 0.04},
    {"suspend", &FaultOptions::suspend, 0.02, 0.1},
    {"slow_host", &FaultOptions::slow_host, 0.03, 0.1},
    {"slow_sync", &FaultOptions::slow_sync, 0.005, 0.05},
    {"disk_full", &FaultOptions::disk_full, 0.005, 0.03},
    {"read_error", &FaultOptions::read_error, 0.05, 0.2},
    {"sector_loss", &FaultOptions::sector_loss, 0.1, 0.5},
    {"torn_write", &FaultOptions::torn_write, 0.1, 0.5},
    {"name_loss", &FaultOptions::name_loss, 0.1, 0.5},
    {"bit_rot", &FaultOptions::bit_rot, 0.02, 0.1},
    {"lease_lost", &FaultOptions::lease_lost, 0.1, 0.4},
    {"session_loss", &FaultOptions::session_loss, 0.05, 0.2},
    {"ttl_restored", &FaultOptions::ttl_restored, 0.1, 0.4},
    {"stale_read", &FaultOptions::stale_read, 0.02, 0.2},
}};

struct Span {
  const char* name;
  absl::Duration FaultOptions::*field;
  bool is_class = false;  // A fault of its own, not the size of another.
};
constexpr std::array<Span, 13> kSpans = {{
    {"delay_min", &FaultOptions::delay_min},
    {"delay_max", &FaultOptions::delay_max, true},
    {"delay_tail_max", &FaultOptions::delay_tail_max},
    {"call_timeout", &FaultOptions::call_timeout},
    {"partition_max", &FaultOptions::partition_max},
    {"restart_max", &FaultOptions::restart_max},
    {"pause_max", &FaultOptions::pause_max},
    {"suspend_max", &FaultOptions::suspend_max},
    {"slow_host_max", &FaultOptions::slow_host_max},
    {"slow_event_max", &FaultOptions::slow_event_max},
    {"timer_late_max", &FaultOptions::timer_late_max, true},
    {"sync_max", &FaultOptions::sync_max, true},
    {"slow_sync_max", &FaultOptions::slow_sync_max},
}};

// What the field is while its class is off: its default, as far as the others
// allow that.
absl::Duration Idle(const Span& span, const FaultOptions& faults) {
  const absl::Duration idle = FaultOptions().*span.field;
  const bool is_delay_max = span.field == &FaultOptions::delay_max;
  return is_delay_max ? std::max(idle, faults.delay_min) : idle;
}

}  // namespace

FaultOptions FaultOptions::Swarm(uint64_t seed) {
  FaultOptions faults;
  // Half of the classes, a quarter, or an eighth: where much goes wrong, what
  // takes long to go wrong has no time to.
  constexpr std::array<uint64_t, 4> kPeriods = {4, 4, 8, 16};
  const uint64_t period =
      kPeriods[internal::Combine(seed, internal::NameHash("density")) % 4];
  for (const Probability& p : kProbabilities) {
    const uint64_t drawn =
        internal::Combine(seed, internal::NameHash(p.name)) % period;
    if (drawn == 0) faults.*p.field = p.mild;
    if (drawn == 1) faults.*p.field = p.rough;
  }
  const uint64_t drawn = internal::Combine(seed, internal::NameHash("spans"));
  if (drawn % 2 == 0) faults.delay_max = absl::Milliseconds(20);
  if (drawn / 2 % 2 == 0) faults.sync_max = absl::Milliseconds(20);
  if (drawn / 4 % 2 == 0) faults.timer_late_max = absl::Milliseconds(5);
  return faults;
}

std::vector<std::string> FaultOptions::Classes() const {
  const FaultOptions defaults;
  std::vector<std::string> classes;
  for (const Probability& p : kProbabilities) {
    if (this->*p.field != defaults.*p.field) classes.emplace_back(p.name);
  }
  for (const Span& s : kSpans) {
    if (s.is_class && this->*s.field != Idle(s, *this)) {
      classes.emplace_back(s.name);
    }
  }
  return classes;
}

std::vector<std::string> FaultOptions::AllClasses() {
  std::vector<std::string> classes;
  classes.reserve(kProbabilities.size() + kSpans.size());
  for (const Probability& p : kProbabilities) classes.emplace_back(p.name);
  for (const Span& s : kSpans) {
    if (s.is_class) classes.emplace_back(s.name);
  }
  return classes;
}

bool FaultOptions::TurnOff(std::string_view name) {
  const FaultOptions defaults;
  for (const Probability& p : kProbabilities) {
    if (name != p.name) continue;
    this->*p.field = defaults.*p.field;
    return true;
  }
  for (const Span& s : kSpans) {
    if (!s.is_class || name != s.name) continue;
    this->*s.field = Idle(s, *this);
    return true;
  }
  return false;
}

absl::Status FaultOptions::Validate() const {
  for (const Probability& p : kProbabilities) {
    const double value = this->*p.field;
    if (!(value >= 0 && value <= 1)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "FaultOptions::", p.name, " is ", value, "; it must be in 0..1"));
    }
  }
  if (clock_rate_spread >= 0.5) {
    return absl::InvalidArgumentError(
        absl::StrCat("FaultOptions::clock_rate_spread is ", clock_rate_spread,
                     "; it must be below 0.5"));
  }
  for (const Span& s : kSpans) {
    const absl::Duration value = this->*s.field;
    if (value < absl::ZeroDuration() || value > absl::Hours(24)) {
      return absl::InvalidArgumentError(
          absl::StrCat("FaultOptions::", s.name, " is ",
                       absl::FormatDuration(value), "; it must be in 0..24h"));
    }
  }
  if (delay_min > delay_max) {
    return absl::InvalidArgumentError(absl::StrCat(
        "FaultOptions::delay_min is ", absl::FormatDuration(delay_min),
        "; it must not be above delay_max, ", absl::FormatDuration(delay_max)));
  }
  return absl::OkStatus();
}

std::string FaultOptions::ToString() const {
  const FaultOptions defaults;
  std::string text;
  const auto add = [&](const char* name, const std::string& value) {
    absl::StrAppend(&text, text.empty() ? "" : " ", name, "=", value);
  };
  for (const Probability& p : kProbabilities) {
    if (this->*p.field != defaults.*p.field) {
      add(p.name, absl::StrCat(this->*p.field));
    }
  }
  for (const Span& s : kSpans) {
    if (this->*s.field != defaults.*s.field) {
      add(s.name, absl::FormatDuration(this->*s.field));
    }
  }
  return text;
}

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet
