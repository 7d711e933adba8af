// SPDX-License-Identifier: Apache-2.0
//
// FencingToken: the number that makes a lease safe.
//
//   holder A   token 33 ----- paused, its lease runs out ------> write(33)
//   holder B                    token 34 --> write(34)              |
//   resource                                     gate: 34 is the    v
//                                                highest, 33 is REFUSED
//
// A lease holder can be paused past its expiry and not know it. So every grant
// carries a token larger than all earlier tokens for that lock, the holder
// sends it along with each write, and the resource refuses a token smaller than
// the largest it has seen. FencingGate is that refusal: the half that everybody
// forgets.
//
//   absl::Status admitted = gate.Admit(token);  // at the resource
//   if (!admitted.ok()) return admitted;
//   Write(...);

#ifndef TRIVET_LOCK_FENCING_TOKEN_H_
#define TRIVET_LOCK_FENCING_TOKEN_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "trivet/config.h"

namespace trivet {
inline namespace v0_1 {

// How far a backend's tokens can be trusted to rise. A larger enumerator
// promises more.
enum class FenceStrength {
  kNone,                     // No order at all: a quorum of independent stores.
  kMonotonicUnlessDataLost,  // Falls back if the store forgets: Redis
                             // fail-over.
  kMonotonic,                // Never falls back: etcd, ZooKeeper, durable SQL.
};

// "none", "monotonic unless data is lost", "monotonic".
TRIVET_EXPORT std::string_view ToString(FenceStrength strength);

// Partially ordered: tokens of different `generation` (the store was rebuilt)
// cannot be compared, and a gate refuses what it cannot compare. Hence no
// operator<: ask CheckFence.
struct FencingToken {
  uint64_t generation = 0;
  uint64_t value = 0;  // 0 is smaller than every granted token.

  friend constexpr bool operator==(FencingToken a, FencingToken b) {
    return a.generation == b.generation && a.value == b.value;
  }
  friend constexpr bool operator!=(FencingToken a, FencingToken b) {
    return !(a == b);
  }
  template <typename H>
  friend H AbslHashValue(H h, FencingToken token) {
    return H::combine(std::move(h), token.generation, token.value);
  }
};

// "generation.value", and back. Only what ToString writes is read: anything
// else is kInvalidArgument.
TRIVET_EXPORT std::string ToString(FencingToken token);
TRIVET_EXPORT absl::StatusOr<FencingToken> ParseFencingToken(
    std::string_view text);

// The decision alone, for a resource that keeps `highest` in a row of its own.
// OK: admit and store `token`. kFailedPrecondition: a later holder has already
// written. kAborted: another generation; a person must decide which store is
// the real one. kInvalidArgument: value 0, which nobody was granted.
TRIVET_EXPORT absl::Status CheckFence(std::optional<FencingToken> highest,
                                      FencingToken token);

// The resource's side of fencing, one gate per lock. A resource that outlives
// the process must keep highest() with the data it protects, and update both
// together.
//
// Thread safety: thread-compatible.
class TRIVET_EXPORT FencingGate {
 public:
  FencingGate() = default;
  explicit FencingGate(FencingToken highest) : highest_(highest) {}

  // CheckFence, and remembers what it admitted.
  absl::Status Admit(FencingToken token);

  // Starts a new generation at `token`: a person has decided.
  void Adopt(FencingToken token);

  std::optional<FencingToken> highest() const { return highest_; }

 private:
  std::optional<FencingToken> highest_;
};

}  // namespace v0_1
}  // namespace trivet

template <>
struct std::hash<trivet::FencingToken> {
  size_t operator()(trivet::FencingToken token) const noexcept {
    return std::hash<uint64_t>()(token.value * 0x9E3779B97F4A7C15 ^
                                 token.generation);
  }
};

#endif  // TRIVET_LOCK_FENCING_TOKEN_H_
