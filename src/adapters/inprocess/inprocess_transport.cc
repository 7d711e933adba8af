// SPDX-License-Identifier: Apache-2.0

#include "trivet/adapters/inprocess/inprocess_transport.h"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "src/internal/call_gate.h"
#include "trivet/host/executor.h"
#include "trivet/host/transport.h"

namespace trivet {
inline namespace v0_1 {

// Tasks under way hold it weakly, so they find nothing once the transport is
// gone.
class InProcessTransport::Impl {
 public:
  explicit Impl(Executor* executor) : executor_(executor) {}

  void Register(std::string role, Receiver receiver) {
    Replace(std::move(role), std::make_shared<Port>(std::move(receiver)));
  }

  void Unregister(std::string_view role) {
    Replace(std::string(role), nullptr);
  }

  void UnregisterAll();
  void Deliver(Envelope envelope);

  Executor* executor() const { return executor_; }

 private:
  struct Port {
    explicit Port(Receiver r) : receiver(std::move(r)) {}
    const Receiver receiver;
    internal::CallGate gate;
  };

  // Closes the old port of `role` without the lock, which a running delivery
  // may need.
  void Replace(std::string role, std::shared_ptr<Port> port);

  Executor* const executor_;
  absl::Mutex mu_;
  std::map<std::string, std::shared_ptr<Port>, std::less<>> ports_
      ABSL_GUARDED_BY(mu_);
};

void InProcessTransport::Impl::Replace(std::string role,
                                       std::shared_ptr<Port> port) {
  std::shared_ptr<Port> old;
  {
    const absl::MutexLock lock(&mu_);
    const auto at = ports_.try_emplace(std::move(role)).first;
    old = std::exchange(at->second, std::move(port));
    if (at->second == nullptr) ports_.erase(at);
  }
  if (old != nullptr) old->gate.Close();
}

void InProcessTransport::Impl::UnregisterAll() {
  std::map<std::string, std::shared_ptr<Port>, std::less<>> ports;
  {
    const absl::MutexLock lock(&mu_);
    ports.swap(ports_);
  }
  for (const auto& [role, port] : ports) port->gate.Close();
}

void InProcessTransport::Impl::Deliver(Envelope envelope) {
  std::shared_ptr<Port> port;
  {
    const absl::MutexLock lock(&mu_);
    const auto found = ports_.find(envelope.to);
    if (found != ports_.end()) port = found->second;
  }
  if (port == nullptr || !port->gate.Enter()) return;
  port->receiver(std::move(envelope));
  port->gate.Leave();
}

InProcessTransport::InProcessTransport(Executor* executor)
    : impl_(std::make_shared<Impl>(executor)) {}

InProcessTransport::~InProcessTransport() { impl_->UnregisterAll(); }

void InProcessTransport::Register(std::string role, Receiver receiver) {
  impl_->Register(std::move(role), std::move(receiver));
}

void InProcessTransport::Unregister(std::string_view role) {
  impl_->Unregister(role);
}

void InProcessTransport::Send(Envelope envelope) {
  impl_->executor()->Post([net = std::weak_ptr<Impl>(impl_),
                           envelope = std::move(envelope)]() mutable {
    const std::shared_ptr<Impl> alive = net.lock();
    if (alive != nullptr) alive->Deliver(std::move(envelope));
  });
}

}  // namespace v0_1
}  // namespace trivet
