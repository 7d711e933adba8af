// SPDX-License-Identifier: Apache-2.0

#include "src/txn/mailer.h"

#include <cstddef>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "src/txn/codec.h"
#include "src/txn/peer_table.h"
#include "src/txn/shared_peers.h"
#include "trivet/host/transport.h"
#include "trivet/txn/txn_effects.h"
#include "trivet/txn/txn_message.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

size_t Mailer::Send(const std::vector<Outgoing>& messages,
                    const SharedPeers& peers, absl::FunctionRef<bool()> go_on) {
  std::vector<Envelope> envelopes =
      peers.Read([&](const PeerTable& table) { return Pack(messages, table); });
  size_t sent = 0;
  for (Envelope& envelope : envelopes) {
    if (!go_on()) break;
    transport_->Send(std::move(envelope));
    ++sent;
  }
  return sent;
}

std::vector<Envelope> Mailer::Pack(const std::vector<Outgoing>& messages,
                                   const PeerTable& table) const {
  std::vector<Envelope> envelopes;
  std::unordered_map<PeerId, size_t> open;  // Each peer's last envelope.
  std::string frame;
  for (const Outgoing& outgoing : messages) {
    frame.clear();
    AppendFrame(outgoing.message, table, &frame);
    const auto [entry, is_first] =
        open.try_emplace(outgoing.to, envelopes.size());
    const bool is_full =
        !is_first && envelopes[entry->second].payload.size() + frame.size() >
                         kEnvelopeBytesMax;
    if (is_first || is_full) {
      const std::string& name = table.Name(outgoing.to);
      entry->second = envelopes.size();
      envelopes.push_back(
          {from_,
           peers_ == Peers::kCoordinators ? std::string(AddressOf(name)) : name,
           {}});
    }
    envelopes[entry->second].payload += frame;
  }
  return envelopes;
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
