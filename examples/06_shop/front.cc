// SPDX-License-Identifier: Apache-2.0

#include "front.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "absl/time/time.h"

namespace shop {
namespace {

using trivet::Coordinator;
using trivet::Decision;
using trivet::FencingToken;
using trivet::Lease;

constexpr char kCoordinator[] = "shop";
constexpr char kLease[] = "coordinator";

trivet::CoordinatorOptions CoordinatorSettings(FencingToken token) {
  trivet::CoordinatorOptions options;
  options.epoch = token.value;
  options.max_work_bytes = kWorkBytesMax;
  options.max_branches = 64;  // An order has four at most: two copies each.
  options.resend_min = absl::Milliseconds(100);
  options.resend_max = absl::Seconds(2);
  return options;
}

// How long nodes may take to vote. Short, because an order that waits for a
// node that is down holds up others; doubled with each attempt, because on a
// slow disk every order would else be in vain.
trivet::RunOptions TimesOf(uint32_t attempt) {
  trivet::RunOptions options;
  options.prepare_timeout =
      absl::Milliseconds(500) * (1 << std::min(attempt - 1, 4U));
  return options;
}

// The same work for every node that keeps one of the rows.
std::vector<trivet::Branch> BranchesOf(const Work& work) {
  std::set<std::string> nodes(work.account.nodes.begin(),
                              work.account.nodes.end());
  nodes.insert(work.stock.nodes.begin(), work.stock.nodes.end());
  std::vector<trivet::Branch> branches;
  for (const std::string& node : nodes)
    branches.push_back({node, Encode(work)});
  return branches;
}

// What an outcome says for good; nullopt: nothing, so the order is run again.
std::optional<Verdict> VerdictOf(
    const absl::StatusOr<trivet::Outcome>& outcome) {
  if (!outcome.ok() || !outcome->decision.has_value()) return std::nullopt;
  if (*outcome->decision == Decision::kCommit) return Verdict::kSold;
  if (outcome->reason == kAppliedReason) return Verdict::kSold;
  if (outcome->reason == kNoMoneyReason) return Verdict::kNoMoney;
  if (outcome->reason == kNoStockReason) return Verdict::kNoStock;
  return std::nullopt;
}

}  // namespace

bool Chair::PlaceOrder(const Order& order, uint32_t attempt, Reply reply) {
  absl::ReaderMutexLock lock(&mu_);
  if (leader_ == nullptr) return false;
  leader_->PlaceOrder(order, attempt, std::move(reply));
  return true;
}

void Chair::Receive(trivet::Envelope envelope) {
  absl::ReaderMutexLock lock(&mu_);
  if (leader_ != nullptr) leader_->Receive(std::move(envelope));
}

void Chair::Sit(Front* front, FencingToken token) {
  {
    absl::MutexLock lock(&mu_);
    leader_ = front;
  }
  on_leader_(front->name(), token);
}

void Chair::Leave(Front* front) {
  absl::MutexLock lock(&mu_);
  if (leader_ == front) leader_ = nullptr;
}

Front* Chair::AwaitLeader(absl::Duration timeout) const {
  const auto is_there = [&] {
    mu_.AssertReaderHeld();
    return leader_ != nullptr;
  };
  absl::MutexLock lock(&mu_);
  mu_.AwaitWithTimeout(absl::Condition(&is_there), timeout);
  return leader_;
}

bool Chair::AwaitOther(const Front* front, absl::Duration timeout) const {
  const auto is_other = [&] {
    mu_.AssertReaderHeld();
    return leader_ != nullptr && leader_ != front;
  };
  absl::MutexLock lock(&mu_);
  return mu_.AwaitWithTimeout(absl::Condition(&is_other), timeout);
}

bool Chair::IsLeader(const Front* front) const {
  absl::ReaderMutexLock lock(&mu_);
  return leader_ == front;
}

Front::Front(Shared shared, std::string name)
    : shared_(std::move(shared)),
      name_(std::move(name)),
      transport_(&valve_, shared_.room.network),
      log_(&valve_, shared_.log, shared_.room.alarm),
      backend_(&valve_, shared_.room.leases) {}

absl::StatusOr<std::unique_ptr<Front>> Front::Start(Shared shared,
                                                    std::string name) {
  std::unique_ptr<Front> front(new Front(std::move(shared), std::move(name)));
  trivet::LockClientOptions options;
  options.lease = LeaseTimes(front->shared_.room.lease);
  options.require_fence = trivet::FenceStrength::kMonotonic;
  auto locks =
      trivet::LockClient::Create(front->shared_.room.executor, &front->backend_,
                                 front->name_, std::move(options));
  if (!locks.ok()) return locks.status();
  front->locks_ = *std::move(locks);
  front->life_ = std::thread([self = front.get()] { self->Live(); });
  return front;
}

Front::~Front() {
  valve_.Cut();
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
  }
  if (life_.joinable()) life_.join();
}

void Front::Live() {
  while (std::optional<Lease> lease = Campaign()) Lead(*std::move(lease));
}

std::optional<Lease> Front::Campaign() {
  locks_->LockAsync(kLease, absl::InfiniteDuration(),
                    [this](absl::StatusOr<Lease> won) {
                      absl::MutexLock lock(&mu_);
                      if (!stopping_) won_.emplace(std::move(won));
                    });
  const auto is_over = [this] {
    mu_.AssertReaderHeld();
    return stopping_ || won_.has_value();
  };
  std::optional<absl::StatusOr<Lease>> won;
  {
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(&is_over));
    won.swap(won_);
    if (stopping_) return std::nullopt;
  }
  if (won->ok()) return **std::move(won);
  shared_.room.alarm->Ring(won->status());
  return std::nullopt;
}

void Front::Lead(Lease lease) {
  const FencingToken token = lease.fencing_token();
  auto coordinator =
      Coordinator::Open(shared_.room.executor, &transport_, &log_, kCoordinator,
                        CoordinatorSettings(token));
  if (!coordinator.ok()) return;
  // From here on no earlier coordinator can report anything.
  const absl::Status leads = WaitFor<absl::Status>(
      [&](auto done) { shared_.outcomes->Lead(token, std::move(done)); });
  if (!leads.ok()) return;
  // Commits of its predecessors are sent on. Whoever asked for them asks again
  // by the order's id, so nobody has to be told.
  for (const trivet::TxnId& id : (*coordinator)->Untold())
    (*coordinator)->Forget(id);
  {
    absl::MutexLock lock(&mu_);
    coordinator_ = *std::move(coordinator);
    token_ = token;
    lost_ = false;
  }
  lease.OnLost([this](absl::Status) {
    absl::MutexLock lock(&mu_);
    lost_ = true;
  });
  shared_.chair->Sit(this, token);
  const auto is_over = [this] {
    mu_.AssertReaderHeld();
    return stopping_ || (!paused_ && (lost_ || !coordinator_->Health().ok()));
  };
  {
    absl::MutexLock lock(&mu_);
    while (!is_over())
      mu_.AwaitWithTimeout(absl::Condition(&stopping_), absl::Milliseconds(20));
  }
  shared_.chair->Leave(this);
  std::unique_ptr<Coordinator> stopped;
  absl::MutexLock lock(&mu_);
  stopped.swap(coordinator_);
}

void Front::PlaceOrder(const Order& order, uint32_t attempt, Reply reply) {
  const absl::StatusOr<Place> account =
      shared_.room.directory->Route(AccountKey(order));
  const absl::StatusOr<Place> stock =
      shared_.room.directory->Route(StockKey(order));
  if (!account.ok() || !stock.ok()) return std::move(reply)(std::nullopt);
  const Work work{order.id, order.cents, order.quantity, *account, *stock};
  FencingToken token;
  {
    absl::MutexLock lock(&mu_);
    token = token_;
  }
  coordinator_->RunAsync(BranchesOf(work), TimesOf(attempt),
                         [this, token, id = order.id, reply = std::move(reply)](
                             absl::StatusOr<trivet::Outcome> outcome) mutable {
                           valve_.Pass([this, token, id = std::move(id),
                                        outcome = std::move(outcome),
                                        reply = std::move(reply)]() mutable {
                             Report(token, id, VerdictOf(outcome),
                                    std::move(reply));
                           });
                         });
}

void Front::Report(FencingToken token, const std::string& order,
                   std::optional<Verdict> verdict, Reply reply) {
  if (!verdict.has_value()) return std::move(reply)(std::nullopt);
  shared_.outcomes->Record(
      token, order, *verdict,
      [verdict, reply = std::move(reply)](absl::Status status) mutable {
        std::move(reply)(status.ok() ? verdict : std::nullopt);
      });
}

void Front::Receive(trivet::Envelope envelope) {
  coordinator_->Receive(std::move(envelope));
}

void Front::CutAfterNextDecision(Valve::Call done) {
  log_.Arm(LogPort::Strike::kAfter, std::move(done));
}

void Front::PauseBeforeNextDecision(Valve::Call done) {
  log_.Arm(LogPort::Strike::kBefore, [this, done = std::move(done)]() mutable {
    Pause();
    std::move(done)();
  });
}

void Front::PauseNow() {
  log_.Disarm();
  valve_.Hold();
  Pause();
}

void Front::Pause() {
  absl::MutexLock lock(&mu_);
  paused_ = true;
}

Front::Awakening Front::Resume(bool was_on_its_way) {
  Awakening awakening;
  FencingToken token;
  {
    absl::MutexLock lock(&mu_);
    token = token_;
  }
  valve_.Release();
  awakening.outcomes = WaitFor<absl::Status>(
      [&](auto done) { shared_.outcomes->Lead(token, std::move(done)); });
  absl::MutexLock lock(&mu_);
  awakening.had_stopped = coordinator_ == nullptr;
  if (awakening.had_stopped) was_on_its_way = false;
  const trivet::Executor& clock = *shared_.room.executor;
  const trivet::MonotonicTime give_up = clock.Now() + kPatience;
  while (was_on_its_way && awakening.log.ok() && clock.Now() < give_up) {
    mu_.AwaitWithTimeout(absl::Condition(&stopping_), absl::Milliseconds(20));
    awakening.log = coordinator_->Health();
  }
  paused_ = false;
  return awakening;
}

}  // namespace shop
