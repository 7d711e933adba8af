# SPDX-License-Identifier: Apache-2.0
# cmake -C cmake/ci/coverage.cmake: which lines and branches the tests reach.
set(CMAKE_BUILD_TYPE Debug CACHE STRING "")
set(CMAKE_CXX_COMPILER clang++ CACHE STRING "")
# Atomic: a count that threads lose would make what is subtracted from it wrong.
set(CMAKE_CXX_FLAGS
    "-fprofile-instr-generate -fcoverage-mapping -fprofile-update=atomic"
    CACHE STRING "")
set(CMAKE_CXX_FLAGS_DEBUG "-O1" CACHE STRING "")
set(TRIVET_BUILD_BENCH OFF CACHE BOOL "")
set(TRIVET_BUILD_CLI OFF CACHE BOOL "")
set(TRIVET_BUILD_EXAMPLES OFF CACHE BOOL "")
set(TRIVET_INSTALL OFF CACHE BOOL "")
