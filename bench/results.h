// SPDX-License-Identifier: Apache-2.0
//
// What the benchmark programs have measured, read from the JSON that they left.
//
//   lookup.json   "trivet/token/hot/nodes:1000/vnodes:160", 3.7 ns, counters
//
//   results.Time("lookup/trivet/token/hot", {1000, 160})   ->  3.7
//
// A size that was not measured has no value. A series of which nothing was
// measured at all is remembered: its rows were renamed, or nobody ran it.

#ifndef TRIVET_BENCH_RESULTS_H_
#define TRIVET_BENCH_RESULTS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace trivet {
namespace bench {

struct RingSize {
  int64_t nodes;
  int64_t vnodes;

  friend bool operator<(const RingSize& a, const RingSize& b) {
    return a.nodes != b.nodes ? a.nodes < b.nodes : a.vnodes < b.vnodes;
  }
};

using Value = std::optional<double>;

// None if either is.
Value Quotient(Value a, Value b);
Value Difference(Value a, Value b);

class Results {
 public:
  // Adds the rows of DIRECTORY/PROGRAM.json. Returns what is wrong with it, and
  // nothing if it is well.
  std::string Read(const std::string& directory, const std::string& program);

  // The median of the repetitions, in ns: of the processor's time, or of real
  // time if that is what the program counts in.
  Value Time(const std::string& series, const RingSize& size) const;
  Value Counter(const std::string& series, const std::string& counter,
                const RingSize& size) const;

  // All that a series was measured for.
  std::vector<RingSize> SizesOf(const std::string& series) const;

  // Machine, compiler, and the number of repetitions.
  std::string Machine() const;

  // Series that were asked for in vain.
  const std::set<std::string>& missing() const { return missing_; }

 private:
  struct Row {
    std::vector<double> times;
    std::map<std::string, double> counters;
  };

  const Row* Find(const std::string& series, const RingSize& size) const;

  std::map<std::string, std::map<RingSize, Row>> series_;
  std::string machine_;
  mutable std::set<std::string> missing_;
};

}  // namespace bench
}  // namespace trivet

#endif  // TRIVET_BENCH_RESULTS_H_
