// SPDX-License-Identifier: Apache-2.0
//
// Results as bench/README.md and the pictures want them.

#ifndef TRIVET_BENCH_TABLES_H_
#define TRIVET_BENCH_TABLES_H_

#include <ostream>
#include <string>

#include "bench/results.h"

namespace trivet {
namespace bench {

// Three digits, or two behind the point; "-" for what was not measured.
std::string Format(Value value);

// "1000x160".
std::string Format(const RingSize& size);

// The figures that the ring is to reach: goal, reached, met or not.
void PrintFigures(const Results& results, std::ostream& out);

// All tables, in markdown.
void PrintTables(const Results& results, std::ostream& out);

// Columns for gnuplot: DIRECTORY/{lookup,change,balance}.tsv, a header each.
void WriteColumns(const Results& results, const std::string& directory);

}  // namespace bench
}  // namespace trivet

#endif  // TRIVET_BENCH_TABLES_H_
