// SPDX-License-Identifier: Apache-2.0
//
// Trace: what happened in a simulation. Kept as numbers, rendered when asked
// for; and a hash over all of it, the same on every platform.

#ifndef TRIVET_SRC_TESTING_TRACE_H_
#define TRIVET_SRC_TESTING_TRACE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "trivet/config.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

enum class Happening : uint32_t {
  kStart,       // who, x = starts so far
  kNotStarted,  // who
  kCrash,       // who
  kPowerLoss,   // who
  kPause,       // who, x = nanoseconds
  kSend,        // who -> whom, x = bytes, y = hash of the payload
  kDeliver,     // who -> whom, x = bytes, y = hash of the payload
  kNobody,      // who -> whom: nobody there
  kAsk,         // who -> whom, x = the number of the call on the link
  kAnswer,      // who -> whom, x = the same number
  kAppend,      // who, log whom, x = first index, y = records
  kSynced,      // who, log whom, x = last index
  kFenced,      // who, log whom, x = epoch, y = the epoch that fenced it
  kClaim,       // who, log whom, x = epoch, y = records visited
  kTrim,        // who, log whom, x = first needed
  kCut,         // who -> whom
  kHeal,
  kCalm,
  kFault,  // who, x = the ordinal, text = the class
  kNote,   // text
};

class Trace {
 public:
  // `who` and `whom` must outlive the trace: they are kept as views.
  void Add(int64_t now, Happening what, std::string_view who,
           std::string_view whom, uint64_t x, uint64_t y,
           std::string text = {});

  // Counts an event that is not worth a line.
  void Count(int64_t now, uint64_t number);

  uint64_t hash() const { return hash_; }

  // The latest `lines` lines.
  std::string Tail(size_t lines) const;
  std::string All() const { return Tail(lines_.size()); }

 private:
  static constexpr size_t kLinesMax = size_t{1} << 18;

  struct Line {
    int64_t now;
    Happening what;
    std::string_view who;
    std::string_view whom;
    uint64_t x;
    uint64_t y;
    std::string text;
  };
  static std::string Render(const Line& line);

  std::deque<Line> lines_;
  uint64_t hash_ = 0;
};

// "1.250s".
std::string SimTimeText(int64_t now);

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_TESTING_TRACE_H_
