// SPDX-License-Identifier: Apache-2.0
//
// Dice: every random decision of a simulation, without a state.
//
// A decision is a hash of the seed, its class, what it is about (a link, a
// host, a log) and its ordinal there. Nothing is drawn from a stream that is
// shared: a decision taken or left out moves no other one.

#ifndef TRIVET_SRC_TESTING_DICE_H_
#define TRIVET_SRC_TESTING_DICE_H_

#include <cstdint>
#include <string_view>

#include "src/internal/backoff.h"
#include "trivet/config.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

// What is decided. The order is part of every seed's history: append only.
enum class Chance : uint32_t {
  kEnvelopeLoss,
  kEnvelopeDuplication,
  kEnvelopeCorruption,
  kEnvelopeDelay,
  kDelayTail,
  kRequestLoss,
  kReplyLoss,
  kRequestDelay,
  kReplyDelay,
  kPartition,
  kCrash,
  kPowerLoss,
  kRestart,
  kPause,
  kClockRate,
  kClockOrigin,
  kTimerLate,
  kSync,
  kSyncError,
  kClaimError,
  kTrimIgnored,
  kTornTail,
  kInlineDone,
  kRoute,
  kEntropy,
  kTest,
  kEnvelopeReordering,
  kPartitionOneWay,
  kPartitionFlapping,
  kCrashInAppend,
  kCrashInRecovery,
  kHostLoss,
  kSuspend,
  kSlowHost,
  kSlowEvent,
  kSlowSync,
  kDiskFull,
  kReadError,
  kStaleRead,
};

std::string_view ToString(Chance chance);

// The name of a host, link or log as a number: FNV-1a, so that it is the same
// everywhere and does not depend on what else there is.
inline uint64_t NameHash(std::string_view name) {
  uint64_t hash = 0xCBF29CE484222325;
  for (const char c : name) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  }
  return hash;
}

inline uint64_t Combine(uint64_t a, uint64_t b) {
  return SplitMix64::Mix(a + 0x9E3779B97F4A7C15 * (b + 1));
}

class Dice {
 public:
  explicit Dice(uint64_t seed) : seed_(seed) {}

  uint64_t seed() const { return seed_; }

  uint64_t Draw(Chance chance, uint64_t about, uint64_t ordinal) const {
    const uint64_t key = Combine(seed_, static_cast<uint64_t>(chance));
    return Combine(Combine(key, about), ordinal);
  }

  // Evenly in 0..limit.
  int64_t UpTo(int64_t limit, Chance chance, uint64_t about,
               uint64_t ordinal) const {
    if (limit <= 0) return 0;
    const uint64_t drawn = Draw(chance, about, ordinal);
    return static_cast<int64_t>(drawn % (static_cast<uint64_t>(limit) + 1));
  }

  static bool Hits(uint64_t drawn, double probability) {
    return static_cast<double>(drawn >> 11) * 0x1.0p-53 < probability;
  }

 private:
  uint64_t seed_;
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_TESTING_DICE_H_
