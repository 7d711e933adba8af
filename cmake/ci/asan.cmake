# SPDX-License-Identifier: Apache-2.0
# cmake -C cmake/ci/asan.cmake: AddressSanitizer and UndefinedBehaviorSanitizer.
set(CMAKE_BUILD_TYPE Debug CACHE STRING "")
set(CMAKE_CXX_COMPILER clang++ CACHE STRING "")
set(CMAKE_CXX_FLAGS
    "-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -gline-tables-only"
    CACHE STRING "")
set(CMAKE_CXX_FLAGS_DEBUG "-O1" CACHE STRING "")
set(TRIVET_BUILD_BENCH OFF CACHE BOOL "")
