// SPDX-License-Identifier: Apache-2.0
//
// A CoordinatorMachine under any events in any order, with crashes between
// them. What it decides, sends and lets go is compared with what it was told
// and what its log holds: its invariants, seen from outside.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/machine_log.h"
#include "trivet/host/log_store.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/txn/coordinator_machine.h"
#include "trivet/txn/transaction.h"
#include "trivet/txn/txn_effects.h"
#include "trivet/txn/txn_message.h"
#include "trivet/txn/txn_record.h"

namespace trivet {
namespace {

constexpr PeerId kSelf{0};
constexpr int kStepsMax = 300;  // More of them only take longer.

struct Txn {
  uint64_t call = 0;
  std::map<PeerId, std::string> shares;
  std::map<PeerId, Vote::Kind> first;  // Votes; later ones do not count.
  bool deciding = false;               // CommitDecided was issued,
  bool durable = false;                // and stands in the log.
  std::set<PeerId> yes_voters;
  std::set<PeerId> acked;
  bool ended = false;
  bool answered = false;  // Its caller was.
  bool forget = false;    // Its caller will not ask.
  std::optional<Decision> told;
};

class World {
 public:
  explicit World(Input input) : input_(input) {
    options_.max_in_flight = 1 + input_.Below(8);
    options_.max_branches = 3;
    Start();
  }

  void Run() {
    for (int i = 0; i < kStepsMax && !input_.IsEmpty(); ++i) RandomStep();
  }

 private:
  void Start() {
    sequence_ = 0;
    stopped_ = false;
    ++epoch_;
    machine_.emplace(RoleIdentity{"bank#1", kSelf, epoch_}, options_,
                     input_.Byte(), log_.records());
    for (auto& [number, txn] : txns_) {
      const bool is_logged = Holds(number);
      FUZZ_CHECK(is_logged || !txn.durable || txn.ended || CanBeForgotten(txn));
      txn.durable = is_logged;
      txn.ended = txn.ended && !is_logged;
      txn.deciding = is_logged;
      if (is_logged) FUZZ_CHECK(txn.told != Decision::kAbort);
    }
    Step(Ticked{});
  }

  bool Holds(TxnNumber number) const {
    return log_.Has<CommitDecided>([number](const CommitDecided& record) {
      return record.txn.number == number;
    });
  }
  static bool CanBeForgotten(const Txn& txn) {
    return std::includes(txn.acked.begin(), txn.acked.end(),
                         txn.yes_voters.begin(), txn.yes_voters.end());
  }

  void RandomStep() {
    const uint8_t pace = input_.Byte();
    if (pace >= 0xE0) now_ = now_ + absl::Milliseconds(50 * (pace - 0xDF));
    switch (input_.Below(16)) {
      case 0:
      case 1:
        return Begin();
      case 2:
        return Step(CoordinatorMachine::AbortRequested{input_.Below(16)});
      case 3:
        return Forget();
      case 4:
        if (machine_->NextWakeup() != MonotonicTime::InfiniteFuture()) {
          now_ = std::max(now_, machine_->NextWakeup());
        }
        return Step(Ticked{});
      case 5:
        if (!input_.OneIn(3)) return;
        log_.Crash(&input_);
        return Start();
      case 6:
      case 7:
      case 8:
      case 9:
        return Complete();
      default:
        return Receive();
    }
  }

  void Begin() {
    CoordinatorMachine::Begun begun;
    begun.call = ++calls_;
    begun.deadline = now_ + absl::Milliseconds(100 * input_.Below(60));
    const uint8_t whom = input_.Byte();
    for (uint32_t p = 1; p <= 3; ++p) {
      if ((whom >> p & 1) != 0) {
        begun.shares.push_back({PeerId{p}, std::to_string(begun.call)});
      }
    }
    Txn txn;
    txn.call = begun.call;
    for (const auto& share : begun.shares) {
      txn.shares[share.participant] = share.work;
    }
    beginning_ = std::move(txn);
    Step(std::move(begun));
  }

  void Forget() {
    const TxnNumber number = AnyNumber();
    const auto found = txns_.find(number);
    if (found != txns_.end() && found->second.durable) {
      found->second.forget = true;
    }
    Step(CoordinatorMachine::ForgetRequested{number});
  }

  // A driver appends what the machine wrote, and tells of each.
  void Complete() {
    if (!log_.has_in_flight()) return;
    const TxnRecord record = log_.oldest_in_flight();
    Appended appended = log_.Complete(&input_);
    const auto* decided = std::get_if<CommitDecided>(&record);
    if (decided != nullptr) {
      Txn& txn = txns_[decided->txn.number];
      if (appended.index.ok()) txn.durable = true;
      failure_ = appended.index.status();
      failed_ = decided->txn.number;
    }
    if (const auto* ended = std::get_if<Ended>(&record)) {
      if (appended.index.ok()) txns_[ended->txn.number].ended = true;
    }
    Step(std::move(appended));
    failure_ = absl::OkStatus();
  }

  TxnNumber AnyNumber() {
    return {input_.OneIn(4) ? input_.Below(4) : epoch_, 1 + input_.Below(8)};
  }

  void Receive() {
    const PeerId from{static_cast<uint32_t>(input_.Below(4))};
    const TxnKey txn{input_.OneIn(16) ? from : kSelf, AnyNumber()};
    switch (input_.Below(8)) {
      case 0:
        return Step(Received{from, HorizonRequest{kSelf}});
      case 1:
        return Step(Received{from, DecisionInquiry{txn}});
      case 2:
      case 3: {
        const auto found = txns_.find(txn.number);
        if (txn.coordinator == kSelf && found != txns_.end() &&
            found->second.durable) {
          found->second.acked.insert(from);
        }
        return Step(Received{from, DecisionAck{txn}});
      }
      case 4:
        return Step(Received{from, PrepareRequest{txn, AnyNumber(), "work"}});
      default: {
        constexpr Vote::Kind kKinds[] = {Vote::kYes, Vote::kYes, Vote::kYes,
                                         Vote::kReadOnly, Vote::kNo};
        const Vote::Kind kind = kKinds[input_.Below(5)];
        const auto found = txns_.find(txn.number);
        if (txn.coordinator == kSelf && found != txns_.end() &&
            found->second.shares.count(from) > 0) {
          found->second.first.emplace(from, kind);
        }
        return Step(Received{from, VoteReply{txn, kind}});
      }
    }
  }

  void Step(CoordinatorMachine::Event event) {
    CoordinatorMachine::Effects effects;
    machine_->Step(now_, std::move(event), &effects);
    if (beginning_.has_value() && effects.refused.empty()) {
      const TxnNumber number{epoch_, ++sequence_};
      FUZZ_CHECK(txns_.emplace(number, *std::move(beginning_)).second);
    }
    beginning_.reset();
    if (stopped_) {
      FUZZ_CHECK(effects.writes.empty() && effects.messages.empty());
      FUZZ_CHECK(!effects.stopped.has_value());
    }
    for (const auto& finished : effects.finished) CheckFinished(finished);
    for (const LogWrite& write : effects.writes) CheckWrite(write);
    for (const Outgoing& outgoing : effects.messages) {
      std::visit([&](const auto& m) { CheckSent(outgoing.to, m); },
                 outgoing.message);
    }
    log_.Take(effects);
    if (effects.trim_before != 0) CheckKept();
    stopped_ = stopped_ || effects.stopped.has_value();
    FUZZ_CHECK(machine_->in_flight() <= options_.max_in_flight + recovered());
  }

  // Commits of earlier epochs count as in flight, however many.
  size_t recovered() const {
    size_t count = 0;
    for (const auto& [number, txn] : txns_) {
      if (txn.durable && number.epoch < epoch_) ++count;
    }
    return count;
  }

  void CheckFinished(const CoordinatorMachine::Finished& finished) {
    FUZZ_CHECK(finished.number.epoch == epoch_);
    const auto found = txns_.find(finished.number);
    FUZZ_CHECK(found != txns_.end());
    Txn& txn = found->second;
    FUZZ_CHECK(txn.call == finished.call && !txn.answered);
    txn.answered = true;
    txn.told = finished.decision;
    if (!finished.decision.has_value()) {
      FUZZ_CHECK(finished.number == failed_ && !failure_.ok());
      FUZZ_CHECK(!absl::IsAborted(failure_));
    } else if (*finished.decision == Decision::kAbort) {
      FUZZ_CHECK(!txn.durable);
      FUZZ_CHECK(!txn.deciding ||
                 (finished.number == failed_ && absl::IsAborted(failure_)));
    } else if (!txn.durable) {  // C2, or nobody has anything to commit.
      FUZZ_CHECK(txn.first.size() == txn.shares.size());
      for (const auto& [p, kind] : txn.first) {
        FUZZ_CHECK(kind == Vote::kReadOnly);
      }
    }
  }

  void CheckWrite(const LogWrite& write) {
    if (const auto* ended = std::get_if<Ended>(&write.record)) {
      const Txn& txn = txns_.at(ended->txn.number);
      FUZZ_CHECK(txn.durable && CanBeForgotten(txn));
      FUZZ_CHECK(txn.told == Decision::kCommit || txn.forget);  // CO-14
    }
    const auto* decided = std::get_if<CommitDecided>(&write.record);
    if (decided == nullptr) return;
    const auto found = txns_.find(decided->txn.number);
    FUZZ_CHECK(found != txns_.end());
    Txn& txn = found->second;
    const std::set<PeerId> yes_voters(decided->yes_voters.begin(),
                                      decided->yes_voters.end());
    FUZZ_CHECK(yes_voters.size() == decided->yes_voters.size());
    if (txn.deciding) {  // A copy.
      FUZZ_CHECK(yes_voters == txn.yes_voters);
      return;
    }
    FUZZ_CHECK(write.durability == Durability::kForced);
    FUZZ_CHECK(txn.told == std::nullopt && !yes_voters.empty());
    for (const auto& [p, work] : txn.shares) {  // AC3, C5
      const auto vote = txn.first.find(p);
      FUZZ_CHECK(vote != txn.first.end() && vote->second != Vote::kNo);
      FUZZ_CHECK((vote->second == Vote::kYes) == (yes_voters.count(p) > 0));
    }
    txn.deciding = true;
    txn.yes_voters = yes_voters;
  }

  void CheckSent(PeerId to, const PrepareRequest& request) {
    const auto found = txns_.find(request.txn.number);
    FUZZ_CHECK(found != txns_.end());
    const Txn& txn = found->second;
    FUZZ_CHECK(request.txn.number.epoch == epoch_);
    FUZZ_CHECK(txn.shares.count(to) > 0 && txn.shares.at(to) == request.work);
    FUZZ_CHECK(request.horizon <= request.txn.number);
    FUZZ_CHECK(!txn.deciding && !txn.answered && txn.first.count(to) == 0);
    FUZZ_CHECK(log_.Has<LogIdentity>([](const LogIdentity&) { return true; }));
    CheckHorizon(to, request.horizon);
  }
  void CheckSent(PeerId to, const DecisionNotice& notice) {
    const TxnNumber number = notice.txn.number;
    const auto found = txns_.find(number);
    if (notice.decision == Decision::kCommit) {  // C2
      FUZZ_CHECK(found != txns_.end() && found->second.durable);
      FUZZ_CHECK(found->second.yes_voters.count(to) > 0);
      return;
    }
    // C3: only of what was begun, as far as this epoch knows.
    FUZZ_CHECK(number.epoch <= epoch_);
    if (number.epoch == epoch_) FUZZ_CHECK(found != txns_.end());
    if (found == txns_.end()) return;
    const Txn& txn = found->second;
    if (number.epoch == epoch_) FUZZ_CHECK(txn.answered);
    if (!txn.deciding || (txn.ended && CanBeForgotten(txn))) return;
    FUZZ_CHECK(txn.yes_voters.count(to) == 0 || CanBeForgotten(txn));  // C1
  }
  void CheckSent(PeerId to, const HorizonNotice& notice) {
    CheckHorizon(to, notice.horizon);
  }
  template <typename Other>
  void CheckSent(PeerId, const Other&) {
    FUZZ_CHECK(false);  // A participant's.
  }

  // What `p` may forget is over: nothing that it voted yes to, and has not
  // acknowledged, and nothing that is undecided.
  void CheckHorizon(PeerId p, TxnNumber horizon) {
    for (const auto& [number, txn] : txns_) {
      if (number >= horizon || txn.shares.count(p) == 0) continue;
      const bool undecided =
          number.epoch == epoch_ && !txn.answered && !txn.durable;
      const bool owes =
          txn.durable && txn.yes_voters.count(p) > 0 && txn.acked.count(p) == 0;
      FUZZ_CHECK(!undecided && !owes);
    }
  }

  // After a trim: whatever is not over can still be read.
  void CheckKept() const {
    for (const auto& [number, txn] : txns_) {
      if (!txn.durable || CanBeForgotten(txn)) continue;
      FUZZ_CHECK(Holds(number));
    }
    FUZZ_CHECK(log_.Has<LogIdentity>([](const LogIdentity&) { return true; }));
  }

  Input input_;
  CoordinatorOptions options_;
  MonotonicTime now_ = MonotonicTime::FromOrigin(absl::Hours(1));
  MachineLog log_;
  Epoch epoch_ = 0;
  std::optional<CoordinatorMachine> machine_;
  bool stopped_ = false;
  uint64_t sequence_ = 0;
  uint64_t calls_ = 0;
  std::optional<Txn> beginning_;
  std::map<TxnNumber, Txn> txns_;
  TxnNumber failed_;      // Whose record was completed just now,
  absl::Status failure_;  // and how.
};

}  // namespace
}  // namespace trivet

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  trivet::World(trivet::Input(data, size)).Run();
  return 0;
}
