// SPDX-License-Identifier: Apache-2.0
//
// The main program of every benchmark. It measures what was built as Release
// and refuses everything else, whose figures would be taken for ours.

#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>

#include "benchmark/benchmark.h"

namespace {

// "AMD EPYC", or what the processor calls itself.
std::string Processor() {
  std::ifstream info("/proc/cpuinfo");
  std::string line;
  while (std::getline(info, line)) {
    const size_t colon = line.find(": ");
    if (line.rfind("model name", 0) == 0 && colon != std::string::npos) {
      return line.substr(colon + 2);
    }
  }
  return "unknown processor";
}

}  // namespace

int main(int argc, char** argv) {
#ifdef NDEBUG
  constexpr bool kAsserts = false;
#else
  constexpr bool kAsserts = true;
#endif
  constexpr std::string_view kBuildType = TRIVET_BENCH_BUILD_TYPE;
  if (kBuildType != "Release" || kAsserts) {
    std::fprintf(stderr,
                 "%s: was built as '%s'%s; only a Release build is measured: "
                 "configure with -DCMAKE_BUILD_TYPE=Release\n",
                 argv[0], TRIVET_BENCH_BUILD_TYPE,
                 kAsserts ? " with assertions" : "");
    return 1;
  }
  // A shared_ptr counts without atomic operations in a process that never had
  // a second thread, but a process that needs a ring has some.
  std::thread([] {}).join();

  benchmark::AddCustomContext("trivet_build_type", TRIVET_BENCH_BUILD_TYPE);
  benchmark::AddCustomContext("processor", Processor());
  benchmark::AddCustomContext("compiler", TRIVET_BENCH_COMPILER);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
