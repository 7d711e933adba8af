// SPDX-License-Identifier: Apache-2.0

#include "src/testing/node.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "src/testing/dice.h"
#include "src/testing/event_queue.h"
#include "src/testing/trace.h"
#include "src/testing/world.h"
#include "trivet/host/log_store.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/testing/fault_options.h"
#include "trivet/testing/sim_host.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {
namespace {

constexpr int64_t kBillion = 1'000'000'000;
constexpr uint64_t kRecoveryPoints = 30;  // As fault_options.h says.

}  // namespace

int64_t SimClock::Elapsed(int64_t world_time) const {
  const int64_t t = world_time - world_origin_;
  return t + t / kBillion * fast_ppb_ + t % kBillion * fast_ppb_ / kBillion;
}

MonotonicTime SimClock::At(int64_t world_time) const {
  return MonotonicTime::FromOrigin(
      absl::Nanoseconds(own_origin_ + Elapsed(world_time)));
}

int64_t SimClock::WorldTime(MonotonicTime own_time) const {
  const int64_t own = absl::ToInt64Nanoseconds(own_time - MonotonicTime());
  if (own > World::kEndOfTime) return INT64_MAX;
  if (own <= own_origin_) return world_origin_;  // It may be the infinite past.
  const int64_t wanted = own - own_origin_;
  const int64_t rate = kBillion + fast_ppb_;
  int64_t guess = wanted / rate * kBillion + wanted % rate * kBillion / rate;
  // Rounding puts it a few nanoseconds off, to either side.
  while (guess > 0 && Elapsed(world_origin_ + guess - 1) >= wanted) --guess;
  while (Elapsed(world_origin_ + guess) < wanted) ++guess;
  return world_origin_ + guess;
}

Node::Node(World* world, std::string name, testing::SimHost::Boot boot)
    : world_(world),
      name_(std::move(name)),
      hash_(NameHash(name_)),
      boot_(std::move(boot)) {
  SetClock();
  processes_.push_back(std::make_unique<Process>(this));
  if (HasProgram()) process()->Die();  // Until Start().
}

Node::~Node() = default;

// Where time begins means nothing, so it begins elsewhere at every power-on:
// whoever keeps or sends a time of this clock is caught.
void Node::SetClock() {
  const Dice& dice = world_->dice();
  const uint64_t ordinal = power_cycles_++;
  const int64_t spread = static_cast<int64_t>(
      world_->faults().clock_rate_spread * static_cast<double>(kBillion));
  const int64_t origin =
      dice.UpTo(86'400 * kBillion, Chance::kClockOrigin, hash_, ordinal);
  const int64_t rate =
      dice.UpTo(2 * spread, Chance::kClockRate, hash_, 0) - spread;
  clock_ = SimClock(world_->now(), origin, rate);
}

void Node::Start() {
  if (process()->alive() || lost_) return;
  if (process()->OnStack()) {  // It is still dying.
    world_->At(world_->now(), [this] { Start(); });
    return;
  }
  ++starts_;
  started_at_point_ = crash_points_;
  world_->trace().Add(world_->now(), Happening::kStart, name_, {}, starts_, 0);
  processes_.push_back(std::make_unique<Process>(this));
  Process* const process = processes_.back().get();
  process->Run([this, process] {
    std::shared_ptr<void> program = boot_(*host_);
    const bool started = program != nullptr;
    process->Hold(std::move(program));
    if (started || !process->alive()) return;
    world_->trace().Add(world_->now(), Happening::kNotStarted, name_, {}, 0, 0);
    Stop(/*power_loss=*/false, /*by_chance=*/true);
  });
}

void Node::Stop(bool power_loss, bool by_chance) {
  const uint64_t ordinal = ++stops_;
  const int64_t now = world_->now();
  if (on_stop_ && (process()->alive() || power_loss)) on_stop_(power_loss);
  if (process()->alive()) {
    world_->trace().Add(now, Happening::kCrash, name_, {}, 0, 0);
    process()->Die();
    for (auto& [file_name, file] : files_) {
      const LogIndex kept = std::max(file.told, file.synced);
      file.CutAfter(
          kept + static_cast<uint64_t>(world_->dice().UpTo(
                     static_cast<int64_t>(file.last() - kept),
                     Chance::kTornTail, hash_ ^ NameHash(file_name), ordinal)));
      file.told = file.last();
      ++file.lives;
    }
  }
  paused_until_ = asleep_until_ = slow_until_ = 0;
  if (power_loss) LosePower();
  if (by_chance) {
    const int64_t most = absl::ToInt64Nanoseconds(world_->faults().restart_max);
    const int64_t wait =
        world_->dice().UpTo(most, Chance::kRestart, hash_, ordinal);
    world_->At(now + wait, [this, ordinal] {
      if (stops_ == ordinal) Start();
    });
  }
}

void Node::LosePower() {
  world_->trace().Add(world_->now(), Happening::kPowerLoss, name_, {}, 0, 0);
  for (auto& [file_name, file] : files_) {
    const uint64_t about = ~(hash_ ^ NameHash(file_name));
    file.CutAfter(file.synced +
                  static_cast<uint64_t>(world_->dice().UpTo(
                      static_cast<int64_t>(file.last() - file.synced),
                      Chance::kTornTail, about, power_cycles_)));
    file.synced = file.last();
    file.told = file.last();
  }
  SetClock();
}

void Node::Pause(int64_t span) {
  if (!process()->alive()) return;
  paused_until_ = std::max(paused_until_, world_->now() + span);
  world_->trace().Add(world_->now(), Happening::kPause, name_, {},
                      static_cast<uint64_t>(span), 0);
}

bool Node::MustWait() const {
  return paused_until_ > world_->now() || !waiting_.empty();
}

bool Node::Wait(SimEvent event) {
  waiting_.push_back(std::move(event));
  return waiting_.size() == 1;
}

std::optional<SimEvent> Node::TakeWaiting() {
  if (waiting_.empty()) return std::nullopt;
  SimEvent event = std::move(waiting_.front());
  waiting_.pop_front();
  return event;
}

void Node::Suspend(int64_t span) {
  if (!process()->alive() || IsAsleep()) return;
  asleep_since_ = world_->now();
  asleep_until_ = asleep_since_ + span;
  slept_ += span;
  Pause(span);
}

bool Node::IsAsleep() const { return world_->now() < asleep_until_; }

void Node::SlowDown(int64_t span) { slow_until_ = world_->now() + span; }

void Node::TakeTime(uint64_t event) {
  if (!process()->alive()) return;
  const int64_t most =
      absl::ToInt64Nanoseconds(world_->faults().slow_event_max);
  paused_until_ =
      std::max(paused_until_,
               world_->now() +
                   world_->dice().UpTo(most, Chance::kSlowEvent, hash_, event));
}

void Node::Lose() {
  lost_ = true;
  Stop(/*power_loss=*/false, /*by_chance=*/false);
}

bool Node::PassCrashPoint(bool in_append) {
  if (!process()->alive()) return false;
  if (!HasProgram()) return true;
  const testing::FaultOptions& faults = world_->faults();
  const uint64_t ordinal = crash_points_++;
  const bool recovering =
      starts_ > 1 && ordinal - started_at_point_ < kRecoveryPoints;
  const auto strikes = [&](Chance chance, double probability) {
    return world_->Strikes(chance, probability, hash_, ordinal, name_);
  };
  if (!strikes(Chance::kCrash, faults.crash) &&
      !(in_append && strikes(Chance::kCrashInAppend, faults.crash_in_append)) &&
      !(recovering &&
        strikes(Chance::kCrashInRecovery, faults.crash_in_recovery))) {
    return true;
  }
  const bool power_loss = strikes(Chance::kPowerLoss, faults.power_loss);
  Stop(power_loss, /*by_chance=*/true);
  return false;
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
