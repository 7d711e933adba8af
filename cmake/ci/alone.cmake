# SPDX-License-Identifier: Apache-2.0
# cmake -C cmake/ci/alone.cmake -DTRIVET_MODULES=ring: one module alone.
set(CMAKE_BUILD_TYPE Debug CACHE STRING "")
set(TRIVET_WERROR ON CACHE BOOL "")
set(TRIVET_BUILD_BENCH OFF CACHE BOOL "")
set(TRIVET_BUILD_CLI OFF CACHE BOOL "")
