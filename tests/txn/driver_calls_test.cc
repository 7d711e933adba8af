// SPDX-License-Identifier: Apache-2.0
//
// Arguments, refusals, draining, and envelopes that are not for this role.

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "src/txn/codec.h"
#include "src/txn/peer_table.h"
#include "tests/txn/driver_fixture.h"
#include "trivet/host/transport.h"
#include "trivet/txn/coordinator.h"
#include "trivet/txn/participant.h"
#include "trivet/txn/transaction.h"
#include "trivet/txn/txn_counters.h"
#include "trivet/txn/txn_message.h"

namespace trivet {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// --- Arguments --------------------------------------------------------------

struct BadCall {
  std::vector<Branch> branches;
  RunOptions options;
  std::string text;
};

TEST(DriverArgumentsTest, AreCheckedBeforeAnythingIsBegun) {
  DriverWorld world({"a", "b"});
  const size_t work_max = CoordinatorOptions().max_work_bytes;
  const std::vector<BadCall> calls = {
      {{}, {}, "branches is empty"},
      {{{"a", ""}, {"", ""}}, {}, "branches[1].participant is empty"},
      {{{std::string(513, 'x'), ""}},
       {},
       "branches[0].participant has 513 bytes; at most 512"},
      {{{"a", "1"}, {"b", ""}, {"a", "2"}},
       {},
       "branches[2].participant: a second branch of \"a\""},
      {{{"a", std::string(work_max + 1, 'w')}},
       {},
       "branches[0].work has 1048577 bytes; max_work_bytes is 1048576"},
      {{{"a", ""}}, {absl::ZeroDuration()}, "prepare_timeout is 0"},
      {{{"a", ""}}, {-absl::Seconds(1)}, "prepare_timeout is -1s"},
      {{{"a", ""}}, {absl::InfiniteDuration()}, "prepare_timeout is inf"},
  };
  const uint64_t sent = world.bank->Counters().messages_sent;
  for (const BadCall& call : calls) {
    const Answer answer = world.Begin(call.branches, call.options);
    EXPECT_FALSE(answer.has_come()) << "called back inside the call";
    world.executor.RunUntilIdle();
    EXPECT_EQ(answer.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(answer.reason(), HasSubstr(call.text));
  }
  EXPECT_EQ(world.bank->Counters().messages_sent, sent);
}

TEST(DriverArgumentsTest, LimitsThemselvesAreAllowed) {
  DriverWorld world({"a"});
  const std::string long_name(512, 'x');
  world.OpenShard(long_name);
  const std::string work(CoordinatorOptions().max_work_bytes, 'w');
  const Answer answer = world.Run({{"a", work}, {long_name, ""}});
  EXPECT_EQ(answer.decision(), Decision::kCommit) << answer.reason();
}

TEST(DriverArgumentsTest, NamesMayHoldAnyBytes) {
  DriverWorld world({"a#b/1.2", std::string("\0\xff", 2)});
  const Answer answer =
      world.Run({{"a#b/1.2", "x"}, {std::string("\0\xff", 2), "y"}});
  EXPECT_EQ(answer.decision(), Decision::kCommit) << answer.reason();
}

TEST(DriverArgumentsTest, RefusesMoreThanMaxInFlight) {
  DriverWorld world({"a"});
  CoordinatorOptions options;
  options.max_in_flight = 2;
  world.CrashBank();
  world.OpenBank(options);
  world.executor.RunUntilIdle();
  const Answer first = world.Begin({{"a", "1"}});
  const Answer second = world.Begin({{"a", "2"}});
  const Answer third = world.Begin({{"a", "3"}});
  world.executor.RunUntilIdle();
  EXPECT_EQ(first.decision(), Decision::kCommit);
  EXPECT_EQ(second.decision(), Decision::kCommit);
  EXPECT_EQ(third.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(world.Run({{"a", "4"}}).decision(), Decision::kCommit);
}

TEST(DriverArgumentsTest, OutcomeOfAnswersOnlyForItsOwnLog) {
  DriverWorld world({"a"});
  TxnId id = world.Run({{"a", "debit"}}).id();
  EXPECT_EQ(world.bank->OutcomeOf({id.coordinator, {1, 99}}).status().code(),
            absl::StatusCode::kNotFound);
  id.coordinator = "bank#0123";
  const auto outcome = world.bank->OutcomeOf(id);
  EXPECT_EQ(outcome.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(outcome.status().message()), HasSubstr("bank#0123"));
  world.bank->Forget(id);  // Another's: nothing happens.
}

TEST(DriverArgumentsDeathTest, RunCrashesWhereItMustNotBlock) {
  DriverWorld world({"a"});
  EXPECT_DEATH((void)world.bank->Run({{"a", "debit"}}), "use the async form");
}

// --- Draining ---------------------------------------------------------------

TEST(DriverDrainTest, EndsWhenAllIsReportedAndAcknowledged) {
  DriverWorld world({"a", "b"});
  bool drained = false;
  bool b_is_cut = true;
  world.net.lose = [&](const Envelope& e) {
    return b_is_cut && (e.to == "b" || e.from == "b");
  };
  const Answer before = world.Begin({{"a", "1"}, {"b", "2"}});
  world.bank->Drain([&] { drained = true; });
  const Answer after = world.Begin({{"a", "3"}});
  world.executor.RunUntilIdle();
  EXPECT_EQ(after.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(after.reason(), HasSubstr("draining"));
  EXPECT_FALSE(drained);

  b_is_cut = false;
  // The commit is decided, and b does not hear of it.
  world.shards["b"].resource.on_call = [&](const std::string& call) {
    if (call == "prepare") world.executor.Post([&] { b_is_cut = true; });
  };
  world.executor.AdvanceBy(absl::Seconds(4));
  b_is_cut = true;
  EXPECT_TRUE(before.has_come());
  b_is_cut = false;
  world.executor.AdvanceBy(absl::Seconds(30));
  EXPECT_TRUE(drained);
}

TEST(DriverDrainTest, WaitsForTheAcknowledgementOfACommit) {
  DriverWorld world({"a"});
  int decided = 0;
  world.net.lose = [&](const Envelope& e) {
    // The second envelope to a is the decision.
    return e.to == "a" && ++decided == 2;
  };
  const Answer answer = world.Begin({{"a", "1"}});
  bool drained = false;
  world.bank->Drain([&] { drained = true; });
  world.executor.RunUntilIdle();
  EXPECT_EQ(answer.decision(), Decision::kCommit);
  EXPECT_FALSE(drained);
  world.executor.AdvanceBy(absl::Seconds(1));  // Sent again.
  EXPECT_TRUE(drained);
}

TEST(DriverDrainTest, IsImmediateWhenIdleButNeverInsideTheCall) {
  DriverWorld world({"a"});
  bool drained = false;
  world.bank->Drain([&] { drained = true; });
  EXPECT_FALSE(drained);
  world.executor.RunUntilIdle();
  EXPECT_TRUE(drained);
  bool again = false;
  world.bank->Drain([&] { again = true; });
  world.executor.RunUntilIdle();
  EXPECT_TRUE(again);
}

TEST(DriverDrainTest, EndsWhenTheCoordinatorStops) {
  DriverWorld world({"a"});
  world.log.FailNextAppend(absl::UnavailableError("disk gone"),
                           MemoryLogStore::Written::kNo);
  const Answer answer = world.Begin({{"a", "1"}});
  bool drained = false;
  world.bank->Drain([&] { drained = true; });
  world.executor.RunUntilIdle();
  EXPECT_TRUE(answer.has_come());
  EXPECT_TRUE(drained);
}

// --- Envelopes --------------------------------------------------------------

// The first envelope from `from` to `to` of a transaction that reaches it.
Envelope Overhear(DriverWorld& world, const std::string& from,
                  const std::string& to) {
  std::vector<Envelope> heard;
  world.net.on_send = [&](const Envelope& envelope) {
    if (envelope.from == from && envelope.to == to) heard.push_back(envelope);
  };
  world.Run({{"a", "debit"}, {"b", "credit"}});
  world.net.on_send = nullptr;
  EXPECT_THAT(heard, Not(IsEmpty()));
  return heard.at(0);
}

TEST(DriverEnvelopesTest, DropsAndCountsWhatDoesNotDecode) {
  DriverWorld world({"a", "b"});
  const Envelope good = Overhear(world, "bank", "a");
  Envelope damaged = good;
  damaged.payload.back() = static_cast<char>(damaged.payload.back() ^ 1);
  Envelope cut = good;
  cut.payload.pop_back();
  Envelope noise = good;
  noise.payload = "GET / HTTP/1.1\r\n\r\n";
  Envelope empty = good;
  empty.payload.clear();

  Participant& a = *world.shards["a"].role;
  const TxnCounters before = a.Counters();
  for (const Envelope& envelope : {damaged, cut, noise, empty}) {
    a.Receive(envelope);
  }
  const TxnCounters after = a.Counters();
  EXPECT_EQ(after.envelopes_received - before.envelopes_received, 4u);
  EXPECT_EQ(after.malformed - before.malformed, 3u);
  EXPECT_EQ(after.messages_received, before.messages_received);
  EXPECT_EQ(after.misaddressed, before.misaddressed);
}

TEST(DriverEnvelopesTest, AParticipantHearsOnlyTheCoordinatorItself) {
  DriverWorld world({"a", "b"});
  Participant& a = *world.shards["a"].role;
  const Envelope good = Overhear(world, "bank", "a");
  const TxnCounters before = a.Counters();
  const size_t prepared = world.shards["a"].log.Records().size();

  Envelope stranger = good;
  stranger.from = "mallory";
  a.Receive(stranger);
  Envelope elsewhere = good;
  elsewhere.to = "b";
  a.Receive(elsewhere);

  const TxnCounters after = a.Counters();
  EXPECT_EQ(after.misaddressed - before.misaddressed, 2u);
  EXPECT_EQ(after.messages_received, before.messages_received);
  EXPECT_EQ(after.malformed, before.malformed);
  EXPECT_THAT(world.shards["a"].log.Records(), SizeIs(prepared));
}

TEST(DriverEnvelopesTest, ACoordinatorHearsOnlyOfItsOwnLog) {
  DriverWorld world({"a", "b"});
  const Envelope good = Overhear(world, "a", "bank");
  const TxnCounters before = world.bank->Counters();
  Envelope elsewhere = good;
  elsewhere.to = "till";
  world.bank->Receive(elsewhere);
  EXPECT_EQ(world.bank->Counters().misaddressed - before.misaddressed, 1u);

  // Another bank, of the same name, over a new log.
  DriverWorld other({"a", "b"});
  other.bank->Receive(good);
  EXPECT_EQ(other.bank->Counters().misaddressed, 1u);
  EXPECT_EQ(other.bank->Counters().messages_received, 0u);
}

TEST(DriverEnvelopesTest, SendersWithoutAFitNameAreDroppedAndCounted) {
  DriverWorld world({"a", "b"});
  Envelope envelope = Overhear(world, "a", "bank");
  for (const std::string& from : {std::string(), std::string(513, 'x')}) {
    envelope.from = from;
    world.bank->Receive(envelope);
  }
  EXPECT_EQ(world.bank->Counters().bad_names, 2u);
}

// Heard, a commit that it never voted for would stop it.
TEST(DriverEnvelopesTest, CoordinatorsWithoutAFitNameAreDroppedAndCounted) {
  DriverWorld world({"a"});
  Participant& a = *world.shards["a"].role;
  for (const std::string& name : {std::string(), std::string(513, 'x')}) {
    internal::PeerTable peers;
    Envelope envelope{name, "a", ""};
    internal::AppendFrame(
        DecisionNotice{{peers.Intern(name), {1, 1}}, Decision::kCommit}, peers,
        &envelope.payload);
    a.Receive(envelope);
  }
  EXPECT_EQ(a.Counters().bad_names, 1u);
  EXPECT_EQ(a.Counters().malformed, 1u) << "no frame has such a name";
  EXPECT_EQ(a.Counters().messages_received, 0u);
  EXPECT_TRUE(a.Health().ok()) << a.Health();
}

}  // namespace
}  // namespace trivet
