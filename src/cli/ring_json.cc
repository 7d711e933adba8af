// SPDX-License-Identifier: Apache-2.0
//
// The report as one JSON document, in which every node, pair and arc is a line:
// a million arcs are never in memory as JSON. README.md names the fields.

#include <cstddef>
#include <ostream>
#include <string>

#include "src/cli/json_text.h"
#include "src/cli/ring_options.h"
#include "src/cli/ring_report.h"
#include "trivet/ring/hash_ring.h"
#include "trivet/ring/placement.h"
#include "trivet/ring/ring_diff.h"

namespace trivet {
inline namespace v0_1 {
namespace cli {
namespace {

// Prints `"name": [...]` with element(i) a line, for all i below `count`.
template <typename Element>
void PrintList(const char* name, size_t count, Element element,
               std::ostream& out) {
  out << '"' << name << "\":[";
  for (size_t i = 0; i < count; ++i)
    out << (i == 0 ? "\n" : ",\n") << element(i).dump();
  out << "\n]";
}

// Prints `"name": {...` with these fields, open for more.
void PrintOpen(const char* name, const Json& fields, std::ostream& out) {
  std::string text = fields.dump();
  text.back() = ',';
  out << '"' << name << "\":" << text << "\n";
}

void PrintRing(const char* name, const RingView& view,
               const HashRingOptions& options, std::ostream& out) {
  Json fields;
  fields["placement"] = NameOf(options.placement);
  for (const NumberOption& option : kNumberOptions)
    fields[option.name] = options.*option.member;
  fields["points"] = view.ring.vnode_count();
  fields["fingerprint"] = JsonHex(view.ring.Fingerprint());
  fields["max_over_mean"] = view.max_over_mean;
  fields["min_over_mean"] = view.min_over_mean;
  PrintOpen(name, fields, out);
  const auto node_at = [&](size_t i) {
    const RingNode& node = view.ring.nodes()[i];
    return Json{{"id", JsonText(node.id)},
                {"weight", node.weight},
                {"zone", JsonText(node.zone)},
                {"share", view.shares[i]},
                {"of_fair", view.of_fair[i]}};
  };
  PrintList("nodes", view.ring.nodes().size(), node_at, out);
  out << "}";
}

void PrintMoves(const Moves& moves, bool lists_arcs, std::ostream& out) {
  PrintOpen("moves",
            {{"replicas", moves.replicas},
             {"share", moves.share},
             {"arcs", moves.transfers.size()}},
            out);
  const auto pair_at = [&](size_t i) {
    const Move& move = moves.pairs[i];
    return Json{{"from", JsonText(move.from)},
                {"to", JsonText(move.to)},
                {"share", move.share},
                {"arcs", move.arcs}};
  };
  PrintList("pairs", moves.pairs.size(), pair_at, out);
  if (lists_arcs) {
    const auto transfer_at = [&](size_t i) {
      const RangeTransfer& transfer = moves.transfers[i];
      return Json{{"after", JsonHex(transfer.range.after)},
                  {"through", JsonHex(transfer.range.through)},
                  {"from", JsonText(transfer.from)},
                  {"to", JsonText(transfer.to)}};
    };
    out << ",\n";
    PrintList("transfers", moves.transfers.size(), transfer_at, out);
  }
  out << "}";
}

}  // namespace

void PrintJson(const RingReport& report, std::ostream& out) {
  out << "{";
  PrintRing("ring", report.before, report.options, out);
  if (report.change.has_value()) {
    out << ",\n";
    PrintRing("after", report.change->after, report.options, out);
    out << ",\n";
    PrintMoves(report.change->moves, report.lists_arcs, out);
  }
  out << "}\n";
}

}  // namespace cli
}  // namespace v0_1
}  // namespace trivet
