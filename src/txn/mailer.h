// SPDX-License-Identifier: Apache-2.0
//
// Mailer: puts all that a machine has for one peer into one envelope.
//
// Thread safety: thread-compatible.

#ifndef TRIVET_SRC_TXN_MAILER_H_
#define TRIVET_SRC_TXN_MAILER_H_

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "src/txn/peer_table.h"
#include "src/txn/shared_peers.h"
#include "trivet/config.h"
#include "trivet/host/transport.h"
#include "trivet/txn/txn_effects.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

class TRIVET_EXPORT Mailer {
 public:
  // An envelope is not larger, unless a single message is.
  static constexpr size_t kEnvelopeBytesMax = size_t{256} << 10;

  // Whether the peers' names are addresses, or have an id behind them.
  enum class Peers { kParticipants, kCoordinators };

  // Does not own `transport`.
  Mailer(Transport* transport, std::string from, Peers peers)
      : transport_(transport), from_(std::move(from)), peers_(peers) {}

  // Sends `messages`, each peer's in order, and returns in how many envelopes.
  // Asks `go_on` before each, because the one before may have ended it all.
  size_t Send(const std::vector<Outgoing>& messages, const SharedPeers& peers,
              absl::FunctionRef<bool()> go_on);

 private:
  std::vector<Envelope> Pack(const std::vector<Outgoing>& messages,
                             const PeerTable& table) const;

  Transport* const transport_;
  const std::string from_;
  const Peers peers_;
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_TXN_MAILER_H_
