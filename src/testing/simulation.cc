// SPDX-License-Identifier: Apache-2.0

#include "trivet/testing/simulation.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "src/internal/invariant.h"
#include "src/internal/strings.h"
#include "src/testing/dice.h"
#include "src/testing/node.h"
#include "src/testing/trace.h"
#include "src/testing/world.h"
#include "trivet/host/executor.h"
#include "trivet/host/log_store.h"
#include "trivet/host/transport.h"
#include "trivet/host/versioned_store.h"
#include "trivet/testing/fault_options.h"
#include "trivet/testing/history.h"
#include "trivet/testing/sim_host.h"
#include "trivet/testing/violations.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {
namespace {

// In the error of RunUntil.
constexpr size_t kTailLines = 30;

FaultOptions Without(const std::vector<std::string>& classes,
                     FaultOptions faults) {
  for (const std::string& name : classes) {
    const bool known = faults.TurnOff(name);
    TRIVET_INVARIANT(known, "FaultFilter::off names fields of FaultOptions");
  }
  return faults;
}

}  // namespace

Simulation::Simulation(uint64_t seed, FaultOptions faults)
    : world_(std::make_unique<internal::World>(seed, faults)) {}

Simulation::Simulation(const HistoryOptions& options, FaultOptions faults)
    : trace_wanted_(options.trace),
      world_(std::make_unique<internal::World>(
          options.seed, Without(options.faults.off, faults))) {
  world_->SetFilter(options.faults);
  if (options.scripts != nullptr) world_->WriteScripts(options.scripts);
  world_->OnFault(options.on_fault);
}

Simulation::~Simulation() = default;

SimHost& Simulation::AddHost(std::string name, Boot boot) {
  return world_->AddHost(std::move(name), std::move(boot));
}

SimHost* Simulation::FindHost(std::string_view name) {
  return world_->FindHost(name);
}

void Simulation::Partition(std::string_view a, std::string_view b) {
  world_->Cut(a, b);
  world_->Cut(b, a);
}

void Simulation::PartitionOneWay(std::string_view from, std::string_view to) {
  world_->Cut(from, to);
}

void Simulation::Heal() { world_->Heal(); }

void Simulation::Calm() { world_->Calm(); }

void Simulation::RunFor(absl::Duration span) {
  world_->Run(world_->After(span), [] { return true; });
}

absl::Status Simulation::RunUntil(absl::FunctionRef<bool()> goal,
                                  absl::Duration limit) {
  bool reached = false;
  world_->Run(world_->After(limit), [&] {
    reached = goal();
    return !reached;
  });
  if (reached || goal()) return absl::OkStatus();
  return absl::DeadlineExceededError(absl::StrCat(
      "the goal was not reached within ", absl::FormatDuration(limit),
      " of virtual time; lately:\n", world_->trace().Tail(kTailLines)));
}

void Simulation::OnEvent(absl::AnyInvocable<void()> look) {
  world_->OnEvent(std::move(look));
}

absl::Duration Simulation::Elapsed() const {
  return absl::Nanoseconds(world_->now());
}

uint64_t Simulation::events() const { return world_->events(); }

uint64_t Simulation::Draw(std::string_view what, uint64_t ordinal) const {
  return world_->dice().Draw(internal::Chance::kTest, internal::NameHash(what),
                             ordinal);
}

std::string Simulation::Trace() const { return world_->trace().All(); }

uint64_t Simulation::TraceHash() const { return world_->trace().hash(); }

void Simulation::Note(std::string_view text) {
  world_->trace().Add(world_->now(), internal::Happening::kNote, {}, {}, 0, 0,
                      std::string(text));
}

void Simulation::DescribePayloads(
    absl::AnyInvocable<std::string(std::string_view payload)> describe) {
  world_->DescribePayloads(std::move(describe));
}

std::vector<Simulation::Fault> Simulation::FaultsFired() const {
  return world_->FaultsFired();
}

void Simulation::Mute(const std::vector<std::string>& fault_ids) {
  world_->SetFilter({{}, fault_ids, std::nullopt});
}

History Simulation::Report(const Violations& violations,
                           std::string_view configuration) const {
  History history;
  history.violations = violations;
  history.configuration = absl::StrCat(internal::Sv(configuration),
                                       configuration.empty() ? "" : " ",
                                       world_->faults().ToString());
  history.classes = world_->faults().Classes();
  history.faults = FaultsFired();
  history.left_out = world_->FaultsLeftOut();
  if (trace_wanted_) history.trace = Trace();
  history.hash = TraceHash();
  history.events = events();
  return history;
}

namespace {

uint64_t About(const internal::Node* node, std::string_view kind,
               std::string_view place) {
  return internal::Combine(
      internal::Combine(node->hash(), internal::NameHash(kind)),
      internal::NameHash(place));
}

}  // namespace

SimHost::SimHost(std::unique_ptr<internal::Node> node)
    : node_(std::move(node)) {}

SimHost::~SimHost() = default;

std::string_view SimHost::name() const { return node_->name(); }

Executor* SimHost::executor() { return node_->process()->executor(); }

Transport* SimHost::transport() { return node_->process()->transport(); }

LogStore* SimHost::log(std::string_view file) {
  return node_->process()->Log(file);
}

LogStore* SimHost::shared_log(std::string_view name) {
  return node_->process()->SharedLogNamed(name);
}

VersionedStore* SimHost::versioned_store() {
  return node_->process()->versioned_store();
}

void SimHost::OnReceive(std::string role,
                        absl::AnyInvocable<void(Envelope)> receive) {
  node_->process()->OnReceive(std::move(role), std::move(receive));
}

void SimHost::Call(std::string_view service,
                   absl::AnyInvocable<void(Reply reply) &&> act,
                   absl::AnyInvocable<void(absl::Status) &&> done,
                   std::optional<absl::Duration> timeout) {
  node_->process()->Call(service, std::move(act), std::move(done), timeout);
}

bool SimHost::Strikes(std::string_view kind, double probability,
                      std::string_view place) {
  internal::World& world = *node_->world();
  const std::string_view whom = world.Keep(place);
  const uint64_t about = About(node_.get(), kind, place);
  return world.StrikesAs(kind, probability, internal::Chance::kTest, about,
                         node_->NextAsked(about), node_->name(), whom);
}

uint64_t SimHost::Draw(std::string_view kind, std::string_view place) {
  const uint64_t about = ~About(node_.get(), kind, place);
  return node_->world()->dice().Draw(internal::Chance::kTest, about,
                                     node_->NextAsked(about));
}

bool SimHost::PassCrashPoint(bool in_append) {
  return node_->PassCrashPoint(in_append);
}

const FaultOptions& SimHost::faults() const { return node_->world()->faults(); }

void SimHost::OnStop(absl::AnyInvocable<void(bool power_loss)> on_stop) {
  node_->OnStop(std::move(on_stop));
}

void SimHost::Lose() { node_->Lose(); }

bool SimHost::IsLost() const { return node_->IsLost(); }

void SimHost::Crash() {
  node_->Stop(/*power_loss=*/false, /*by_chance=*/false);
}

void SimHost::PowerLoss() {
  node_->Stop(/*power_loss=*/true, /*by_chance=*/false);
}

void SimHost::Pause(absl::Duration span) {
  const internal::World& world = *node_->world();
  node_->Pause(world.After(span) - world.now());
}

void SimHost::Restart() { node_->Start(); }

bool SimHost::IsUp() const { return node_->process()->alive(); }

uint64_t SimHost::starts() const { return node_->starts(); }

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet
