// SPDX-License-Identifier: Apache-2.0

#include "src/cli/ring_keys.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

#include "absl/types/span.h"
#include "src/cli/json_text.h"
#include "src/cli/text.h"
#include "trivet/ring/hash_ring.h"
#include "trivet/ring/placement.h"

namespace trivet {
inline namespace v0_1 {
namespace cli {
namespace {

using Nodes = absl::Span<const RingNode* const>;

void PrintIds(const char* sign, Nodes nodes, std::ostream& out) {
  out << " " << sign;
  for (const RingNode* node : nodes) out << " " << Shown(node->id);
}

Json JsonIds(Nodes nodes) {
  Json ids = Json::array();
  for (const RingNode* node : nodes) ids.push_back(JsonText(node->id));
  return ids;
}

}  // namespace

KeyPrinter::KeyPrinter(const HashRing& before,
                       const std::optional<HashRing>& after,
                       const KeyFormat& format, std::ostream& out)
    : before_(before), after_(after), format_(format), out_(out) {
  const size_t most = std::max(before_.nodes().size(),
                               after_.has_value() ? after_->nodes().size() : 0);
  nodes_.resize(std::min(format_.replicas, most));
  if (format_.json) {
    Json fields;
    fields["fingerprint"] = JsonHex(before_.Fingerprint());
    if (after_.has_value())
      fields["fingerprint_after"] = JsonHex(after_->Fingerprint());
    std::string text = fields.dump();
    text.back() = ',';
    out_ << text << "\n\"keys\":[";
  }
}

void KeyPrinter::Print(std::string_view key) {
  if (format_.json) {
    Json fields = {{"key", JsonText(key)},
                   {"nodes", JsonIds(NodesOf(before_, key))}};
    if (after_.has_value())
      fields["nodes_after"] = JsonIds(NodesOf(*after_, key));
    out_ << (first_ ? "\n" : ",\n") << fields.dump();
  } else {
    out_ << Shown(key);
    PrintIds("->", NodesOf(before_, key), out_);
    if (after_.has_value()) PrintIds("=>", NodesOf(*after_, key), out_);
    out_ << "\n";
  }
  first_ = false;
}

void KeyPrinter::End() {
  if (format_.json) out_ << "\n]}\n";
}

Nodes KeyPrinter::NodesOf(const HashRing& ring, std::string_view key) {
  const HashRing::NodeSpan into = absl::MakeSpan(nodes_);
  return format_.zones ? ring.PreferZones(key, into)
                       : ring.PreferenceList(key, into);
}

}  // namespace cli
}  // namespace v0_1
}  // namespace trivet
