// SPDX-License-Identifier: Apache-2.0
//
// A LeaseMachine and a backend that answers each request once or never, late
// and in any order, with anything, while time jumps. What the machine asks and
// believes is compared with the rules of lease_machine.h.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/input.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/lock/fencing_token.h"
#include "trivet/lock/lease_machine.h"
#include "trivet/lock/lease_options.h"
#include "trivet/lock/lock_backend.h"

namespace trivet {
namespace {

constexpr int kStepsMax = 300;  // More of them only take longer.

using Method = LeaseMachine::Method;
using Reply = absl::StatusOr<std::optional<LeaseGrant>>;

LeaseOptions OptionsOf(Input* input) {
  LeaseOptions options;
  options.ttl = absl::Milliseconds(200 + 20 * input->Byte());
  options.renew_after = options.ttl / (4 + static_cast<int>(input->Below(4)));
  options.request_timeout = absl::Milliseconds(20 + 4 * input->Byte());
  options.retry_min = absl::Milliseconds(5);
  options.retry_max = absl::Milliseconds(5 + input->Byte());
  options.clock_rate_bound = 1 + static_cast<double>(input->Below(3)) / 16;
  return options;
}

class World {
 public:
  explicit World(Input input)
      : input_(input),
        options_(OptionsOf(&input_)),
        machine_(options_, input_.Byte()) {}

  void Run() {
    Step(LeaseMachine::Started{now_ + absl::Milliseconds(40 * input_.Byte()),
                               !input_.OneIn(4)});
    for (int i = 0; i < kStepsMax && !input_.IsEmpty(); ++i) RandomStep();
    // Nobody answers any more: it ends all the same.
    Step(LeaseMachine::ReleaseRequested{});
    for (int i = 0; i < 1000 && !IsOver(); ++i) {
      FUZZ_CHECK(machine_.NextWakeup() != MonotonicTime::InfiniteFuture());
      now_ = std::max(now_, machine_.NextWakeup());
      Step(LeaseMachine::Ticked{});
    }
    FUZZ_CHECK(IsOver());
  }

 private:
  struct Sent {
    Method method;
    MonotonicTime at;
  };

  static bool IsGivenUp(LeaseState state) {
    return state == LeaseState::kReleasing || state == LeaseState::kReleased ||
           state == LeaseState::kLost;
  }
  bool IsOver() const {
    return machine_.state() == LeaseState::kReleased ||
           machine_.state() == LeaseState::kLost;
  }

  void RandomStep() {
    const uint8_t pace = input_.Byte();
    if (pace >= 0xC0) now_ = now_ + absl::Milliseconds(40 * (pace - 0xBF));
    if (pace < 0x20) now_ = std::max(now_, Wakeup());
    switch (input_.Below(16)) {
      case 0:
        return Step(LeaseMachine::Cancelled{});
      case 1:
        return Step(LeaseMachine::ReleaseRequested{});
      case 2:
      case 3:
        return Step(LeaseMachine::MaybeFreed{});
      case 4:
      case 5:
      case 6:
        return Step(LeaseMachine::Ticked{});
      default:
        return Answer();
    }
  }

  // Not beyond: a wake-up that is not there is no time to go to.
  MonotonicTime Wakeup() const {
    const MonotonicTime wakeup = machine_.NextWakeup();
    return wakeup == MonotonicTime::InfiniteFuture() ? now_ : wakeup;
  }

  absl::Status ErrorOf() {
    return input_.OneIn(8) ? absl::PermissionDeniedError("no")
                           : absl::UnavailableError("gone");
  }

  Reply GrantOf() {
    switch (input_.Below(8)) {
      case 0:
        return ErrorOf();
      case 1:
        return std::optional<LeaseGrant>();
      default:
        return LeaseGrant{{0, 1 + input_.Below(16) / 14},
                          options_.ttl * (1 + input_.Below(2))};
    }
  }

  void Answer() {
    if (sent_.empty()) return Step(LeaseMachine::Ticked{});
    auto which = sent_.begin();
    std::advance(which, input_.Below(sent_.size()));
    const auto [id, sent] = *which;
    sent_.erase(which);
    if (sent.method == Method::kRelease) {
      if (input_.OneIn(4)) return Step(LeaseMachine::Released{id, ErrorOf()});
      return Step(LeaseMachine::Released{id, !input_.OneIn(4)});
    }
    const Reply reply = GrantOf();
    const LeaseGrant* const grant =
        reply.ok() && reply->has_value() ? &**reply : nullptr;
    if (grant != nullptr) {
      // L1, by the letter.
      const MonotonicTime until =
          sent.at +
          (grant->granted_ttl / options_.clock_rate_bound - options_.margin);
      granted_until_ = std::max(granted_until_, until);
    }
    if (sent.method == Method::kRenew) {
      return Step(LeaseMachine::Renewed{id, reply});
    }
    const bool was_over = IsOver();
    const size_t releases = releases_;
    Step(LeaseMachine::Acquired{id, reply});
    // L5: nobody wants it any more.
    if (grant != nullptr && was_over) FUZZ_CHECK(releases_ == releases + 1);
  }

  void Step(LeaseMachine::Event event) {
    const LeaseState before = machine_.state();
    const FencingToken token = machine_.fencing_token();
    const MonotonicTime until = machine_.valid_until();
    LeaseMachine::Effects effects;
    machine_.Step(now_, std::move(event), &effects);
    const LeaseState after = machine_.state();
    for (const LeaseMachine::Request& request : effects.requests) {
      FUZZ_CHECK(request.id > last_id_);
      last_id_ = request.id;
      if (request.method == Method::kRelease) ++releases_;
      if (request.method == Method::kAwaitRelease) continue;
      FUZZ_CHECK(request.deadline >= now_);
      // What nobody wants is not asked for again.
      if (IsGivenUp(before)) {
        FUZZ_CHECK(request.method == Method::kRelease);
      }
      sent_[request.id] = {request.method, now_};
    }
    CheckChange(before, after);
    if (after != LeaseState::kHeld) return;
    FUZZ_CHECK(now_ < machine_.valid_until());
    FUZZ_CHECK(machine_.valid_until() <= granted_until_);  // L1
    if (before != LeaseState::kHeld) return;
    FUZZ_CHECK(machine_.fencing_token() == token);  // L7
    FUZZ_CHECK(machine_.valid_until() >= until);    // L7
    FUZZ_CHECK(now_ < until);                       // L2
  }

  void CheckChange(LeaseState before, LeaseState after) const {
    switch (before) {
      case LeaseState::kLost:
      case LeaseState::kReleased:
        FUZZ_CHECK(after == before);
        return;
      case LeaseState::kReleasing:
        FUZZ_CHECK(after == before || after == LeaseState::kReleased);
        return;
      case LeaseState::kHeld:
        FUZZ_CHECK(after != LeaseState::kAcquiring &&
                   after != LeaseState::kWaiting);
        return;
      default:
        return;
    }
  }

  Input input_;
  MonotonicTime now_ = MonotonicTime::FromOrigin(absl::Hours(1));
  const LeaseOptions options_;
  LeaseMachine machine_;
  std::map<uint64_t, Sent> sent_;
  MonotonicTime granted_until_ = MonotonicTime::InfinitePast();
  uint64_t last_id_ = 0;
  size_t releases_ = 0;
};

}  // namespace
}  // namespace trivet

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  trivet::World(trivet::Input(data, size)).Run();
  return 0;
}
