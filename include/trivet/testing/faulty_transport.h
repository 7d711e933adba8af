// SPDX-License-Identifier: Apache-2.0
//
// FaultyTransport: a Transport of your own, with a simulation's faults around
// it. Inside a process of a SimHost:
//
//   MyTransport mine(...);
//   FaultyTransport transport(&host, &mine);
//   Coordinator::Open(host.executor(), &transport, ...);
//
// Envelopes are lost, doubled, damaged, late and out of order before they reach
// the real one, as FaultOptions says of envelopes; partitions do not cut it.
// Each Send() is a moment at which the process may crash. Not needed around
// SimHost::transport(), which has these faults already.
//
// Thread safety: none, as in every Simulation.

#ifndef TRIVET_TESTING_FAULTY_TRANSPORT_H_
#define TRIVET_TESTING_FAULTY_TRANSPORT_H_

#include "absl/time/time.h"
#include "trivet/config.h"
#include "trivet/host/executor.h"
#include "trivet/host/transport.h"
#include "trivet/testing/sim_host.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {

class TRIVET_EXPORT FaultyTransport : public Transport {
 public:
  // Part of the process that runs on `host` now. Does not own its arguments;
  // `transport` must live as long as the process.
  FaultyTransport(SimHost* host, Transport* transport);

  void Send(Envelope envelope) override;

 private:
  void SendAfter(absl::Duration delay, Envelope envelope);

  SimHost* const host_;
  Executor* const executor_;
  Transport* const transport_;
};

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_TESTING_FAULTY_TRANSPORT_H_
