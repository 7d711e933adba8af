# SPDX-License-Identifier: Apache-2.0
# cmake -C cmake/ci/tsan.cmake: ThreadSanitizer, for abseil and then for trivet.
set(CMAKE_BUILD_TYPE Release CACHE STRING "")
set(CMAKE_CXX_COMPILER clang++ CACHE STRING "")
set(CMAKE_CXX_FLAGS
    "-fsanitize=thread -fno-omit-frame-pointer -gline-tables-only"
    CACHE STRING "")
set(CMAKE_CXX_FLAGS_RELEASE "-O1 -DNDEBUG" CACHE STRING "")
# The abseil that is instrumented too.
set(CMAKE_PREFIX_PATH "${CMAKE_CURRENT_LIST_DIR}/../../build/tsan-abseil"
    CACHE STRING "")
set(TRIVET_BUILD_BENCH OFF CACHE BOOL "")
set(TRIVET_BUILD_CLI OFF CACHE BOOL "")
set(TRIVET_BUILD_EXAMPLES OFF CACHE BOOL "")
set(TRIVET_INSTALL OFF CACHE BOOL "")
