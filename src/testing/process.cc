// SPDX-License-Identifier: Apache-2.0

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "src/internal/invariant.h"
#include "src/internal/mutant.h"
#include "src/testing/dice.h"
#include "src/testing/local_log.h"
#include "src/testing/node.h"
#include "src/testing/shared_log.h"
#include "src/testing/trace.h"
#include "src/testing/world.h"
#include "trivet/host/executor.h"
#include "trivet/host/log_store.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/host/transport.h"
#include "trivet/host/versioned_store.h"
#include "trivet/testing/sim_host.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

class Process::ExecutorPort : public Executor {
 public:
  explicit ExecutorPort(Process* process)
      : process_(process), clock_(process->node()->clock()) {}

  MonotonicTime Now() const override {
    return clock_.At(process_->world()->now() - Missed());
  }
  void Post(Task task) override { Add(0, std::move(task)); }
  void PostAt(MonotonicTime when, Task task) override {
    int64_t at = clock_.WorldTime(when);
    if (at == INT64_MAX) return;  // Never.
    at += Missed();
    World* const world = process_->world();
    Node* const node = process_->node();
    const int64_t late = world->dice().UpTo(
        absl::ToInt64Nanoseconds(world->faults().timer_late_max),
        Chance::kTimerLate, node->hash(), node->next_timer());
    Add(at + late, std::move(task), /*is_timer=*/true);
  }
  bool MayBlock() const override { return false; }

 private:
  // An executor's time goes on while the host sleeps.
  int64_t Missed() const {
    return TRIVET_MUTANT(clock_stops_in_suspend)
               ? process_->node()->SleptBefore(process_->world()->now())
               : 0;
  }
  void Add(int64_t at, Task task, bool is_timer = false) {
    if (!process_->alive()) return;
    process_->world()->AtProcess(at, process_, std::move(task), is_timer);
  }

  Process* const process_;
  const SimClock clock_;
};

class Process::TransportPort : public Transport {
 public:
  explicit TransportPort(Process* process) : process_(process) {}

  void Send(Envelope envelope) override {
    if (!process_->alive() || !process_->node()->PassCrashPoint()) return;
    process_->world()->Send(process_, std::move(envelope));
  }

 private:
  Process* const process_;
};

class Process::StorePort : public VersionedStore {
 public:
  explicit StorePort(Process* process) : process_(process) {}

  void Get(std::string key, Done<VersionedValue> done) override {
    Ask<VersionedValue>(
        [this, key = std::move(key)]() -> absl::StatusOr<VersionedValue> {
          World* const world = process_->world();
          World::Register& found = world->RegisterOf(key);
          const std::string_view who = world->Keep(key);
          const bool stale =
              world->Strikes(Chance::kStaleRead, world->faults().stale_read,
                             NameHash(key), found.reads++, who);
          return stale ? found.before : found.now;
        },
        std::move(done));
  }

  void CompareAndSet(std::string key, uint64_t expected_version,
                     std::string value, Done<uint64_t> done) override {
    Ask<uint64_t>(
        [world = process_->world(), key = std::move(key), expected_version,
         value = std::move(value)]() -> absl::StatusOr<uint64_t> {
          World::Register& found = world->RegisterOf(key);
          VersionedValue& now = found.now;
          if (now.version != expected_version) {
            return absl::AbortedError(absl::StrCat(
                "the version is ", now.version, ", not ", expected_version));
          }
          found.before = now;
          now.value = value;
          return ++now.version;
        },
        std::move(done));
  }

 private:
  template <typename T>
  void Ask(absl::AnyInvocable<absl::StatusOr<T>()> act, Done<T> done) {
    const auto result = std::make_shared<absl::StatusOr<T>>();
    process_->Call(
        testing::SimHost::kWorld,
        [result, act = std::move(act)](Executor::Task reply) mutable {
          *result = act();
          std::move(reply)();
        },
        [result, done = std::move(done)](const absl::Status& status) mutable {
          if (!status.ok()) *result = status;
          std::move(done)(*std::move(result));
        },
        std::nullopt);
  }

  Process* const process_;
};

Process::Process(Node* node)
    : node_(node),
      executor_(std::make_unique<ExecutorPort>(this)),
      transport_(std::make_unique<TransportPort>(this)),
      store_(std::make_unique<StorePort>(this)) {}

Process::~Process() = default;

void Process::Run(Executor::Task task) {
  Process* const before = std::exchange(world()->running_, this);
  ++depth_;
  std::move(task)();
  task = nullptr;  // What it captured is the process's too.
  --depth_;
  if (!alive_ && depth_ == 0) Bury();
  world()->running_ = before;
}

void Process::Die() {
  alive_ = false;
  if (depth_ == 0) Bury();
}

// Pending work first: it may hold on to parts of the program.
void Process::Bury() {
  if (std::exchange(buried_, true)) return;
  Process* const before = std::exchange(world()->running_, this);
  ++depth_;
  world()->TakeTasksOf(this).clear();
  node_->DropWaiting();
  calls_.clear();
  for (auto& [name, log] : logs_) log->Drop();
  for (auto& [name, log] : shared_logs_) log->Drop();
  program_.reset();
  receivers_.clear();
  --depth_;
  world()->running_ = before;
}

Executor* Process::executor() { return executor_.get(); }
Transport* Process::transport() { return transport_.get(); }
VersionedStore* Process::versioned_store() { return store_.get(); }

LogStore* Process::Log(std::string_view file) {
  std::unique_ptr<LocalLog>& log = logs_[std::string(file)];
  if (log == nullptr) {
    log = std::make_unique<LocalLog>(this, world()->Keep(file),
                                     node_->File(file));
  }
  return log.get();
}

LogStore* Process::SharedLogNamed(std::string_view name) {
  std::unique_ptr<SharedLog>& log = shared_logs_[std::string(name)];
  if (log == nullptr) {
    log = std::make_unique<SharedLog>(this, world()->Keep(name),
                                      world()->SharedLogFile(name));
  }
  return log.get();
}

void Process::OnReceive(std::string role, Receiver receive) {
  if (!alive_) return;
  if (receive == nullptr) {
    receivers_.erase(role);
    return;
  }
  world()->Play(role, node_);
  receivers_[std::move(role)] = std::make_shared<Receiver>(std::move(receive));
}

bool Process::Plays(std::string_view role) const {
  return alive_ && receivers_.find(role) != receivers_.end();
}

void Process::Receive(Envelope envelope) {
  const auto found = receivers_.find(envelope.to);
  if (found == receivers_.end()) return;
  const std::shared_ptr<Receiver> receiver = found->second;  // It may be
  (*receiver)(std::move(envelope));                          // replaced here.
}

void Process::Call(std::string_view service_name,
                   absl::AnyInvocable<void(Executor::Task reply) &&> act,
                   CallDone done, std::optional<absl::Duration> timeout) {
  if (!alive_ || !node_->PassCrashPoint()) return;
  Node* const service = world()->Find(service_name);
  TRIVET_INVARIANT(service != nullptr, "a call to a known host");
  const uint64_t call = next_call_++;
  calls_.emplace(call, std::move(done));
  const absl::Duration patience =
      timeout.value_or(world()->faults().call_timeout);
  if (patience != absl::InfiniteDuration()) {
    world()->AtProcess(world()->After(patience), this, [this, call] {
      FinishCall(call, absl::UnavailableError("no answer"));
    });
  }

  Link& link = world()->LinkBetween(*node_, *service);
  const uint64_t ordinal = link.calls++;
  world()->trace().Add(world()->now(), Happening::kAsk, link.from, link.to,
                       ordinal, 0);
  if (world()->IsCut(link) ||
      world()->Strikes(Chance::kRequestLoss, world()->faults().request_loss,
                       link.hash, ordinal, link.from, link.to)) {
    return;
  }
  world()->At(
      world()->now() + world()->Delay(Chance::kRequestDelay, link, ordinal),
      [this, service, call, ordinal, &link, act = std::move(act)]() mutable {
        if (world()->IsCut(link)) return;
        world()->AtNode(
            world()->now(), service,
            [this, service, call, ordinal, act = std::move(act)]() mutable {
              std::move(act)([this, service, call, ordinal] {
                AnswerCall(service, call, ordinal);
              });
            });
      });
}

void Process::AnswerCall(Node* service, uint64_t call, uint64_t ordinal) {
  const Link& link = world()->LinkBetween(*service, *node_);
  if (world()->IsCut(link) ||
      world()->Strikes(Chance::kReplyLoss, world()->faults().reply_loss,
                       link.hash, ordinal, link.from, link.to)) {
    return;
  }
  world()->At(
      world()->now() + world()->Delay(Chance::kReplyDelay, link, ordinal),
      [this, call, ordinal, &link] {
        if (world()->IsCut(link) || !alive_ || node_->IsAsleep()) return;
        world()->AtProcess(world()->now(), this, [this, call, ordinal, &link] {
          world()->trace().Add(world()->now(), Happening::kAnswer, link.from,
                               link.to, ordinal, 0);
          FinishCall(call, absl::OkStatus());
        });
      });
}

void Process::FinishCall(uint64_t call, absl::Status status) {
  const auto found = calls_.find(call);
  if (found == calls_.end()) return;
  CallDone done = std::move(found->second);
  calls_.erase(found);
  std::move(done)(std::move(status));
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
