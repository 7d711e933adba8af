// SPDX-License-Identifier: Apache-2.0

#include "checkout.h"

#include <algorithm>

namespace shop {
namespace {

// After the n-th attempt: 10 ms, doubled up to 160 ms, and spread, so that
// orders that were in each other's way do not meet again at once.
absl::Duration Backoff(uint32_t attempts, size_t index) {
  const absl::Duration base =
      absl::Milliseconds(10) * (1 << std::min<uint32_t>(attempts, 5) >> 1);
  return base * (1.0 + static_cast<double>(index % 8) / 8);
}

}  // namespace

Checkout::Checkout(const trivet::Executor* clock,
                   const std::vector<Order>* orders,
                   const absl::flat_hash_map<std::string, Verdict>& verdicts,
                   size_t in_flight, OnDecided on_decided)
    : clock_(clock),
      orders_(*orders),
      in_flight_(in_flight),
      on_decided_(std::move(on_decided)) {
  absl::MutexLock lock(&mu_);
  states_.resize(orders_.size());
  for (size_t i = 0; i < orders_.size(); ++i) {
    const auto known = verdicts.find(orders_[i].id);
    if (known == verdicts.end()) continue;
    states_[i].kind = State::kDecided;
    Count(known->second);
  }
}

Checkout::~Checkout() { Close(); }

void Checkout::Close() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

void Checkout::Open(Chair* chair) {
  chair_ = chair;
  thread_ = std::thread([this] { Work(); });
}

void Checkout::Allow(size_t limit) {
  absl::MutexLock lock(&mu_);
  limit_ = std::max(limit_, std::min(limit, orders_.size()));
}

void Checkout::Work() {
  absl::MutexLock lock(&mu_);
  while (!stopping_) {
    const std::optional<size_t> index = Next();
    if (!index.has_value()) continue;
    State& state = states_[*index];
    if (state.kind == State::kNew) state.placed = clock_->Now();
    state.kind = State::kUnderWay;
    const uint32_t attempt = ++state.attempts;
    if (attempt > 1) ++tally_.retries;
    under_way_.push_back(*index);

    mu_.Unlock();
    const bool placed = chair_->PlaceOrder(
        orders_[*index], attempt,
        [this, index = *index, attempt](std::optional<Verdict> verdict) {
          OnReply(index, attempt, verdict);
        });
    if (!placed) OnReply(*index, attempt, std::nullopt);
    mu_.Lock();
  }
}

// The order to be placed now; waits a moment if there is none.
std::optional<size_t> Checkout::Next() {
  while (next_ < orders_.size() && states_[next_].kind != State::kNew) ++next_;
  const auto may_place = [this] {
    mu_.AssertReaderHeld();
    return stopping_ || (under_way_.size() < in_flight_ && next_ < limit_);
  };
  const trivet::MonotonicTime now = clock_->Now();
  const bool has_room = under_way_.size() < in_flight_;
  if (has_room && !waiting_.empty() && waiting_.begin()->first <= now) {
    const size_t index = waiting_.begin()->second;
    waiting_.erase(waiting_.begin());
    return index;
  }
  if (has_room && next_ < limit_) return next_++;
  const absl::Duration due = has_room && !waiting_.empty()
                                 ? waiting_.begin()->first - now
                                 : absl::Milliseconds(5);
  mu_.AwaitWithTimeout(absl::Condition(&may_place),
                       std::min(due, absl::Milliseconds(5)));
  return std::nullopt;
}

void Checkout::Wait(size_t index) {
  State& state = states_[index];
  state.kind = State::kWaiting;
  waiting_.emplace(clock_->Now() + Backoff(state.attempts, index), index);
}

void Checkout::OnReply(size_t index, uint32_t attempt,
                       std::optional<Verdict> verdict) {
  absl::MutexLock lock(&mu_);
  State& state = states_[index];
  // A late answer of a coordinator that was given up.
  if (state.kind != State::kUnderWay || state.attempts != attempt) return;
  under_way_.erase(std::find(under_way_.begin(), under_way_.end(), index));
  if (!verdict.has_value()) return Wait(index);
  state.kind = State::kDecided;
  seconds_.push_back(absl::ToDoubleSeconds(clock_->Now() - state.placed));
  Count(*verdict);
  on_decided_(tally_);
}

void Checkout::PlaceAgain() {
  absl::MutexLock lock(&mu_);
  for (const size_t index : under_way_) Wait(index);
  under_way_.clear();
}

void Checkout::Count(Verdict verdict) {
  ++tally_.decided;
  if (verdict == Verdict::kSold) ++tally_.sold;
  if (verdict == Verdict::kNoMoney) ++tally_.no_money;
  if (verdict == Verdict::kNoStock) ++tally_.no_stock;
}

Checkout::Tally Checkout::tally() const {
  absl::MutexLock lock(&mu_);
  return tally_;
}

bool Checkout::AwaitDecided(size_t decided, absl::Duration timeout) const {
  const auto is_there = [&] {
    mu_.AssertReaderHeld();
    return tally_.decided >= decided || Idle();
  };
  absl::MutexLock lock(&mu_);
  mu_.AwaitWithTimeout(absl::Condition(&is_there), timeout);
  return tally_.decided >= decided;
}

bool Checkout::IsIdle() const {
  absl::MutexLock lock(&mu_);
  return Idle();
}

const Order* Checkout::Sample(uint64_t random) const {
  absl::MutexLock lock(&mu_);
  if (under_way_.empty()) return nullptr;
  return &orders_[under_way_[random % under_way_.size()]];
}

std::vector<double> Checkout::SecondsOfOrders() const {
  absl::MutexLock lock(&mu_);
  return seconds_;
}

}  // namespace shop
