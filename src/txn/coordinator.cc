// SPDX-License-Identifier: Apache-2.0

#include "trivet/txn/coordinator.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "src/internal/invariant.h"
#include "src/internal/mutant.h"
#include "src/internal/pump.h"
#include "src/internal/quoted.h"
#include "src/internal/random.h"
#include "src/internal/wait.h"
#include "src/txn/log_writer.h"
#include "src/txn/mailer.h"
#include "src/txn/peer_table.h"
#include "src/txn/script.h"
#include "src/txn/txn_driver.h"
#include "trivet/host/executor.h"
#include "trivet/host/log_store.h"
#include "trivet/host/transport.h"
#include "trivet/txn/coordinator_machine.h"
#include "trivet/txn/transaction.h"
#include "trivet/txn/txn_counters.h"
#include "trivet/txn/txn_effects.h"
#include "trivet/txn/txn_message.h"
#include "trivet/txn/txn_record.h"

namespace trivet {
inline namespace v0_1 {
namespace {

using ::trivet::internal::PeerTable;

constexpr size_t kNameBytesMax = PeerTable::kNameBytesMax - 33;  // '#' and id.

bool BelongsToCoordinator(const TxnRecord& record) {
  return std::holds_alternative<LogIdentity>(record) ||
         std::holds_alternative<CommitDecided>(record) ||
         std::holds_alternative<Ended>(record) ||
         std::holds_alternative<Forgotten>(record);
}

// nullptr: a record of the log, not of a transaction.
const TxnKey* TxnOf(const TxnRecord& record) {
  if (const auto* r = std::get_if<CommitDecided>(&record)) return &r->txn;
  if (const auto* r = std::get_if<Ended>(&record)) return &r->txn;
  if (const auto* r = std::get_if<Forgotten>(&record)) return &r->txn;
  return nullptr;
}

// Whether `self` can have written all of `records`. Commits of a coordinator of
// another name would be sent as its own, and whoever hears of a commit that it
// never voted for stops. An epoch that was given out before would give out ids
// a second time. A store that scans after it has claimed may show what a later
// owner has written by then.
absl::Status CheckOwn(const std::vector<LoggedRecord>& records,
                      const RoleIdentity& self, const PeerTable& peers) {
  for (const LoggedRecord& logged : records) {
    const TxnKey* const txn = TxnOf(logged.record);
    if (txn == nullptr) continue;
    if (txn->coordinator != self.self) {
      return absl::DataLossError(absl::StrCat(
          "record ", logged.index, " is of ",
          internal::Quoted(peers.Name(txn->coordinator)), ", this is ",
          internal::Quoted(self.name), "; is this another's log?"));
    }
    const Epoch epoch = txn->number.epoch;
    if (epoch < self.epoch) continue;
    const std::string text =
        absl::StrCat("record ", logged.index, " is of epoch ", epoch,
                     ", but the epoch just claimed is ", self.epoch);
    return epoch > self.epoch ? absl::AbortedError(text)
                              : absl::DataLossError(text);
  }
  return absl::OkStatus();
}

// The id of the log that holds `records`: a new one if there are none.
absl::StatusOr<std::string> IdentityOf(
    const std::vector<LoggedRecord>& records) {
  std::optional<std::string> id;
  for (const LoggedRecord& logged : records) {
    const auto* identity = std::get_if<LogIdentity>(&logged.record);
    if (identity == nullptr) continue;
    if (id.has_value() && *id != identity->id) {
      return absl::DataLossError(absl::StrCat("record ", logged.index,
                                              " gives it the id ", identity->id,
                                              ", one before gave it ", *id));
    }
    id = identity->id;
  }
  if (id.has_value()) return *std::move(id);
  if (records.empty()) return internal::UniqueId();
  return absl::DataLossError(
      absl::StrCat("of its ", records.size(), " records, from ",
                   records.front().index, " on, none is its identity"));
}

}  // namespace

class Coordinator::Impl final : public internal::TxnDriver<CoordinatorMachine> {
 public:
  using TxnDriver::executor;

  Impl(const internal::TxnPorts& ports, RoleIdentity self, PeerTable table,
       const CoordinatorOptions& options, CoordinatorMachine machine,
       std::unique_ptr<internal::ScriptWriter> script)
      : TxnDriver(ports, self.epoch, internal::Mailer::Peers::kParticipants,
                  std::move(table), std::move(machine), std::move(script)),
        self_(std::move(self)),
        options_(options) {}

  void RunAsync(std::vector<Branch> branches, RunOptions options, RunDone done);
  absl::StatusOr<std::optional<Decision>> OutcomeOf(const TxnId& id) const;
  std::vector<TxnId> Untold() const;
  void Forget(const TxnId& id);
  void Receive(Envelope&& envelope);
  void Drain(Callback done);
  void Shutdown();

 private:
  using Calls = std::unordered_map<uint64_t, RunDone>;

  void Perform(Effects& effects) override;
  void Report(Effects& effects);
  void CheckDrained();
  static absl::Status Check(const std::vector<Branch>& branches,
                            const RunOptions& options);
  void Answer(RunDone done, absl::StatusOr<Outcome> outcome);

  const RoleIdentity self_;
  const CoordinatorOptions options_;

  absl::Mutex calls_mu_;
  Calls calls_ ABSL_GUARDED_BY(calls_mu_);  // Begun and not answered.
  uint64_t next_call_ ABSL_GUARDED_BY(calls_mu_) = 1;
  bool draining_ ABSL_GUARDED_BY(calls_mu_) = false;
  std::vector<Callback> drains_ ABSL_GUARDED_BY(calls_mu_);
};

// --- Calls ------------------------------------------------------------------

// What the machine, which knows no names, cannot check or say.
absl::Status Coordinator::Impl::Check(const std::vector<Branch>& branches,
                                      const RunOptions& options) {
  std::unordered_set<std::string_view> participants;
  for (size_t i = 0; i < branches.size(); ++i) {
    const Branch& branch = branches[i];
    if (absl::Status status =
            internal::CheckName(absl::StrCat("branches[", i, "].participant"),
                                branch.participant, PeerTable::kNameBytesMax);
        !status.ok()) {
      return status;
    }
    if (!participants.insert(branch.participant).second) {
      return absl::InvalidArgumentError(absl::StrCat(
          "branches[", i, "].participant: a second branch of ",
          internal::Quoted(branch.participant), "; put its work into one"));
    }
  }
  if (options.prepare_timeout.has_value() &&
      (*options.prepare_timeout <= absl::ZeroDuration() ||
       *options.prepare_timeout == absl::InfiniteDuration())) {
    return absl::InvalidArgumentError(absl::StrCat(
        "prepare_timeout is ", absl::FormatDuration(*options.prepare_timeout),
        "; it must be positive and finite"));
  }
  return absl::OkStatus();
}

void Coordinator::Impl::Answer(RunDone done, absl::StatusOr<Outcome> outcome) {
  CallBack([done = std::move(done), outcome = std::move(outcome)]() mutable {
    std::move(done)(std::move(outcome));
  });
}

void Coordinator::Impl::RunAsync(std::vector<Branch> branches,
                                 RunOptions options, RunDone done) {
  if (absl::Status status = Check(branches, options); !status.ok()) {
    return Answer(std::move(done), std::move(status));
  }
  CoordinatorMachine::Begun begun;
  begun.deadline = executor()->Now() +
                   options.prepare_timeout.value_or(options_.prepare_timeout);
  begun.shares.reserve(branches.size());
  for (Branch& branch : branches) {
    begun.shares.push_back(
        {peers().Intern(branch.participant), std::move(branch.work)});
  }
  absl::Status refused;
  {
    const absl::MutexLock lock(&calls_mu_);
    if (!IsOpen()) {
      refused = absl::CancelledError("the coordinator is being destroyed");
    } else if (draining_) {
      refused = absl::FailedPreconditionError("the coordinator is draining");
    } else {
      begun.call = next_call_++;
      calls_.emplace(begun.call, std::exchange(done, nullptr));
    }
  }
  if (!refused.ok()) return Answer(std::move(done), std::move(refused));
  Enqueue(std::move(begun));
}

absl::StatusOr<std::optional<Decision>> Coordinator::Impl::OutcomeOf(
    const TxnId& id) const {
  if (id.coordinator != self_.name) {
    return absl::InvalidArgumentError(
        absl::StrCat("id is of ", internal::Quoted(id.coordinator),
                     "; this is ", internal::Quoted(self_.name)));
  }
  return Inspect([&](const CoordinatorMachine& machine) {
    return machine.OutcomeOf(id.number);
  });
}

std::vector<TxnId> Coordinator::Impl::Untold() const {
  const std::vector<TxnNumber> numbers = Inspect(
      [](const CoordinatorMachine& machine) { return machine.Untold(); });
  std::vector<TxnId> ids;
  ids.reserve(numbers.size());
  for (const TxnNumber number : numbers) ids.push_back({self_.name, number});
  return ids;
}

void Coordinator::Impl::Forget(const TxnId& id) {
  if (id.coordinator != self_.name) return;
  Enqueue(CoordinatorMachine::ForgetRequested{id.number});
}

void Coordinator::Impl::Receive(Envelope&& envelope) {
  std::optional<PeerId> from;  // Interned once something is for us.
  TakeEnvelope(
      envelope,
      [&](std::string_view coordinator) -> std::optional<PeerId> {
        if (coordinator != self_.name) {
          Count(&TxnCounters::misaddressed);
          return std::nullopt;
        }
        if (!from.has_value()) from = peers().InternBounded(envelope.from);
        if (from.has_value()) return self_.self;
        Count(&TxnCounters::bad_names);
        return std::nullopt;
      },
      [&from](TxnMessage message) -> Event {
        return Received{*from, std::move(message)};
      });
}

void Coordinator::Impl::Drain(Callback done) {
  {
    const absl::MutexLock lock(&calls_mu_);
    draining_ = true;
    if (IsOpen()) drains_.push_back(std::exchange(done, nullptr));
  }
  if (done != nullptr) return CallBack(std::move(done));
  Enqueue(Ticked{});  // So that somebody looks.
}

// --- Effects ----------------------------------------------------------------

void Coordinator::Impl::Perform(Effects& effects) {
  // Callbacks only queue up, so they are safe from whatever happens below; and
  // who hears of an unknown outcome finds out why from Health(). What stands
  // beside the stop was wanted before it: its records are refused by the log,
  // not by us, so that their callers hear of it.
  if (effects.stopped.has_value()) {
    const bool deposed =
        TRIVET_MUTANT(failure_told_as_fencing) && options_.epoch.has_value();
    Stop(deposed ? absl::AbortedError("deposed") : *effects.stopped);
  }
  Report(effects);
  WriteAndSend(effects);
  CheckDrained();
}

void Coordinator::Impl::Report(Effects& effects) {
  const auto take = [this](uint64_t call) {
    const absl::MutexLock lock(&calls_mu_);
    auto taken = calls_.extract(call);
    TRIVET_INVARIANT(!taken.empty(), "a call is answered once");
    return std::move(taken.mapped());
  };
  for (CoordinatorMachine::Refused& refused : effects.refused) {
    Answer(take(refused.call), std::move(refused.status));
  }
  for (CoordinatorMachine::Finished& finished : effects.finished) {
    RunDone done = take(finished.call);
    if (!finished.decision && TRIVET_MUTANT(unknown_outcome_untold)) continue;
    Answer(std::move(done), Outcome{{self_.name, finished.number},
                                    finished.decision,
                                    std::move(finished.reason)});
  }
}

void Coordinator::Impl::CheckDrained() {
  {
    const absl::MutexLock lock(&calls_mu_);
    if (drains_.empty() || !calls_.empty()) return;
  }
  // Nothing is begun any more, so what is in flight only gets less.
  const size_t in_flight = Inspect(
      [](const CoordinatorMachine& machine) { return machine.in_flight(); });
  const bool waits = in_flight > 0 && !TRIVET_MUTANT(drained_before_acks);
  if (waits && Health().ok()) return;
  std::vector<Callback> drains;
  {
    const absl::MutexLock lock(&calls_mu_);
    drains.swap(drains_);
  }
  for (Callback& done : drains) CallBack(std::move(done));
}

// Once closed nothing is added but what callbacks add, which Close runs too.
void Coordinator::Impl::Shutdown() {
  Close();
  Calls calls;
  std::vector<Callback> drains;
  {
    const absl::MutexLock lock(&calls_mu_);
    calls.swap(calls_);
    drains.swap(drains_);
  }
  for (auto& [call, done] : calls) {
    Answer(std::move(done),
           absl::CancelledError("the coordinator was destroyed; the "
                                "transaction may still commit"));
  }
  for (Callback& done : drains) CallBack(std::move(done));
  Close();
}

// --- Coordinator ------------------------------------------------------------

absl::StatusOr<std::unique_ptr<Coordinator>> Coordinator::Open(
    Executor* executor, Transport* transport, LogStore* log, std::string name,
    CoordinatorOptions options) {
  if (absl::Status status = options.Validate(); !status.ok()) return status;
  if (options.epoch == Epoch{0}) {
    return absl::InvalidArgumentError(
        "CoordinatorOptions.epoch is 0, which is no token; leave it unset for "
        "one more than the last");
  }
  if (absl::Status status = internal::CheckName("name", name, kNameBytesMax);
      !status.ok()) {
    return status;
  }
  if (absl::Status status = internal::CheckRecordSize(
          *log, "CoordinatorOptions.max_branches", options.max_branches,
          options.max_branches * 514 + 1024);
      !status.ok()) {
    return status;
  }
  const std::string owner =
      absl::StrCat("coordinator ", internal::Quoted(name));
  PeerTable table;
  absl::StatusOr<internal::ClaimedLog> claimed = internal::ClaimLog(
      log, options.epoch.value_or(0), owner, BelongsToCoordinator, &table);
  if (!claimed.ok()) return claimed.status();
  absl::StatusOr<std::string> id = IdentityOf(claimed->records);
  if (!id.ok()) return internal::UnfitLog(owner, id.status());

  RoleIdentity self;
  self.name = absl::StrCat(name, "#", *id);
  self.self = table.Intern(self.name);
  self.epoch = claimed->epoch;
  if (const absl::Status own = CheckOwn(claimed->records, self, table);
      !own.ok()) {
    return internal::UnfitLog(owner, own);
  }
  const uint64_t seed = internal::JitterSeed(name, self.epoch);
  CoordinatorMachine machine(self, options, seed, claimed->records);
  auto script = internal::ScriptWriter::Start(self, options, seed,
                                              claimed->records, table);
  // Not make_shared: timers hold weak pointers.
  std::shared_ptr<Impl> impl(new Impl(
      {executor, transport, log, std::move(name)}, std::move(self),
      std::move(table), options, std::move(machine), std::move(script)));
  impl->Enqueue(Ticked{});
  return std::unique_ptr<Coordinator>(new Coordinator(std::move(impl)));
}

Coordinator::Coordinator(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Coordinator::~Coordinator() { impl_->Shutdown(); }

void Coordinator::RunAsync(std::vector<Branch> branches, RunDone done) {
  impl_->RunAsync(std::move(branches), {}, std::move(done));
}

void Coordinator::RunAsync(std::vector<Branch> branches, RunOptions options,
                           RunDone done) {
  impl_->RunAsync(std::move(branches), options, std::move(done));
}

absl::StatusOr<Outcome> Coordinator::Run(std::vector<Branch> branches) {
  return internal::BlockOn<absl::StatusOr<Outcome>>(
      impl_->executor(), [&](RunDone done) {
        impl_->RunAsync(std::move(branches), {}, std::move(done));
      });
}

absl::StatusOr<std::optional<Decision>> Coordinator::OutcomeOf(
    const TxnId& id) const {
  return impl_->OutcomeOf(id);
}

std::vector<TxnId> Coordinator::Untold() const { return impl_->Untold(); }

void Coordinator::Forget(const TxnId& id) { impl_->Forget(id); }

void Coordinator::Receive(Envelope envelope) {
  impl_->Receive(std::move(envelope));
}

void Coordinator::Drain(absl::AnyInvocable<void() &&> done) {
  impl_->Drain(std::move(done));
}

absl::Status Coordinator::Health() const { return impl_->Health(); }

TxnCounters Coordinator::Counters() const { return impl_->Counters(); }

}  // namespace v0_1
}  // namespace trivet
