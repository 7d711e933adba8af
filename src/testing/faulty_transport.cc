// SPDX-License-Identifier: Apache-2.0

#include "trivet/testing/faulty_transport.h"

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

// Every class is asked of every envelope, also of one that is lost, and of its
// double: a fault that is muted moves no other.
void FaultyTransport::Send(Envelope envelope) {
  if (!host_->PassCrashPoint()) return;
  const FaultOptions& faults = host_->faults();
  const bool is_lost =
      host_->Strikes("transport loss", faults.envelope_loss, envelope.to);
  const bool is_doubled = host_->Strikes(
      "transport duplication", faults.envelope_duplication, envelope.to);
  const uint64_t bit = host_->Draw("transport corruption", envelope.to);
  const bool is_corrupt =
      host_->Strikes("transport corruption", faults.envelope_corruption,
                     envelope.to) &&
      !envelope.payload.empty();
  absl::Duration delay =
      internal::DrawDelay(host_, "transport delay", envelope.to);
  const absl::Duration behind = internal::DrawDuration(
      host_, "transport reordering", envelope.to, 8 * faults.delay_max);
  if (host_->Strikes("transport reordering", faults.envelope_reordering,
                     envelope.to)) {
    delay += behind;
  }
  const absl::Duration delay_of_double =
      faults.delay_min +
      internal::DrawDuration(host_, "transport delay of a double", envelope.to,
                             faults.delay_max - faults.delay_min);
  if (is_lost) return;
  if (is_doubled) SendAfter(delay_of_double, envelope);
  if (is_corrupt) {
    char& byte = envelope.payload[bit / 8 % envelope.payload.size()];
    byte = static_cast<char>(byte ^ (1 << (bit % 8)));
  }
  SendAfter(delay, std::move(envelope));
}

void FaultyTransport::SendAfter(absl::Duration delay, Envelope envelope) {
  executor_->PostAt(
      executor_->Now() + delay,
      [transport = transport_, envelope = std::move(envelope)]() mutable {
        transport->Send(std::move(envelope));
      });
}

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet
