// SPDX-License-Identifier: Apache-2.0

#include "src/cli/ring_command.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <fstream>
#include <iostream>
#include <ostream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/types/span.h"
#include "src/cli/members_file.h"
#include "trivet/ring/hash_ring.h"
#include "trivet/ring/placement.h"
#include "trivet/ring/ring_diff.h"

namespace trivet {
inline namespace v0_1 {
namespace cli {
namespace {

absl::StatusOr<std::vector<RingNode>> LoadMembers(const std::string& file) {
  std::ifstream opened;
  if (file != "-") {
    opened.open(file);
    if (!opened) {
      return absl::NotFoundError(
          absl::StrCat(file, ": ", std::generic_category().message(errno)));
    }
  }
  absl::StatusOr<std::vector<RingNode>> members =
      ReadMembers(file == "-" ? std::cin : opened);
  if (members.ok()) return members;
  return absl::Status(
      members.status().code(),
      absl::StrCat(file, ": ", std::string(members.status().message())));
}

// The ring after the change that the options ask for.
absl::StatusOr<HashRing> Changed(const HashRing& ring,
                                 const RingCommand& command) {
  HashRing::Builder builder(ring);
  for (const std::string& text : command.added) {
    absl::StatusOr<RingNode> node = ParseMember(text);
    if (!node.ok()) return node.status();
    builder.Add(*std::move(node));
  }
  for (const std::string& text : command.reweighed) {
    absl::StatusOr<RingNode> node = ParseWeight(text);
    if (!node.ok()) return node.status();
    for (const RingNode& old : ring.nodes()) {
      if (old.id == node->id) node->zone = old.zone;
    }
    builder.Set(*std::move(node));
  }
  for (const std::string& id : command.removed) builder.Remove(id);
  return builder.Build();
}

void PrintShares(const HashRing& ring, std::ostream& out) {
  const std::vector<double> shares = ring.Shares();
  const absl::Span<const RingNode> nodes = ring.nodes();
  double weights = 0;
  size_t width = 4;
  for (const RingNode& node : nodes) {
    weights += node.weight;
    width = std::max(width, node.id.size());
  }
  double worst = 0;
  out << absl::StreamFormat("%-*s  %6s  %8s  %8s  %s\n", width, "node",
                            "weight", "share", "of fair", "zone");
  for (size_t i = 0; i < nodes.size(); ++i) {
    const double of_fair = shares[i] / (nodes[i].weight / weights);
    worst = std::max(worst, of_fair);
    out << absl::StreamFormat("%-*s  %6d  %7.3f%%  %8.3f  %s\n", width,
                              nodes[i].id, nodes[i].weight, 100 * shares[i],
                              of_fair, nodes[i].zone);
  }
  out << absl::StreamFormat(
      "%d nodes, %d points, most loaded %.3f times its fair share, "
      "fingerprint %016x\n",
      nodes.size(), ring.vnode_count(), worst, ring.Fingerprint());
}

void PrintMoves(const HashRing& before, const HashRing& after,
                std::ostream& out) {
  const std::vector<RangeTransfer> moves = Diff(before, after);
  double moved = 0;
  for (const RangeTransfer& move : moves) {
    // Wraps; equal ends mean the whole circle.
    const Token length = move.range.through - move.range.after;
    moved += length == 0 ? 1 : static_cast<double>(length) * 0x1p-64;
  }
  out << absl::StreamFormat("the change moves %.3f%% of the keys, in %d arcs\n",
                            100 * moved, moves.size());
}

}  // namespace

absl::Status RunRingCommand(const RingCommand& command, std::ostream& out) {
  absl::StatusOr<std::vector<RingNode>> members =
      LoadMembers(command.members_file);
  if (!members.ok()) return members.status();
  HashRing::Builder builder(command.options);
  for (RingNode& node : *members) builder.Add(std::move(node));
  const absl::StatusOr<HashRing> ring = builder.Build();
  if (!ring.ok()) return ring.status();
  const absl::StatusOr<HashRing> changed = Changed(*ring, command);
  if (!changed.ok()) return changed.status();

  PrintShares(*ring, out);
  if (!command.added.empty() || !command.removed.empty() ||
      !command.reweighed.empty()) {
    out << "\nafter the change:\n";
    PrintShares(*changed, out);
    PrintMoves(*ring, *changed, out);
  }
  if (!command.keys.empty()) out << "\n";
  for (const std::string& key : command.keys) {
    out << absl::StreamFormat("%s -> %s\n", key, changed->Lookup(key).id);
  }
  return absl::OkStatus();
}

}  // namespace cli
}  // namespace v0_1
}  // namespace trivet
