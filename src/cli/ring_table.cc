// SPDX-License-Identifier: Apache-2.0
//
// The report as tables for the eye.

#include <algorithm>
#include <cstddef>
#include <ostream>
#include <string>
#include <string_view>

#include "absl/strings/str_format.h"
#include "absl/types/span.h"
#include "src/cli/ring_report.h"
#include "src/cli/text.h"
#include "trivet/ring/hash_ring.h"
#include "trivet/ring/placement.h"
#include "trivet/ring/ring_diff.h"

namespace trivet {
inline namespace v0_1 {
namespace cli {
namespace {

// printf counts bytes, and a terminal does not.
std::string Padded(std::string shown, size_t width) {
  const size_t has = Width(shown);
  if (has < width) shown.append(width - has, ' ');
  return shown;
}

void PrintRing(const RingView& view, std::ostream& out) {
  const absl::Span<const RingNode> nodes = view.ring.nodes();
  size_t width = Width("node");
  for (const RingNode& node : nodes)
    width = std::max(width, Width(Shown(node.id)));
  out << Padded("node", width) << "      weight     share   of fair  zone\n";
  for (size_t i = 0; i < nodes.size(); ++i) {
    out << Padded(Shown(nodes[i].id), width)
        << absl::StreamFormat("  %10d  %7.3f%%  %8.3f", nodes[i].weight,
                              100 * view.shares[i], view.of_fair[i])
        << (nodes[i].zone.empty() ? "" : "  " + Shown(nodes[i].zone)) << "\n";
  }
  out << absl::StreamFormat(
      "%d nodes, %d points, max/mean %.3f, min/mean %.3f, fingerprint %016x\n",
      nodes.size(), view.ring.vnode_count(), view.max_over_mean,
      view.min_over_mean, view.ring.Fingerprint());
}

void PrintMoves(const Moves& moves, std::ostream& out) {
  if (moves.replicas == 1) {
    out << absl::StreamFormat(
        "the change moves %.3f%% of the keys, in %d arcs\n", 100 * moves.share,
        moves.transfers.size());
  } else {
    out << absl::StreamFormat(
        "with %d nodes to a key the change makes %.5f copies per key, in %d "
        "arcs\n",
        moves.replicas, moves.share, moves.transfers.size());
  }
  if (moves.pairs.empty()) return;
  size_t from = Width("from");
  size_t to = Width("to");
  for (const Move& move : moves.pairs) {
    from = std::max(from, Width(Shown(move.from)));
    to = std::max(to, Width(Shown(move.to)));
  }
  out << "\n"
      << Padded("from", from) << "     " << Padded("to", to)
      << "     share    arcs\n";
  for (const Move& move : moves.pairs) {
    out << Padded(Shown(move.from), from) << "  -> "
        << Padded(Shown(move.to), to)
        << absl::StreamFormat("  %7.3f%%  %6d\n", 100 * move.share, move.arcs);
  }
}

void PrintArcs(const Moves& moves, std::ostream& out) {
  if (moves.transfers.empty()) return;
  out << "\nafter             through           from -> to\n";
  for (const RangeTransfer& transfer : moves.transfers) {
    out << absl::StreamFormat("%016x  %016x  ", transfer.range.after,
                              transfer.range.through)
        << Shown(transfer.from) << " -> " << Shown(transfer.to) << "\n";
  }
}

}  // namespace

void PrintTable(const RingReport& report, std::ostream& out) {
  PrintRing(report.before, out);
  if (!report.change.has_value()) return;
  out << "\nafter the change:\n";
  PrintRing(report.change->after, out);
  out << "\n";
  PrintMoves(report.change->moves, out);
  if (report.lists_arcs) PrintArcs(report.change->moves, out);
}

}  // namespace cli
}  // namespace v0_1
}  // namespace trivet
