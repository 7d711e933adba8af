// SPDX-License-Identifier: Apache-2.0

#include "src/cli/ring_report.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "absl/numeric/int128.h"
#include "absl/types/span.h"
#include "trivet/ring/hash_ring.h"
#include "trivet/ring/placement.h"
#include "trivet/ring/ring_diff.h"

namespace trivet {
inline namespace v0_1 {
namespace cli {
namespace {

// In tokens; they sum without rounding.
absl::uint128 LengthOf(const TokenRange& range) {
  const Token length = range.through - range.after;  // Wraps.
  return length == 0 ? absl::MakeUint128(1, 0) : absl::uint128(length);
}

double ShareOf(absl::uint128 length) {
  return static_cast<double>(length) * 0x1p-64;
}

}  // namespace

RingView::RingView(const HashRing& of) : ring(of), shares(of.Shares()) {
  const absl::Span<const RingNode> nodes = ring.nodes();
  double weights = 0;
  for (const RingNode& node : nodes) weights += node.weight;
  for (size_t i = 0; i < nodes.size(); ++i)
    of_fair.push_back(shares[i] * weights / nodes[i].weight);
  const auto [min, max] = std::minmax_element(of_fair.begin(), of_fair.end());
  min_over_mean = *min;
  max_over_mean = *max;
}

Moves::Moves(const HashRing& before, const HashRing& after, size_t on_nodes)
    : replicas(on_nodes), transfers(Diff(before, after, on_nodes)) {
  struct Sum {
    absl::uint128 length = 0;
    size_t arcs = 0;
  };
  std::map<std::pair<std::string_view, std::string_view>, Sum> sums;
  absl::uint128 length = 0;
  for (const RangeTransfer& transfer : transfers) {
    Sum& sum = sums[{transfer.from, transfer.to}];
    sum.length += LengthOf(transfer.range);
    sum.arcs += 1;
    length += LengthOf(transfer.range);
  }
  share = ShareOf(length);
  for (const auto& [ends, sum] : sums) {
    pairs.push_back({std::string(ends.first), std::string(ends.second),
                     ShareOf(sum.length), sum.arcs});
  }
}

}  // namespace cli
}  // namespace v0_1
}  // namespace trivet
