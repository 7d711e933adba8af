// SPDX-License-Identifier: Apache-2.0
//
// Waiting for an answer; and a register of a VersionedStore, for a thread that
// may wait.
//
// Thread safety: thread-compatible.

#ifndef SHOP_REGISTERS_H_
#define SHOP_REGISTERS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "trivet/host/versioned_store.h"

namespace shop {

// Calls `start` with a callback and waits for what that is called with.
// kCancelled: it was destroyed uncalled, as when a log is closed.
template <typename T, typename Start>
T WaitFor(Start start) {
  struct Slot {
    T value = absl::CancelledError("nobody answers any more");
    absl::Notification over;
  };
  struct Ticket {
    Slot* slot;
    ~Ticket() { slot->over.Notify(); }
  };
  Slot slot;
  start([ticket = std::unique_ptr<Ticket>(new Ticket{&slot})](T value) {
    ticket->slot->value = std::move(value);
  });
  slot.over.WaitForNotification();
  return std::move(slot.value);
}

class Register {
 public:
  Register(trivet::VersionedStore* store, std::string key)
      : store_(store), key_(std::move(key)) {}

  // Empty if it was never written.
  absl::StatusOr<std::string> Read() {
    using Answer = absl::StatusOr<trivet::VersionedValue>;
    Answer now = WaitFor<Answer>(
        [this](auto done) { store_->Get(key_, std::move(done)); });
    if (!now.ok()) return now.status();
    version_ = now->version;
    return std::move(now->value);
  }

  // Replaces what Read returned or the last Write wrote; kAborted: somebody
  // else did.
  absl::Status Write(const std::string& value) {
    using Answer = absl::StatusOr<uint64_t>;
    const Answer version = WaitFor<Answer>([&](auto done) {
      store_->CompareAndSet(key_, version_, value, std::move(done));
    });
    if (version.ok()) version_ = *version;
    return version.status();
  }

 private:
  trivet::VersionedStore* store_;
  std::string key_;
  uint64_t version_ = 0;
};

}  // namespace shop

#endif  // SHOP_REGISTERS_H_
