// SPDX-License-Identifier: Apache-2.0
//
// What `trivet ring` has to say about a membership and a change of it, as plain
// values; ring_table.cc, ring_json.cc and ring_svg.cc say it.

#ifndef TRIVET_SRC_CLI_RING_REPORT_H_
#define TRIVET_SRC_CLI_RING_REPORT_H_

#include <cstddef>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "trivet/ring/hash_ring.h"
#include "trivet/ring/placement.h"
#include "trivet/ring/ring_diff.h"

namespace trivet {
inline namespace v0_1 {
namespace cli {

// A ring and its balance. To be fair is to own a share in proportion to one's
// weight; the mean is of the shares per unit of weight.
struct RingView {
  explicit RingView(const HashRing& of);

  HashRing ring;
  std::vector<double> shares;   // By NodeIndex.
  std::vector<double> of_fair;  // Each share by the fair one.
  double max_over_mean = 0;
  double min_over_mean = 0;
};

// What goes from one node to another.
struct Move {
  std::string from;
  std::string to;
  double share = 0;  // Of the circle.
  size_t arcs = 0;
};

struct Moves {
  Moves(const HashRing& before, const HashRing& after, size_t on_nodes);

  size_t replicas;
  double share = 0;         // Of the circle; beyond 1 if keys are copied twice.
  std::vector<Move> pairs;  // By from, then by to.
  std::vector<RangeTransfer> transfers;  // Arc by arc, as Diff has them.
};

struct Change {
  Change(const HashRing& from, const HashRing& to, size_t replicas)
      : after(to), moves(from, to, replicas) {}

  RingView after;
  Moves moves;
};

struct RingReport {
  HashRingOptions options;
  RingView before;
  std::optional<Change> change;
  bool lists_arcs = false;
};

void PrintTable(const RingReport& report, std::ostream& out);
void PrintJson(const RingReport& report, std::ostream& out);
void PrintSvg(const RingReport& report, std::ostream& out);

}  // namespace cli
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_CLI_RING_REPORT_H_
