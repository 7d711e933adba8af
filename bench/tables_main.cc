// SPDX-License-Identifier: Apache-2.0
//
// bench_tables DIRECTORY: reads the JSON of every benchmark program there,
// prints the tables of bench/README.md, and leaves there what gnuplot draws.

#include <iostream>
#include <string>

#include "bench/results.h"
#include "bench/tables.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: bench_tables DIRECTORY\n";
    return 1;
  }
  const std::string directory = argv[1];
  trivet::bench::Results results;
  for (const char* program :
       {"lookup", "change", "successor", "snapshot", "balance"}) {
    const std::string error = results.Read(directory, program);
    if (error.empty()) continue;
    std::cerr << "bench_tables: " << error << "\n";
    return 1;
  }
  std::cout << results.Machine() << ".\n";
  trivet::bench::PrintFigures(results, std::cout);
  trivet::bench::PrintTables(results, std::cout);
  trivet::bench::WriteColumns(results, directory);
  for (const std::string& series : results.missing()) {
    std::cerr << "bench_tables: no row of " << series << "\n";
  }
  return results.missing().empty() ? 0 : 1;
}
