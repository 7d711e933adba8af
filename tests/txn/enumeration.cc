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
  std::vector<SmallFaults> mails = {{}};
  const Ran plain = Try({});
  for (size_t message = 0; message < plain.messages; ++message) {
    for (const auto kind :
         {MailFault::kLost, MailFault::kDoubled, MailFault::kDoubledLate}) {
      mails.push_back({{}, MailFault{message, kind}});
    }
  }
  for (const SmallFaults& mail : mails) {
    if (mail.mail.has_value()) Try(mail);
  }
  for (const SmallFaults& mail : mails) {
    ForEachCrash(mail, 0, [this](const SmallFaults& one) { Try(one); });
  }
  for (const SmallFaults& mail : mails) {
    const size_t stride = mail.mail.has_value() ? stride_ : 1;
    ForEachCrash(mail, 0, [this, stride](const SmallFaults& one) {
      if (++firsts_ % stride != 0) return;
      ForEachCrash(one, one.crashes.front().event,
                   [this](const SmallFaults& two) { Try(two); });
    });
  }
  return violation_;
}

Enumeration::Ran Enumeration::Run(const SmallFaults& faults) {
  if (!violation_.empty()) return {};
  SmallWorld world(votes_, faults);
  const std::string violation = world.Run();
  if (!violation.empty()) violation_ = violation + ": " + faults.ToString();
  return {world.events(), world.messages()};
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
