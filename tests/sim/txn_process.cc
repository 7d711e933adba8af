// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cstddef>
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
#include "absl/time/time.h"
#include "src/txn/codec.h"
#include "src/txn/peer_table.h"
#include "tests/sim/sim_database.h"
#include "tests/sim/txn_world.h"
#include "trivet/host/executor.h"
#include "trivet/host/log_store.h"
#include "trivet/host/transport.h"
#include "trivet/testing/sim_host.h"
#include "trivet/txn/coordinator.h"
#include "trivet/txn/participant.h"
#include "trivet/txn/transaction.h"
#include "trivet/txn/txn_message.h"

namespace trivet {
namespace sim {
namespace {

using testing::SimHost;

constexpr absl::Duration kTick = absl::Milliseconds(100);

// Everything quick, so that a history is short.
CoordinatorOptions QuickCoordinator() {
  CoordinatorOptions options;
  options.prepare_timeout = absl::Milliseconds(800);
  options.resend_min = absl::Milliseconds(50);
  options.resend_max = absl::Milliseconds(500);
  return options;
}

ParticipantOptions QuickParticipant() {
  ParticipantOptions options;
  options.inquire_min = absl::Milliseconds(100);
  options.inquire_max = absl::Milliseconds(800);
  options.apply_retry_min = absl::Milliseconds(20);
  options.apply_retry_max = absl::Milliseconds(400);
  options.horizon_delay = absl::Milliseconds(200);
  options.orphan_scan = absl::Seconds(1);
  return options;
}

LogStore* LogOf(TxnWorld* world, SimHost* host, const TxnPlan::Host& plan) {
  return plan.shared_log ? host->shared_log(plan.coordinator)
                         : world->LogOn(host, plan.coordinator);
}

// Under which epoch it writes a log that others write too.
std::optional<Epoch> Term(const TxnPlan::Host& plan, Epoch epoch) {
  if (!plan.shared_log) return std::nullopt;
  return epoch;
}

// The process is on the stack: it starts again once it has returned.
void Reboot(SimHost* host) {
  host->Crash();
  host->Restart();
}

}  // namespace

// --- Coordinator ------------------------------------------------------------

CoordinatorRole::CoordinatorRole(TxnWorld* world, SimHost* host,
                                 const TxnPlan::Host& plan)
    : world_(world),
      host_(host),
      plan_(plan),
      log_(LogOf(world, host, plan), world->log_checker(plan.coordinator)) {}

CoordinatorRole::~CoordinatorRole() { coordinator_.reset(); }

absl::Status CoordinatorRole::Open() {
  CoordinatorOptions options = QuickCoordinator();
  if (plan_.shared_log) {
    if (!world_->Leads(plan_.name, plan_.coordinator)) return absl::OkStatus();
    token_ = world_->NextLeaseToken();
    options.epoch = token_;
  }
  absl::StatusOr<std::unique_ptr<Coordinator>> opened = Coordinator::Open(
      host_->executor(), host_->transport(), &log_, plan_.coordinator, options);
  if (!opened.ok()) {
    world_->Stopped(*host_, plan_.coordinator, Term(plan_, token_),
                    opened.status());
    return plan_.shared_log ? absl::OkStatus() : opened.status();
  }
  coordinator_ = *std::move(opened);
  epoch_ = world_->log_checker(plan_.coordinator)->epoch();
  host_->OnReceive(plan_.coordinator, [this](Envelope envelope) {
    Count(envelope);
    coordinator_->Receive(std::move(envelope));
  });
  return absl::OkStatus();
}

void CoordinatorRole::Close() {
  host_->OnReceive(plan_.coordinator, nullptr);
  coordinator_.reset();
  draining_ = drained_ = false;
}

// Votes for what an earlier epoch began do not count any more.
void CoordinatorRole::Count(const Envelope& envelope) {
  internal::PeerTable peers;
  const internal::DecodedPayload decoded = internal::DecodePayload(
      envelope.payload,
      [&](std::string_view name) { return peers.Intern(name); });
  for (const TxnMessage& message : decoded.messages) {
    const auto* const reply = std::get_if<VoteReply>(&message);
    if (reply == nullptr || reply->txn.number.epoch != epoch_) continue;
    world_->Counted({peers.Name(reply->txn.coordinator), reply->txn.number},
                    envelope.from, reply->vote.kind);
  }
}

void CoordinatorRole::Tick(uint64_t tick) {
  if (coordinator_ == nullptr) {
    if (!Open().ok()) {
      Reboot(host_);
      return;
    }
    if (coordinator_ == nullptr) return;
  }
  const absl::Status health = coordinator_->Health();
  if (!health.ok()) {
    world_->Stopped(*host_, plan_.coordinator, Term(plan_, epoch_), health);
    Close();
    return;
  }
  // Whoever is deposed hears of it late.
  const bool leads =
      !plan_.shared_log || (world_->Leads(plan_.name, plan_.coordinator) &&
                            world_->LatestLeaseToken() == token_);
  if (!leads && tick % 4 == 0) {
    Close();
    return;
  }
  if (drained_ || (draining_ && world_->calm())) {
    Close();
    return;
  }
  Ask();
  if (!draining_ && world_->Drains(plan_.coordinator)) Drain();
  if (!draining_) Begin();
}

// As before an orderly end. Then it is opened anew.
void CoordinatorRole::Drain() {
  draining_ = true;
  coordinator_->Drain([this] {
    // The destructor says so too, and a coordinator that has stopped.
    if (coordinator_ == nullptr || !coordinator_->Health().ok()) return;
    drained_ = true;
    world_->Drained(this);
  });
}

void CoordinatorRole::Begin() {
  while (true) {
    const std::vector<Branch> branches =
        world_->NextTransaction(plan_.coordinator);
    if (branches.empty()) return;
    coordinator_->RunAsync(branches, world_->Answer(this, branches));
    if (!host_->IsUp()) return;
  }
}

// Whether a later epoch answers with what it must: commit, or nothing known,
// which means abort for two branches or more that nobody let go.
void CoordinatorRole::Ask() {
  const Epoch epoch = world_->log_checker(plan_.coordinator)->epoch();
  for (const auto& [id, branches] : world_->unknown()) {
    const absl::StatusOr<std::optional<Decision>> outcome =
        coordinator_->OutcomeOf(id);
    if (outcome.ok() && outcome->has_value()) {
      world_->ToldLater(id, **outcome);
    } else if (absl::IsNotFound(outcome.status()) && branches > 1 &&
               id.number.epoch < epoch) {
      world_->ToldLater(id, Decision::kAbort);
    }
  }
  if (const TxnId* const told = world_->SomeTold()) {
    const auto outcome = coordinator_->OutcomeOf(*told);
    const bool knows = outcome.ok() && outcome->has_value();
    // Whoever was deposed may not know what has become of it since.
    if (knows || epoch_ == epoch) {
      world_->ToldAgain(plan_.coordinator, *told, outcome);
    }
  }
  for (const TxnId& id : coordinator_->Untold()) {
    world_->ToldLater(id, Decision::kCommit);
    coordinator_->Forget(id);
    if (!host_->IsUp()) return;
  }
}

bool CoordinatorRole::IsQuiet() const {
  if (coordinator_ == nullptr) return plan_.shared_log;
  return coordinator_->Health().ok() && coordinator_->Untold().empty() &&
         !draining_;
}

// --- Participant ------------------------------------------------------------

ParticipantRole::ParticipantRole(TxnWorld* world, SimHost* host,
                                 const TxnPlan::Host& plan)
    : world_(world),
      host_(host),
      plan_(plan),
      log_(world->LogOn(host, plan.participant),
           world->log_checker(plan.participant)) {
  host_->OnReceive(plan_.participant, [this](Envelope envelope) {
    if (participant_ != nullptr) participant_->Receive(std::move(envelope));
  });
}

ParticipantRole::~ParticipantRole() = default;

absl::Status ParticipantRole::Open() {
  participant_.reset();
  resource_ =
      std::make_unique<SimResource>(host_, world_->database(plan_.participant));
  absl::StatusOr<std::unique_ptr<Participant>> opened =
      Participant::Open(host_->executor(), host_->transport(), &log_,
                        resource_.get(), plan_.participant, QuickParticipant());
  if (!opened.ok()) {
    world_->Stopped(*host_, plan_.participant, std::nullopt, opened.status());
    return opened.status();
  }
  participant_ = *std::move(opened);
  return absl::OkStatus();
}

void ParticipantRole::Tick() {
  const absl::Status health = participant_->Health();
  if (health.ok()) return Operate();
  world_->Stopped(*host_, plan_.participant, std::nullopt, health);
  if (!Open().ok()) Reboot(host_);
}

// An operator's tools: Resolve, and the same call again, which forgets.
void ParticipantRole::Operate() {
  for (const Participant::Doubt& doubt : participant_->InDoubt()) {
    const std::optional<Decision> ruled =
        world_->Rules(doubt.id, plan_.participant);
    if (ruled) (void)participant_->Resolve(doubt.id, *ruled);
  }
  for (const Participant::Verdict& verdict : participant_->Verdicts()) {
    const absl::Status forgotten =
        participant_->Resolve(verdict.id, verdict.decision);
    if (!host_->IsUp() || !participant_->Health().ok()) return;
    world_->CheckVerdict(plan_.participant, verdict, forgotten);
  }
}

bool ParticipantRole::IsQuiet() const {
  if (participant_ == nullptr || !participant_->Health().ok()) return false;
  const auto waits_for_nobody = [this](const auto& open) {
    return world_->IsGone(open.id);
  };
  const std::vector<Participant::Doubt> doubts = participant_->InDoubt();
  const std::vector<Participant::Verdict> verdicts = participant_->Verdicts();
  return std::all_of(doubts.begin(), doubts.end(), waits_for_nobody) &&
         std::all_of(verdicts.begin(), verdicts.end(), waits_for_nobody);
}

// --- Process ----------------------------------------------------------------

TxnProcess::TxnProcess(TxnWorld* world, SimHost* host,
                       const TxnPlan::Host& plan)
    : world_(world), host_(host), plan_(plan), executor_(host->executor()) {
  world_->Enter(plan_.name, this);
}

TxnProcess::~TxnProcess() { world_->Leave(plan_.name, this); }

bool TxnProcess::Open() {
  if (!plan_.participant.empty()) {
    participant_ = std::make_unique<ParticipantRole>(world_, host_, plan_);
    if (!participant_->Open().ok()) return false;
  }
  if (!plan_.coordinator.empty()) {
    coordinator_ = std::make_unique<CoordinatorRole>(world_, host_, plan_);
    if (!coordinator_->Open().ok()) return false;
  }
  Tick();
  return true;
}

void TxnProcess::Tick() {
  const uint64_t tick = ++ticks_;
  if (participant_ != nullptr) participant_->Tick();
  if (coordinator_ != nullptr && host_->IsUp()) coordinator_->Tick(tick);
  executor_->PostAt(executor_->Now() + kTick, [this] { Tick(); });
}

bool TxnProcess::IsQuiet() const {
  return (participant_ == nullptr || participant_->IsQuiet()) &&
         (coordinator_ == nullptr || coordinator_->IsQuiet());
}

}  // namespace sim
}  // namespace trivet
