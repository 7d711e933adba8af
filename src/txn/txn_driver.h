// SPDX-License-Identifier: Apache-2.0
//
// TxnDriver: what the drivers of both roles have in common. It performs the
// effects that both machines have, takes envelopes apart, and counts.
//
// Thread safety: thread-safe.

#ifndef TRIVET_SRC_TXN_TXN_DRIVER_H_
#define TRIVET_SRC_TXN_TXN_DRIVER_H_

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "src/internal/backoff.h"
#include "src/internal/crc32c.h"
#include "src/internal/mutant.h"
#include "src/internal/pump.h"
#include "src/internal/strings.h"
#include "src/txn/codec.h"
#include "src/txn/log_writer.h"
#include "src/txn/mailer.h"
#include "src/txn/recorded.h"
#include "src/txn/script.h"
#include "src/txn/shared_peers.h"
#include "trivet/config.h"
#include "trivet/host/executor.h"
#include "trivet/host/log_store.h"
#include "trivet/host/transport.h"
#include "trivet/txn/txn_counters.h"
#include "trivet/txn/txn_effects.h"
#include "trivet/txn/txn_message.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

// What a role stands on, and its address.
struct TxnPorts {
  Executor* executor;
  Transport* transport;
  LogStore* log;
  std::string address;
};

// kInvalidArgument: nothing, or more than `bytes_max`. `what` is for the text.
inline absl::Status CheckName(std::string_view what, std::string_view name,
                              size_t bytes_max) {
  if (name.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(Sv(what), " is empty"));
  }
  if (name.size() > bytes_max) {
    return absl::InvalidArgumentError(
        absl::StrCat(Sv(what), " has ", name.size(), " bytes; at most ",
                     bytes_max, " are allowed"));
  }
  return absl::OkStatus();
}

// Differs from role to role and from start to start, and is the same in a
// simulation that is run again.
inline uint64_t JitterSeed(std::string_view address, Epoch epoch) {
  return SplitMix64::Mix(SplitMix64::Mix(epoch) ^ Crc32c(address));
}

inline PeerId CoordinatorOf(const TxnMessage& message) {
  return std::visit(
      [](const auto& m) {
        using M = std::decay_t<decltype(m)>;
        if constexpr (std::is_same_v<M, HorizonRequest> ||
                      std::is_same_v<M, HorizonNotice>) {
          return m.coordinator;
        } else {
          return m.txn.coordinator;
        }
      },
      message);
}

template <typename Machine>
class TxnDriver : public Pump<Recorded<Machine>> {
 public:
  using Event = typename Machine::Event;

  absl::Status Health() const {
    const absl::MutexLock lock(&mu_);
    return health_;
  }
  TxnCounters Counters() const {
    const absl::MutexLock lock(&mu_);
    return counters_;
  }

 protected:
  TxnDriver(const TxnPorts& ports, Epoch epoch, Mailer::Peers peers,
            PeerTable table, Machine machine,
            std::unique_ptr<ScriptWriter> script)
      : Pump<Recorded<Machine>>(
            ports.executor, {std::move(machine), std::move(script), &peers_}),
        address_(ports.address),
        peers_(std::move(table)),
        log_writer_(ports.log, epoch),
        mailer_(ports.transport, ports.address, peers) {}

  const std::string& address() const { return address_; }
  SharedPeers& peers() { return peers_; }
  const SharedPeers& peers() const { return peers_; }

  void Count(uint64_t TxnCounters::*counter, size_t by = 1) {
    if (by == 0) return;
    const absl::MutexLock lock(&mu_);
    counters_.*counter += by;
  }

  // What both machines want done, apart from stopping. First in Perform: the
  // calls out may destroy the driver.
  void WriteAndSend(const TxnEffects& effects) {
    if (!effects.writes.empty()) Write(effects.writes);
    if (!effects.messages.empty()) Send(effects.messages);
    if (effects.trim_before != 0 && this->IsOpen()) {
      log_writer_.Trim(effects.trim_before);
    }
  }

  void Stop(const absl::Status& why) {
    const absl::MutexLock lock(&mu_);
    health_ = why;
  }

  // Takes an envelope apart. `resolve` as for DecodePayload; `event` makes an
  // event of each message.
  template <typename Resolve, typename ToEvent>
  void TakeEnvelope(const Envelope& envelope, Resolve resolve,
                    ToEvent to_event) {
    Count(&TxnCounters::envelopes_received);
    if (envelope.to != address_) {
      Count(&TxnCounters::misaddressed);
      return;
    }
    size_t refused = 0;  // Frames that decoded and are dropped nevertheless.
    DecodedPayload decoded = DecodePayload(
        envelope.payload,
        [&](std::string_view coordinator) -> std::optional<PeerId> {
          const std::optional<PeerId> peer = resolve(coordinator);
          if (!peer.has_value()) ++refused;
          return peer;
        });
    if (decoded.dropped > refused) {
      Count(&TxnCounters::malformed);
      if (TRIVET_MUTANT(damaged_bytes_stop)) {
        Stop(absl::UnavailableError("an envelope is damaged"));
      }
    }
    Count(&TxnCounters::messages_received, decoded.messages.size());
    std::vector<Event> events;
    events.reserve(decoded.messages.size());
    for (TxnMessage& message : decoded.messages) {
      events.push_back(to_event(std::move(message)));
    }
    this->EnqueueAll(std::move(events));
  }

 private:
  void Write(const std::vector<LogWrite>& writes) {
    size_t forced = 0;
    for (const LogWrite& write : writes) {
      forced += write.durability == Durability::kForced ? 1 : 0;
    }
    Count(&TxnCounters::appends);
    Count(&TxnCounters::records_forced, forced);
    Count(&TxnCounters::records_lazy, writes.size() - forced);
    log_writer_.Write(
        writes, peers_,
        [weak = this->weak_from_this()](std::vector<Appended> appended) {
          const auto self = weak.lock();
          if (self == nullptr) return;  // The driver is gone.
          self->EnqueueAll({std::make_move_iterator(appended.begin()),
                            std::make_move_iterator(appended.end())});
        });
  }

  void Send(const std::vector<Outgoing>& messages) {
    const size_t envelopes =
        mailer_.Send(messages, peers_, [this] { return this->IsOpen(); });
    Count(&TxnCounters::envelopes_sent, envelopes);
    Count(&TxnCounters::messages_sent, messages.size());
  }

  const std::string address_;
  SharedPeers peers_;
  LogWriter log_writer_;  // The runner's.
  Mailer mailer_;         // The runner's.

  mutable absl::Mutex mu_;
  absl::Status health_ ABSL_GUARDED_BY(mu_);
  TxnCounters counters_ ABSL_GUARDED_BY(mu_);
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_TXN_TXN_DRIVER_H_
