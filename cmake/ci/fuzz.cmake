# SPDX-License-Identifier: Apache-2.0
# cmake -C cmake/ci/fuzz.cmake: the fuzzers, and all else as in asan.cmake, which
# leaves alone what is set here.
set(CMAKE_CXX_FLAGS
    "-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -gline-tables-only"
    CACHE STRING "")
set(TRIVET_FUZZ ON CACHE BOOL "")
set(TRIVET_BUILD_EXAMPLES OFF CACHE BOOL "")
set(TRIVET_INSTALL OFF CACHE BOOL "")
include(${CMAKE_CURRENT_LIST_DIR}/asan.cmake)
