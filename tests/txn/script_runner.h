// SPDX-License-Identifier: Apache-2.0
//
// Scripts of a machine: what happens to it, and what it wants done.
//
//   # P1: a yes vote leaves only after Prepared is durable. [PA-1 PA-3 PA-4]
//   participant b
//   ----
//   list-prepared
//
//   receive bank#1 PrepareRequest id=bank#1/1.7 horizon=1.7 work="credit 40"
//   ----
//   prepare id=bank#1/1.7 work="credit 40"
//
// A block is commands, a line of four dashes, and what they led to; an empty
// line ends it. Commands, of which those from `tick` to `resolve` are Steps:
//
//   coordinator NAME [epoch=N] [seed=N] [LAG] [OPTION=VALUE ...]
//   participant NAME [epoch=N] [seed=N] [LAG] [OPTION=VALUE ...]
//                           a new machine, as are its log's indexes
//   record INDEX RECORD     that it recovers; just after the lines above
//   peers NAME ...          whom its driver has met, in this order; otherwise
//                           as they come up
//   pass +DURATION          lets that time pass, and is no Step
//   tick [+DURATION]        the same, and is one; without it, up to the wake-up
//   receive FROM MESSAGE
//   appended #TICKET [index=N] [fenced] [FAILURE]
//   begin CALL [timeout=DURATION] PARTICIPANT="WORK" ...
//   abort CALL              forget ID
//   voted ID VOTE           returned ID [FAILURE]   listed [FAILURE] [ID ...]
//   resolve ID DECISION     forget ID
//   show WHAT [ID]          outcome untold in-doubt verdicts in-flight
//                           remembered
//
// LAG is lag=N lag_riding=N, of src/txn/log_lag.h.
// FAILURE is failed [code=UNAVAILABLE] [reason="the disk is full"].
//
// src/txn/script.h writes the same from a machine in a driver.

#ifndef TRIVET_TESTS_TXN_SCRIPT_RUNNER_H_
#define TRIVET_TESTS_TXN_SCRIPT_RUNNER_H_

#include <string>

namespace trivet {

// Runs every block of a script and returns the script with what its commands
// really led to. A command that makes no sense leads to a line with "error:".
std::string RunScript(const std::string& script);

}  // namespace trivet

#endif  // TRIVET_TESTS_TXN_SCRIPT_RUNNER_H_
