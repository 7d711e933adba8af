# SPDX-License-Identifier: Apache-2.0
# cmake -C cmake/ci/fuzz.cmake: the fuzzers, with both sanitizers.
set(CMAKE_BUILD_TYPE Debug CACHE STRING "")
set(CMAKE_CXX_COMPILER clang++ CACHE STRING "")
set(CMAKE_CXX_FLAGS
    "-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -gline-tables-only"
    CACHE STRING "")
set(CMAKE_CXX_FLAGS_DEBUG "-O1" CACHE STRING "")
set(TRIVET_FUZZ ON CACHE BOOL "")
set(TRIVET_BUILD_BENCH OFF CACHE BOOL "")
set(TRIVET_BUILD_CLI OFF CACHE BOOL "")
set(TRIVET_BUILD_EXAMPLES OFF CACHE BOOL "")
set(TRIVET_INSTALL OFF CACHE BOOL "")
