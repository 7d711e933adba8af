// SPDX-License-Identifier: Apache-2.0
//
// InProcessTransport: envelopes between roles that live in one process.
//
//   InProcessTransport net(&executor);
//   net.Register("shard-a",
//                [&](Envelope e) { shard_a.Receive(std::move(e)); });
//   net.Send({"bank", "shard-a", "..."});
//   ...
//   net.Unregister("shard-a");  // From here on shard_a may be destroyed.
//
// Every envelope is delivered by a task of its own on the executor, never
// inside Send. An envelope to a role that nobody has registered at that moment
// is dropped, as a network would.
//
// Thread safety: thread-safe.

#ifndef TRIVET_ADAPTERS_INPROCESS_INPROCESS_TRANSPORT_H_
#define TRIVET_ADAPTERS_INPROCESS_INPROCESS_TRANSPORT_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "trivet/config.h"
#include "trivet/host/executor.h"
#include "trivet/host/transport.h"

namespace trivet {
inline namespace v0_1 {

class TRIVET_EXPORT InProcessTransport : public Transport {
 public:
  // Takes one envelope. const, because several threads of the executor may
  // deliver at once.
  using Receiver = absl::AnyInvocable<void(Envelope envelope) const>;

  // Does not own `executor`, which must outlive it.
  explicit InProcessTransport(Executor* executor);

  // Drops what is under way, and waits as Unregister does.
  ~InProcessTransport() override;

  // Sends what is addressed to `role` to `receiver` from now on, in place of
  // an earlier receiver, which is unregistered first.
  void Register(std::string role, Receiver receiver);

  // Delivers to `role` no more. When this returns, its receiver is not running
  // on any other thread: it waits for deliveries that are, so hold no lock that
  // they need. May be called by the receiver itself. What the receiver captured
  // may be destroyed a moment later, where the last delivery ran.
  void Unregister(std::string_view role);

  void Send(Envelope envelope) override;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_ADAPTERS_INPROCESS_INPROCESS_TRANSPORT_H_
