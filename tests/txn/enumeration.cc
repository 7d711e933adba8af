// SPDX-License-Identifier: Apache-2.0

#include "tests/txn/enumeration.h"

#include <cstddef>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "tests/txn/small_world.h"

namespace trivet {

// Few faults first, so that what is found is small.
std::string Enumeration::Explore(const SmallWorld::Votes& votes) {
  votes_ = votes;
  const Ran plain = Try({});
  const std::vector<SmallFaults> others = Others(plain);
  for (const SmallFaults& other : others) Try(other);
  const auto one_crash = [this](const SmallFaults& one) { Try(one); };
  ForEachCrash({}, 0, one_crash);
  for (const SmallFaults& other : others) ForEachCrash(other, 0, one_crash);
  ForEachPair({}, 1);
  for (const SmallFaults& other : others) {
    ForEachPair(other, other.mail.has_value() ? stride_ : kActStride * stride_);
  }
  return violation_;
}

std::vector<SmallFaults> Enumeration::Others(const Ran& plain) {
  std::vector<SmallFaults> others;
  for (size_t message = 0; message < plain.messages; ++message) {
    for (const auto kind :
         {MailFault::kLost, MailFault::kDoubled, MailFault::kDoubledLate}) {
      others.push_back({{}, MailFault{message, kind}, {}});
    }
  }
  for (size_t apply = 0; apply < plain.applies; ++apply) {
    for (const auto kind : {Act::kApplyFails, Act::kApplyFailsDone}) {
      others.push_back({{}, {}, Act{kind, apply, 1}});
    }
  }
  for (size_t event = 0; event < plain.events; ++event) {
    others.push_back({{}, {}, Act{Act::kAbort, event, 0}});
    for (const auto kind : {Act::kRuleCommit, Act::kRuleAbort}) {
      for (const size_t host : {size_t{1}, size_t{2}}) {
        others.push_back({{}, {}, Act{kind, event, host}});
      }
    }
  }
  return others;
}

void Enumeration::ForEachPair(const SmallFaults& faults, size_t stride) {
  ForEachCrash(faults, 0, [this, stride](const SmallFaults& one) {
    if (++firsts_ % stride != 0) return;
    ForEachCrash(one, one.crashes.front().event,
                 [this](const SmallFaults& two) { Try(two); });
  });
}

Enumeration::Ran Enumeration::Run(const SmallFaults& faults) {
  if (!violation_.empty()) return {};
  SmallWorld world(votes_, faults, age_);
  const std::string violation = world.Run();
  if (!violation.empty()) violation_ = violation + ": " + faults.ToString();
  return {world.events(), world.messages(), world.applies()};
}

Enumeration::Ran Enumeration::Try(const SmallFaults& faults) {
  if (violation_.empty()) ++runs_;
  return Run(faults);
}

void Enumeration::ForEachCrash(
    const SmallFaults& faults, size_t from,
    absl::FunctionRef<void(const SmallFaults&)> visit) {
  const size_t to = Run(faults).events;  // Until then it is the same run.
  SmallFaults more = faults;
  CrashPoint& crash = more.crashes.emplace_back();
  for (crash.event = from; crash.event <= to; ++crash.event) {
    for (crash.host = 0; crash.host < SmallWorld::kHosts; ++crash.host) {
      for (const Tail tail : {Tail::kLost, Tail::kHalf, Tail::kKept}) {
        for (const bool stays_down : {false, true}) {
          crash.tail = tail;
          crash.stays_down = stays_down;
          if (violation_.empty()) visit(more);
        }
      }
    }
  }
}

}  // namespace trivet
