// SPDX-License-Identifier: Apache-2.0

#include "src/cli/ring_command.h"

#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "src/cli/input.h"
#include "src/cli/members_file.h"
#include "src/cli/ring_keys.h"
#include "src/cli/ring_options.h"
#include "src/cli/ring_report.h"
#include "src/cli/text.h"
#include "trivet/ring/hash_ring.h"
#include "trivet/ring/placement.h"

namespace trivet {
inline namespace v0_1 {
namespace cli {
namespace {

// The members, and the options of both the file and the command line.
absl::StatusOr<MembersFile> LoadMembers(const RingCommand& command) {
  const absl::StatusOr<std::string> text = ReadInput(command.members_file);
  if (!text.ok()) return text.status();
  absl::StatusOr<MembersFile> members = ParseMembers(*text);
  if (!members.ok()) return InInput(command.members_file, members.status());

  HashRingOptions& options = members->options;
  if (!command.placement.empty()) {
    const std::optional<Placement> placement = PlacementOf(command.placement);
    if (!placement.has_value())
      return absl::InvalidArgumentError(
          absl::StrCat("there is no placement ", Brief(command.placement)));
    options.placement = *placement;
  }
  for (const auto& [member, number] : command.numbers) options.*member = number;
  if (!command.secret_file.empty()) {
    absl::StatusOr<std::string> secret = ReadInput(command.secret_file);
    if (!secret.ok()) return secret.status();
    if (secret->empty())
      return InInput(command.secret_file,
                     absl::InvalidArgumentError("the secret is empty"));
    options.secret = *std::move(secret);
  }
  return members;
}

bool Changes(const RingCommand& command) {
  return !command.removed.empty() || !command.added.empty() ||
         !command.reweighed.empty();
}

// The ring after the change that the options ask for.
absl::StatusOr<HashRing> Changed(const HashRing& ring,
                                 const RingCommand& command) {
  HashRing::Builder builder(ring);
  std::map<std::string, std::string> zones;
  for (const RingNode& node : ring.nodes()) zones[node.id] = node.zone;
  for (const std::string& id : command.removed) builder.Remove(id);
  for (const std::string& text : command.added) {
    absl::StatusOr<RingNode> node = ParseMember(text);
    if (!node.ok()) return InInput("--add", node.status());
    zones[node->id] = node->zone;
    builder.Add(*std::move(node));
  }
  for (const std::string& text : command.reweighed) {
    absl::StatusOr<RingNode> node = ParseWeight(text);
    if (!node.ok()) return InInput("--reweight", node.status());
    node->zone = zones[node->id];  // If it is no member, Build will say so.
    builder.Set(*std::move(node));
  }
  absl::StatusOr<HashRing> changed = builder.Build();
  if (!changed.ok()) return InInput("the change", changed.status());
  return changed;
}

absl::Status AnswerKeys(const RingCommand& command, const HashRing& ring,
                        const std::optional<HashRing>& changed,
                        std::ostream& out) {
  const KeyFormat format = {command.replicas, command.zones,
                            command.format == RingCommand::kJson};
  KeyPrinter printer(ring, changed, format, out);
  for (const std::string& key : command.keys) printer.Print(key);
  if (!command.keys_file.empty()) {
    const absl::Status status =
        ReadLines(command.keys_file, [&](std::string_view key) {
          printer.Print(key);
          return out.good();  // For a full disk the rest is of no use.
        });
    if (!status.ok()) return status;
  }
  printer.End();
  return absl::OkStatus();
}

}  // namespace

absl::Status RunRingCommand(const RingCommand& command, std::ostream& out) {
  if (command.replicas == 0)
    return absl::InvalidArgumentError("--replicas is 0; it must be at least 1");
  absl::StatusOr<MembersFile> members = LoadMembers(command);
  if (!members.ok()) return members.status();
  HashRing::Builder builder(members->options);
  for (RingNode& node : members->nodes) builder.Add(std::move(node));
  const absl::StatusOr<HashRing> ring = builder.Build();
  if (!ring.ok()) return ring.status();
  std::optional<HashRing> changed;
  if (Changes(command)) {
    const absl::StatusOr<HashRing> after = Changed(*ring, command);
    if (!after.ok()) return after.status();
    changed.emplace(*after);
  }

  if (!command.keys.empty() || !command.keys_file.empty())
    return AnswerKeys(command, *ring, changed, out);
  RingReport report = {members->options, RingView(*ring), {}, command.arcs};
  if (changed.has_value())
    report.change.emplace(*ring, *changed, command.replicas);
  switch (command.format) {
    case RingCommand::kTable:
      PrintTable(report, out);
      break;
    case RingCommand::kJson:
      PrintJson(report, out);
      break;
    case RingCommand::kSvg:
      PrintSvg(report, out);
      break;
  }
  return absl::OkStatus();
}

}  // namespace cli
}  // namespace v0_1
}  // namespace trivet
