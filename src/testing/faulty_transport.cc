// SPDX-License-Identifier: Apache-2.0

#include "trivet/testing/faulty_transport.h"

#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/time/time.h"
#include "src/testing/own_faults.h"
#include "trivet/host/executor.h"
#include "trivet/host/transport.h"
#include "trivet/testing/fault_options.h"
#include "trivet/testing/sim_host.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {

FaultyTransport::FaultyTransport(SimHost* host, Transport* transport)
    : host_(host), executor_(host->executor()), transport_(transport) {}

void FaultyTransport::Send(Envelope envelope) {
  if (!host_->PassCrashPoint()) return;
  const FaultOptions& faults = host_->faults();
  if (host_->Strikes("transport loss", faults.envelope_loss, envelope.to)) {
    return;
  }
  if (host_->Strikes("transport duplication", faults.envelope_duplication,
                     envelope.to)) {
    SendLater(envelope);
  }
  SendLater(std::move(envelope));
}

void FaultyTransport::SendLater(Envelope envelope) {
  if (!envelope.payload.empty() &&
      host_->Strikes("transport corruption",
                     host_->faults().envelope_corruption, envelope.to)) {
    const uint64_t bit = host_->Draw("transport corruption", envelope.to) %
                         (envelope.payload.size() * 8);
    char& byte = envelope.payload[static_cast<size_t>(bit / 8)];
    byte = static_cast<char>(byte ^ (1 << (bit % 8)));
  }
  const absl::Duration delay =
      internal::DrawDelay(host_, "transport delay", envelope.to);
  executor_->PostAt(
      executor_->Now() + delay,
      [transport = transport_, envelope = std::move(envelope)]() mutable {
        transport->Send(std::move(envelope));
      });
}

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet
