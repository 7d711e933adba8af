// SPDX-License-Identifier: Apache-2.0
//
// What a fuzzer calls: it makes of any bytes something to do, does it, and
// aborts when a promise is broken. libFuzzer's name and contract, so that one
// source is both a fuzzer, built by clang with -fsanitize=fuzzer, and a test,
// linked with replay_main.cc, which gives it a corpus and bytes from seeds.

#ifndef TRIVET_TESTS_FUZZ_FUZZ_TARGET_H_
#define TRIVET_TESTS_FUZZ_FUZZ_TARGET_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

// Ends the process, so that the fuzzer keeps the input.
#define FUZZ_CHECK(condition)                                                  \
  ((condition)                                                                 \
       ? static_cast<void>(0)                                                  \
       : (std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition), \
          std::abort()))

#endif  // TRIVET_TESTS_FUZZ_FUZZ_TARGET_H_
