# SPDX-License-Identifier: Apache-2.0
# cmake -C cmake/ci/shared.cmake: shared libraries, with the slow tests too.
set(CMAKE_BUILD_TYPE Release CACHE STRING "")
set(BUILD_SHARED_LIBS ON CACHE BOOL "")
set(TRIVET_WERROR ON CACHE BOOL "")
