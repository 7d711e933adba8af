// SPDX-License-Identifier: Apache-2.0

#include "trivet/txn/participant.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "src/internal/quoted.h"
#include "src/txn/log_writer.h"
#include "src/txn/mailer.h"
#include "src/txn/peer_table.h"
#include "src/txn/script.h"
#include "src/txn/txn_driver.h"
#include "trivet/host/executor.h"
#include "trivet/host/log_store.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/host/transport.h"
#include "trivet/txn/participant_machine.h"
#include "trivet/txn/resource.h"
#include "trivet/txn/transaction.h"
#include "trivet/txn/txn_counters.h"
#include "trivet/txn/txn_effects.h"
#include "trivet/txn/txn_message.h"
#include "trivet/txn/txn_record.h"

namespace trivet {
inline namespace v0_1 {
namespace {

using ::trivet::internal::PeerTable;
using Machine = ParticipantMachine;

bool BelongsToParticipant(const TxnRecord& record) {
  return !std::holds_alternative<LogIdentity>(record) &&
         !std::holds_alternative<CommitDecided>(record) &&
         !std::holds_alternative<Ended>(record);
}

// Whether `records` are those of participant `name`. With another's it would
// ask that one's coordinators in the wrong name, take "abort" for an answer,
// and undo what was committed.
absl::Status CheckOwn(const std::vector<LoggedRecord>& records,
                      const std::string& name) {
  bool owned = false;
  for (const LoggedRecord& logged : records) {
    const auto* owner = std::get_if<LogOwner>(&logged.record);
    if (owner == nullptr) continue;
    if (owner->participant != name) {
      return absl::DataLossError(absl::StrCat(
          "record ", logged.index, " says that it is the log of participant ",
          internal::Quoted(owner->participant), "; is this another's log?"));
    }
    owned = true;
  }
  if (owned || records.empty()) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("of its ", records.size(), " records, from ",
                   records.front().index, " on, none says whose they are"));
}

}  // namespace

class Participant::Impl final : public internal::TxnDriver<ParticipantMachine> {
 public:
  Impl(const internal::TxnPorts& ports, Resource* resource, Epoch epoch,
       PeerTable table, Machine machine,
       std::unique_ptr<internal::ScriptWriter> script)
      : TxnDriver(ports, epoch, internal::Mailer::Peers::kCoordinators,
                  std::move(table), std::move(machine), std::move(script)),
        resource_(resource) {}

  void Receive(Envelope&& envelope);
  std::vector<Doubt> InDoubt() const;
  absl::Status Resolve(const TxnId& id, Decision decision);
  std::vector<Verdict> Verdicts() const;

 private:
  void Perform(Effects& effects) override;
  void ListPrepared();
  void Prepare(Machine::Prepare prepare);
  void Apply(Machine::Apply apply);
  std::vector<TxnKey> KeysOf(const std::vector<TxnId>& ids);

  // What a resource calls when it is done: has `answer(result)` handled as an
  // event, if there is still somebody to handle it.
  template <typename Answer>
  auto Answers(Answer answer) {
    return [weak = weak_from_this(),
            answer = std::move(answer)](auto result) mutable {
      const auto self = std::static_pointer_cast<Impl>(weak.lock());
      if (self != nullptr) self->Enqueue(answer(*self, std::move(result)));
    };
  }

  Resource* const resource_;
};

// --- Calls ------------------------------------------------------------------

void Participant::Impl::Receive(Envelope&& envelope) {
  TakeEnvelope(
      envelope,
      [&](std::string_view coordinator) -> std::optional<PeerId> {
        if (internal::AddressOf(coordinator) != envelope.from) {
          Count(&TxnCounters::misaddressed);
          return std::nullopt;
        }
        const auto peer = peers().InternBounded(coordinator);
        if (!peer.has_value()) Count(&TxnCounters::bad_names);
        return peer;
      },
      [](TxnMessage message) -> Event {
        const PeerId from = internal::CoordinatorOf(message);
        return Received{from, std::move(message)};
      });
}

std::vector<Participant::Doubt> Participant::Impl::InDoubt() const {
  const std::vector<Machine::Doubt> doubts =
      Inspect([](const Machine& machine) { return machine.InDoubt(); });
  const MonotonicTime now = executor()->Now();
  std::vector<Doubt> named;
  named.reserve(doubts.size());
  for (const Machine::Doubt& doubt : doubts) {
    named.push_back({peers().IdOf(doubt.txn), now - doubt.since});
  }
  return named;
}

std::vector<Participant::Verdict> Participant::Impl::Verdicts() const {
  const std::vector<Machine::Verdict> verdicts =
      Inspect([](const Machine& machine) { return machine.Verdicts(); });
  std::vector<Verdict> named;
  named.reserve(verdicts.size());
  for (const Machine::Verdict& verdict : verdicts) {
    named.push_back(
        {peers().IdOf(verdict.txn), verdict.decision, verdict.answer});
  }
  return named;
}

absl::Status Participant::Impl::Resolve(const TxnId& id, Decision decision) {
  if (const absl::Status health = Health(); !health.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the participant has stopped: ", health.message()));
  }
  const auto coordinator = peers().Find(id.coordinator);
  if (coordinator.has_value()) {
    const TxnKey key{*coordinator, id.number};
    if (Inspect([&](const Machine& m) { return m.IsInDoubt(key); })) {
      Enqueue(Machine::ResolveRequested{key, decision});
      return absl::OkStatus();
    }
    for (const Machine::Verdict& verdict :
         Inspect([](const Machine& m) { return m.Verdicts(); })) {
      if (!(verdict.txn == key)) continue;
      if (!verdict.answer.has_value()) {
        return absl::FailedPreconditionError(
            absl::StrCat(id.ToString(),
                         " was decided here, and its coordinator has not "
                         "answered yet"));
      }
      Enqueue(Machine::ForgetRequested{key});
      return absl::OkStatus();
    }
  }
  return absl::NotFoundError(absl::StrCat(id.ToString(), " is not in doubt"));
}

// --- Effects ----------------------------------------------------------------

void Participant::Impl::Perform(Effects& effects) {
  if (effects.stopped.has_value()) return Stop(*effects.stopped);
  WriteAndSend(effects);
  if (effects.list_prepared && IsOpen()) ListPrepared();
  for (Machine::Prepare& prepare : effects.prepares) {
    if (IsOpen()) Prepare(std::move(prepare));
  }
  for (Machine::Apply& apply : effects.applies) {
    if (IsOpen()) Apply(std::move(apply));
  }
}

void Participant::Impl::ListPrepared() {
  using Ids = absl::StatusOr<std::vector<TxnId>>;
  resource_->ListPrepared(Answers([](Impl& self, Ids ids) {
    if (!ids.ok()) return Machine::Listed{ids.status()};
    return Machine::Listed{self.KeysOf(*ids)};
  }));
}

void Participant::Impl::Prepare(Machine::Prepare prepare) {
  resource_->Prepare(peers().IdOf(prepare.txn), std::move(prepare.work),
                     Answers([txn = prepare.txn](Impl&, Vote vote) {
                       return Machine::Voted{txn, std::move(vote)};
                     }));
}

void Participant::Impl::Apply(Machine::Apply apply) {
  resource_->Apply(peers().IdOf(apply.txn), apply.decision,
                   std::move(apply.work),
                   Answers([txn = apply.txn](Impl&, absl::Status status) {
                     return Machine::ApplyReturned{txn, std::move(status)};
                   }));
}

std::vector<TxnKey> Participant::Impl::KeysOf(const std::vector<TxnId>& ids) {
  std::vector<TxnKey> keys;
  keys.reserve(ids.size());
  for (const TxnId& id : ids) {
    const auto coordinator = peers().InternBounded(id.coordinator);
    if (coordinator.has_value()) {
      keys.push_back({*coordinator, id.number});
    } else {
      Count(&TxnCounters::bad_names);
    }
  }
  return keys;
}

// --- Participant ------------------------------------------------------------

absl::StatusOr<std::unique_ptr<Participant>> Participant::Open(
    Executor* executor, Transport* transport, LogStore* log, Resource* resource,
    std::string name, ParticipantOptions options) {
  if (absl::Status status = options.Validate(); !status.ok()) return status;
  if (absl::Status status =
          internal::CheckName("name", name, PeerTable::kNameBytesMax);
      !status.ok()) {
    return status;
  }
  if (absl::Status status = internal::CheckRecordSize(
          *log, "ParticipantOptions.max_work_bytes", options.max_work_bytes,
          options.max_work_bytes + 1024);
      !status.ok()) {
    return status;
  }
  PeerTable table;
  const std::string owner =
      absl::StrCat("participant ", internal::Quoted(name));
  absl::StatusOr<internal::ClaimedLog> claimed =
      internal::ClaimLog(log, 0, owner, BelongsToParticipant, &table);
  if (!claimed.ok()) return claimed.status();
  if (const absl::Status own = CheckOwn(claimed->records, name); !own.ok()) {
    return internal::UnfitLog(owner, own);
  }

  const Epoch epoch = claimed->epoch;
  const RoleIdentity self{name, table.Intern(name), epoch};
  const uint64_t seed = internal::JitterSeed(name, epoch);
  Machine machine(self, options, seed, claimed->records);
  auto script = internal::ScriptWriter::Start(self, options, seed,
                                              claimed->records, table);
  // Not make_shared: timers hold weak pointers.
  std::shared_ptr<Impl> impl(
      new Impl({executor, transport, log, std::move(name)}, resource, epoch,
               std::move(table), std::move(machine), std::move(script)));
  impl->Enqueue(Ticked{});
  return std::unique_ptr<Participant>(new Participant(std::move(impl)));
}

Participant::Participant(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Participant::~Participant() { impl_->Close(); }

void Participant::Receive(Envelope envelope) {
  impl_->Receive(std::move(envelope));
}

std::vector<Participant::Doubt> Participant::InDoubt() const {
  return impl_->InDoubt();
}

absl::Status Participant::Resolve(const TxnId& id, Decision decision) {
  return impl_->Resolve(id, decision);
}

std::vector<Participant::Verdict> Participant::Verdicts() const {
  return impl_->Verdicts();
}

absl::Status Participant::Health() const { return impl_->Health(); }

TxnCounters Participant::Counters() const { return impl_->Counters(); }

}  // namespace v0_1
}  // namespace trivet
