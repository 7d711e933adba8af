// SPDX-License-Identifier: Apache-2.0
//
// FaultOptions: what may go wrong in a Simulation, every class of fault a field
// of its own, off by default.
//
//   FaultOptions faults;
//   faults.envelope_loss = 0.01;
//   faults.crash = 0.001;
//   Simulation sim(seed, faults);
//
// A plain double is a probability. Whether a fault strikes is a hash of the
// seed, its class, the link or host it would strike, and how often that was
// asked there before; nothing is drawn from a stream that others share. So one
// fault can be muted, or one host added, and the rest of the history stays.
//
// Some classes need more of a world than a Simulation has: sectors, or a lock
// service. They strike only where a scenario asks SimHost::Strikes for them, as
// those of trivet's own tests do; in any other they do nothing. They are marked
// "own worlds".
//
// Thread safety: a value.

#ifndef TRIVET_TESTING_FAULT_OPTIONS_H_
#define TRIVET_TESTING_FAULT_OPTIONS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "trivet/config.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {

struct TRIVET_EXPORT FaultOptions {
  // A random choice of few or many classes, each mild or rough.
  static FaultOptions Swarm(uint64_t seed);

  // --- The network ----------------------------------------------------------
  double envelope_loss = 0;
  double envelope_duplication = 0;
  double envelope_corruption = 0;  // One bit of the payload flips.

  // Every leg of the network takes delay_min..delay_max, so envelopes overtake
  // each other. A tail takes longer: up to delay_tail_max, half as often up to
  // each half of it.
  absl::Duration delay_min = absl::Microseconds(50);
  absl::Duration delay_max = absl::Milliseconds(2);
  double delay_tail = 0;
  absl::Duration delay_tail_max = absl::Seconds(5);
  double envelope_reordering = 0;  // Up to eight times delay_max later.

  // Of a call to another host's service, or to the world's. After call_timeout
  // the caller gives up; what it asked for may still happen.
  double request_loss = 0;
  double reply_loss = 0;  // It was done, and nobody heard of it.
  absl::Duration call_timeout = absl::Seconds(1);

  // That the link between two hosts is cut, per second: both ways, one way, or
  // both ways again and again for a few milliseconds.
  double partition = 0;
  double partition_one_way = 0;
  double partition_flapping = 0;
  absl::Duration partition_max = absl::Seconds(3);

  // --- Hosts ----------------------------------------------------------------
  // Of the process, at every event of the host and every call of a port, and
  // the part of the crashes that are a loss of power.
  double crash = 0;
  double power_loss = 0;
  absl::Duration restart_max = absl::Seconds(1);

  // The same, more often where it hurts: in the middle of an append, and at the
  // first 30 such moments after a restart.
  double crash_in_append = 0;
  double crash_in_recovery = 0;

  // Per second: the host goes for good, with its disks. One of all hosts does.
  double host_loss = 0;

  double pause = 0;  // Per second; as SIGSTOP: the clock runs on.
  absl::Duration pause_max = absl::Seconds(3);

  // Per second; as a laptop's lid: a pause in which nothing arrives, and after
  // which timers ring late by what they slept through. The clock runs on.
  double suspend = 0;
  absl::Duration suspend_max = absl::Seconds(3);

  // Per second: for up to slow_host_max every event of the host takes up to
  // slow_event_max.
  double slow_host = 0;
  absl::Duration slow_host_max = absl::Seconds(3);
  absl::Duration slow_event_max = absl::Milliseconds(10);

  double clock_rate_spread = 0;  // Hosts' clocks run at 1 +/- this.
  absl::Duration timer_late_max = absl::ZeroDuration();

  // --- Disks ----------------------------------------------------------------
  absl::Duration sync_max = absl::Milliseconds(2);
  double slow_sync = 0;  // A sync takes up to slow_sync_max.
  absl::Duration slow_sync_max = absl::Seconds(1);
  double sync_error = 0;    // Forced append: unknown what survives.
  double disk_full = 0;     // Append: kResourceExhausted, a part is written.
  double claim_error = 0;   // Claim fails; the epoch may have been claimed.
  double read_error = 0;    // Claim fails in the middle of what it visits.
  double trim_ignored = 0;  // The store keeps what it need not.

  // Own worlds (trivet's tests/sim/file_disk.h). Of disks that hold files and
  // sectors, not just records. At a loss of power, of each sector and name that
  // was not synced and would have survived; and at a restart, that one bit
  // flips in what was synced long before.
  double sector_loss = 0;
  double torn_write = 0;  // Of a sector only the first part is written.
  double name_loss = 0;
  double bit_rot = 0;  // As host_loss if it is seen: one of all hosts.

  // --- Lock services --------------------------------------------------------
  // Own worlds (trivet's tests/sim/lock_world.h). Per second: of one lock, or
  // of all that one client holds, as when the store restarts.
  double lease_lost = 0;
  double session_loss = 0;
  double ttl_restored = 0;  // The lease lasts its whole ttl from now on.

  // A read shows what was there before the latest write: of a host's
  // versioned_store(), which forbids it; exclusion and tokens must stand it all
  // the same. Own worlds (tests/sim/stale_lock_backend.h): of a LockBackend,
  // where only a free lock may be refused.
  double stale_read = 0;

  // Every fault class is a field; these are the names of those that are on, of
  // all, and a way to put one back to its default. False: there is no such
  // class.
  std::vector<std::string> Classes() const;
  static std::vector<std::string> AllClasses();
  bool TurnOff(std::string_view name);

  // kInvalidArgument unless probabilities are 0..1, clock_rate_spread < 0.5,
  // durations 0 to 24 hours, and delay_min <= delay_max.
  absl::Status Validate() const;

  // The fields that differ from the defaults, "crash=0.001 sync_max=9ms".
  std::string ToString() const;
};

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_TESTING_FAULT_OPTIONS_H_
