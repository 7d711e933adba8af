// SPDX-License-Identifier: Apache-2.0

#include "src/testing/trace.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "src/internal/strings.h"
#include "src/testing/dice.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

std::string SimTimeText(int64_t now) {
  char text[40];
  std::snprintf(text, sizeof(text), "%lld.%06llds",
                static_cast<long long>(now / 1'000'000'000),
                static_cast<long long>(now / 1000 % 1'000'000));
  return text;
}

void Trace::Add(int64_t now, Happening what, std::string_view who,
                std::string_view whom, uint64_t x, uint64_t y,
                std::string text) {
  Count(now, static_cast<uint64_t>(what));
  hash_ = Combine(hash_ ^ NameHash(who), NameHash(whom));
  hash_ = Combine(hash_ ^ x, y);
  // The payload is hashed already; describing it makes no other history.
  const bool describes =
      what == Happening::kSend || what == Happening::kDeliver;
  if (!text.empty() && !describes) hash_ = Combine(hash_, NameHash(text));
  if (lines_.size() == kLinesMax) lines_.pop_front();
  lines_.push_back({now, what, who, whom, x, y, std::move(text)});
}

void Trace::Count(int64_t now, uint64_t number) {
  hash_ = Combine(hash_ ^ static_cast<uint64_t>(now), number);
}

std::string Trace::Tail(size_t lines) const {
  std::string text;
  for (size_t i = lines_.size() - std::min(lines, lines_.size());
       i < lines_.size(); ++i) {
    absl::StrAppend(&text, SimTimeText(lines_[i].now), " ", Render(lines_[i]),
                    "\n");
  }
  return text;
}

std::string Trace::Render(const Line& line) {
  const auto who = Sv(line.who);
  const auto whom = Sv(line.whom);
  const auto envelope = [&](const char* verb) {
    return absl::StrCat(verb, " ", who, " -> ", whom, " ", line.x, " bytes #",
                        absl::Hex(line.y & 0xFFFF, absl::kZeroPad4),
                        line.text.empty() ? "" : " ", line.text);
  };
  switch (line.what) {
    case Happening::kStart:
      return absl::StrCat("start ", who, " #", line.x);
    case Happening::kNotStarted:
      return absl::StrCat("did not start ", who);
    case Happening::kCrash:
      return absl::StrCat("crash ", who);
    case Happening::kPowerLoss:
      return absl::StrCat("power loss ", who);
    case Happening::kPause:
      return absl::StrCat("pause ", who, " for ",
                          absl::FormatDuration(absl::Nanoseconds(line.x)));
    case Happening::kSend:
      return envelope("send");
    case Happening::kDeliver:
      return envelope("deliver");
    case Happening::kNobody:
      return absl::StrCat("nobody there: ", who, " -> ", whom);
    case Happening::kAsk:
      return absl::StrCat("ask ", who, " -> ", whom, " #", line.x);
    case Happening::kAnswer:
      return absl::StrCat("answer ", who, " -> ", whom, " #", line.x);
    case Happening::kAppend:
      return absl::StrCat("append ", who, " ", whom, " from ", line.x, ", ",
                          line.y, " records");
    case Happening::kSynced:
      return absl::StrCat("durable ", who, " ", whom, " up to ", line.x);
    case Happening::kFenced:
      return absl::StrCat("fenced ", who, " ", whom, " epoch ", line.x, " by ",
                          line.y);
    case Happening::kClaim:
      return absl::StrCat("claim ", who, " ", whom, " epoch ", line.x, ", ",
                          line.y, " records");
    case Happening::kTrim:
      return absl::StrCat("trim ", who, " ", whom, " before ", line.x);
    case Happening::kCut:
      return absl::StrCat("cut ", who, " -> ", whom);
    case Happening::kHeal:
      return "heal";
    case Happening::kCalm:
      return "calm: no more faults";
    case Happening::kFault:
      return absl::StrCat("fault: ", line.text, " ", who,
                          whom.empty() ? "" : " -> ", whom);
    case Happening::kNote:
      return line.text;
  }
  return {};
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
