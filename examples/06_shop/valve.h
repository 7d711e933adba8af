// SPDX-License-Identifier: Apache-2.0
//
// Valve: how this demonstration kills and pauses a part of itself. Everything a
// role does to the world goes through ports, and all ports of one role share a
// valve.
//
//   open    calls pass
//   held    calls wait: the role is paused, and does not know it
//   cut     calls vanish, for good: the role is dead, it only has not been
//           destroyed yet, so that no destructor can say good-bye for it
//
// A port is a host interface over the real one. LogPort also has a trap, to
// strike exactly before or after a decision becomes durable, and rings an alarm
// when the disk fails.
//
// Thread safety: thread-safe.

#ifndef SHOP_VALVE_H_
#define SHOP_VALVE_H_

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "trivet/host/log_store.h"
#include "trivet/host/transport.h"
#include "trivet/lock/lock_backend.h"

namespace shop {

class Valve {
 public:
  using Call = absl::AnyInvocable<void() &&>;

  void Pass(Call call);
  void Hold();
  void Release();  // Runs what waited, in order.
  void Cut();

 private:
  enum State { kOpen, kHeld, kCut };

  absl::Mutex mu_;
  State state_ ABSL_GUARDED_BY(mu_) = kOpen;
  std::deque<Call> waiting_ ABSL_GUARDED_BY(mu_);
};

// The first failure that nothing in the shop can mend, such as a full disk.
class Alarm {
 public:
  void Ring(const absl::Status& why) {
    absl::MutexLock lock(&mu_);
    status_.Update(why);
  }
  // Why it rang; OK: it did not. Await waits for it up to `timeout`.
  absl::Status status() const { return Await(absl::ZeroDuration()); }
  absl::Status Await(absl::Duration timeout) const {
    const auto has_rung = [this] {
      mu_.AssertReaderHeld();
      return !status_.ok();
    };
    absl::MutexLock lock(&mu_);
    mu_.AwaitWithTimeout(absl::Condition(&has_rung), timeout);
    return status_;
  }

 private:
  mutable absl::Mutex mu_;
  absl::Status status_ ABSL_GUARDED_BY(mu_);
};

class TransportPort : public trivet::Transport {
 public:
  TransportPort(Valve* valve, trivet::Transport* real)
      : valve_(valve), real_(real) {}

  void Send(trivet::Envelope envelope) override {
    valve_->Pass([real = real_, envelope = std::move(envelope)]() mutable {
      real->Send(std::move(envelope));
    });
  }

 private:
  Valve* const valve_;
  trivet::Transport* const real_;
};

class LogPort : public trivet::LogStore {
 public:
  // The alarm must outlive the real log.
  LogPort(Valve* valve, trivet::LogStore* real, Alarm* alarm)
      : valve_(valve), real_(real), alarm_(alarm) {}
  ~LogPort() override { Disarm(); }

  // Springs once, on the next forced append: kBefore it reaches the real log
  // (and holds the valve), or kAfter it is durable and before the role hears of
  // it (and cuts the valve). Then calls `sprung`, which must not block. When
  // Disarm has returned, it has sprung or never will.
  enum class Strike { kBefore, kAfter };
  void Arm(Strike strike, Valve::Call sprung);
  void Disarm();

  absl::StatusOr<trivet::Epoch> Claim(trivet::Epoch wanted,
                                      Visitor visit) override;
  void Append(trivet::Epoch epoch, std::vector<std::string> records,
              trivet::Durability durability, AppendDone done) override;
  void Trim(trivet::Epoch epoch, trivet::LogIndex first_needed) override {
    valve_->Pass([=] { real_->Trim(epoch, first_needed); });
  }
  size_t RecordSizeMax() const override { return real_->RecordSizeMax(); }

 private:
  // Shared with the appends under way, which may outlive the port.
  struct Trap {
    const Strike strike;
    Valve* const valve;
    absl::Mutex mu;
    Valve::Call sprung ABSL_GUARDED_BY(mu);  // Empty: disarmed, or sprung.

    bool Spring();  // False: it was not armed any more.
  };

  Valve* const valve_;
  trivet::LogStore* const real_;
  Alarm* const alarm_;
  absl::Mutex mu_;
  std::shared_ptr<Trap> trap_ ABSL_GUARDED_BY(mu_);
};

class LockPort : public trivet::LockBackend {
 public:
  LockPort(Valve* valve, trivet::LockBackend* real)
      : valve_(valve), real_(real) {}

  // Hints do not pass: who waits for a lock asks again.
  trivet::LockBackendTraits Traits() const override {
    trivet::LockBackendTraits traits = real_->Traits();
    traits.notifies = false;
    return traits;
  }
  void Acquire(const trivet::LeaseKey& key, absl::Duration ttl,
               trivet::MonotonicTime deadline,
               Done<std::optional<trivet::LeaseGrant>> done) override;
  void Renew(const trivet::LeaseKey& key, absl::Duration ttl,
             trivet::MonotonicTime deadline,
             Done<std::optional<trivet::LeaseGrant>> done) override;
  void Release(const trivet::LeaseKey& key, trivet::MonotonicTime deadline,
               Done<bool> done) override;

 private:
  Valve* const valve_;
  trivet::LockBackend* const real_;
};

}  // namespace shop

#endif  // SHOP_VALVE_H_
