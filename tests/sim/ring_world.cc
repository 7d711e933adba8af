// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/ring_world.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "src/internal/backoff.h"
#include "src/internal/mutant.h"
#include "src/testing/dice.h"
#include "tests/ring/foreign_model.h"
#include "tests/ring/model.h"
#include "tests/sim/history.h"
#include "trivet/host/executor.h"
#include "trivet/host/transport.h"
#include "trivet/ring/hash_ring.h"
#include "trivet/ring/placement.h"
#include "trivet/ring/shared_ring.h"
#include "trivet/testing/fault_options.h"
#include "trivet/testing/progress_checker.h"
#include "trivet/testing/sim_host.h"

namespace trivet {
namespace sim {
namespace {

using testing::FaultOptions;
using testing::SimHost;

constexpr absl::Duration kFaultyTime = absl::Seconds(6);
constexpr absl::Duration kSettleMax = absl::Minutes(2);
constexpr absl::Duration kTick = absl::Milliseconds(100);
constexpr uint64_t kNodesAtFirst = 3;
constexpr uint64_t kModelEvery = 32;  // To build it takes time.

uint64_t Choose(uint64_t seed, uint64_t what, uint64_t among) {
  return internal::SplitMix64::Mix(seed * 0x9E3779B97F4A7C15 + what) % among;
}

// Tokens with their owners, as the specification says it in plain words: each
// point, and the one after it, which is the next point's.
std::map<Token, std::string> ModelPointsOf(
    const HashRingOptions& options, const std::vector<RingNode>& members) {
  std::map<Token, std::string> points;
  if (options.placement == Placement::kTrivet) {
    const ModelRing model(members, options);
    for (const Token token : model.Tokens()) points[token] = model.Owner(token);
  } else {
    for (const auto& [token, node] : ModelForeignPoints(options, members)) {
      points.emplace(token, members[node].id);  // Of equal ones the first.
    }
  }
  std::map<Token, std::string> owners = points;
  for (auto at = points.begin(); at != points.end(); ++at) {
    const auto next = std::next(at);
    owners.emplace(at->first + 1,
                   (next == points.end() ? points.begin() : next)->second);
  }
  return owners;
}

std::string NodeName(uint64_t number) { return absl::StrCat("node-", number); }

}  // namespace

RingPlan::RingPlan(uint64_t seed) : faults(FaultOptions::Swarm(seed)) {
  const uint64_t count = 3 + Choose(seed, 1, 4);
  for (uint64_t i = 0; i < count; ++i)
    hosts.push_back(absl::StrCat("host-", i));
  nodes = 6 + Choose(seed, 2, 20);
  options.vnodes_per_weight = 16;
  if (Choose(seed, 3, 4) == 0) options.placement = Placement::kKetama;
  if (options.placement == Placement::kTrivet && Choose(seed, 4, 2) == 0) {
    options.secret = "a secret of all hosts";
  }
  faults.delay_tail_max = absl::Seconds(3);
  faults.restart_max = absl::Milliseconds(800);
  faults.partition_max = absl::Seconds(2);
  faults.pause_max = faults.suspend_max = absl::Seconds(2);
  faults.slow_host_max = absl::Seconds(2);
  // Nobody has a log, a register or a lease here.
  faults.slow_sync = faults.sync_error = faults.disk_full = 0;
  faults.claim_error = faults.read_error = faults.trim_ignored = 0;
  faults.sector_loss = faults.torn_write = faults.name_loss = 0;
  faults.bit_rot = faults.crash_in_append = faults.stale_read = 0;
  faults.lease_lost = faults.session_loss = faults.ttl_restored = 0;
}

std::string RingPlan::ToString() const {
  return absl::StrCat("hosts=", hosts.size(), " nodes<=", nodes,
                      options.placement == Placement::kKetama ? " as ketama"
                      : options.secret.empty()                ? ""
                                               : " with a secret");
}

RingWorld::RingWorld(const HistoryOptions& options)
    : plan_(options.seed),
      agreement_(&violations_),
      sim_(options, plan_.faults) {}

uint64_t RingWorld::Draw(const std::string& what, uint64_t among) {
  return sim_.Draw(what, draws_[what]++) % among;
}

void RingWorld::Uses(const std::string& host,
                     const std::vector<RingNode>& members,
                     const HashRing& ring) {
  ++rings_;
  std::string text;
  for (const RingNode& node : members) {
    absl::StrAppend(&text, text.empty() ? "" : " ", node.id, ":", node.weight);
  }
  members_[host] = text;
  sim_.Note(absl::StrCat(host, " has ", text));
  agreement_.Uses(host, members, ring);
  if (Draw("model", kModelEvery) == 0) CompareWithModel(host, members, ring);
}

// Agreement shows nothing that is wrong alike everywhere.
void RingWorld::CompareWithModel(const std::string& host,
                                 const std::vector<RingNode>& members,
                                 const HashRing& ring) {
  for (const auto& [token, owner] : ModelPointsOf(plan_.options, members)) {
    const std::string& found = ring.LookupToken(token).id;
    if (found == owner) continue;
    return Violated("Model",
                    absl::StrCat("token ", token, " is ", owner, "'s, and for ",
                                 host, " ", found, "'s"));
  }
}

void RingWorld::Run() {
  for (const std::string& name : plan_.hosts) {
    sim_.AddHost(name, [this](SimHost& host) {
      return std::make_shared<RingProcess>(this, &host);
    });
  }
  sim_.RunFor(kFaultyTime);
  sim_.Calm();
  calm_ = true;
  testing::ProgressChecker progress(&violations_);
  std::vector<std::string> left;
  for (const std::string& name : plan_.hosts) {
    if (!sim_.FindHost(name)->IsLost()) left.push_back(name);
  }
  for (const std::string& name : left) {
    progress.Expect(name + " has the same members as " + left.front(),
                    [this, name, first = left.front()] {
                      return members_[name] == members_[first];
                    });
  }
  progress.Await(&sim_, kSettleMax);
}

History RingWorld::Report() const {
  History history = sim_.Report(violations_, plan_.ToString());
  history.counters = {{"begun", changes_}, {"ended well", rings_}};
  return history;
}

// --- One host ---------------------------------------------------------------

RingProcess::RingProcess(RingWorld* world, SimHost* host)
    : world_(world), host_(host) {
  for (uint64_t i = 0; i < kNodesAtFirst; ++i) {
    facts_[NodeName(i)] = {0, "", 1};
    arrived_.push_back(NodeName(i));
  }
  ring_ = std::make_unique<SharedRing>(*FromTheBeginning());
  world_->Uses(std::string(host_->name()), Members(), ring_->Load());
  host_->OnReceive(std::string(host_->name()),
                   [this](const Envelope& envelope) { Receive(envelope); });
  Tick();
}

void RingProcess::Tick() {
  if (!world_->calm()) Change();
  Gossip();
  Executor* const executor = host_->executor();
  executor->PostAt(executor->Now() + kTick, [this] { Tick(); });
}

// Now and then somebody adds a node, takes one away, or gives it another
// weight. The first one stays: no ring is empty.
void RingProcess::Change() {
  const std::string me(host_->name());
  if (world_->Draw("change " + me, 4) != 0) return;
  const std::string node = NodeName(world_->Draw("node", world_->plan().nodes));
  Fact fact = facts_[node];
  const uint64_t weight = world_->Draw("weight", 6);
  fact.weight =
      static_cast<uint32_t>(weight == 0 && node == NodeName(0) ? 1 : weight);
  ++fact.version;
  fact.author = me;
  world_->CountChange();
  Learn(node, fact);
}

void RingProcess::Gossip() {
  const std::vector<std::string>& hosts = world_->plan().hosts;
  const std::string me(host_->name());
  const std::string& to = hosts[world_->Draw("peer of " + me, hosts.size())];
  if (to == me) return;
  std::string text;
  for (const auto& [node, fact] : facts_) {
    absl::StrAppend(&text, node, " ", fact.version, " ",
                    fact.author.empty() ? "-" : fact.author, " ", fact.weight,
                    "\n");
  }
  // Bytes may be damaged on the way.
  host_->transport()->Send(
      {me, to, absl::StrCat(internal::NameHash(text), "\n", text)});
}

void RingProcess::Receive(const Envelope& envelope) {
  const size_t end = envelope.payload.find('\n');
  if (end == std::string::npos) return;
  const std::string text = envelope.payload.substr(end + 1);
  if (envelope.payload.substr(0, end) !=
      absl::StrCat(internal::NameHash(text))) {
    return;
  }
  std::istringstream in(text);
  std::string node;
  Fact fact;
  while (in >> node >> fact.version >> fact.author >> fact.weight) {
    if (fact.author == "-") fact.author.clear();
    Learn(node, fact);
  }
}

void RingProcess::Learn(const std::string& node, const Fact& fact) {
  Fact& known = facts_[node];
  if (!(known < fact)) return;
  if (std::find(arrived_.begin(), arrived_.end(), node) == arrived_.end()) {
    arrived_.push_back(node);
  }
  const uint32_t before = std::exchange(known, fact).weight;
  if (before != fact.weight) Apply(node, before, fact.weight);
}

// One change of the ring that is there, where the placement does not depend on
// the order of members; else all of it anew.
void RingProcess::Apply(const std::string& node, uint32_t before,
                        uint32_t after) {
  const absl::Status updated =
      ring_->Update([&](const HashRing& ring) -> absl::StatusOr<HashRing> {
        if (world_->plan().options.placement != Placement::kTrivet) {
          return FromTheBeginning();
        }
        HashRing::Builder builder(ring);
        if (before == 0) {
          builder.Add(node, after);
        } else if (after == 0) {
          builder.Remove(node);
        } else {
          builder.Set({node, after, ""});
        }
        return builder.Build();
      });
  if (!updated.ok()) return world_->Violated("Update", updated.ToString());
  world_->Uses(std::string(host_->name()), Members(), ring_->Load());
}

// In the order of their names, which is the same everywhere.
absl::StatusOr<HashRing> RingProcess::FromTheBeginning() const {
  HashRing::Builder builder(world_->plan().options);
  if (TRIVET_MUTANT(ring_in_order_of_arrival)) {
    for (const std::string& node : arrived_) {
      const uint32_t weight = facts_.at(node).weight;
      if (weight > 0) builder.Add(node, weight);
    }
    return builder.Build();
  }
  for (const auto& [node, fact] : facts_) {
    if (fact.weight > 0) builder.Add(node, fact.weight);
  }
  return builder.Build();
}

std::vector<RingNode> RingProcess::Members() const {
  std::vector<RingNode> members;
  for (const auto& [node, fact] : facts_) {
    if (fact.weight > 0) members.push_back({node, fact.weight, ""});
  }
  return members;
}

History RunRingHistory(const HistoryOptions& options) {
  RingWorld world(options);
  world.Run();
  return world.Report();
}

}  // namespace sim
}  // namespace trivet
