// SPDX-License-Identifier: Apache-2.0
//
// Transcripts of one LeaseMachine: what is done to it, and everything it
// answers.
//
//   command
//   ----
//   what the machine then wants, and when it wants to be woken
//
// Times are since the start, to the millisecond. Commands:
//
//   lease [ttl=15s] [renew_after=5s] [timeout=2s] [retry_min=..] [retry_max=..]
//   start [give_up=30s] [nowait]
//   acquired|renewed #1 token=7 [ttl=15s]      the backend granted
//   acquired|renewed #1 refused | error [DATA_LOSS]
//   released #1 ok | refused | error [DATA_LOSS]
//   freed | cancel | release | tick
//   advance 5s      time passes, with every wake-up on time
//   sleep 5s        time passes, with no step at all

#ifndef TRIVET_TESTS_LOCK_SUPPORT_LEASE_SCRIPT_H_
#define TRIVET_TESTS_LOCK_SUPPORT_LEASE_SCRIPT_H_

#include <string>
#include <vector>

namespace trivet {

// Returns the transcript as it would be if everything in it were true.
std::string ReplayLeaseScript(const std::string& text);

// The names of all in tests/lock/scripts, and the text of one.
std::vector<std::string> AllLeaseScripts();
std::string LeaseScriptPath(const std::string& name);
std::string ReadLeaseScript(const std::string& name);

}  // namespace trivet

#endif  // TRIVET_TESTS_LOCK_SUPPORT_LEASE_SCRIPT_H_
