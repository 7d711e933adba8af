// SPDX-License-Identifier: Apache-2.0
//
// What a recorded machine did can be done again: its script leads to the same.

#include "src/txn/recorded.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "src/internal/transcript.h"
#include "src/txn/log_lag.h"
#include "src/txn/peer_table.h"
#include "src/txn/script.h"
#include "src/txn/shared_peers.h"
#include "tests/txn/script_runner.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/txn/coordinator_machine.h"
#include "trivet/txn/participant_machine.h"
#include "trivet/txn/transaction.h"
#include "trivet/txn/txn_effects.h"
#include "trivet/txn/txn_message.h"
#include "trivet/txn/txn_record.h"

namespace trivet {
namespace {

using internal::PeerTable;
using internal::Recorded;
using internal::ScriptWriter;
using internal::SharedPeers;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;

constexpr uint64_t kSeed = 4711;

// Keeps one transcript.
class Notebook final : public internal::TranscriptSource {
 public:
  std::unique_ptr<internal::Transcript> New(std::string_view name) override {
    class Page final : public internal::Transcript {
     public:
      explicit Page(std::string* text) : text_(text) {}
      std::string Now() const override { return "now"; }
      void Add(std::string_view text) override { text_->append(text); }

     private:
      std::string* const text_;
    };
    name_ = std::string(name);
    return std::make_unique<Page>(&text_);
  }

  const std::string& name() const { return name_; }
  const std::string& text() const { return text_; }

 private:
  std::string name_;
  std::string text_;
};

// A machine twice: recorded, and as it is.
template <typename Machine, typename Options>
class Twins {
 public:
  Twins(const std::string& name, const Options& options,
        const std::vector<LoggedRecord>& recovered, PeerTable table)
      : self_{name, table.Intern(name), 3},
        plain_(self_, options, kSeed, recovered),
        peers_(Copy(table)),
        recorded_(Machine(self_, options, kSeed, recovered),
                  ScriptWriter::Start(self_, options, kSeed, recovered, table),
                  &peers_) {}

  // Both step at once, and want the same.
  void Step(absl::Duration passed, typename Machine::Event event) {
    now_ = now_ + passed;
    auto again = event;
    plain_.Step(now_, std::move(again), &plain_effects_);
    recorded_.Step(now_, std::move(event), &recorded_effects_);
    EXPECT_EQ(Text(recorded_effects_), Text(plain_effects_));
    EXPECT_EQ(recorded_.NextWakeup(), plain_.NextWakeup());
  }

  PeerId Meet(std::string_view name) { return peers_.Intern(name); }
  PeerId self() const { return self_.self; }
  MonotonicTime now() const { return now_; }

 private:
  static PeerTable Copy(const PeerTable& table) {
    PeerTable copy;
    for (size_t i = 0; i < table.size(); ++i) {
      copy.Intern(table.Name(static_cast<PeerId>(i)));
    }
    return copy;
  }
  std::string Text(const typename Machine::Effects& effects) {
    return peers_.Read([&](const PeerTable& peers) {
      return internal::ScriptOf(effects, peers);
    });
  }

  const RoleIdentity self_;
  Machine plain_;
  SharedPeers peers_;
  Recorded<Machine> recorded_;
  MonotonicTime now_;
  typename Machine::Effects plain_effects_;
  typename Machine::Effects recorded_effects_;
};

using Participants = Twins<ParticipantMachine, ParticipantOptions>;
using Coordinators = Twins<CoordinatorMachine, CoordinatorOptions>;

TEST(RecordedTest, EverythingThatHappensToAParticipantIsReadBack) {
  Notebook notebook;
  ParticipantOptions options;
  options.inquire_min = absl::Microseconds(1500);
  options.max_in_flight = 2;
  PeerTable table;
  const PeerId old = table.Intern("till#0");
  const std::string odd("\"a\\ b\n= \xFF\\", 9);
  Participants machine(
      "shard", options,
      {{4, LogOwner{"shard"}}, {5, Prepared{{old, {1, 7}}, odd}}},
      std::move(table));
  EXPECT_EQ(notebook.name(), "shard");
  const PeerId unheard = machine.Meet("unheard#1");
  const PeerId till = machine.Meet("till#1");
  const TxnKey first{till, {2, 1}};
  const TxnKey second{till, {2, 2}};
  const absl::Duration tick = absl::Nanoseconds(1234567);
  machine.Step(tick, Received{till, PrepareRequest{first, {2, 1}, odd}});
  machine.Step(tick, ParticipantMachine::Voted{first, Vote::kYes});
  machine.Step(tick, Received{till, PrepareRequest{second, {2, 1}, ""}});
  machine.Step(tick, ParticipantMachine::Voted{second, {Vote::kNo, odd}});
  machine.Step(tick, Appended{1, 6});
  machine.Step(tick, Appended{2, 7});
  machine.Step(tick, ParticipantMachine::Listed{absl::InternalError(odd)});
  machine.Step(tick, ParticipantMachine::Listed{std::vector{first, second}});
  machine.Step(absl::Hours(30), Ticked{});
  machine.Step(tick, ParticipantMachine::ResolveRequested{{old, {1, 7}}});
  machine.Step(tick, Appended{3, 8});
  machine.Step(tick,
               Received{old, DecisionNotice{{old, {1, 7}}, Decision::kCommit}});
  machine.Step(tick, ParticipantMachine::ForgetRequested{{old, {1, 7}}});
  machine.Step(tick, Received{till, DecisionNotice{first, Decision::kCommit}});
  machine.Step(tick, ParticipantMachine::ApplyReturned{
                         first, absl::UnavailableError(odd)});
  machine.Step(absl::ZeroDuration(), Ticked{});
  machine.Step(tick, ParticipantMachine::ApplyReturned{first, {}});
  machine.Step(tick, Appended{4, absl::DataLossError(odd)});
  machine.Step(tick, Received{unheard, DecisionInquiry{first}});

  EXPECT_THAT(notebook.text(),
              AllOf(HasSubstr(" inquire_min=1.5ms max_in_flight=2\n"),
                    HasSubstr("\npeers till#0 shard\nrecord 4 "),
                    HasSubstr("\npeers unheard#1 till#1\nreceive "),
                    HasSubstr("\nresolve till#0/1.7 abort\n"),
                    HasSubstr("\nforget till#0/1.7\n"),
                    HasSubstr("\nstopped DATA_LOSS: ")));
  EXPECT_EQ(RunScript(notebook.text()), notebook.text());
}

TEST(RecordedTest, EverythingThatHappensToACoordinatorIsReadBack) {
  Notebook notebook;
  CoordinatorOptions options;
  options.resend_max = absl::Seconds(3600);
  options.max_branches = 2;
  Coordinators machine("till#1", options, {}, PeerTable());
  EXPECT_EQ(notebook.name(), "till");
  const PeerId b = machine.Meet("b");
  const PeerId a = machine.Meet("a");
  const absl::Duration tick = absl::Nanoseconds(1);
  const auto begun = [&](uint64_t call, std::vector<PeerId> who) {
    CoordinatorMachine::Begun event{call, machine.now() + absl::Seconds(2), {}};
    for (const PeerId one : who) event.shares.push_back({one, "+1 \""});
    return event;
  };
  machine.Step(tick, Ticked{});
  machine.Step(tick, Appended{1, 1});
  machine.Step(tick, begun(1, {a, b}));
  machine.Step(tick, begun(2, {a}));
  machine.Step(tick, begun(3, {a, b, machine.self()}));  // Too many.
  machine.Step(tick, CoordinatorMachine::AbortRequested{2});
  const TxnKey first{machine.self(), {3, 1}};
  machine.Step(tick, Received{a, VoteReply{first, Vote::kYes}});
  machine.Step(tick, Received{b, VoteReply{first, Vote::kReadOnly}});
  machine.Step(tick, Appended{2, 2});
  machine.Step(tick, CoordinatorMachine::ForgetRequested{{3, 1}});
  machine.Step(tick, Received{a, DecisionAck{first}});
  machine.Step(tick, begun(4, {b}));
  machine.Step(absl::Seconds(1), Ticked{});
  machine.Step(tick,
               Received{b, VoteReply{{machine.self(), {3, 3}}, Vote::kYes}});
  machine.Step(tick, Appended{3, absl::AbortedError("a later epoch")});

  EXPECT_THAT(
      notebook.text(),
      AllOf(HasSubstr(" epoch=3 seed=4711 resend_max=1h max_branches=2"),
            HasSubstr("\nrefused 3 "), HasSubstr("\nabort 2\n"),
            HasSubstr("\nforget till#1/3.1\n"),
            HasSubstr("\nstopped ABORTED: ")));
  EXPECT_EQ(RunScript(notebook.text()), notebook.text());
}

// Whatever lag of its log a machine was built with.
TEST(RecordedTest, AShortLagIsKept) {
  const internal::ShortLogLag lag({2, 1});
  Notebook notebook;
  Coordinators machine("till#1", {}, {}, PeerTable());
  const PeerId a = machine.Meet("a");
  const absl::Duration tick = absl::Nanoseconds(1);
  machine.Step(tick, Ticked{});
  machine.Step(tick, Appended{1, 1});
  for (uint64_t i = 1; i <= 10; ++i) {
    machine.Step(tick, CoordinatorMachine::Begun{
                           i, machine.now() + absl::Hours(1), {{a, "1"}}});
    const TxnKey txn{machine.self(), {3, i}};
    machine.Step(tick, Received{a, VoteReply{txn, Vote::kYes}});
    machine.Step(tick, Appended{2 * i, 2 * i});
    machine.Step(tick, Received{a, DecisionAck{txn}});
    machine.Step(tick, Appended{2 * i + 1, 2 * i + 1});
  }
  EXPECT_THAT(notebook.text(), AllOf(HasSubstr(" lag=2 lag_riding=1\n"),
                                     HasSubstr("\ntrim-before ")));
  EXPECT_EQ(RunScript(notebook.text()), notebook.text());
}

// A machine goes through its coordinators in the order in which they were met.
TEST(RecordedTest, TheOrderInWhichPeersWereMetIsKept) {
  Notebook notebook;
  PeerTable table;
  const PeerId late = table.Intern("late#1");
  const PeerId early = table.Intern("early#1");
  Participants machine("shard", {},
                       {{1, LogOwner{"shard"}},
                        {2, Prepared{{early, {1, 1}}, "1"}},
                        {3, Prepared{{late, {1, 1}}, "2"}}},
                       std::move(table));
  machine.Step(absl::ZeroDuration(), Ticked{});
  const std::string script = notebook.text();
  EXPECT_LT(script.find("send late#1"), script.find("send early#1"));
  EXPECT_EQ(RunScript(script), script);

  std::string swapped = script;
  const size_t at = swapped.find("late#1 early#1");
  ASSERT_NE(at, std::string::npos);
  swapped.replace(at, 14, "early#1 late#1");
  EXPECT_NE(RunScript(swapped), swapped);
}

TEST(RecordedTest, AStepIsThereBeforeItIsMade) {
  Notebook notebook;
  PeerTable table;
  const RoleIdentity self{"shard", table.Intern("shard"), 1};
  const auto writer =
      ScriptWriter::Start(self, ParticipantOptions(), kSeed, {}, table);
  writer->Happens(MonotonicTime(), ParticipantMachine::Event(Ticked{}), table);
  EXPECT_THAT(notebook.text(), EndsWith("\n\n# now\ntick +0\n----\n"));
}

TEST(RecordedTest, WhereNobodyWantsAScriptThereIsNone) {
  PeerTable table;
  const RoleIdentity self{"shard", table.Intern("shard"), 1};
  EXPECT_EQ(ScriptWriter::Start(self, ParticipantOptions(), kSeed, {}, table),
            nullptr);
}

}  // namespace
}  // namespace trivet
