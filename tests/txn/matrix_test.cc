// SPDX-License-Identifier: Apache-2.0
//
// Every message in every state: tests/txn/matrix_*.txt says what each leads to.
// TRIVET_REWRITE_SCRIPTS=1 writes them anew. Forged ones lead to nothing.

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gtest/gtest.h"
#include "tests/txn/script_runner.h"

namespace trivet {
namespace {

struct StateCase {
  std::string name;
  std::string script;  // That leads to it.
};

// What `command` leads to after `script`, on one line.
std::string LeadsTo(const std::string& script, const std::string& command) {
  const std::string result =
      RunScript(absl::StrCat(script, "----\n\n", command, "\n----\n"));
  const size_t last = result.rfind("----\n");
  std::string effects = result.substr(last + 5);
  if (!effects.empty()) effects.pop_back();
  return absl::StrReplaceAll(effects, {{"\n", "; "}});
}

void ExpectMatrix(const std::string& path, const std::vector<StateCase>& states,
                  const std::vector<std::string>& commands) {
  std::string matrix;
  for (const StateCase& state : states) {
    absl::StrAppend(&matrix, state.name, "\n");
    for (const std::string& command : commands) {
      const std::string effects = LeadsTo(state.script, command);
      absl::StrAppend(&matrix, "  ", command, "\n");
      if (!effects.empty()) absl::StrAppend(&matrix, "    ", effects, "\n");
    }
    absl::StrAppend(&matrix, "\n");
  }
  if (std::getenv("TRIVET_REWRITE_SCRIPTS") != nullptr) {
    std::ofstream(path) << matrix;
    return;
  }
  std::ostringstream expected;
  expected << std::ifstream(path).rdbuf();
  EXPECT_EQ(expected.str(), matrix);
}

void ExpectNothing(const std::vector<StateCase>& states,
                   const std::vector<std::string>& commands) {
  for (const StateCase& state : states) {
    for (const std::string& command : commands) {
      EXPECT_EQ(LeadsTo(state.script, command), "")
          << state.name << ": " << command;
    }
  }
}

std::vector<StateCase> CoordinatorStates() {
  const std::string start =
      "coordinator bank#1 epoch=2\nrecord 1 LogIdentity log=1\ntick\n";
  const std::string preparing =
      start + "begin 7 a=\"1\" r=\"2\" b=\"3\"\n" +
      "receive r VoteReply id=bank#1/2.1 read-only\n" +
      "receive a VoteReply id=bank#1/2.1 yes\n";
  const std::string deciding =
      preparing + "receive b VoteReply id=bank#1/2.1 yes\n";
  const std::string committing = deciding + "appended #2\n";
  return {
      {"unknown, never begun", start},
      {"new log",
       "coordinator bank#1 epoch=2\nbegin 7 a=\"1\" r=\"2\" b=\"3\"\n"},
      {"Preparing: a voted yes, r read-only, b is silent", preparing},
      {"Deciding", deciding},
      {"Committing", committing},
      {"Committing: a acknowledged",
       committing + "receive a DecisionAck id=bank#1/2.1\n"},
      {"unknown: aborted", preparing + "abort 7\n"},
      {"unknown: ended", committing + "receive a DecisionAck id=bank#1/2.1\n" +
                             "receive b DecisionAck id=bank#1/2.1\n"},
      {"stopped", deciding + "appended #2 failed\n"}};
}

TEST(MatrixTest, EveryMessageInEveryStateOfACoordinator) {
  std::vector<std::string> commands;
  for (const std::string from : {"a", "r", "b", "x"}) {
    for (const std::string message :
         {"VoteReply id=bank#1/2.1 yes", "VoteReply id=bank#1/2.1 read-only",
          "VoteReply id=bank#1/2.1 no", "DecisionInquiry id=bank#1/2.1",
          "DecisionAck id=bank#1/2.1", "HorizonRequest coordinator=bank#1"}) {
      commands.push_back(absl::StrCat("receive ", from, " ", message));
    }
  }
  ExpectMatrix("tests/txn/matrix_coordinator.txt", CoordinatorStates(),
               commands);
}

TEST(MatrixTest, WhatACoordinatorMustNotHearLeadsToNothing) {
  ExpectNothing(
      CoordinatorStates(),
      {// For another coordinator, or another log of the same name.
       "receive a VoteReply id=bank#2/2.1 yes",
       "receive a VoteReply id=other#1/2.1 no",
       "receive a DecisionInquiry id=bank#2/2.1",
       "receive a DecisionAck id=bank#2/2.1",
       "receive a HorizonRequest coordinator=bank#2",
       // Of numbers that were never begun, or of a later epoch.
       "receive a VoteReply id=bank#1/2.99 yes",
       "receive a DecisionInquiry id=bank#1/2.99",
       "receive a DecisionInquiry id=bank#1/3.1",
       "receive a DecisionAck id=bank#1/3.1",
       "receive a VoteReply id=bank#1/18446744073709551615.1 yes",
       // What only participants are told.
       "receive a PrepareRequest id=bank#1/2.1 horizon=2.1 work=\"1\"",
       "receive a DecisionNotice id=bank#1/2.1 abort",
       "receive a DecisionNotice id=bank#1/2.1 commit",
       "receive a HorizonNotice coordinator=bank#1 horizon=9.9"});
}

std::vector<StateCase> ParticipantStates() {
  const std::string start =
      "participant b orphan_scan=24h\n"
      "record 1 LogOwner participant=b\ntick\nlisted\n";
  const std::string voting =
      start +
      "receive bank#1 PrepareRequest id=bank#1/2.5 horizon=2.5 work=\"1\"\n";
  const std::string logging = voting + "voted bank#1/2.5 yes\n";
  const std::string in_doubt = logging + "appended #2\nappended #3\n";
  const std::string commit =
      in_doubt + "receive bank#1 DecisionNotice id=bank#1/2.5 commit\n";
  const std::string abort =
      in_doubt + "receive bank#1 DecisionNotice id=bank#1/2.5 abort\n";
  const std::string ruling = in_doubt + "resolve bank#1/2.5 abort\n";
  return {
      {"no memory", start},
      {"new log", "participant b orphan_scan=24h\ntick\nlisted\n"},
      {"no memory, the horizon durable is 2.9",
       "participant b orphan_scan=24h\n"
       "record 1 LogOwner participant=b\n"
       "record 2 HorizonPassed coordinator=bank#1 horizon=2.9\ntick\n"},
      {"no memory, the horizon heard is 2.9",
       start + "receive bank#1 HorizonNotice coordinator=bank#1 horizon=2.9\n"},
      {"Voting", voting},
      {"Voting, abort noted",
       voting + "receive bank#1 DecisionNotice id=bank#1/2.5 abort\n"},
      {"Logging", logging},
      {"Logging, abort noted",
       logging + "receive bank#1 DecisionNotice id=bank#1/2.5 abort\n"},
      {"InDoubt", in_doubt},
      {"Applying commit, Resolved in flight", commit},
      {"Applying commit, Resolved durable", commit + "appended #4\n"},
      {"Done, commit",
       commit + "appended #4\nreturned bank#1/2.5\nappended #5\n"},
      {"Aborting", abort},
      {"Done, abort", abort + "returned bank#1/2.5\nappended #4\n"},
      {"Aborting an orphan",
       "participant b orphan_scan=24h\n"
       "record 1 LogOwner participant=b\ntick\nlisted bank#1/2.5\n"},
      {"Ruling: abort", ruling},
      {"ruled abort, no answer",
       ruling + "appended #4\nreturned bank#1/2.5\nappended #5\n"},
      {"ruled abort, answered commit",
       ruling + "appended #4\nreturned bank#1/2.5\nappended #5\n" +
           "receive bank#1 DecisionNotice id=bank#1/2.5 commit\n" +
           "appended #6\n"},
      {"stopped", logging + "appended #2 failed\n"},
  };
}

TEST(MatrixTest, EveryMessageInEveryStateOfAParticipant) {
  ExpectMatrix(
      "tests/txn/matrix_participant.txt", ParticipantStates(),
      {"receive bank#1 PrepareRequest id=bank#1/2.5 horizon=2.5 work=\"1\"",
       "receive bank#1 PrepareRequest id=bank#1/2.5 horizon=2.6 work=\"1\"",
       "receive bank#1 DecisionNotice id=bank#1/2.5 commit",
       "receive bank#1 DecisionNotice id=bank#1/2.5 abort",
       "receive bank#1 HorizonNotice coordinator=bank#1 horizon=2.7"});
}

TEST(MatrixTest, WhatAParticipantMustNotHearLeadsToNothing) {
  ExpectNothing(
      ParticipantStates(),
      {// From somebody who is not the coordinator it speaks of.
       "receive x PrepareRequest id=bank#1/2.5 horizon=2.5 work=\"1\"",
       "receive bank#2 DecisionNotice id=bank#1/2.5 commit",
       "receive bank DecisionNotice id=bank#1/2.5 abort",
       "receive bank#2 HorizonNotice coordinator=bank#1 horizon=9.9",
       // Of an id it does not know.
       "receive bank#1 DecisionNotice id=bank#1/2.77 abort",
       "receive bank#1 DecisionNotice id=bank#1/0.0 abort",
       // What only coordinators are told.
       "receive bank#1 VoteReply id=bank#1/2.5 yes",
       "receive bank#1 DecisionAck id=bank#1/2.5",
       "receive bank#1 DecisionInquiry id=bank#1/2.5",
       "receive bank#1 HorizonRequest coordinator=bank#1"});
}

TEST(MatrixTest, HostsAndOperatorsOutOfTurnLeadToNothing) {
  ExpectNothing(ParticipantStates(),
                {"voted bank#1/2.77 yes", "voted bank#1/2.77 no",
                 "returned bank#1/2.77", "returned bank#1/2.77 failed",
                 "resolve bank#1/2.77 commit", "forget bank#1/2.77",
                 "appended #0", "appended #99", "appended #99 failed"});
}

}  // namespace
}  // namespace trivet
