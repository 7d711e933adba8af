// SPDX-License-Identifier: Apache-2.0

#include "src/testing/dice.h"

#include <string_view>

namespace trivet {
inline namespace v0_1 {
namespace internal {

std::string_view ToString(Chance chance) {
  switch (chance) {
    case Chance::kEnvelopeLoss:
      return "envelope loss";
    case Chance::kEnvelopeDuplication:
      return "envelope duplication";
    case Chance::kEnvelopeCorruption:
      return "envelope corruption";
    case Chance::kDelayTail:
      return "long delay";
    case Chance::kRequestLoss:
      return "request loss";
    case Chance::kReplyLoss:
      return "reply loss";
    case Chance::kPartition:
      return "partition";
    case Chance::kCrash:
      return "crash";
    case Chance::kPowerLoss:
      return "power loss";
    case Chance::kPause:
      return "pause";
    case Chance::kSyncError:
      return "sync error";
    case Chance::kClaimError:
      return "claim error";
    case Chance::kTrimIgnored:
      return "trim ignored";
    case Chance::kEnvelopeReordering:
      return "envelope reordering";
    case Chance::kPartitionOneWay:
      return "one-way partition";
    case Chance::kPartitionFlapping:
      return "flapping partition";
    case Chance::kCrashInAppend:
      return "crash in append";
    case Chance::kCrashInRecovery:
      return "crash in recovery";
    case Chance::kHostLoss:
      return "host loss";
    case Chance::kSuspend:
      return "suspend";
    case Chance::kSlowHost:
      return "slow host";
    case Chance::kSlowSync:
      return "slow sync";
    case Chance::kDiskFull:
      return "disk full";
    case Chance::kReadError:
      return "read error";
    case Chance::kStaleRead:
      return "stale read";
    case Chance::kEnvelopeDelay:
    case Chance::kRequestDelay:
    case Chance::kReplyDelay:
    case Chance::kRestart:
    case Chance::kClockRate:
    case Chance::kClockOrigin:
    case Chance::kTimerLate:
    case Chance::kSync:
    case Chance::kTornTail:
    case Chance::kInlineDone:
    case Chance::kRoute:
    case Chance::kEntropy:
    case Chance::kTest:
    case Chance::kSlowEvent:
      break;
  }
  return "choice";
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
