# SPDX-License-Identifier: Apache-2.0
# cmake -C cmake/ci/clang.cmake: clang, whose thread safety analysis g++ lacks.
set(CMAKE_BUILD_TYPE Release CACHE STRING "")
set(CMAKE_CXX_COMPILER clang++ CACHE STRING "")
set(CMAKE_CXX_FLAGS "-Wthread-safety" CACHE STRING "")
set(TRIVET_WERROR ON CACHE BOOL "")
