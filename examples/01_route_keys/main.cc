// SPDX-License-Identifier: Apache-2.0
//
// Routes keys to caches: who owns a key, who keeps its copies, who stands in
// for a node that is down, and what has to move when a node joins.
//
//   $ ./route_keys
//   user:42 belongs to cache-2
//   owner, and a copy in another zone:
//     user:41:  west/cache-3 east/cache-2; without cache-2: cache-3
//     user:42:  east/cache-2 west/cache-3; without cache-2: cache-1
//     user:43:  east/cache-2 west/cache-3; without cache-2: cache-1
//     user:46:  east/cache-1 west/cache-3; without cache-2: cache-1
//   cache-4 joins:
//     cache-1 -> cache-4   4.7 % of all keys
//     cache-2 -> cache-4  10.4 % of all keys
//     cache-3 -> cache-4   4.5 % of all keys
//   cache-4 leaves again:
//     cache-4 -> cache-1   4.7 % of all keys
//     cache-4 -> cache-2  10.4 % of all keys
//     cache-4 -> cache-3   4.5 % of all keys
//
// It prints the same on every machine, because placement is a wire format.

#include <array>
#include <cmath>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "trivet/ring/hash_ring.h"
#include "trivet/ring/ring_diff.h"

using trivet::HashRing;
using trivet::RangeTransfer;
using trivet::RingNode;

namespace {

void Route(const HashRing& ring, std::string_view key) {
  std::array<const RingNode*, 2> room;
  std::printf("  %s: ", std::string(key).c_str());
  for (const RingNode* node : ring.PreferZones(key, absl::MakeSpan(room)))
    std::printf(" %s/%s", node->zone.c_str(), node->id.c_str());

  const RingNode* up = ring.FirstWhere(
      key, [](const RingNode& node) { return node.id != "cache-2"; });
  std::printf("; without cache-2: %s\n", up->id.c_str());
}

// How much of the circle each node hands to each other.
void PrintMoves(const HashRing& before, const HashRing& after) {
  std::map<std::string, double> share;
  for (const RangeTransfer& move : Diff(before, after))
    share[move.from + " -> " + move.to] += std::ldexp(
        static_cast<double>(move.range.through - move.range.after), -64);
  for (const auto& [move, part] : share)
    std::printf("  %s  %4.1f %% of all keys\n", move.c_str(), 100 * part);
}

int Complain(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}

}  // namespace

int main() {
  // [readme]
  const absl::StatusOr<HashRing> ring = HashRing::Builder()
                                            .Add("cache-1", 1, "east")
                                            .Add("cache-2", 2, "east")
                                            .Add("cache-3", 1, "west")
                                            .Build();
  if (!ring.ok()) return Complain(ring.status());
  // Every process that knows these members finds the same owner.
  const RingNode& owner = ring->Lookup("user:42");
  // [/readme]
  std::printf("user:42 belongs to %s\n", owner.id.c_str());
  std::printf("owner, and a copy in another zone:\n");
  for (const char* key : {"user:41", "user:42", "user:43", "user:46"})
    Route(*ring, key);

  const absl::StatusOr<HashRing> grown =
      HashRing::Builder(*ring).Add("cache-4", 1, "west").Build();
  if (!grown.ok()) return Complain(grown.status());
  std::printf("cache-4 joins:\n");
  PrintMoves(*ring, *grown);
  std::printf("cache-4 leaves again:\n");
  PrintMoves(*grown, *ring);
  return 0;
}
