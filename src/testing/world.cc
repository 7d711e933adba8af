// SPDX-License-Identifier: Apache-2.0

#include "src/testing/world.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "src/internal/invariant.h"
#include "src/testing/dice.h"
#include "src/testing/event_queue.h"
#include "src/testing/log_file.h"
#include "src/testing/node.h"
#include "src/testing/trace.h"
#include "trivet/host/transport.h"
#include "trivet/testing/fault_options.h"
#include "trivet/testing/history.h"
#include "trivet/testing/sim_host.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {
namespace {

using testing::FaultOptions;
using testing::SimHost;

constexpr int64_t kSecond = 1'000'000'000;

// A name as it stands in a fault's id, without quotes or '#', and with single
// blanks where `has_blanks`. Different names are different there, and none is
// empty.
std::string Plain(std::string_view name, bool has_blanks = false) {
  constexpr std::string_view kPlain = "-_.,:;/+=@()[]";
  if (name.empty()) return "%";
  std::string word;
  for (const char& c : name) {
    const bool is_blank = has_blanks && c == ' ' && !word.empty() &&
                          word.back() != ' ' && &c != &name.back();
    if (is_blank || absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
        kPlain.find(c) != kPlain.npos) {
      word += c;
    } else {
      absl::StrAppend(
          &word, "%",
          absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad2));
    }
  }
  return word;
}

}  // namespace

World::World(uint64_t seed, FaultOptions faults)
    : faults_(faults),
      dice_(seed),
      outside_(this, std::string(SimHost::kWorld), nullptr) {
  const absl::Status valid = faults.Validate();
  TRIVET_INVARIANT(valid.ok(), std::string(valid.message()).c_str());
  if (faults.partition + faults.partition_one_way + faults.partition_flapping +
          faults.pause + faults.suspend + faults.slow_host + faults.host_loss >
      0) {
    At(kSecond, [this] { Disturb(); });
  }
}

World::~World() {
  for (const auto& host : hosts_) {
    host->node_->Stop(/*power_loss=*/false, /*by_chance=*/false);
  }
  outside_.Stop(/*power_loss=*/false, /*by_chance=*/false);
  queue_.Clear();
}

std::string_view World::Keep(std::string_view text) {
  const auto kept = kept_.find(text);
  return kept != kept_.end() ? *kept : *kept_.emplace(text).first;
}

bool World::StrikesAs(std::string_view name, double probability, Chance chance,
                      uint64_t about, uint64_t ordinal, std::string_view who,
                      std::string_view whom) {
  if (calm_ || probability <= 0) return false;
  if (!Dice::Hits(dice_.Draw(chance, about, ordinal), probability)) {
    return false;
  }
  std::string id =
      absl::StrCat(Plain(name, /*has_blanks=*/true), " ", Plain(who),
                   whom.empty() ? "" : " -> " + Plain(whom), " ", ordinal);
  if (muted_.count(id) > 0 || (only_chosen_ && chosen_.count(id) == 0)) {
    left_out_.push_back(std::move(id));
    return false;
  }
  std::string kind(name);
  trace_.Add(now_, Happening::kFault, who, whom, ordinal, 0, kind);
  std::string text = absl::StrCat(SimTimeText(now_), " ", id);
  fired_.push_back({std::move(kind), std::move(id), std::move(text)});
  if (on_fault_ != nullptr) on_fault_(fired_.back());
  return true;
}

void World::SetFilter(const testing::FaultFilter& filter) {
  muted_.insert(filter.muted.begin(), filter.muted.end());
  if (!filter.kept.has_value()) return;
  only_chosen_ = true;
  chosen_.insert(filter.kept->begin(), filter.kept->end());
}

int64_t World::Delay(Chance chance, const Link& link, uint64_t ordinal) {
  const int64_t least = absl::ToInt64Nanoseconds(faults_.delay_min);
  const int64_t most = absl::ToInt64Nanoseconds(faults_.delay_max);
  int64_t delay = least + dice_.UpTo(most - least, chance, link.hash, ordinal);
  const uint64_t about = Combine(link.hash, static_cast<uint64_t>(chance));
  const std::string_view name = chance == Chance::kRequestDelay ? "long request"
                                : chance == Chance::kReplyDelay ? "long reply"
                                                                : "long delay";
  if (StrikesAs(name, faults_.delay_tail, Chance::kDelayTail, about, ordinal,
                link.from, link.to)) {
    // Halves the tail as often as a coin shows heads, at most eight times.
    int64_t tail = absl::ToInt64Nanoseconds(faults_.delay_tail_max);
    uint64_t coins = dice_.Draw(Chance::kDelayTail, ~about, ordinal);
    for (int i = 0; i < 8 && (coins & 1) != 0; ++i, coins >>= 1) tail /= 2;
    delay +=
        tail / 2 + dice_.UpTo(tail / 2, Chance::kDelayTail, about + 1, ordinal);
  }
  return delay;
}

void World::Run(int64_t until, absl::FunctionRef<bool()> go_on) {
  while (go_on()) {
    if (queue_.empty() || queue_.next_time() > until) {
      now_ = std::max(now_, until);
      return;
    }
    RunOne();
  }
}

void World::RunOne() {
  now_ = std::max(now_, queue_.next_time());
  SimEvent event = queue_.Pop();
  if (event.task == nullptr) return;
  Node* const node = event.node;
  if (node != nullptr) {
    if (event.process == nullptr) event.process = node->process();
    if (!event.process->alive()) return;
    if (const int64_t slept = event.is_timer ? node->SleptAt(now_) : 0) {
      event.is_timer = false;
      Push(node->paused_until() + slept, std::move(event));
      return;
    }
    if (node->MustWait()) {
      if (node->Wait(std::move(event))) WakeLater(node);
      return;
    }
  }
  Run(std::move(event));
}

void World::Run(SimEvent event) {
  Node* const node = event.node;
  ++events_;
  trace_.Count(now_, node == nullptr ? 0 : node->hash());
  if (node == nullptr) {
    std::move(event.task)();
  } else if (node->PassCrashPoint()) {
    event.process->Run(std::move(event.task));
    if (node->slow_until() > now_) node->TakeTime(events_);
  }
  if (look_ != nullptr) look_();
}

// Runs what waited for a host, one after the other: each may end the process,
// or take its time.
void World::WakeLater(Node* node) {
  At(node->paused_until(), [this, node] {
    if (node->paused_until() <= now_) {
      std::optional<SimEvent> event = node->TakeWaiting();
      if (!event.has_value()) return;
      Run(*std::move(event));
    }
    if (node->HasWaiting()) WakeLater(node);
  });
}

uint64_t World::Draw() {
  if (running_ == nullptr) return dice_.Draw(Chance::kEntropy, 0, drawn_++);
  Node* const node = running_->node();
  return dice_.Draw(Chance::kEntropy, node->hash(), node->next_draw());
}

SimHost& World::AddHost(std::string name, SimHost::Boot boot) {
  TRIVET_INVARIANT(Find(name) == nullptr, "a host's name is new");
  hosts_.push_back(absl::WrapUnique(new SimHost(
      std::make_unique<Node>(this, std::move(name), std::move(boot)))));
  SimHost& host = *hosts_.back();
  host.node_->set_host(&host);
  if (host.node_->HasProgram()) host.node_->Start();
  return host;
}

SimHost* World::FindHost(std::string_view name) {
  for (const auto& host : hosts_) {
    if (host->name() == name) return host.get();
  }
  return nullptr;
}

Node* World::Find(std::string_view name) {
  if (name == SimHost::kWorld) return &outside_;
  SimHost* const host = FindHost(name);
  return host == nullptr ? nullptr : host->node_.get();
}

void World::Play(std::string_view role, Node* node) {
  std::vector<Node*>& players = players_[std::string(role)];
  if (std::find(players.begin(), players.end(), node) == players.end()) {
    players.push_back(node);
  }
}

// To one of those who play the role now; if there is none, to one of those who
// played it, and may be back when the envelope arrives.
Node* World::Route(const Envelope& envelope, const Node& from) {
  const auto players = players_.find(envelope.to);
  if (players == players_.end()) return nullptr;
  std::vector<Node*> live;
  for (Node* node : players->second) {
    if (node->process()->Plays(envelope.to)) live.push_back(node);
  }
  const std::vector<Node*>& choice = live.empty() ? players->second : live;
  if (choice.size() == 1) return choice.front();
  const uint64_t about = Combine(from.hash(), NameHash(envelope.to));
  const uint64_t ordinal = LinkBetween(from, from).envelopes++;
  return choice[dice_.Draw(Chance::kRoute, about, ordinal) % choice.size()];
}

void World::Send(Process* process, Envelope envelope) {
  Node* const from = process->node();
  const std::string_view who = Keep(envelope.from);
  const std::string_view whom = Keep(envelope.to);
  Node* const to = Route(envelope, *from);
  trace_.Add(now_, Happening::kSend, who, whom, envelope.payload.size(),
             NameHash(envelope.payload),
             describe_ ? describe_(envelope.payload) : std::string());
  if (to == nullptr) {
    trace_.Add(now_, Happening::kNobody, who, whom, 0, 0);
    return;
  }
  Link& link = LinkBetween(*from, *to);
  const uint64_t ordinal = link.envelopes++;
  const auto strikes = [&](Chance chance, double probability) {
    return Strikes(chance, probability, link.hash, ordinal, link.from, link.to);
  };
  if (IsCut(link) || strikes(Chance::kEnvelopeLoss, faults_.envelope_loss)) {
    return;
  }
  if (strikes(Chance::kEnvelopeDuplication, faults_.envelope_duplication)) {
    At(now_ + Delay(Chance::kEnvelopeDelay, link, ~ordinal),
       [this, from, to, envelope] { Deliver(from, to, envelope); });
  }
  if (strikes(Chance::kEnvelopeCorruption, faults_.envelope_corruption) &&
      !envelope.payload.empty()) {
    const uint64_t bit =
        dice_.Draw(Chance::kEnvelopeCorruption, ~link.hash, ordinal) %
        (envelope.payload.size() * 8);
    char& byte = envelope.payload[bit / 8];
    byte = static_cast<char>(byte ^ (1 << (bit % 8)));
  }
  int64_t delay = Delay(Chance::kEnvelopeDelay, link, ordinal);
  if (strikes(Chance::kEnvelopeReordering, faults_.envelope_reordering)) {
    delay += SpanOf(Chance::kEnvelopeReordering, 8 * faults_.delay_max,
                    link.hash, ordinal);
  }
  At(now_ + delay, [this, from, to, envelope = std::move(envelope)] {
    Deliver(from, to, envelope);
  });
}

// At the far end of the wire. What the host does with it is an event of its
// own, which waits while the host is paused.
void World::Deliver(Node* from, Node* to, const Envelope& envelope) {
  if (IsCut(LinkBetween(*from, *to))) return;
  const std::string_view who = Keep(envelope.from);
  const std::string_view whom = Keep(envelope.to);
  if (!to->process()->Plays(envelope.to) || to->IsAsleep()) {
    trace_.Add(now_, Happening::kNobody, who, whom, 0, 0);
    return;
  }
  AtNode(now_, to, [this, to, envelope, who, whom] {
    trace_.Add(now_, Happening::kDeliver, who, whom, envelope.payload.size(),
               NameHash(envelope.payload),
               describe_ ? describe_(envelope.payload) : std::string());
    to->process()->Receive(envelope);
  });
}

Link& World::LinkBetween(const Node& from, const Node& to) {
  const uint64_t hash = Combine(from.hash(), to.hash());
  Link& link = links_[hash];
  if (link.hash == 0) link = {from.name(), to.name(), hash};
  return link;
}

void World::Cut(std::string_view from, std::string_view to) {
  Node* const a = Find(from);
  Node* const b = Find(to);
  TRIVET_INVARIANT(a != nullptr && b != nullptr, "a partition of known hosts");
  LinkBetween(*a, *b).cut = true;
  trace_.Add(now_, Happening::kCut, a->name(), b->name(), 0, 0);
}

void World::Heal() {
  for (auto& [hash, link] : links_) {
    link.cut = false;
    link.cut_until = 0;
    link.flaps_until = 0;
  }
  trace_.Add(now_, Happening::kHeal, {}, {}, 0, 0);
}

void World::Calm() {
  calm_ = true;
  trace_.Add(now_, Happening::kCalm, {}, {}, 0, 0);
  Heal();
}

void World::Disturb() {
  if (calm_) return;
  const uint64_t tick = ticks_++;
  for (size_t i = 0; i < hosts_.size(); ++i) {
    Node* const node = hosts_[i]->node_.get();
    DisturbLink(*node, outside_, tick);
    for (size_t j = 0; j < i; ++j) DisturbLink(*hosts_[j]->node_, *node, tick);
    if (node->HasProgram()) DisturbHost(node, tick);
  }
  At(now_ + kSecond, [this] { Disturb(); });
}

void World::DisturbHost(Node* node, uint64_t tick) {
  // At some moment until the next tick.
  const auto soon = [&](Chance chance, double probability,
                        absl::Duration span_max, auto act) {
    if (!Strikes(chance, probability, node->hash(), tick, node->name())) return;
    const int64_t span = SpanOf(chance, span_max, node->hash(), tick);
    const int64_t wait = dice_.UpTo(kSecond, chance, node->hash() + 1, tick);
    At(now_ + wait, [this, span, act] {
      if (!calm_) act(span);
    });
  };
  soon(Chance::kPause, faults_.pause, faults_.pause_max,
       [node](int64_t span) { node->Pause(span); });
  soon(Chance::kSuspend, faults_.suspend, faults_.suspend_max,
       [node](int64_t span) { node->Suspend(span); });
  soon(Chance::kSlowHost, faults_.slow_host, faults_.slow_host_max,
       [node](int64_t span) { node->SlowDown(span); });
  if (!lost_one_ && Strikes(Chance::kHostLoss, faults_.host_loss, node->hash(),
                            tick, node->name())) {
    lost_one_ = true;
    node->Lose();
  }
}

void World::DisturbLink(const Node& a, const Node& b, uint64_t tick) {
  Link& there = LinkBetween(a, b);
  Link& back = LinkBetween(b, a);
  // Until when, if it strikes.
  const auto until = [&](Chance chance, double probability) -> int64_t {
    if (!Strikes(chance, probability, there.hash, tick, a.name(), b.name())) {
      return 0;
    }
    return now_ + SpanOf(chance, faults_.partition_max, there.hash, tick);
  };
  const int64_t both = until(Chance::kPartition, faults_.partition);
  const int64_t one =
      until(Chance::kPartitionOneWay, faults_.partition_one_way);
  const int64_t flaps =
      until(Chance::kPartitionFlapping, faults_.partition_flapping);
  for (Link* const link : {&there, &back}) {
    link->cut_until = std::max(link->cut_until, both);
    link->flaps_until = std::max(link->flaps_until, flaps);
  }
  if (one == 0) return;
  Link& side =
      dice_.Draw(Chance::kPartitionOneWay, there.hash + 1, tick) % 2 == 0
          ? there
          : back;
  side.cut_until = std::max(side.cut_until, one);
}

SharedFile* World::SharedLogFile(std::string_view name) {
  return &shared_logs_[std::string(name)];
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
